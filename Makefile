# Every target sets up .venv from uv.lock first; it needs Python 3.11 or newer and make, nothing else.
# `make PYTHON=…` names the Python to use.

.DEFAULT_GOAL := help
.PHONY: help run test coverage test-all check bench docs wheel pictures clean

BIN := .venv/bin
READY := .venv/.made-from-the-lock
TEMPLATES := templates
# Looked up when it is used, for setting up may have brought it.
UV = $(firstword $(wildcard .venv/bin/uv .tools/bin/uv) uv)

$(READY): uv.lock pyproject.toml scripts/set-up
	@PYTHON='$(PYTHON)' scripts/set-up

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## serve the wizard on http://127.0.0.1:8000; on the sandbox when nothing is configured
	@exec $(BIN)/infisical-connect serve

# Measuring adds two thirds to the time that the tests take, so it is done where nobody waits for them.
MEASURE = $(if $(CI),--cov --cov-report=term)

# The last line is pytest's own, or else what could not be tested and how to mend it.
test coverage test-all: $(READY)
	@$(BIN)/python -m tests.programs ensure $(NEEDS)
	@$(BIN)/pytest --numprocesses 2 --dist loadgroup $(MEASURE) $(WHICH); status=$$?; $(BIN)/python -m tests.programs report $(NEEDS); exit $$status

test coverage: NEEDS = chromium curl
test: ## hold every promise once, in the browser as well
coverage: MEASURE = --cov --cov-report=term
coverage: ## the same, and measure how much of app/ the tests run
test-all: WHICH = -m ''
test-all: ## run the full products and the heavy parts too, as before a release

check: $(READY) ## lint, format, types, templates, imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/djlint --check $(TEMPLATES)
	$(BIN)/djlint --lint $(TEMPLATES)
	$(BIN)/lint-imports

bench: $(READY) ## measure what must stay within bounds, each as a ratio to its bound
	@set -e; for script in scripts/bench/*.py; do $(BIN)/python $$script; done

docs: $(READY) ## write what is made from rows: the tables of settings, .env.example, docs/asvs.md
	@$(BIN)/python scripts/docs.py

wheel: $(READY) ## build the wheel into dist/
	@$(UV) build --wheel --quiet --out-dir dist
	@ls dist/*.whl

pictures: $(READY) ## take the pictures in docs/ anew
	@$(BIN)/python -m tests.programs ensure
	@$(BIN)/python -m tests.browser.pictures

clean: ## remove what make and the tools have made, and nothing else
	rm -rf .venv .tools dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov test-results
	rm -f .coverage .coverage.*
