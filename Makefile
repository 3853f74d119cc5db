# make demo: train a style from a picture, export it and restyle a photo with it
# make web: build the web page and serve it on this machine alone
# make test: in ten minutes what the project checks; what needs something that is not installed is skipped by name
# make test-all: everything, with nothing skipped but what cannot be installed (a GPU, a right to mount)
# They set up what they need in .venv; only Python 3.11 or newer and make have to be there, for the web page Node 20.19
# or newer with npm, and for test-all Chromium too.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WHICH := -m "not slow"
# a process for each core, a file of tests for each process: what its tests share is made once; the slow ones come first
AT_ONCE := --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: demo web test test-all clean

demo: .venv/train-installed
	$(BIN)/python -m impasto_train.demo

web: .venv/train-installed examples/web/node_modules/.installed
	$(BIN)/python examples/web/styles.py
	npm --prefix examples/web run build
	npm --prefix examples/web run preview

test: .venv/dev-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(AT_ONCE) $(WHICH)

test-all: .venv/engines-installed $(patsubst %,%/node_modules/.installed,examples/node examples/web benchmarks/js)
	IMPASTO_TESTS_NO_SKIPS=1 $(MAKE) test WHICH=

.venv/engines-installed: .venv/dev-installed
	$(PIP) openvino "opencv-python-headless>=5"
	touch $@

.venv/%-installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable ".[$*]"
	touch $@

%/node_modules/.installed: %/package.json
	@command -v npm >/dev/null || { echo "Node 20.19 or newer with npm is needed for $*"; exit 1; }
	npm install --prefix $* --ignore-scripts --no-audit --no-fund
	touch $@

clean:
	rm -rf .venv demo build dist examples/*/node_modules benchmarks/js/node_modules examples/web/dist examples/web/public/styles
