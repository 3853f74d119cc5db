"""``benchmarks.engines``: what it says of engines that paint alike, otherwise, and not at all."""

import json

import impasto_models
import numpy as np
import pytest
from impasto import ImpastoError

from benchmarks import engines, runtimes
from benchmarks.runtimes import DIAL, EXPORTED, FIXED, PLAIN, Made, Runtime

SIZES = [(1, 2), (61, 83)]


@pytest.fixture
def reference() -> Runtime:
    return runtimes.runtimes()[0]


def test_the_reference_is_no_way_from_itself(reference):
    assert reference.name == "onnxruntime, CPU"
    for form in reference.forms:
        row = engines.compare(reference, reference, form, ["poppy_field"], SIZES)
        assert (row["worst"], row["mean"], row["note"]) == (0, "0.0000", "")
    path, info = engines.in_form("poppy_field", EXPORTED, None)
    assert runtimes.takes_dial(reference, path, info, engines.photo((20, 30))) == "taken"


@pytest.mark.parametrize("form", [DIAL, PLAIN, FIXED])
def test_every_form_is_what_export_style_would_write(tmp_path, form):
    path, info = engines.in_form("poppy_field", form, tmp_path)
    said = f"--dial {info.dial}"
    if info.io != "uint8":
        said = f"--io {info.io} --layout {info.layout} {said}"
    assert form == said + (f" --size {info.fixed_size}" if info.fixed_size else "")
    assert path.parent == tmp_path


def test_differences_and_failures_are_told(reference):
    def off(path, info, jobs, repeats):
        return [Made(one.photo // 2, 7.0) for one in jobs]

    def fails(path, info, jobs, repeats):
        raise RuntimeError("no such\noperator")

    row = engines.compare(Runtime("off", (EXPORTED,), off), reference, EXPORTED, ["poppy_field"], SIZES)
    assert row["worst"] > 20
    assert row["ms"] == 7
    row = engines.compare(Runtime("fails", (EXPORTED,), fails), reference, EXPORTED, ["poppy_field"], SIZES)
    assert row["note"] == "cannot: no such operator"
    path = impasto_models.path("poppy_field")
    for run, said in ((off, "ignored"), (fails, "refused")):
        assert runtimes.takes_dial(Runtime("it", (), run), path, None, engines.photo((20, 30))) == said


# onnx's reference evaluator is 4 levels off for poppy_field at 1x2: docs/contract.md
@pytest.mark.parametrize(("style", "sizes"), [("the_scream", "1x2,61x83"), ("poppy_field", "61x83")])
def test_every_engine_that_is_here_paints_the_same(capsys, tmp_path, style, sizes):
    figures = tmp_path / "figures.json"
    engines.engines([style], sizes=sizes, json_file=figures)
    printed = capsys.readouterr().out
    rows = json.loads(figures.read_text())
    assert {"onnxruntime, CPU", "onnx's reference evaluator"} <= {row["engine"] for row in rows}
    for row in rows:
        if row["worst"] != "-" and "default precision" not in row["engine"]:
            assert row["worst"] <= 1, row
    for runtime in runtimes.runtimes():
        assert runtime.name in printed  # measured, or left out with the reason


def test_photos_and_sizes():
    assert engines.photo((1, 2)).shape == (1, 1, 2, 3)
    assert engines.photo((61, 83)).dtype == np.uint8
    with pytest.raises(ImpastoError, match="0x3 is no height and width"):
        engines.sides("0x3")
