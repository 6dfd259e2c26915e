# make demo | test | quick | bench: each sets itself up in .venv on a fresh machine (python3 >= 3.11 and make).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORPUS := $(VENV)/corpus
# Numba and BLAS threads of the tests' processes would fight for the same two cores.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.PHONY: demo test quick lint long bench clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,demo]'
	touch $@

# The frozen node cases of ONNX, as data: the wheel is not installed. Without it the tests of the corpus are skipped.
$(CORPUS): $(READY)
	mkdir -p $(CORPUS)
	-$(BIN)/python -m pip download --quiet --no-deps --only-binary :all: --dest $(CORPUS) onnx==1.22.0

demo: $(READY)
	$(BIN)/litegold demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint $(CORPUS)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not long'

quick: lint $(CORPUS)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not long and not slow' tests

long: $(READY)
	$(BIN)/python -m pytest -q -m long

# Three quarters of an hour on a machine that has nothing else to do; writes bench/RESULTS.md and what README.md quotes of it.
bench: $(READY)
	$(BIN)/python -m pip install --quiet --no-deps pnnx
	$(BIN)/python -m pip install --quiet --editable '.[peers,plots]'
	$(BIN)/python -m bench.networks
	$(BIN)/python -m bench.formats
	$(BIN)/python -m bench.elementwise --threads 1 2
	$(BIN)/python -m bench.roofline
	$(BIN)/python -m bench.startup --cold
	$(BIN)/python -m bench.shortfalls

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
