# make demo: train a style from a picture, export it and restyle a photo with it
# make test: everything that the project checks
# Both set up what they need in .venv; only Python 3.11 or newer and make have to be there.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/train-installed
	$(BIN)/python -m impasto_train.demo

test: .venv/dev-installed
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest

.venv/%-installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	touch $@

clean:
	rm -rf .venv demo build dist
