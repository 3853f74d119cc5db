"""What a model can run on beside the CPU: parts of some builds of onnxruntime, and plugins for any build."""

import importlib
import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ..common.errors import ImpastoError, one_line
from ..common.extras import pip_line

if TYPE_CHECKING:
    import onnxruntime

Device = Literal["auto", "cpu", "cuda", "webgpu", "openvino", "tensorrt-rtx", "directml", "coreml", "mlx"]


@dataclass(frozen=True)
class Provider:
    """What onnxruntime runs a model by."""

    label: str
    """As people know it."""
    name: str
    """As onnxruntime knows it."""
    plugin: str = ""
    """The module of the plugin that brings it where it is no part of this build of onnxruntime; empty if none does."""
    library: str = "get_library_path"
    """The function of that module that says where the plugin lies."""
    source: str = "{pip}"
    """Where to get it; ``{pip}`` is the command that installs the extra with the device's name."""
    options: dict[str, str] = field(default_factory=dict)
    """As it takes them: for the same picture as on the CPU, foremost."""
    hardware: str = ""
    """What a plugin can use."""
    takes_defaults: bool = False
    """Whether it is known to heed an optional input. OpenVINO computes the default into the model, or refuses it."""


_OPENVINO = {kind: {"INFERENCE_PRECISION_HINT": "f32"} for kind in ("CPU", "GPU")}
_CUDA = {
    "cudnn_conv_algo_search": "HEURISTIC",  # the default tries every algorithm for each new size
    "use_tf32": "0",  # the same picture as on the CPU, not one of 10-bit mantissas
}
PROVIDERS: dict[Device, Provider] = {
    "cuda": Provider(
        "CUDA",
        "CUDAExecutionProvider",
        source="on Linux x86-64 and Windows: {pip}",
        options=_CUDA,
        takes_defaults=True,
    ),
    "webgpu": Provider(
        "WebGPU",
        "WebGpuExecutionProvider",
        "onnxruntime_ep_webgpu",
        hardware="a GPU with its driver, on Linux also libvulkan.so.1",
        takes_defaults=True,
    ),
    "openvino": Provider(
        "OpenVINO",
        "OpenVINOExecutionProvider",
        "onnxruntime_ep_openvino",
        options={"load_config": json.dumps(_OPENVINO)},
        hardware="Intel's",
    ),
    "tensorrt-rtx": Provider(
        "TensorRT for RTX",
        "NvTensorRTRTXExecutionProvider",
        "onnxruntime_ep_nv_tensorrt_rtx",
        hardware="an NVIDIA RTX GPU",
    ),
    "directml": Provider("DirectML", "DmlExecutionProvider", source="the package onnxruntime-directml has it"),
    "coreml": Provider("CoreML", "CoreMLExecutionProvider", source="that for Macs has it"),
    "mlx": Provider(
        "MLX",
        "MLXExecutionProvider",
        "onnxruntime_ep_mlx",
        library="library_path",
        source="on Macs with Apple's processors: {pip}",
        hardware="an Apple processor's GPU",
    ),
}

_lock = threading.Lock()
_registered: set[str] = set()


def label(device: Device) -> str:
    """A device's name in a sentence: ``the CPU``, ``WebGPU``."""
    return PROVIDERS[device].label if device in PROVIDERS else "the CPU"


def source(device: Device) -> str:
    """Where a device's provider comes from."""
    return PROVIDERS[device].source.replace("{pip}", pip_line(device))


def options_for(device: Device, threads: int | None) -> dict[str, str]:
    """What a device's provider is given, to work with so many ``threads`` of the CPU, or as many as it has cores."""
    if device == "openvino" and threads:  # it does not heed the session's
        config = {**_OPENVINO, "CPU": {**_OPENVINO["CPU"], "INFERENCE_NUM_THREADS": str(threads)}}
        return {"load_config": json.dumps(config)}
    return PROVIDERS[device].options


def is_part(device: Device) -> bool:
    """Whether the device's provider has to be, or is, a part of this build of onnxruntime."""
    import onnxruntime

    provider = PROVIDERS[device]
    if not provider.plugin:
        return True
    # that of a plugin is among those available once it is registered
    return provider.name in onnxruntime.get_available_providers() and not _of(provider)


def has_plugin(device: Device) -> bool:
    """Whether the device's plugin is installed; nothing of it is imported."""
    return importlib.util.find_spec(PROVIDERS[device].plugin) is not None


def listed(device: Device) -> "list[onnxruntime.OrtEpDevice]":
    """The hardware that onnxruntime lists for a plugin's device, GPUs first; it may be none.

    Raises:
        ImpastoError: the plugin is not installed, or does not load.
    """
    import onnxruntime

    provider = PROVIDERS[device]
    if not has_plugin(device):
        raise ImpastoError(f"its plugin is not installed: {source(device)}")
    if not hasattr(onnxruntime, "register_execution_provider_library"):
        raise ImpastoError(f"onnxruntime {onnxruntime.__version__} takes no plugins: {source(device)}")
    with _lock, quiet():
        # A library that is registered twice, by us or by the program that we are part of, crashes when it is used.
        if not _of(provider) and device not in _registered:
            try:
                library = getattr(importlib.import_module(provider.plugin), provider.library)()
                onnxruntime.register_execution_provider_library(provider.name, library)
            except Exception as error:
                raise ImpastoError(f"its plugin does not load: {one_line(error)}") from error
            _registered.add(device)
        order = ["GPU", "CPU", "NPU"]  # last, as it wants pictures of one size
        return sorted(_of(provider), key=lambda one: order.index(one.device.type.name))


def _of(provider: Provider) -> "list[onnxruntime.OrtEpDevice]":
    import onnxruntime

    found: list[onnxruntime.OrtEpDevice] = getattr(onnxruntime, "get_ep_devices", list)()  # there since 1.22
    return [one for one in found if one.ep_name == provider.name]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep onnxruntime from logging: what goes wrong is reported in one line."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)  # onnxruntime's default; there is no getter
