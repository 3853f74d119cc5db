"""The engines that `benchmarks.engines` compares, each as one function from files and pictures to pictures."""

import importlib.metadata
import importlib.util
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
from impasto import ImpastoError, StyleInfo
from impasto.contract import STYLIZED
from impasto_train.export.variants import compare as parity

JS = Path(__file__).parent / "js"
WARM_UP = 3  # runs that are not counted: V8 compiles what is slow once more, and better
NODE_TIMEOUT = 600  # seconds
Feeds = dict[str, np.ndarray]
Open = Callable[[Path], Callable[[Feeds], np.ndarray]]

EXPORTED = ""
DIAL = "--dial required"
PLAIN = "--io float32 --layout nchw --dial required"
FIXED = "--io float32 --layout nchw --dial none --size 333x517"


@dataclass(frozen=True)
class Job:
    """A photo, uint8 ``[1, H, W, 3]``, and the strength to feed; None: it is not fed."""

    photo: np.ndarray
    strength: float | None


@dataclass(frozen=True)
class Made:
    """What an engine gave for a `Job`, as uint8, and the median of its times."""

    picture: np.ndarray
    milliseconds: float


@dataclass(frozen=True)
class Runtime:
    """An engine.

    ``forms`` are what it is tried with, as on the command line of ``export-style``; ``absent`` says what is not
    installed.
    """

    name: str
    forms: tuple[str, ...]
    run: Callable[[Path, StyleInfo, Sequence[Job], int], list[Made]]
    absent: str = ""


def in_python(open_model: Open) -> Callable[[Path, StyleInfo, Sequence[Job], int], list[Made]]:
    """What `Runtime.run` is, of a function that opens a model."""

    def run(path: Path, info: StyleInfo, jobs: Sequence[Job], repeats: int) -> list[Made]:
        model = open_model(path)
        found = []
        for job in jobs:
            fed = info if job.strength is not None else replace(info, dial="none")
            feeds = parity.feeds(job.photo, job.strength or 0.0, fed)
            times = []
            for _ in range(WARM_UP + repeats if repeats > 1 else 1):
                start = time.perf_counter()
                stylized = model(feeds)
                times.append((time.perf_counter() - start) * 1e3)
            found.append(Made(parity.to_bytes(np.asarray(stylized), info), statistics.median(times[-repeats:])))
        return found

    return run


def open_onnxruntime(provider: str) -> Open:
    """onnxruntime on one thread of the CPU, or on a GPU."""

    def open_model(path: Path) -> Callable[[Feeds], np.ndarray]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        # of 10-bit mantissas, as is the default on a GPU, the picture would be another
        choice = (provider, {"use_tf32": "0"}) if provider.startswith("CUDA") else provider
        session = onnxruntime.InferenceSession(path, options, providers=[choice], enable_fallback=0)
        if provider not in session.get_providers():
            raise ImpastoError(f"onnxruntime has no {provider} here")
        return lambda feeds: session.run([STYLIZED], feeds)[0]

    return open_model


def open_reference(path: Path) -> Callable[[Feeds], np.ndarray]:
    """onnx's own evaluator, in numpy."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    return lambda feeds: evaluator.run([STYLIZED], feeds)[0]


def open_openvino(precision: str) -> Open:
    """OpenVINO on one thread of the CPU; ``precision`` empty: what it takes for the fastest."""

    def open_model(path: Path) -> Callable[[Feeds], np.ndarray]:
        import openvino

        settings = {"INFERENCE_NUM_THREADS": 1, **({"INFERENCE_PRECISION_HINT": precision} if precision else {})}
        compiled = openvino.Core().compile_model(path, "CPU", settings)
        return lambda feeds: compiled(feeds)[STYLIZED]

    return open_model


def open_opencv(engine: str) -> Open:
    """OpenCV's DNN module; ``engine``: that of version 5, or the one that version 4 has."""

    def open_model(path: Path) -> Callable[[Feeds], np.ndarray]:
        import cv2

        cv2.setNumThreads(1)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        net = cv2.dnn.readNetFromONNX(str(path), getattr(cv2.dnn, engine))

        def run(feeds: Feeds) -> np.ndarray:
            for name, value in feeds.items():
                net.setInput(np.atleast_1d(value), name)
            return net.forward()

        return run

    return open_model


def in_node(engine: str) -> Callable[[Path, StyleInfo, Sequence[Job], int], list[Made]]:
    """What `Runtime.run` is, of an engine that ``js/engines.mjs`` runs."""

    def run(path: Path, info: StyleInfo, jobs: Sequence[Job], repeats: int) -> list[Made]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            runs = []
            for index, job in enumerate(jobs):
                (folder / f"{index}.in").write_bytes(job.photo.tobytes())
                runs.append(
                    {
                        "image": f"{folder}/{index}.in",
                        "output": f"{folder}/{index}.out",
                        "sides": job.photo.shape[1:3],
                        "strength": job.strength,
                    }
                )
            job_file = {"model": str(path), "warmUp": WARM_UP, "repeats": repeats, "runs": runs}
            (folder / "job.json").write_text(json.dumps(job_file))
            words = ["node", JS / "engines.mjs", engine, folder / "job.json"]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=NODE_TIMEOUT)
            if done.returncode:
                raise ImpastoError(f"{engine} failed: {done.stderr[-200:]}")
            found = []
            for job, given, made in zip(jobs, runs, json.loads(done.stdout.splitlines()[-1])["runs"], strict=True):
                if "error" in made:
                    raise ImpastoError(f"{engine}: {made['error']}")
                pixels = np.fromfile(str(given["output"]), np.uint8)
                found.append(Made(pixels.reshape(job.photo.shape), made["milliseconds"]))
            return found

    return run


def runtimes() -> list[Runtime]:
    """All engines, the reference first."""
    cuda = "" if "CUDAExecutionProvider" in usable_providers() else "no NVIDIA GPU"
    node = "" if shutil.which("node") else "Node is not installed"

    def package(name: str) -> str:
        return "" if importlib.util.find_spec(name) else f"{name} is not installed"

    def module(name: str) -> str:
        return node or ("" if (JS / "node_modules" / name).is_dir() else f"{name} is not installed in {JS.name}/")

    def python(name: str, *forms: str, by: Open, absent: str = "") -> Runtime:
        return Runtime(name, forms, in_python(by), absent)

    opencv = package("cv2")
    classic = opencv or ("" if _has("ENGINE_CLASSIC") else "the OpenCV here has one engine alone")
    return [
        python("onnxruntime, CPU", EXPORTED, DIAL, by=open_onnxruntime("CPUExecutionProvider")),
        python("onnxruntime, CUDA", EXPORTED, by=open_onnxruntime("CUDAExecutionProvider"), absent=cuda),
        python("onnx's reference evaluator", EXPORTED, by=open_reference),
        python("OpenVINO, f32", EXPORTED, DIAL, by=open_openvino("f32"), absent=package("openvino")),
        python("OpenVINO, default precision", EXPORTED, by=open_openvino(""), absent=package("openvino")),
        python("OpenCV 5", EXPORTED, DIAL, PLAIN, by=open_opencv("ENGINE_NEW"), absent=opencv),
        python("OpenCV, engine of version 4", EXPORTED, FIXED, by=open_opencv("ENGINE_CLASSIC"), absent=classic),
        Runtime("onnxruntime-node", (EXPORTED, DIAL), in_node("onnxruntime-node"), module("onnxruntime-node")),
        Runtime("onnxruntime-web, WASM", (EXPORTED, DIAL), in_node("onnxruntime-web"), module("onnxruntime-web")),
    ]


def versions() -> str:
    """What is installed of all that `runtimes` asks for."""
    found = []
    for name in ("onnxruntime", "onnxruntime-gpu", "onnx", "openvino", "opencv-python", "opencv-python-headless"):
        with suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    for manifest in sorted((JS / "node_modules").glob("onnxruntime-[nw]*/package.json")):
        found.append(f"{manifest.parent.name} {json.loads(manifest.read_text())['version']}")
    return ", ".join(found)


def usable_providers() -> list[str]:
    """The execution providers of this onnxruntime that have their hardware."""
    from impasto.internal import has_driver

    return [one for one in onnxruntime.get_available_providers() if "CUDA" not in one or has_driver()]


def _has(engine: str) -> bool:
    import cv2

    return hasattr(cv2.dnn, engine)


def takes_dial(runtime: Runtime, path: Path, info: StyleInfo, photo: np.ndarray) -> str:
    """What becomes of the optional input ``strength``: ``taken``, ``ignored`` or ``refused``."""
    try:
        (made,) = runtime.run(path, info, [Job(photo, 0.0)], 1)
    except Exception:  # each engine has classes of its own for it
        return "refused"
    return "taken" if np.array_equal(made.picture, photo) else "ignored"
