# hotbay: the commands of daily work. `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CHECKED := src tests bench
UI := src/hotbay/api/static/index.html
UI_TOOLS := ui/node_modules/.package-lock.json
UI_SOURCES := $(shell find ui/src ui/public -type f) $(wildcard ui/*.html ui/*.js ui/*.json ui/*.ts)

.DEFAULT_GOAL := help
.PHONY: help run test check fix ui ui-dev ui-check ui-test bench soak lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(READY) ## Start a demonstration with tiny models; Ctrl-C ends it
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory ui; \
		else echo "npm is missing, so the web UI is not built (Node 20.19 or newer brings it)" >&2; fi
	@$(BIN)/hotbay demo

test: check ui ui-test ## Run every check and every test, in parallel and in random order
	$(call need,chromium,chromium)
	$(BIN)/pytest -n auto -m "not soak"

check: $(READY) ui-check ## Check format, style and types
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/mypy bench

fix: $(READY) $(UI_TOOLS) ## Repair format and style where that can be done safely
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)
	npm --prefix ui run --silent format

ui: $(UI) ## Build the web UI, if its sources are newer than what was built

ui-dev: $(UI_TOOLS) ## Serve the web UI from its sources, for the hotbay at HOTBAY_URL
	@npm --prefix ui run --silent dev

ui-check: $(UI_TOOLS)
	npm --prefix ui run --silent lint
	npm --prefix ui run --silent check

ui-test: $(UI_TOOLS)
	npm --prefix ui run --silent test

bench: $(READY) ## Measure hotbay against nginx on this machine (bench/README.md)
	$(call need,cc,gcc libc6-dev)
	$(call need,nginx,nginx)
	$(BIN)/python bench/run.py

soak: $(READY) ## Run the tests that take long
	$(BIN)/pytest -n auto -m soak

# Run this after a change to the dependencies in pyproject.toml. It keeps the pins
# that still fit; delete requirements.lock first to take the newest of everything.
# The build backend is locked as well, so that installing hotbay fetches nothing.
lock: $(BIN)/python ## Write requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	printf 'hatchling\neditables\n' | $(BIN)/uv pip compile pyproject.toml - \
		--universal --python-version 3.11 --all-extras --group dev --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" --quiet -o requirements.lock

clean: ## Remove everything that was built or installed here
	rm -rf .venv bench/bin bench/results dist build ui/node_modules src/hotbay/api/static
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(CHECKED) -name __pycache__ -prune -exec rm -rf {} +

# Installed once, and again whenever the lock file or pyproject.toml is newer.
$(READY): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what requirements.lock names into .venv (about half a minute)"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

$(UI): $(UI_TOOLS) $(UI_SOURCES)
	@echo "Building the web UI"
	@npm --prefix ui run --silent build -- --logLevel warn

$(UI_TOOLS): ui/package.json ui/package-lock.json
	$(call need,npm,nodejs npm)
	@echo "Installing what ui/package-lock.json names into ui/node_modules (a few seconds)"
	@npm --prefix ui ci --silent
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hotbay needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

# $(call need,PROGRAM,DEBIAN PACKAGES): install the packages where the program is missing and we may.
define need
@command -v $(1) >/dev/null || [ -x /usr/sbin/$(1) ] || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $(2); } || \
	{ echo "$(1) is missing; on Debian: apt-get install $(2)" >&2; exit 1; }
endef
