"""The styles that the web page offers: models in the form that browsers take, and an index of what they say.

    python examples/web/styles.py [MODEL ...] [--out examples/web/public/styles]

Without models, the shipped ones. Each becomes what ``export-style MODEL --dial required --precision fp16-weights``
writes: onnxruntime-web refuses optional inputs, and kernels kept in float16 halve the download. All is computed in
float32: float16 is no faster on a processor (docs/contract.md), and not every graphics processor has it.
``index.json`` lists the styles with what the page shows, since onnxruntime-web shows no metadata.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Annotated, Any

import impasto_models
import typer
from impasto import ImpastoError
from impasto.contract import locate, read_model
from impasto.internal import run, whole_file
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants.make import described, edited
from impasto_train.photos.content import demo_photo
from PIL import Image

OUT = Path(__file__).parent / "public" / "styles"
EXAMPLE = "chelsea.png"  # Stéfan van der Walt, CC0

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def written(path: Path, data: bytes) -> dict[str, Any]:
    """Write a file; what the index says of it."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
    return {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def add(model: str, out: Path) -> dict[str, Any]:
    """Write the files of one style into ``out``; its entry in the index."""
    info, data = read_model(locate(model))
    if info.made_from:
        raise ImpastoError(f"{model} is a variant itself: give the model that it was made from")
    about = described(info, VariantOptions(model=model, dial="required", precision="fp16-weights"))
    entry: dict[str, Any] = {
        "name": info.name,
        "title": info.title,
        "credit": info.credit,
        "style_license": info.style_license,
        "license": info.license,
        "preview": None,
        **written(out / f"{info.name}.onnx", edited(data, about, None, [])),
    }
    if info.preview:
        with Image.open(io.BytesIO(info.preview)) as preview:
            kind = preview.format or "JPEG"
        entry["preview"] = written(out / f"{info.name}.{kind.lower()}", info.preview)["file"]
    return entry


@app.command()
def styles(
    models: Annotated[list[str] | None, typer.Argument(help="Model files or names; all shipped styles.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = OUT,
) -> None:
    """Write the styles of the web page, its index and its example photo."""
    out.mkdir(parents=True, exist_ok=True)
    entries = [add(model, out) for model in models or impasto_models.names()]
    named = [entry["name"] for entry in entries]
    if len(set(named)) < len(named):
        raise ImpastoError(f"two of the models have the same name: {', '.join(named)}")
    written(out / "example.png", demo_photo(EXAMPLE).path.read_bytes())
    written(out / "index.json", (json.dumps({"styles": entries}, ensure_ascii=False, indent=2) + "\n").encode())
    print(f"{out}: {len(entries)} styles, {sum(entry['bytes'] for entry in entries) / 1e6:.1f} MB")


if __name__ == "__main__":
    raise SystemExit(run(app, "styles.py"))
