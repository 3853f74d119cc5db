"""Packages that only some need: what to install when one is missing."""

import importlib.metadata
import json


def pip_line(extra: str) -> str:
    """What installs ``extra`` from where this installation came: a folder, a file or the package index."""
    record = importlib.metadata.distribution("impasto").read_text("direct_url.json")  # PEP 610; none from an index
    url = json.loads(record)["url"] if record else None
    return f'pip install "impasto[{extra}] @ {url}"' if url else f'pip install "impasto[{extra}]"'
