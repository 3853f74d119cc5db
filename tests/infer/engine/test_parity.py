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
from impasto import Stylizer
from impasto.engine.session import list_devices

photo = np.load(sys.argv[1])
style = Stylizer("great_wave", device="openvino", threads=1)
np.savez(sys.argv[2], **{str(strength): style(photo, strength) for strength in (1, 0.5, 0)})
print(json.dumps([style.device, style._paint.session.get_providers()[0], list_devices()["openvino"]]))
"""


@pytest.mark.slow
def test_openvino_gives_what_the_cpu_gives(photo, tmp_path):
    """By the build of onnxruntime that has it: it runs on any vendor's CPU, where its plugin wants Intel's."""
    build = tmp_path / "build"
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(build), "onnxruntime-openvino>=1.24.1"]
    subprocess.run([sys.executable, *words], check=True)
    np.save(tmp_path / "photo.npy", photo)
    path = os.pathsep.join([str(build), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-c", BY_OPENVINO, str(tmp_path / "photo.npy"), str(tmp_path / "painted.npz")]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == ["openvino", "OpenVINOExecutionProvider", "there"]
    on_the_cpu = Stylizer("great_wave", device="cpu")
    with np.load(tmp_path / "painted.npz") as painted:
        np.testing.assert_array_equal(painted["0"], photo)
        for strength in (1, 0.5):
            assert np.abs(painted[str(strength)] - on_the_cpu(photo, strength).astype(int)).max() <= 1
