# `make demo` and `make test` set up .venv in this checkout by themselves; nothing outside it changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Half of the suite waits for other processes: one worker more than two cores have.
WORKERS ?= 3
NAME ?= all
SIZE ?= 1000000
TIMES ?= 10

.PHONY: demo test test-fast explore bench pictures docs check lint types layers lock clean help

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY) ## The main job, end to end, on embedded servers
	$(BIN)/enrichd demo

test: $(READY) ## All tests; WORKERS=3 at once
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-fast: $(READY) ## The tests that take less than a minute together, without daemons
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not daemon and not slow"

explore: $(READY) ## The properties again, with input that was never tried; TIMES=10
	for run in $$(seq $(TIMES)); do \
	    $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not daemon" --hypothesis-profile explore \
	        $$(grep -rlE "hypothesis" tests --include='test_*.py') || exit 1; \
	done

bench: $(READY) ## Benchmarks; NAME=pack for one, SIZE=10000 for a quick look
	$(BIN)/python -m benchmarks $(NAME) --size $(SIZE)

pictures: $(READY) ## The pictures of the console in docs/pictures (needs Debian's chromium)
	$(BIN)/python -m docs.pictures

docs: $(READY) ## The documentation, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

check: lint types layers ## Everything that is not a test

lint: $(READY) ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Types
	$(BIN)/mypy

layers: $(READY) ## Imports point downward only
	$(BIN)/lint-imports

lock: ## Pin the newest versions (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock

clean: ## Remove what the targets made
	rm -rf $(VENV) demo-data site .mypy_cache .ruff_cache .pytest_cache .hypothesis
