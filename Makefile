# Two commands for a newcomer: `make run` and `make test`. Both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
RESULTS := benchmarks/results/reproduction
STAMP := $(VENV)/.installed-for-development
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run tune compare peers reproduce reproduce-page reproduce-quick test lint types bench docs clean

run: $(INSTALLED)  ## The paper's experiment on Adult, ending with the path of a report to open.
	$(BIN)/fairfactor run

tune: $(INSTALLED)  ## The most accurate model on Adult whose equalised odds difference is at most 5 %.
	$(BIN)/fairfactor tune --constraint 'equalized_odds<=0.05'

compare: peers  ## Ours and every peer on Adult, five seeds: about half an hour on two cores.
	$(BIN)/fairfactor compare

peers: $(INSTALLED)  ## The packages of the methods to compare with.
	$(PIP) --requirement requirements/peers.txt

reproduce: $(INSTALLED)  ## Every table and figure of the paper, ten seeds, and the page about them; goes on where it stopped.
	$(BIN)/fairfactor reproduce --all --results $(RESULTS) --page docs/does-it-reproduce.md

reproduce-page: $(INSTALLED)  ## The page again from the saved results.
	$(BIN)/fairfactor reproduce --results $(RESULTS) --page docs/does-it-reproduce.md

reproduce-quick: $(INSTALLED)  ## Three studies on two seeds, to see that everything runs.
	$(BIN)/fairfactor reproduce figure-4 figure-3 intersections --seeds 2 --results runs/reproduction-quick \
		--cells runs/reproduction-quick/cells --page runs/reproduction-quick/page.md

test: $(STAMP)  ## All tests; those that need Chromium skip without it.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --quiet

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP)  ## Measure; results go to benchmarks/results with their environment.
	$(BIN)/python -m benchmarks

docs: $(STAMP)  ## The documentation as pages, in site/; open site/index.html.
	$(PIP) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache

# torch goes first and alone: what follows then keeps this build instead of a larger one.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies (one or two minutes)…"
	$(PIP) torch numpy
	$(PIP) --editable .
	@touch $@

$(STAMP): $(INSTALLED)
	@echo "Installing what the tests need (a minute)…"
	$(PIP) --editable '.[dev,text,export]'
	@touch $@
