"""With ``IMPASTO_TESTS_NO_SKIPS=1`` a test that would be skipped fails, unless what it lacks cannot be installed.

`conftest.py` takes these hooks in; ``make test-all`` sets the variable once it has installed everything.
"""

import os
from collections.abc import Generator

import pytest

NO_SKIPS = "IMPASTO_TESTS_NO_SKIPS"
ALLOWED = ("needs an NVIDIA GPU", "no small disk can be mounted here")  # of some containers

Report = pytest.TestReport | pytest.CollectReport


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Report, Report]:
    return _refused((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Report, Report]:
    return _refused((yield))


def _refused(report: Report) -> Report:
    if os.environ.get(NO_SKIPS) == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(allowed in reason for allowed in ALLOWED):
            report.outcome = "failed"
            report.longrepr = f"{NO_SKIPS} is set, and this would be left out. {reason}"
    return report
