"""What a model runs on beside the CPU: plugins, and parts of onnxruntime, that are there or not."""

import importlib.util
import json
import re
import sys
import threading
from types import SimpleNamespace
from typing import get_args

import numpy as np
import onnxruntime
import pytest
from impasto import ImpastoError, Stylizer
from impasto.apply import command
from impasto.common.extras import pip_line
from impasto.engine import devices, session
from impasto.painting import painter
from impasto.painting.look import Look

PRECISE = {"INFERENCE_PRECISION_HINT": "f32"}
ON_ONE_THREAD = {"CPU": {**PRECISE, "INFERENCE_NUM_THREADS": "1"}, "GPU": PRECISE}  # OpenVINO


def hardware(kind: str) -> SimpleNamespace:
    return SimpleNamespace(device=SimpleNamespace(type=SimpleNamespace(name=kind)))


@pytest.fixture
def plugin(monkeypatch):
    """Pretend that a plugin is installed and finds this hardware, driven by the CPU: ``plugin("GPU")``."""
    real = session._session

    def pretend(*kinds: str) -> list:
        opened = []

        def open_it(data, providers, threads, device=None):
            opened.append((device[0].device.type.name, device[1]) if device else "CPU alone")
            return real(data, ["CPUExecutionProvider"], threads)

        monkeypatch.setattr(session, "has_driver", lambda: False)
        monkeypatch.setattr(session, "has_vulkan", lambda **_: True)
        monkeypatch.setattr(session, "has_plugin", lambda device: True)
        monkeypatch.setattr(session, "listed", lambda device: [hardware(kind) for kind in kinds])
        monkeypatch.setattr(session, "_session", open_it)
        return opened

    return pretend


def test_every_device_has_its_provider():
    assert get_args(devices.Device) == ("auto", "cpu", *devices.PROVIDERS)
    assert set(session.AUTO) <= set(devices.PROVIDERS)


def test_auto_takes_a_gpu_of_any_vendor(plugin, model, photo):
    opened = plugin("GPU", "CPU")
    stylizer = Stylizer(model)
    assert (stylizer.device, stylizer.not_on, opened) == ("webgpu", "", [("GPU", {})])
    np.testing.assert_array_equal(stylizer(photo), 255 - photo)


def test_auto_says_why_it_is_not_cuda(plugin, model, monkeypatch):
    plugin("GPU")
    monkeypatch.setattr(session, "has_driver", lambda: True)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    stylizer = Stylizer(model)
    assert stylizer.device == "webgpu"
    assert stylizer.not_on.startswith("not on CUDA: this onnxruntime is built without it")


@pytest.mark.parametrize("kinds", [[], ["CPU"]])
def test_auto_takes_no_gpu_that_a_cpu_plays(kinds, plugin, model):
    opened = plugin(*kinds)
    stylizer = Stylizer(model)
    assert (stylizer.device, stylizer.not_on, opened) == ("cpu", "", ["CPU alone"])


def test_a_gpu_without_a_driver(plugin, model, monkeypatch):
    plugin("GPU")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(session, "has_vulkan", lambda **_: False)
    with pytest.raises(ImpastoError, match=r"^cannot run on WebGPU: no Vulkan driver of a GPU was found: install"):
        Stylizer(model, device="webgpu")
    automatic = Stylizer(model)
    assert automatic.device == "cpu"
    assert automatic.not_on.startswith("not on WebGPU: no Vulkan driver")


def test_a_plugin_that_finds_nothing(plugin, model):
    plugin()
    with pytest.raises(
        ImpastoError,
        match=r"^cannot run on WebGPU: .* finds no hardware for it, which would be a GPU",
    ):
        Stylizer(model, device="webgpu")


def test_what_onnxruntime_says_is_one_short_line(plugin, model, monkeypatch):
    plugin("GPU")

    def refuse(*_):
        raise RuntimeError("/src/webgpu_context.cc:136 f() result == OK was false. Failed to get an adapter: none\n\n")

    monkeypatch.setattr(session, "_session", refuse)
    with pytest.raises(ImpastoError, match=r"^cannot run on WebGPU: Failed to get an adapter: none$"):
        Stylizer(model, device="webgpu")


def test_auto_takes_the_cpu_where_a_gpu_fails_at_its_first_picture(plugin, model, photo, monkeypatch):
    plugin("GPU")
    opened = session._session

    def lost(*given):
        raise RuntimeError("/src/webgpu_context.cc:136 f() result == OK was false. the device is lost")

    class Failing:
        def __init__(self, *given):
            self.get_inputs = opened(*given).get_inputs

        run = lost

    monkeypatch.setattr(
        session, "_session", lambda *given: (Failing if len(given) > 3 and given[3] else opened)(*given)
    )
    stylizer = Stylizer(model)
    assert (stylizer.device, stylizer.not_on) == ("cpu", "not on WebGPU: the device is lost")
    np.testing.assert_array_equal(stylizer(photo), 255 - photo)


def test_a_plugin_that_is_not_installed(model, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(session, "has_driver", lambda: False)
    with pytest.raises(ImpastoError, match=f"plugin is not installed: {re.escape(pip_line('webgpu'))}$"):
        Stylizer(model, device="webgpu")
    assert Stylizer(model).device == "cpu"


def test_an_onnxruntime_that_takes_no_plugins(model, monkeypatch):
    monkeypatch.setattr(devices, "has_plugin", lambda device: True)
    monkeypatch.delattr(onnxruntime, "register_execution_provider_library")
    with pytest.raises(ImpastoError, match="takes no plugins: pip install"):
        Stylizer(model, device="webgpu")


def test_a_plugin_that_does_not_load(model, monkeypatch, tmp_path, capfd):
    (tmp_path / "broken.so").write_text("no library")
    broken = SimpleNamespace(get_library_path=lambda: str(tmp_path / "broken.so"))
    monkeypatch.setattr(devices, "has_plugin", lambda device: True)
    monkeypatch.setattr(devices, "_of", lambda provider: [])
    monkeypatch.setattr(devices, "_registered", set())
    monkeypatch.setitem(sys.modules, devices.PROVIDERS["webgpu"].plugin, broken)
    with pytest.raises(ImpastoError, match=r"^cannot run on WebGPU: its plugin does not load: .*broken\.so") as caught:
        Stylizer(model, device="webgpu")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("device", "place"), [("webgpu", "get_library_path"), ("mlx", "library_path")], ids=["webgpu", "mlx"]
)
def test_hardware_is_listed_gpus_first_and_a_plugin_is_loaded_once(monkeypatch, device, place):
    registered = []
    found = [hardware(kind) for kind in ("NPU", "CPU", "GPU")]
    monkeypatch.setattr(devices, "has_plugin", lambda device: True)
    monkeypatch.setattr(devices, "_of", lambda provider: found if registered else [])
    monkeypatch.setattr(devices, "_registered", set())
    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(**{place: lambda: "a.so"}))
    register = registered.append
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *given: register(given))
    for _ in range(2):
        assert [one.device.type.name for one in devices.listed(device)] == ["GPU", "CPU", "NPU"]
    assert registered == [(devices.PROVIDERS[device].name, "a.so")]


def test_the_dial_is_given_where_a_plugin_would_forget_it(plugin, model, photo):
    opened = plugin("GPU")
    stylizer = Stylizer(model, device="openvino")
    assert stylizer.device == "openvino"
    assert "f32" in opened[0][1]["load_config"]
    assert [one.name for one in stylizer._paint.session.get_inputs()] == ["image", "strength"]
    assert stylizer._paint.session.get_overridable_initializers() == []
    for strength in (1, 0.25, 0):
        np.testing.assert_array_equal(stylizer(photo, strength), Stylizer(model, device="cpu")(photo, strength))


def test_openvino_is_told_how_many_threads(plugin, model):
    """It heeds its own setting alone."""
    opened = plugin("CPU")
    for threads in (None, 1):
        Stylizer(model, device="openvino", threads=threads)
    as_many_as_cores, one = (json.loads(given["load_config"]) for _, given in opened)
    assert as_many_as_cores == {"CPU": PRECISE, "GPU": PRECISE}
    assert one == ON_ONE_THREAD


def test_tiles_are_painted_on_the_cpu_where_a_plugin_would_not_take_them(plugin, model, photo):
    opened = plugin("GPU")
    stylizer = Stylizer(model, device="webgpu")
    stylizer._paint.memory = painter.PROGRAM
    np.testing.assert_array_equal(stylizer(photo), 255 - photo)
    assert stylizer.in_tiles(*photo.shape[:2], Look())
    assert opened[0] == ("GPU", {})
    assert set(opened[1:]) == {"CPU alone"}


@pytest.mark.parametrize(
    ("device", "name", "given"),
    [
        ("coreml", "CoreMLExecutionProvider", {}),
        ("openvino", "OpenVINOExecutionProvider", {"load_config": json.dumps(ON_ONE_THREAD)}),
    ],
)
def test_a_part_of_onnxruntime(device, name, given, model, photo, monkeypatch):
    asked = []
    real = session._session

    def open_it(data, providers, threads, device=None):
        asked.append(providers)
        opened = real(data, ["CPUExecutionProvider"], threads)
        monkeypatch.setattr(opened, "get_providers", lambda: [name])
        return opened

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [name])
    monkeypatch.setattr(devices, "_of", lambda provider: [])
    monkeypatch.setattr(session, "_session", open_it)
    stylizer = Stylizer(model, device=device, threads=1)
    assert asked == [[(name, given), "CPUExecutionProvider"]]
    assert session.list_devices()[device] == "there"
    np.testing.assert_array_equal(stylizer(photo, 0), photo)
    with pytest.raises(ImpastoError, match=r"^cannot run on DirectML: .* built without it; .*onnxruntime-directml"):
        Stylizer(model, device="directml")


def test_what_is_there_is_listed(plugin, monkeypatch, capsys):
    found = [SimpleNamespace(device=SimpleNamespace(type=SimpleNamespace(name=kind), vendor="Intel")) for kind in "GC"]
    plugin()
    monkeypatch.setattr(session, "listed", lambda device: found if device == "openvino" else [])
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CoreMLExecutionProvider"])
    monkeypatch.setattr(sys, "argv", ["apply-style", "--devices"])
    with pytest.raises(SystemExit) as done:
        command.main()
    assert done.value.code == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == ["cpu", *devices.PROVIDERS]
    assert lines["openvino"] == "G Intel, C Intel"
    assert (lines["cpu"], lines["coreml"]) == ("there", "there")
    assert lines["webgpu"].startswith("not there: onnxruntime finds no hardware for it, which would be a GPU")
    assert lines["cuda"].startswith("not there: this onnxruntime is built without it; on Linux")


def test_one_thread_at_a_time_runs_a_plugin(plugin, model, photo, monkeypatch):
    """Two at once crash the process, with version 0.4.0 of WebGPU's."""
    plugin("GPU")
    at_once, most, release = [0], [0], threading.Event()

    def run(outputs, feeds):
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        release.wait(0.05)
        at_once[0] -= 1
        return [feeds[painter.IMAGE]]

    stylizers = [Stylizer(model, device="webgpu") for _ in range(2)]
    for stylizer in stylizers:
        monkeypatch.setattr(stylizer._paint, "session", SimpleNamespace(run=run))
    threads = [threading.Thread(target=stylizer, args=(photo,)) for stylizer in stylizers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
