"""The command ``export-style``; its options are the fields of `VariantOptions`."""

from pathlib import Path
from typing import Any

from impasto import ImpastoError
from impasto.contract import locate
from impasto.internal import check_writable, need, whole_file

from ...commandline.derive import NEEDED, derived, explain, finish, say
from ...commandline.variant import VariantOptions


def main() -> None:
    """Run ``export-style`` and exit with its status."""
    finish(app, "export-style")


def export_style(**given: Any) -> None:
    """Write a model in a form that suits another engine, in fewer bits, or of one style out of several, and say how
    close it comes."""
    options = VariantOptions(**given)
    need("train", NEEDED, "changing a model")
    source = _source(options.model)
    out = options.out or Path("-".join([*(options.styles or [source.stem]), *options.changes]) + ".onnx")
    if out.exists() and not options.overwrite:
        raise ImpastoError(f"{out} exists: give --overwrite to replace it, or another --out")
    check_writable(out)
    from .make import make_variant

    try:
        variant = make_variant(source, options, say)
    except (MemoryError, RuntimeError) as error:
        raise explain(error, "give a smaller --size") or error from error
    with whole_file(out) as path:
        path.write_bytes(variant.data)
    print(f"{out}: {variant.summary}")


def _source(model: str) -> Path:
    """The file that ``model`` stands for; a run folder stands for what it exported."""
    if Path(model).is_dir():
        return Path(model).resolve().with_suffix(".onnx")
    return locate(model)


app = derived("export-style", VariantOptions, export_style, short={"out": "-o"}, argument="model")


if __name__ == "__main__":
    main()
