"""What `import impasto` offers, and what it leaves unloaded."""

import json
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import impasto
import impasto_models
import pytest


def test_the_public_names():
    assert impasto.__all__ == ["ImpastoError", "StyleInfo", "Stylizer", "__version__", "describe", "film"]
    assert impasto_models.__all__ == ["ATLAS", "files", "names", "path"]
    for package in (impasto, impasto_models):
        for name in package.__all__:
            assert getattr(package, name) is not None
    assert set(impasto.__all__) <= set(dir(impasto))


def test_the_public_rooms():
    import impasto.contract
    import impasto.internal
    import impasto.pictures

    assert impasto.contract.__all__ == [
        "CONTRACT_VERSION",
        "IMAGE",
        "STRENGTH",
        "STYLE",
        "STYLES_VERSION",
        "STYLIZED",
        "StyleInfo",
        "describe",
        "locate",
        "read_checked",
        "read_model",
        "seal",
    ]
    assert impasto.pictures.__all__ == [
        "FORMATS",
        "Picture",
        "format_of",
        "from_pil",
        "read_picture",
        "save_picture",
        "shrunk",
        "to_pil",
        "write_picture",
    ]
    for room in (impasto.contract, impasto.pictures, impasto.internal):
        assert all(getattr(room, name) is not None for name in room.__all__)
        assert set(room.__all__) <= set(dir(room))


def test_every_other_module_is_private():
    folder = Path(impasto.__file__).parent
    assert [path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")] == ["internal"]


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'impasto' has no attribute 'Stylist'"):
        impasto.Stylist  # noqa: B018
    with pytest.raises(ImportError):
        from impasto import Stylist  # noqa: F401


def test_the_version_is_that_of_the_package():
    assert impasto.__version__ == version("impasto")


def test_it_is_typed():
    assert files("impasto").joinpath("py.typed").is_file()


def loaded(program: str) -> set[str]:
    """The top-level modules that are loaded once ``program`` has run."""
    program += "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


HEAVY = {"torch", "torchvision", "onnx", "onnxscript", "onnxruntime", "typer", "rich", "numpy", "PIL", "impasto_train"}


def test_importing_loads_nothing_heavy():
    assert all(find_spec(name) for name in HEAVY - {"rich"})  # there to be loaded; rich is typer's affair
    assert loaded("import impasto") & HEAVY == set()


def test_describing_a_model_takes_nothing_heavy(model):
    program = f"import impasto; assert impasto.describe({str(model)!r}).name == 'negative'"
    assert loaded(program) & HEAVY == set()


def test_restyling_takes_neither_torch_nor_onnx_nor_typer(model, tmp_path):
    program = (
        "import impasto, PIL.Image\n"
        f"style = impasto.Stylizer({str(model)!r}, device='cpu')\n"
        "assert style(PIL.Image.new('RGB', (2, 2))).getpixel((0, 0)) == (255, 255, 255)"
    )
    assert loaded(program) & HEAVY <= {"onnxruntime", "numpy", "PIL"}
