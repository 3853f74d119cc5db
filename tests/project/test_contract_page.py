"""docs/contract.md says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import onnx
import pytest
from impasto import StyleInfo
from impasto_train.commandline.presets import PRESETS
from impasto_train.commandline.variant import VariantOptions

from benchmarks.runtimes import runtimes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contract.md").read_text()


def code(script: Path) -> str:
    """An example without the comment that it begins with."""
    text = script.read_text()
    if script.suffix == ".py":
        return text.split('"""\n\n', 1)[1]
    lines = text.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if not line.startswith("//"))
    return "".join(lines[first:])


@pytest.mark.parametrize("engine", ["python", "node", "openvino", "opencv"])
def test_the_page_shows_the_examples_as_they_are(engine):
    (script,) = (path for path in (ROOT / "examples" / engine).iterdir() if path.stem == "restyle")
    assert code(script) in PAGE


def test_every_key_is_there():
    (table,) = re.findall(r"## Metadata\n(.*?)\n## ", PAGE, re.DOTALL)
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = [key for cell in first for key in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(field.name for field in fields(StyleInfo))


def test_every_choice_of_export_style_is_there():
    (table,) = re.findall(r"## Variants\n(.*?)\n## ", PAGE, re.DOTALL)
    named = set(re.findall(r"`--(\w+) ([\w-]+)`", table))
    assert {name for name, _ in named} == {"style", "for", "precision", "io", "layout", "dial", "size"}
    assert {value for name, value in named if name == "for"} == PRESETS.keys()
    for name, value in named:
        VariantOptions(model="great_wave", **{"for_" if name == "for" else name: value})


def test_the_engines_are_those_of_the_benchmark():
    (table,) = re.findall(r"## Engines\n(.*?)\n### ", PAGE, re.DOTALL)
    named = set(re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)) - {"engine", "---"}
    assert named <= {runtime.name for runtime in runtimes()}
    assert len(named) > 5


def test_the_shipped_files_are_what_the_page_says():
    for path in (ROOT / "models" / "impasto_models").glob("*.onnx"):
        model = onnx.load(path)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", 20)]
        assert model.ir_version == 10
        assert not model.functions
