"""``python -m impasto_train``: the same as ``train-style``."""

from .cli import main

if __name__ == "__main__":
    main()
