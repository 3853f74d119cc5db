"""The pages: links lead somewhere, and docs/options.md has every option of every command."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if "://" not in link:
            target, _, anchor = link.partition("#")
            file = page.parent / target if target else page
            assert file.exists(), link
            assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("command", PROJECT["scripts"])
def test_every_option_of_a_command_is_on_the_page_and_no_other(command):
    page = (ROOT / "docs" / "options.md").read_text()
    (section,) = re.findall(rf"^## [^\n]*`{command}`\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
    app = importlib.import_module(PROJECT["scripts"][command].partition(":")[0]).app
    options = typer.main.get_command(app).params
    known = {word for option in options for word in (*option.opts, *option.secondary_opts) if word.startswith("--")}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", section)) == known - {"--help"}


def test_the_changelog_has_the_version():
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_code_that_contributing_names_is_there():
    named = re.findall(r"`((?:infer|train|tests|benchmarks|examples)/[\w/.]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []
