"""What plugins and other builds of onnxruntime paint is what the CPU paints; a GPU is computed in software."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from impasto import Stylizer
from impasto.engine import devices

DRIVER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")  # Debian's; Vulkan's loader lies beside it

ON_A_GPU = """
import json
import sys
import threading
from types import SimpleNamespace

import numpy as np
from impasto import Stylizer
from impasto.engine import session

model, folder = sys.argv[1:]
photo = np.load(f"{folder}/photo.npy")
real = session.listed
session.listed = lambda device: [SimpleNamespace(device=SimpleNamespace(type=SimpleNamespace(name="GPU")))]
taken_for_hardware = Stylizer(model)
session.listed = real
automatic = Stylizer(model)
styles = [Stylizer("great_wave", device="webgpu"), Stylizer(model, device="webgpu")]
painted = {}


def paint(number, strength):
    painted[f"{number} {strength}"] = styles[number](photo, strength)


threads = [threading.Thread(target=paint, args=given) for given in ((0, 1), (1, 1), (0, 0.5))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
np.savez(f"{folder}/painted.npz", **painted)
on = [style.device for style in (taken_for_hardware, automatic, *styles)]
print(json.dumps([on, taken_for_hardware.not_on, automatic.not_on, styles[0]._paint.session.get_providers()]))
"""


@pytest.mark.skipif(
    not importlib.util.find_spec(devices.PROVIDERS["webgpu"].plugin), reason="the extra webgpu is not installed"
)
@pytest.mark.skipif(not DRIVER.exists(), reason="Debian's Chromium is not installed, with a GPU in software")
def test_webgpu_gives_what_the_cpu_gives(model, photo, tmp_path):
    np.save(tmp_path / "photo.npy", photo)
    env = {
        **os.environ,
        "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER": "1",
        "VK_DRIVER_FILES": str(DRIVER),
        "LD_LIBRARY_PATH": str(DRIVER.parent),
        "XDG_RUNTIME_DIR": str(tmp_path),  # where Wayland's library is installed, it complains if there is none
        "CUDA_VISIBLE_DEVICES": "",
    }
    words = [sys.executable, "-c", ON_A_GPU, str(model), str(tmp_path)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    on, mistaken, automatic, providers = json.loads(done.stdout)
    assert on == ["cpu", "cpu", "webgpu", "webgpu"]
    assert mistaken.startswith("not on WebGPU: no Vulkan driver of a GPU was found")
    assert automatic == ""
    assert providers[0] == "WebGpuExecutionProvider"
    painted = np.load(tmp_path / "painted.npz")
    np.testing.assert_array_equal(painted["1 1"], 255 - photo)
    on_the_cpu = Stylizer("great_wave", device="cpu")
    for strength in (1, 0.5):
        wanted = on_the_cpu(photo, strength).astype(int)
        assert np.abs(painted[f"0 {strength}"] - wanted).max() <= 1


BY_OPENVINO = """
import json
import sys

import numpy as np
from impasto import ImpastoError, Stylizer
from impasto.engine.session import list_devices

photo = np.load(sys.argv[1])
try:
    style = Stylizer("great_wave", device="openvino", threads=1)
except ImpastoError as error:
    sys.exit(str(error))
np.savez(sys.argv[2], **{str(strength): style(photo, strength) for strength in (1, 0.5, 0)})
print(json.dumps([style.device, style._paint.session.get_providers()[0], list_devices()["openvino"]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("package", ["onnxruntime-openvino>=1.24.1", "onnxruntime-ep-openvino>=1.8"])
def test_openvino_gives_what_the_cpu_gives(photo, tmp_path, package):
    """By the build of onnxruntime that has it, on any vendor's CPU; by its plugin, which wants Intel's or says so."""
    build = tmp_path / "build"
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(build), package]
    subprocess.run([sys.executable, *words], check=True)
    np.save(tmp_path / "photo.npy", photo)
    path = os.pathsep.join([str(build), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-c", BY_OPENVINO, str(tmp_path / "photo.npy"), str(tmp_path / "painted.npz")]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if "-ep-" in package and done.returncode:
        refused = "cannot run on OpenVINO: onnxruntime finds no hardware for it, which would be Intel's\n"
        assert (done.returncode, done.stderr) == (1, refused)
        return
    assert (done.returncode, done.stderr) == (0, "")
    device, provider, listed = json.loads(done.stdout)
    assert (device, provider) == ("openvino", "OpenVINOExecutionProvider")
    assert listed == "there" or "-ep-" in package
    on_the_cpu = Stylizer("great_wave", device="cpu")
    with np.load(tmp_path / "painted.npz") as painted:
        np.testing.assert_array_equal(painted["0"], photo)
        for strength in (1, 0.5):
            assert np.abs(painted[str(strength)] - on_the_cpu(photo, strength).astype(int)).max() <= 1
