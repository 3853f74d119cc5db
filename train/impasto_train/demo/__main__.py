"""``python -m impasto_train.demo``."""

import sys

from impasto.internal import run

from .command import app

if __name__ == "__main__":
    sys.exit(run(app, "demo"))
