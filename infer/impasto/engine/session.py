"""Opening a model in onnxruntime, on the CPU or on an NVIDIA GPU by way of CUDA."""

import ctypes
import sys
import threading
from typing import TYPE_CHECKING, Literal

from ..common.errors import ImpastoError
from ..common.extras import pip_line

if TYPE_CHECKING:
    import onnxruntime

Device = Literal["auto", "cuda", "cpu"]

_attempt_lock = threading.Lock()


def open_session(
    model: bytes, device: Device, threads: int | None = None
) -> "tuple[onnxruntime.InferenceSession, Device, str]":
    """Open ``model`` on ``device``, on so many ``threads`` of the CPU, or as many as it has cores.

    Returns:
        The session; what it runs on, ``cpu`` or ``cuda``; and why ``auto`` found a driver for a GPU but could
        not use it (empty otherwise).

    Raises:
        ValueError: no such device.
        ImpastoError: ``cuda`` was asked for and is not available, or onnxruntime refuses the model.
    """
    if device not in ("auto", "cuda", "cpu"):
        raise ValueError(f"device must be 'auto', 'cuda' or 'cpu', not {device!r}")
    trouble = ""
    # Without a driver there is no GPU to use, and finding out by way of onnxruntime is slow and noisy.
    if device == "cuda" or (device == "auto" and has_driver()):
        session, trouble = _try_cuda(model, threads)
        if session:
            return session, "cuda", ""
        if device == "cuda":
            raise ImpastoError(f"cannot run on CUDA: {trouble}")
    try:
        return _session(model, ["CPUExecutionProvider"], threads), "cpu", trouble
    except Exception as error:
        raise ImpastoError(f"onnxruntime cannot load the model: {_first_line(error)}") from error


def _session(model: bytes, providers: list, threads: int | None) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns that `strength` may be overridden: that is what it is for
    # The memory pattern is planned anew for each size of picture and kept for all of them. Without it, and
    # with the arena, a run of many sizes peaked lowest and was no slower: over 24 sizes up to 1.2 megapixels
    # at 176 MB, against 202 MB with the pattern and 320 MB without the arena (onnxruntime 1.31).
    options.enable_mem_pattern = False
    options.intra_op_num_threads = threads or 0
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)


def _try_cuda(model: bytes, threads: int | None) -> "tuple[onnxruntime.InferenceSession | None, str]":
    """A session on CUDA and an empty string, or None and one line that says why not."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return None, f"this onnxruntime is built without it; on Linux x86-64 and Windows: {pip_line('cuda')}"
    if not has_driver():
        return None, "no NVIDIA driver was found"
    with _attempt_lock:
        failures = _preload()
        if failures:
            return None, f"its libraries are missing ({failures[0]}): {pip_line('cuda')}"
        cuda = {
            "cudnn_conv_algo_search": "HEURISTIC",  # the default tries every algorithm for each new size
            "use_tf32": "0",  # the same picture as on the CPU, not one of 10-bit mantissas
        }
        onnxruntime.set_default_logger_severity(4)  # we report what goes wrong, in one line
        try:
            session = _session(model, [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"], threads)
        except Exception as error:
            return None, _first_line(error)
        finally:
            onnxruntime.set_default_logger_severity(2)  # onnxruntime's default; there is no getter
    if "CUDAExecutionProvider" not in session.get_providers():
        return None, f"onnxruntime could not load its libraries for it: {pip_line('cuda')}"
    return session, ""


def has_driver() -> bool:
    """Whether the NVIDIA driver's library can be loaded."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _preload() -> list[str]:
    """Load the CUDA libraries that pip installed; return what onnxruntime says of those that are missing."""
    import onnxruntime

    if not hasattr(onnxruntime, "preload_dlls"):  # older than 1.21
        return []
    said: list[str] = []
    # It prints to stdout, which belongs to the program that we are part of: it gets another `print`.
    names = vars(onnxruntime)
    names["print"] = lambda *words: said.append(" ".join(map(str, words)))
    try:
        onnxruntime.preload_dlls()
    finally:
        del names["print"]
    return [line.removeprefix("Failed to load ") for line in said if line.startswith("Failed to load ")]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
