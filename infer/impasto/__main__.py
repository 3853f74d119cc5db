"""``python -m impasto``: the same as ``apply-style``."""

from ._cli import main

if __name__ == "__main__":
    main()
