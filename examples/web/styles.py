"""The styles that the web page offers: models in the form that browsers take, and an index of what they say.

    python examples/web/styles.py [MODEL ...] [--out examples/web/public/styles]

Without models, the shipped ones, and last the file of several styles, which the page blends. Each becomes what
``export-style MODEL --dial required --precision fp16-weights`` writes: onnxruntime-web refuses optional inputs, and
kernels kept in float16 halve the download. All is computed in float32: float16 is no faster on a processor
(docs/contract.md), and not every graphics processor has it. ``index.json`` lists the styles with what the page shows,
since onnxruntime-web shows no metadata.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Annotated, Any

import impasto_models
import typer
from impasto import ImpastoError, StyleInfo
from impasto.contract import locate, read_model
from impasto.internal import run, whole_file
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants.make import described, edited
from impasto_train.photos.content import demo_photo
from PIL import Image

OUT = Path(__file__).parent / "public" / "styles"
EXAMPLE = "chelsea.png"  # Stéfan van der Walt, CC0
SAID = ("name", "title", "credit", "style_license", "license")  # of each style
PREVIEW = 192  # px, the sides of a preview

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def written(path: Path, data: bytes) -> dict[str, Any]:
    """Write a file; what the index says of it."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
    return {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def patchwork(info: StyleInfo) -> bytes:
    """A preview of several styles: four of theirs side by side; empty if they have none."""
    previews = [one.preview for one in info.styles if one.preview]
    if not previews:
        return b""
    whole, side = Image.new("RGB", (PREVIEW, PREVIEW)), PREVIEW // 2
    for at in range(4):
        with Image.open(io.BytesIO(previews[at % len(previews)])) as preview:
            whole.paste(preview.resize((side, side)), (at % 2 * side, at // 2 * side))
    data = io.BytesIO()
    whole.save(data, "JPEG", quality=90)
    return data.getvalue()


def said(info: StyleInfo) -> dict[str, str]:
    return {key: getattr(info, key) for key in SAID}


def add(model: str, out: Path) -> dict[str, Any]:
    """Write the files of one style into ``out``; its entry in the index."""
    info, data = read_model(locate(model))
    if info.made_from:
        raise ImpastoError(f"{model} is a variant itself: give the model that it was made from")
    about = described(info, VariantOptions(model=model, dial="required", precision="fp16-weights"))
    entry: dict[str, Any] = {
        **said(info),
        "styles": [said(one) for one in info.styles],
        "preview": None,
        **written(out / f"{info.name}.onnx", edited(data, about, None, [])),
    }
    if shown := patchwork(info) if info.styles else info.preview:
        with Image.open(io.BytesIO(shown)) as preview:
            kind = preview.format or "JPEG"
        entry["preview"] = written(out / f"{info.name}.{kind.lower()}", shown)["file"]
    return entry


@app.command()
def styles(
    models: Annotated[list[str] | None, typer.Argument(help="Model files or names; all that are shipped.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = OUT,
) -> None:
    """Write the styles of the web page, its index and its example photo."""
    out.mkdir(parents=True, exist_ok=True)
    shipped = sorted(impasto_models.files(), key=lambda name: (name == impasto_models.ATLAS, name))
    entries = [add(model, out) for model in models or shipped]
    named = [entry["name"] for entry in entries]
    if len(set(named)) < len(named):
        raise ImpastoError(f"two of the models have the same name: {', '.join(named)}")
    written(out / "example.png", demo_photo(EXAMPLE).path.read_bytes())
    written(out / "index.json", (json.dumps({"styles": entries}, ensure_ascii=False, indent=2) + "\n").encode())
    print(f"{out}: {len(entries)} files of styles, {sum(entry['bytes'] for entry in entries) / 1e6:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(run(app, "styles.py"))
