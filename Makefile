# `make demo` and `make test` are all the set-up there is: each makes an environment of its own.
PYTHON ?= python3
DEMO := .venv-demo
TEST := .venv-test
# KServe pins what the tests do not, so it has an environment of its own; without it its tests are skipped.
KSERVE := .venv-kserve
PIP := -m pip install --quiet --disable-pip-version-check
# Torch comes first and pinned, so that nothing else chooses a build of it.
TORCH := torch==2.13.0

.PHONY: help demo test test-all clean python
.DEFAULT_GOAL := help

help:
	@echo "make demo      audit the embedded default on its photographs, and say where the report is"
	@echo "make test      ruff, mypy and pytest"
	@echo "make test-all  the same with the tests marked slow"
	@echo "make clean     remove the environments that these commands made"

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; name one, as in: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; \
	  exit 2; }

# An environment is made afresh when pyproject.toml or this file changed, else used again.
$(DEMO)/.ready: pyproject.toml Makefile | python
	@echo "Making $(DEMO) (once; one to three minutes) ..."
	@rm -rf $(DEMO)
	@$(PYTHON) -m venv $(DEMO)
	@$(DEMO)/bin/python $(PIP) --editable .
	@touch $@

$(TEST)/.ready: pyproject.toml Makefile | python
	@echo "Making $(TEST) (once; a few minutes, torch is large) ..."
	@rm -rf $(TEST)
	@$(PYTHON) -m venv $(TEST)
	@$(TEST)/bin/python $(PIP) $(TORCH)
	@$(TEST)/bin/python $(PIP) --editable '.[test]'
	@touch $@

demo: $(DEMO)/.ready
	@$(DEMO)/bin/deepception demo

$(KSERVE)/.ready: Makefile | python
	@echo "Making $(KSERVE) (once; a minute) ..."
	@rm -rf $(KSERVE)
	@$(PYTHON) -m venv $(KSERVE)
	@$(KSERVE)/bin/python $(PIP) 'kserve>=0.15' 'onnxruntime>=1.19'
	@touch $@

test test-all: export DEEPCEPTION_KSERVE_PYTHON = $(abspath $(KSERVE))/bin/python

test: $(TEST)/.ready $(KSERVE)/.ready
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy
	$(TEST)/bin/python -m pytest --numprocesses 2 --dist worksteal

test-all: $(TEST)/.ready $(KSERVE)/.ready
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy
	$(TEST)/bin/python -m pytest -m "slow or not slow"

clean:
	rm -rf $(DEMO) $(TEST) $(KSERVE)
