"""Optional packages: what to install when one is missing."""


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
