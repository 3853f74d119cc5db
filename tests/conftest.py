"""Fixtures that several rooms share; each room's own are in its conftest.py."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from impasto import StyleInfo
from impasto.contract.info import seal
from negative import INFO, flat_model, negative_model
from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks of pytest's


@pytest.fixture(scope="session")
def info() -> StyleInfo:
    """What the models of these fixtures say about themselves, but for the digest."""
    return INFO


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a sealed model into the test's folder: ``make_model("name", title="of another title")``."""

    def make(name: str = INFO.name, **changes: Any) -> Path:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(seal(negative_model(replace(INFO, name=name, **changes).to_metadata())))
        return path

    return make


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model named ``negative`` that turns photos into their negatives."""
    path = tmp_path_factory.mktemp("model") / "negative.onnx"
    path.write_bytes(seal(negative_model(INFO.to_metadata())))
    return path


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model of several styles, named ``atlas``, each of which paints a flat colour."""
    path = tmp_path_factory.mktemp("atlas") / "atlas.onnx"
    path.write_bytes(flat_model())
    return path


@pytest.fixture(scope="session")
def narrow_vgg_weights() -> Any:
    """See `tests.drills.tiny.narrow_vgg`."""
    from tests.drills.tiny import narrow_vgg

    return narrow_vgg()


@pytest.fixture
def photo() -> np.ndarray:
    """Noise of 20x30 px, uint8 ``[H, W, 3]``."""
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def rgb() -> np.ndarray:
    """Noise of 24x36 px: no two pixels the same, so that nothing can be turned or cut unseen."""
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


@pytest.fixture
def alpha() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 36), dtype=np.uint8)


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """SIGINT means Ctrl-C here and in what is started: a job in the background was itself started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
