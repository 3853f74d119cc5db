"""Packages that only some need: what to install when one is missing."""

import importlib.metadata
import json
from urllib.parse import urlsplit
from urllib.request import url2pathname


def pip_line(extra: str) -> str:
    """What installs ``extra`` from where this installation came: a folder, a file, a repository or the index."""
    try:
        record = importlib.metadata.distribution("impasto").read_text("direct_url.json")  # PEP 610; none from an index
    except importlib.metadata.PackageNotFoundError:  # run from the source tree
        record = None
    origin = json.loads(record) if record else {}
    if not origin:
        return f'pip install "impasto[{extra}]"'
    url = origin["url"]
    if origin.get("dir_info", {}).get("editable"):
        return f'pip install -e "{url2pathname(urlsplit(url).path)}[{extra}]"'
    if repository := origin.get("vcs_info"):
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return f'pip install "impasto[{extra}] @ {url}"'
