"""The rooms of the two packages: who may import whom, and how large a module may get."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"impasto": ROOT / "infer/impasto", "impasto_train": ROOT / "train/impasto_train"}
# from the ground up: a room may import from those before it, and the modules beside the rooms from all; rooms import
# none of those
ROOMS = {
    "impasto": ["common", "contract", "pictures", "engine", "painting", "apply", "bulk"],
    "impasto_train": [
        "commandline",
        "downloads",
        "photos",
        "loss",
        "judge",
        "network",
        "training",
        "base",
        "export",
        "pipeline",
        "optimize",
        "tune",
        "demo",
    ],
}
PUBLIC = {"impasto", "impasto.contract", "impasto.pictures", "impasto.internal"}
LONGEST_MODULE, LONGEST_FUNCTION = 350, 70  # lines


def modules(package: str) -> dict[str, Path]:
    """Every module of ``package`` by its dotted name."""
    folder = PACKAGES[package]
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


def imports(path: Path, name: str = "") -> Iterator[tuple[str, list[str], bool]]:
    """What ``path``, the module ``name``, imports: dotted module, names out of it, and whether at once."""
    tree = ast.parse(path.read_text())
    at_once = {id(node) for node in tree.body}
    here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.name, [], id(node) in at_once) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module, [one.name for one in node.names], id(node) in at_once


def room(package: str, module: str) -> str | None:
    """The room that ``module`` lies in; None for a module beside the rooms, and for those of other packages."""
    top, _, rest = module.partition(".")
    first = rest.split(".")[0]
    return first if top == package and first in ROOMS[package] else None


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_is_a_room_with_a_docstring(package):
    folders = {path.name for path in PACKAGES[package].iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS[package]) - {"pipeline"}
    for folder in folders:
        text = ast.get_docstring(ast.parse((PACKAGES[package] / folder / "__init__.py").read_text()))
        assert text
        assert "In: " in text
        assert "Out: " in text


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_one_way(package):
    order = ROOMS[package]
    known = modules(package)
    for name, path in known.items():
        if not (mine := room(package, name)):
            continue
        for module, names, _ in imports(path, name):
            whole = {f"{module}.{one}" for one in names} & known.keys() or {module}
            for one in whole & known.keys() - {package}:
                other = room(package, one)
                assert other is not None, f"{name} imports {module}, which lies beside the rooms"
                assert order.index(other) <= order.index(mine), f"{name} imports {module}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package):
    known = modules(package)
    arrows: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for module, names, at_once in imports(path, name):
            if at_once:
                arrows[name] |= ({f"{module}.{one}" for one in names} | {module}) & known.keys() - {name}
    tuple(graphlib.TopologicalSorter(arrows).static_order())  # raises CycleError


def test_the_styles_import_nothing_of_ours():
    found = {module.split(".")[0] for module, _, _ in imports(ROOT / "models/impasto_models/__init__.py")}
    assert not found & PACKAGES.keys()


def outside() -> list[Path]:
    folders = ("train", "models", "benchmarks", "examples")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts]


@pytest.mark.parametrize("path", outside(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_built_on_impasto_imports_what_it_declares(path):
    import importlib

    for module, names, _ in imports(path, "elsewhere.module"):
        if module.partition(".")[0] == "impasto":
            assert module in PUBLIC
            assert set(names) <= set(importlib.import_module(module).__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_and_functions_are_short(package):
    for name, path in modules(package).items():
        text = path.read_text()
        assert len(text.splitlines()) <= LONGEST_MODULE, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{name}: {node.name}"
