# Everything a developer types. `make run` needs Python 3.11 or newer and nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PORT ?= 8000
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
BIN := .venv/bin
PYTHON_READY := .venv/.installed
NODE_READY := node_modules/.installed
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/*.po))

.PHONY: help install catalogues messages run test lint types contracts migrations pytest format lock screenshots \
	benchmark chaos

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

install: $(PYTHON_READY) $(NODE_READY) catalogues ## .venv and node_modules as the lock files say

catalogues: $(CATALOGUES) ## The translations, compiled

messages: install ## Bring new texts of the source into locale/ (needs GNU gettext)
	$(BIN)/python manage.py makemessages --all --no-obsolete --no-location --ignore=tests --ignore=node_modules

run: install ## The whole product with a demo workspace (PORT=8000)
	@PORT=$(PORT) $(BIN)/python manage.py up

test: install ## Everything that must hold before a push
	@$(MAKE) --no-print-directory -j2 types lint contracts migrations
	@$(MAKE) --no-print-directory pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --check --lint templates

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports --no-logo

migrations: install
	$(BIN)/python manage.py makemigrations --check --dry-run

pytest: install
	$(BIN)/pytest -n auto --dist loadgroup

format: install ## Rewrite Python and templates in the one style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/djlint --reformat --quiet templates

lock: ## Pin every dependency anew (needs uv)
	uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" -q -o requirements.lock
	uv pip compile pyproject.toml --group dev --constraint requirements.lock --upgrade --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" -q -o requirements-dev.lock
	npm install --package-lock-only

screenshots: install ## The pictures in the README, taken from the demo workspace
	$(BIN)/python -m tests.screenshots

benchmark: install ## Compare with DuckDB and PostgreSQL on raw events (minutes)
	$(BIN)/python -m tests.benchmarks

chaos: install ## Let every fault happen for long; print what was lost, doubled or misplaced (minutes)
	$(BIN)/python -m tests.chaos

$(PYTHON_READY): requirements-dev.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say PYTHON=/path/to/python." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
		rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

%.mo: %.po | $(PYTHON_READY)
	@$(BIN)/python -m panta_admin.catalogues

# Without npm the chart library comes out of the Python package: bigger, but it works.
$(NODE_READY): package-lock.json
	@mkdir -p node_modules
	@if command -v npm >/dev/null; then \
		npm ci --silent || echo "npm ci failed; charts will use the bigger bundle of the Python package." >&2; fi
	@mkdir -p node_modules && touch $@
