# Thin names over real commands. `make install` is quick when nothing changed: stamps carry the lock files' hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: serve test check bench install install-dev lock browser clients

serve: install
	@$(BIN)/loyalty demo

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

# What is half made, or made by an interpreter that is too old, would stay.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

test: install-dev browser clients
	$(BIN)/python -m pytest -n 3 --dist worksteal

# Pages are tested in Chromium: where a package of Debian's can be installed, it is.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ -n "$$LOYALTY_TEST_CHROMIUM" ] || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && apt-get -qq install -y chromium; } || \
	  echo "No Chromium: tests of pages will be skipped, and fail where CI is set."

# Client libraries are tested in Node 20 or newer; the lock names no registry, so any will do. What package.json overrides
# are packages below graphql-codegen whose newest releases ask for Node 22.
clients: tests/clients/node_modules/.installed

tests/clients/node_modules/.installed: tests/clients/package-lock.json
	@if command -v npm >/dev/null && (cd tests/clients && npm ci --no-audit --no-fund --silent); then touch $@; else \
	  echo "No packages from npm: tests of client libraries will be skipped, and fail where CI is set."; fi

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schema.printed --check

bench: install-dev
	$(BIN)/python -m benchmarks.balances
	$(BIN)/python -m benchmarks.carts
	$(BIN)/python -m benchmarks.bulk

# Needs uv; run after a change of the dependencies in pyproject.toml.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group build --group dev pyproject.toml -o requirements-dev.lock
