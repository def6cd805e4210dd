# One door for people and CI.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
SOURCE ?= simulated
DATA   ?=
SEED   ?= 0
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo repro test test-all lint format bench up down docs clean

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# torch first and by itself: a looser pin, or another package's wish for a newer one, brings gigabytes of CUDA
$(VENV)/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

setup: $(VENV)/installed ## install everything, pinned, into .venv

demo: setup ## the whole loop on a simulated hospital (SOURCE=nih_cxr DATA=folder for real radiographs)
	$(BIN)/radloop demo --source $(SOURCE) $(if $(DATA),--data $(DATA)) --seed $(SEED)

repro: setup ## run the pipeline of the default use case; does nothing when nothing changed
	$(BIN)/radloop repro

test: setup ## the default tests (under 12 minutes)
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-all: setup ## every test, the slow ones too
	$(BIN)/python -m pytest $(ARGS)

lint: setup ## ruff, mypy --strict, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## let ruff lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## time and memory of every job, against the plain alternative
	$(BIN)/radloop bench $(if $(ARGS),$(ARGS),jobs)

up: setup ## Prefect, MLflow, prediction service and worker, on loopback
	$(BIN)/radloop up

down: setup ## stop what `make up` started, and only that
	$(BIN)/radloop down

docs: setup ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## remove caches and built pages; keeps .radloop/ (your data) and .venv/
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis site build dist
	find src flows monitoring tests -name __pycache__ -type d -prune -exec rm -rf {} +
