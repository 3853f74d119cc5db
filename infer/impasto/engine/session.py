"""Opening a model in onnxruntime, on the CPU or on a device that runs all of it faster."""

import ctypes
import sys
import threading
from typing import TYPE_CHECKING, get_args

from ..common.errors import ImpastoError
from ..common.extras import pip_line
from .devices import PROVIDERS, Device, has_plugin, is_part, label, listed, options_for, quiet, source

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

AUTO: tuple[Device, ...] = ("cuda", "webgpu")
"""What ``auto`` takes the first of that is there; the CPU comes last."""

TRIED = 16  # px a side of the picture that a device paints before ``auto`` takes it

plugin_turn = threading.Lock()  # plugins may crash where two threads run them at a time, be it in two sessions
_attempt_lock = threading.Lock()


def open_session(
    model: bytes, device: Device, threads: int | None = None
) -> "tuple[onnxruntime.InferenceSession, Device, str]":
    """Open ``model`` on ``device``, on so many ``threads`` of the CPU, or as many as it has cores.

    Returns:
        The session; what it runs on, any `Device` but ``auto``; and which GPUs ``auto`` found but could not use, and
        why: ``not on CUDA: its libraries are missing`` (empty otherwise).

    Raises:
        ValueError: no such device.
        ImpastoError: a device was asked for and is not available, or onnxruntime refuses the model.
    """
    if device not in get_args(Device):
        raise ValueError(f"device must be one of {', '.join(get_args(Device))}, not {device!r}")
    asked = device != "auto"
    not_on: list[str] = []
    for one in AUTO if not asked else (device,) if device in PROVIDERS else ():
        try:
            session = _open(one, model, threads, asked)
        except ImpastoError as error:
            if asked:
                raise ImpastoError(f"cannot run on {label(one)}: {error}") from error
            not_on.append(f"not on {label(one)}: {error}")
        else:
            if session:
                return session, one, "; ".join(not_on)
    try:
        return _session(model, ["CPUExecutionProvider"], threads), "cpu", "; ".join(not_on)
    except Exception as error:
        raise ImpastoError(f"onnxruntime cannot load the model: {_first_line(error)}") from error


def list_devices() -> dict[Device, str]:
    """By device but the CPU, the hardware that it has here, as ``GPU Intel``; or why it cannot be had."""
    lines: dict[Device, str] = {}
    for device in PROVIDERS:
        try:
            if is_part(device):
                _check_part(device)
                lines[device] = "there"
            else:
                found = [one.device for one in _hardware(device, asked=True)]
                lines[device] = ", ".join(f"{one.type.name} {one.vendor}" for one in found)
        except ImpastoError as error:
            lines[device] = f"not there: {error}"
    return lines


def _session(
    model: bytes,
    providers: list | None,
    threads: int | None,
    device: "tuple[onnxruntime.OrtEpDevice, dict[str, str]] | None" = None,
) -> "onnxruntime.InferenceSession":
    """A session on ``providers``, or on what a plugin found, with its options."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns that `strength` may be overridden: that is what it is for
    # The memory pattern is planned anew for each size of picture and kept for all of them. Without it, and
    # with the arena, a run of many sizes peaked lowest and was no slower: over 24 sizes up to 1.2 megapixels
    # at 176 MB, against 202 MB with the pattern and 320 MB without the arena (onnxruntime 1.31).
    options.enable_mem_pattern = False
    options.intra_op_num_threads = threads or 0
    if device:
        options.add_provider_for_devices([device[0]], device[1])
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)


def _open(device: Device, model: bytes, threads: int | None, asked: bool) -> "onnxruntime.InferenceSession | None":
    """A session; None where nobody asked for the device by name and there is none.

    Raises:
        ImpastoError: why it cannot be had.
    """
    provider = PROVIDERS[device]
    # Without a driver there is no GPU to use, and finding out by way of onnxruntime is slow and noisy.
    if not asked and not (has_plugin(device) if provider.plugin else has_driver()):
        return None
    if is_part(device):
        _check_part(device)
        chosen, providers = None, [(provider.name, options_for(device, threads)), "CPUExecutionProvider"]
    else:
        found = _hardware(device, asked)
        if not found:
            return None
        chosen, providers = (found[0], options_for(device, threads)), None
    with _attempt_lock, quiet():
        try:
            session = _session(model, providers, threads, chosen)
            if not asked:  # some drivers fail only when they compute
                with plugin_turn:
                    session.run(None, {one.name: _nothing(one) for one in session.get_inputs()})
        except Exception as error:
            raise ImpastoError(_first_line(error)) from error
    if providers and provider.name not in session.get_providers():
        raise ImpastoError(f"onnxruntime could not load its libraries for it: {source(device)}")
    return session


def _nothing(wanted: "onnxruntime.NodeArg") -> "np.ndarray":
    """What an input of a model may be given: zeros of its type, one picture of `TRIED` px a side where that is free."""
    import numpy as np

    free = (1, TRIED, TRIED, TRIED)
    sides = [side if isinstance(side, int) else one for side, one in zip(wanted.shape, free, strict=False)]
    return np.zeros(sides, np.uint8 if wanted.type == "tensor(uint8)" else np.float32)


def _hardware(device: Device, asked: bool) -> "list[onnxruntime.OrtEpDevice]":
    """What a plugin runs on, the best first; nothing where it has no GPU and nobody asked for it by name."""
    found = listed(device)
    if not asked:  # a CPU that plays a GPU is slower than a CPU
        found = [one for one in found if one.device.type.name == "GPU"]
    elif not found:
        raise ImpastoError(f"onnxruntime finds no hardware for it, which would be {PROVIDERS[device].hardware}")
    if found and device == "webgpu" and sys.platform == "linux" and not has_vulkan(software=asked):
        raise ImpastoError("no Vulkan driver of a GPU was found: install it, and libvulkan.so.1 (Debian: libvulkan1)")
    return found


def _check_part(device: Device) -> None:
    """Raise `ImpastoError` if this onnxruntime lacks the part, or the part what it needs."""
    import onnxruntime

    if PROVIDERS[device].name not in onnxruntime.get_available_providers():
        raise ImpastoError(f"this onnxruntime is built without it; {source(device)}")
    if device == "cuda":
        if not has_driver():
            raise ImpastoError("no NVIDIA driver was found")
        with _attempt_lock:
            failures = _preload()
        if failures:
            raise ImpastoError(f"its libraries are missing ({failures[0]}): {pip_line('cuda')}")


def has_driver() -> bool:
    """Whether the NVIDIA driver's library can be loaded."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def has_vulkan(*, software: bool) -> bool:
    """Whether Linux has a Vulkan driver, of a GPU or, if that will do, one in ``software``.

    The plugin of WebGPU does not tell the two from each other, and without any it fails in several lines of its own.
    """
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return False
    nothing_but_its_type, instance, count = (ctypes.c_uint64 * 8)(1), ctypes.c_void_p(), ctypes.c_uint32()
    if vulkan.vkCreateInstance(nothing_but_its_type, None, ctypes.byref(instance)):
        return False
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    found = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), found)
    kinds = []
    for one in found:
        properties = (ctypes.c_uint32 * 256)()  # VkPhysicalDeviceProperties take 824 bytes
        vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(one), properties)
        kinds.append(properties[4])  # deviceType
    vulkan.vkDestroyInstance(instance, None)
    return any(software or kind != 4 for kind in kinds)  # VK_PHYSICAL_DEVICE_TYPE_CPU


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
    line = next(iter(str(error).splitlines()), type(error).__name__)
    return line.rpartition(" was false. ")[2]  # before it stand a file, a function and a condition of onnxruntime's
