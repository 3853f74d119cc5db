"""Optional packages: what to install when one is missing."""

import importlib.util
from collections.abc import Iterable

from .errors import ImpastoError


def need(extra: str, packages: Iterable[str], purpose: str = "") -> None:
    """Refuse to go on without the packages of an extra, which are looked for and not imported: that may take seconds.

    Raises:
        ImpastoError: one is not installed; the line says how to install it.
    """
    said = f"{purpose} needs more packages" if purpose else "more packages are needed"
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ImpastoError(f"{said} ({missing[0]} is not installed): {pip_line(extra)}")


def pip_line(extra: str) -> str:
    """The command that installs ``extra`` from where this installation came: folder, file, repository or index."""
    import importlib.metadata  # imported here: rarely needed, and slower to import than the rest of this package
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

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
