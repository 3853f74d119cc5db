"""A browser for the pages in ``examples``."""

import shutil
from pathlib import Path

import pytest

from benchmarks.web import browser

WEB = Path(__file__).parents[2] / "examples" / "web"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser that Node can drive."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("examples/web: Node is not installed")
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        pytest.skip("examples/web: npm install --prefix examples/web --ignore-scripts has not been run")
    found = browser()
    if not found:
        pytest.skip("examples/web: Chromium is not installed")
    return found
