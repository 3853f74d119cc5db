"""`Stylizer` on a model whose every result is known: the negative of the photo."""

import io
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import impasto_models
import numpy as np
import onnx
import onnxruntime
import pytest
from impasto import ImpastoError, Stylizer, describe
from impasto.common.extras import pip_line
from impasto.contract.info import IMAGE, STRENGTH, seal
from impasto.engine import session
from impasto.painting import painter
from PIL import Image


@pytest.fixture(scope="module")
def stylizer(model) -> Stylizer:
    return Stylizer(model, device="cpu")


def test_it_knows_its_style_and_its_device(stylizer, model):
    assert stylizer.info == describe(model)
    assert stylizer.device == "cpu"
    assert repr(stylizer) == "<Stylizer negative on cpu>"


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 30, 3), (1, 5, 7, 3), (3, 8, 4, 3)])
def test_arrays(shape, stylizer):
    photo = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = photo.copy()
    result = stylizer(photo)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, 255 - photo)
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("shape", [(20, 30, 4), (2, 6, 5, 4)])
def test_arrays_keep_their_alpha(shape, stylizer):
    photo = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    photo[..., 3] |= 16  # what lies under less is not seen: see test_dials.py
    result = stylizer(photo)
    np.testing.assert_array_equal(result[..., :3], 255 - photo[..., :3])
    np.testing.assert_array_equal(result[..., 3], photo[..., 3])
    np.testing.assert_array_equal(stylizer(photo, 0), photo)


def test_arrays_of_any_layout(photo, stylizer):
    for odd in (photo[::-1, ::2], photo.transpose(1, 0, 2), np.asfortranarray(photo), photo[..., ::-1]):
        np.testing.assert_array_equal(stylizer(odd), 255 - odd)


@pytest.mark.parametrize("strength", [0, 0.0, 0.25, 0.5, 1, 1.0, np.float32(0.75), True])
def test_strength(strength, photo, stylizer):
    wanted = np.round(photo + np.float32(strength) * (255 - 2 * photo.astype(np.float32)))
    np.testing.assert_array_equal(stylizer(photo, strength), wanted)
    np.testing.assert_array_equal(stylizer(photo, strength=strength), wanted)


def test_strength_is_fed_only_where_it_matters(photo, stylizer, monkeypatch):
    fed = []
    fake = SimpleNamespace(run=lambda outputs, feeds: fed.append(feeds) or [feeds[IMAGE]])
    monkeypatch.setattr(stylizer._paint, "session", fake)
    stylizer(photo)
    stylizer(photo, 0.5)
    assert [sorted(feeds) for feeds in fed] == [[IMAGE], [IMAGE, STRENGTH]]
    assert (fed[1][STRENGTH].dtype, fed[1][STRENGTH].shape) == (np.float32, ())


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), float("inf"), -1, 2])
def test_a_strength_out_of_range(strength, photo, stylizer):
    with pytest.raises(ValueError, match="strength must be 0 to 1"):
        stylizer(photo, strength)


@pytest.mark.parametrize("strength", ["1", None, [1.0], np.array([0.5, 0.5]), 1j])
def test_a_strength_that_is_no_number(strength, photo, stylizer):
    with pytest.raises(TypeError, match="strength must be a number"):
        stylizer(photo, strength)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int8, bool])
def test_arrays_of_another_type(dtype, stylizer):
    with pytest.raises(TypeError, match="must be uint8"):
        stylizer(np.zeros((4, 4, 3), dtype))


@pytest.mark.parametrize("shape", [(4, 4), (3,), (), (4, 4, 1), (4, 4, 2), (3, 4, 5), (1, 2, 3, 4, 3), (0, 4, 3)])
def test_arrays_of_another_shape(shape, stylizer):
    with pytest.raises(ValueError, match="must be"):
        stylizer(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("photo", [None, 7, 1.5, [[1, 2, 3]]])
def test_what_is_no_picture(photo, stylizer):
    with pytest.raises(TypeError, match="photo must be a path"):
        stylizer(photo)


def test_paths(photo, stylizer, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    for form in (path, str(path)):
        result = stylizer(form)
        assert (result.mode, result.size) == ("RGB", (30, 20))
        np.testing.assert_array_equal(np.asarray(result), 255 - photo)
    with pytest.raises(ImpastoError, match="no such file"):
        stylizer(tmp_path / "nothing.png")


def test_bytes_and_files(photo, stylizer, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    with path.open("rb") as file:
        for form in (path.read_bytes(), bytearray(path.read_bytes()), io.BytesIO(path.read_bytes()), file):
            np.testing.assert_array_equal(np.asarray(stylizer(form)), 255 - photo)
    with pytest.raises(ImpastoError, match="cannot read the picture: not a picture"):
        stylizer(b"bytes")
    with path.open(errors="replace") as text, pytest.raises(TypeError, match=r"a binary file, .* not TextIOWrapper"):
        stylizer(text)


def test_images_of_pillow(photo, stylizer):
    result = stylizer(Image.fromarray(photo))
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), 255 - photo)

    alpha = photo[..., 0] | 16
    result = stylizer(Image.fromarray(np.dstack([photo, alpha])))
    assert result.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(result), np.dstack([255 - photo, alpha]))

    grey = stylizer(Image.fromarray(photo[..., 0]))
    np.testing.assert_array_equal(np.asarray(grey), np.repeat(255 - photo[..., :1], 3, axis=-1))


def test_an_image_of_pillow_is_turned_upright_once(photo, stylizer, tmp_path):
    path = tmp_path / "photo.png"
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(photo).save(path, exif=tags)
    with Image.open(path) as image:
        result = stylizer(image)
    np.testing.assert_array_equal(np.asarray(result), 255 - np.rot90(photo, -1))
    np.testing.assert_array_equal(np.asarray(stylizer(result)), np.rot90(photo, -1))


def test_threads_may_share_one(stylizer):
    photos = [np.full((16 + n, 16, 3), n, np.uint8) for n in range(8)]
    results: dict[int, np.ndarray] = {}

    def work(n: int) -> None:
        results[n] = stylizer(photos[n], n / 8)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, photo in enumerate(photos):
        np.testing.assert_array_equal(results[n], stylizer(photo, n / 8))


# -- models ----------------------------------------------------------------------------------------


def test_a_model_that_describe_refuses(tmp_path):
    with pytest.raises(ImpastoError, match="no such file"):
        Stylizer(tmp_path / "nothing.onnx")


def test_a_shipped_style_by_its_name(make_model, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(impasto_models, "_FOLDER", tmp_path)
    make_model("great_wave")
    make_model("the_scream")
    (tmp_path / "elsewhere" / "great_wave").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")  # a folder of that name does not hide the style
    assert impasto_models.names() == ["great_wave", "the_scream"]
    assert impasto_models.path("great_wave") == tmp_path / "great_wave.onnx"
    assert Stylizer("great_wave", device="cpu").info.name == "great_wave"
    with pytest.raises(ImpastoError, match=r"starry is neither .* \(great_wave, the_scream\)"):
        Stylizer("starry")
    with pytest.raises(ImpastoError, match="it is a folder"):
        Stylizer(Path("great_wave"))
    with pytest.raises(LookupError, match="great_wave, the_scream"):
        impasto_models.path("../great_wave")


def test_no_style_is_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(impasto_models, "_FOLDER", tmp_path)
    with pytest.raises(ImpastoError, match="none so far"):
        Stylizer("starry")


def test_every_shipped_style_works(photo):
    for name in impasto_models.names():
        stylizer = Stylizer(name, device="cpu")
        assert stylizer.info.name == name
        np.testing.assert_array_equal(stylizer(photo, 0), photo)


@pytest.mark.parametrize("fault", ["input name", "input type", "no strength", "output name"])
def test_tensors_that_break_the_contract(fault, model, tmp_path):
    broken = onnx.load(model)
    graph = broken.graph
    if fault == "input name":
        graph.input[0].name = graph.node[0].input[0] = "x"
    elif fault == "input type":
        graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT8
    elif fault == "no strength":
        del graph.input[1]
    else:
        graph.output[0].name = graph.node[-1].output[0] = "y"
    path = tmp_path / "broken.onnx"
    path.write_bytes(seal(broken.SerializeToString()))
    with pytest.raises(ImpastoError, match="contract promises"):
        Stylizer(path, device="cpu")


def test_a_graph_that_onnxruntime_refuses(model, tmp_path, capfd):
    broken = onnx.load(model)
    broken.graph.node[0].op_type = "Tanh"  # of bytes it is not defined
    path = tmp_path / "broken.onnx"
    path.write_bytes(seal(broken.SerializeToString()))
    with pytest.raises(ImpastoError, match="onnxruntime cannot load the model") as caught:
        Stylizer(path, device="cpu")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_pass_that_fails_is_one_line(stylizer, photo, monkeypatch):
    def run(outputs, feeds):
        raise RuntimeError("bad allocation\nof much memory")

    monkeypatch.setattr(stylizer._paint, "session", SimpleNamespace(run=run))
    with pytest.raises(ImpastoError, match="bad allocation of much"):
        stylizer(photo)


# -- devices ---------------------------------------------------------------------------------------


def test_an_unknown_device(model):
    with pytest.raises(ValueError, match="must be one of auto, cpu, cuda, webgpu"):
        Stylizer(model, device="tpu")


def test_no_driver(model, monkeypatch, capfd):
    monkeypatch.setattr(session, "has_plugin", lambda device: False)
    monkeypatch.setattr(session, "has_driver", lambda: False)
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    with pytest.raises(ImpastoError, match="cannot run on CUDA: no NVIDIA driver was found"):
        Stylizer(model, device="cuda")
    automatic = Stylizer(model)
    assert (automatic.device, automatic.not_on) == ("cpu", "")
    assert capfd.readouterr() == ("", "")


def test_an_onnxruntime_without_cuda(model, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ImpastoError, match=f"built without it.*{re.escape(pip_line('cuda'))}"):
        Stylizer(model, device="cuda")


def test_libraries_that_are_missing(model, monkeypatch, capfd):
    def preload_dlls():  # as onnxruntime's: it prints by the `print` of its module
        vars(onnxruntime)["print"]("Failed to load libcublasLt.so.13: cannot open shared object file")

    monkeypatch.setattr(session, "has_plugin", lambda device: False)
    monkeypatch.setattr(session, "has_driver", lambda: True)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload_dlls, raising=False)
    with pytest.raises(ImpastoError, match=rf"missing \(libcublasLt.so.13: .*{re.escape(pip_line('cuda'))}"):
        Stylizer(model, device="cuda")
    automatic = Stylizer(model)
    assert automatic.device == "cpu"
    assert "libcublasLt.so.13" in automatic.not_on
    assert "print" not in vars(onnxruntime)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("behaviour", ["refuses", "falls back"])
def test_a_gpu_that_onnxruntime_does_not_get(behaviour, model, monkeypatch):
    real = session._session

    def on_the_cpu(data, providers, threads, hardware=None):
        if behaviour == "refuses" and len(providers) > 1:
            raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected\n and more")
        return real(data, ["CPUExecutionProvider"], threads)

    monkeypatch.setattr(session, "has_plugin", lambda device: False)
    monkeypatch.setattr(session, "has_driver", lambda: True)
    monkeypatch.setattr(session, "_preload", lambda: [])
    monkeypatch.setattr(session, "_session", on_the_cpu)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    wanted = "no CUDA-capable device is detected$" if behaviour == "refuses" else "could not load its libraries"
    with pytest.raises(ImpastoError, match=wanted):
        Stylizer(model, device="cuda")
    assert Stylizer(model).device == "cpu"


def test_one_upload_and_one_download_give_the_same(stylizer, photo):
    """The path that CUDA takes, on the CPU's own memory."""
    for feeds in ({IMAGE: photo[None]}, {IMAGE: photo[None], STRENGTH: np.array(0.25, np.float32)}):
        np.testing.assert_array_equal(
            painter._run_bound(stylizer._paint.session, feeds, "cpu"), stylizer._paint.session.run(None, feeds)[0]
        )


@pytest.mark.skipif(not session.has_driver(), reason="needs an NVIDIA GPU")
def test_cuda_gives_what_the_cpu_gives(model, photo):
    on_gpu = Stylizer(model, device="cuda")
    assert on_gpu.device == "cuda"
    np.testing.assert_array_equal(on_gpu(photo), 255 - photo)
    np.testing.assert_array_equal(on_gpu(photo, 0), photo)


def test_the_driver_is_looked_for_under_the_name_of_each_system(monkeypatch):
    asked = []

    def load(name):
        asked.append(name)
        raise OSError

    monkeypatch.setattr(session.ctypes, "CDLL", load)
    for system in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        assert not session.has_driver()
    assert asked == ["libcuda.so.1", "nvcuda.dll"]


def test_as_many_pictures_at_once_as_memory_takes():
    assert painter.fitting(1_200_000_000, 640 * 360) > 30
    assert painter.fitting(1_200_000_000, 3840 * 2160) == 1
    assert painter.fitting(200_000_000, 10**9) == 1


def test_for_several_pictures_at_once_it_paints_the_same_on_one_thread(model, photo):
    stylize = Stylizer(model, device="cpu", threads=2)
    single = stylize.for_several
    np.testing.assert_array_equal(single(photo), stylize(photo))
    threads = [each._paint.session.get_session_options().intra_op_num_threads for each in (single, stylize)]
    assert threads == [1, 2]
