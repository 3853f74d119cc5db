"""``python -m impasto``: the same as ``apply-style``."""

from .apply.command import main

if __name__ == "__main__":
    main()
