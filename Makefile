# All that people and CI ever type. `make` alone explains itself.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
export NISSE_MODELS_FOLDER_FOR_TESTS := $(CURDIR)/build/models

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## set everything up and start the house on this desk; Ctrl-C stops it
	@provisioning/setup.sh run
	@$(PYTHON) -m agent run

.PHONY: test
test: ## set everything up and pass all tests (installs Postfix, Dovecot, Chromium, Avahi for them)
	@provisioning/setup.sh test
	@$(PYTHON) -m pytest

.PHONY: check
check: ## the quick checks: ruff, mypy, shellcheck, layout
	@provisioning/setup.sh test
	@$(PYTHON) -m pytest tests/test_layout.py tests/test_linters.py

.PHONY: clean
clean: ## remove what was built or fetched here (not what the house knows)
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache ./*.egg-info
