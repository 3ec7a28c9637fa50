# Everything a newcomer needs: `make demo` and `make test`. Both set up what they need first.

PYTHON ?= python3
NEWEST = .venv
CHART = .venv-chart

# The pair of versions that the newest released chart ships, beside the newest on PyPI.
CHART_PAIR = jupyterhub==5.5.0 jupyterhub-kubespawner==7.0.0 jupyterhub-idle-culler==1.4.0

# setuptools warns at every editable install, whatever there is to warn of
QUIET = PYTHONWARNINGS=ignore

.PHONY: help setup demo test test-fast test-chart-pair lint controlplane oracle bench clean

help:            ## say what can be made
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(NEWEST)/.ready $(CHART)/.ready   ## both Python environments, with all that tests need

$(NEWEST)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/pip install --quiet --upgrade pip
	$(QUIET) $(NEWEST)/bin/pip install --quiet --editable '.[test]'
	touch $@

$(CHART)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(CHART)
	$(CHART)/bin/pip install --quiet --upgrade pip
	$(QUIET) $(CHART)/bin/pip install --quiet --editable '.[test]' $(CHART_PAIR)
	touch $@

demo: $(NEWEST)/.ready   ## a real JupyterHub with a cluster to play with
	$(NEWEST)/bin/teamspawner demo

test: setup lint   ## all tests, then those of the hub again on the chart's versions
	$(NEWEST)/bin/pytest
	$(CHART)/bin/pytest tests/hub tests/chart tests/controlplane/test_journey.py

test-fast: $(NEWEST)/.ready   ## the tests to run while working, about three minutes
	$(NEWEST)/bin/pytest -n 2 --dist loadscope -m 'not controlplane and not browser and not slow'

lint: $(NEWEST)/.ready   ## style, types, layers
	$(NEWEST)/bin/ruff check .
	$(NEWEST)/bin/ruff format --check .
	$(NEWEST)/bin/mypy
	$(NEWEST)/bin/lint-imports

controlplane:   ## build the real etcd, kube-apiserver and kube-scheduler (minutes, once)
	tests/controlplane/build
	tests/chart/crds

oracle:   ## build the program that asks the scheduler's own filters (minutes, once)
	tests/oracle/build

bench: $(NEWEST)/.ready   ## speed and memory, as ratios side by side
	$(NEWEST)/bin/python -m benchmarks

clean:   ## remove what was made here
	rm -rf $(NEWEST) $(CHART) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
