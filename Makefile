# Everything a newcomer needs: `make demo`, `make test`, `make lint`, `make bench`. Each sets up what it needs, once.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := $(BIN)/uv pip
INSTALL := $(UV) install --quiet --python $(BIN)/python
LOCKED := $(INSTALL) --require-hashes --requirement
BESIDE = --numprocesses 2 --dist loadfile
PAGES = $(BIN)/python -m benchmarks.pages && $(BIN)/python docs/generate.py
COMPILE := $(UV) compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: help demo test test-unit test-contract test-integration test-faults test-faults-short lint format bench bench-soak bench-quick lock setup clean
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/run.stamp ## Kafka, events and live predictions in this terminal; SECONDS=30 ends it by itself
	@$(BIN)/shelfstream demo $(if $(SECONDS),--seconds $(SECONDS))

test: test-unit test-contract test-integration test-faults-short ## All tests: unit, contract, integration on a real Kafka, some faults

test-unit: $(VENV)/dev.stamp ## Fast tests without network
	$(BIN)/python -m pytest $(BESIDE) tests/unit

test-contract: $(VENV)/dev.stamp ## What is promised to others: golden bytes, schemas, imports, docs
	$(BIN)/python -m pytest $(BESIDE) tests/contract

test-integration: $(VENV)/dev.stamp ## Whole agents on a real Kafka
	$(BIN)/python -m pytest $(BESIDE) tests/integration

test-faults-short: $(VENV)/dev.stamp ## The faults that every change must stand: two minutes
	$(BIN)/python -m pytest $(BESIDE) tests/faults

test-faults: $(VENV)/dev.stamp ## Every fault, many times, with the table at the end; SEED=2 draws another schedule
	$(BIN)/python -m pytest tests/faults --faults-long $(if $(SEED),--faults-seed $(SEED)) --faults-report .shelfstream/faults

lint: $(VENV)/dev.stamp ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp ## Lay the code out as `make lint` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp ## Measure the published figures on this machine, 20 minutes: JSON, table, plots, pages
	$(BIN)/python -m benchmarks; status=$$?; $(PAGES) && exit $$status

bench-soak: $(VENV)/dev.stamp ## Half an hour of steady load, added to the newest results; MINUTES=5 for a shorter one
	$(BIN)/python -m benchmarks --only soak $(if $(MINUTES),--minutes $(MINUTES)); status=$$?; $(PAGES) && exit $$status

bench-quick: $(VENV)/dev.stamp ## Small sizes in under three minutes; fails when a ratio is out of bounds
	$(BIN)/python -m benchmarks.quick

setup: $(VENV)/dev.stamp ## Only set up: virtual environment with locked dependencies

lock: $(VENV)/uv.stamp ## Write requirements/*.txt anew from pyproject.toml
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --all-extras --constraint requirements/run.txt --output-file requirements/dev.txt

clean: ## Remove the virtual environment, caches and the local Kafka with its data
	@if [ -x $(BIN)/shelfstream ]; then $(BIN)/shelfstream kafka stop || true; fi
	rm -rf $(VENV) .shelfstream .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/uv.stamp: requirements/bootstrap.txt
	@[ -n "$(PYTHON)" ] && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; say which: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(VENV)/run.stamp: $(VENV)/uv.stamp requirements/run.txt pyproject.toml
	@echo "Installing what shelfstream needs to run ..."
	@$(LOCKED) requirements/run.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "Installing what tests and checks need ..."
	@$(LOCKED) requirements/dev.txt
	@touch $@
