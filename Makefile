# Everything a newcomer needs: `make demo` and `make test`. Both set up what they need first.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help demo test test-fast lint bench controlplane clean

help:            ## say what can be made
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

demo: $(BIN)/.ready   ## a real JupyterHub with a cluster to play with
	$(BIN)/teamspawner demo

lint: $(BIN)/.ready   ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint   ## all tests; those on a real control plane when it has been built
	$(BIN)/pytest

test-fast: $(BIN)/.ready   ## the tests to run while working, under three minutes
	$(BIN)/pytest -m 'not controlplane and not browser and not slow'

controlplane:   ## build the real etcd, kube-apiserver and kube-scheduler (minutes, once)
	tests/controlplane/build

bench: $(BIN)/.ready   ## speed and memory, as ratios side by side
	$(BIN)/python -m benchmarks

clean:   ## remove what was made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
