# Two commands for a newcomer: `make run` and `make test`. Both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test lint types bench docs clean

run: $(STAMP)  ## The paper's experiment on Adult, ending with the path of a report to open.
	$(BIN)/fairfactor run

test: $(STAMP)  ## All tests; those that need Chromium skip without it.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --quiet

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP)  ## Measure; results go to benchmarks/results with their environment.
	$(BIN)/python -m benchmarks

docs: $(STAMP)
	$(PIP) --editable '.[docs]'
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache

# torch goes first and alone: what follows then keeps this build instead of a larger one.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies (about two minutes)…"
	$(PIP) torch numpy
	$(PIP) --editable '.[dev,peft,export]'
	@touch $(STAMP)
