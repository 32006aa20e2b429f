# Turnout: every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := contract ledger operator sidecar insight cli
CODE := $(PACKAGES) tests bench tools
PROVIDER ?= simulated

.PHONY: help run install install-run fmt lint types imports test golden generate verify bench image chart docs ci clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The environments are made from lock files with hashes; a stamp per lock file says that it is done.
$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Turnout needs Python 3.11 to 3.13; say which with PYTHON=..."; exit 1; }
	@# where the system's Python has no ensurepip, the virtualenv it may have serves as well
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(PYTHON) -m virtualenv $(VENV); }

# A lock names everything, so nothing is resolved again (`--no-deps`): pip 23 asks the registry for what a lock pins without
# its extras, and finds the newest instead. What a lock might forget, `pip check` would tell.
$(VENV)/.run: $(BIN)/python requirements.lock requirements-build.lock pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock -r requirements-build.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	$(BIN)/python -m pip check
	@touch $@

# LangChain and LlamaIndex want other versions of the clients than the tests, so they have an environment of their own.
$(VENV)-frameworks/.done: $(BIN)/python requirements-frameworks.lock
	$(BIN)/python -m venv $(VENV)-frameworks || $(BIN)/python -m virtualenv $(VENV)-frameworks
	$(VENV)-frameworks/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-frameworks.lock
	$(VENV)-frameworks/bin/python -m pip check
	@touch $@

# Presidio's analyzer brings spaCy along: an environment of its own, for the tests of its adapter.
$(VENV)-presidio/.done: $(BIN)/python requirements-presidio.lock
	$(BIN)/python -m venv $(VENV)-presidio || $(BIN)/python -m virtualenv $(VENV)-presidio
	$(VENV)-presidio/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-presidio.lock
	$(VENV)-presidio/bin/python -m pip check
	@touch $@

run: $(VENV)/.run ## the gateway, standalone, on example resources, taking real calls
	@$(BIN)/python -m turnout_cli.demo --provider $(PROVIDER)

install: $(VENV)/.dev ## everything that developing needs
	@$(BIN)/pre-commit install >/dev/null 2>&1 || true

install-run: $(VENV)/.run ## only what running needs

fmt: $(VENV)/.dev ## format the code
	$(BIN)/ruff check -q --fix-only $(CODE)
	$(BIN)/ruff format -q $(CODE)

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: $(VENV)/.dev ## mypy, strict, tests too
	$(BIN)/mypy $(PACKAGES) tests bench tools

imports: $(VENV)/.dev ## the floors: imports only point down
	$(BIN)/lint-imports

test: $(VENV)/.dev $(VENV)-frameworks/.done $(VENV)-presidio/.done ## every test; builds or finds a real kube-apiserver first
	$(BIN)/python tools/kube/assets.py
	@# Many tests are of real processes, in real time. What failed beside all others is tried once more by itself, when the machine
	@# is quiet: whatever is broken fails again, and the first failure stays above it.
	$(BIN)/pytest || $(BIN)/pytest --last-failed --last-failed-no-failures none

golden: $(VENV)/.dev ## write the golden files anew
	$(BIN)/pytest -q tests/golden tests/chart --update-golden

generate: $(VENV)/.dev ## CRDs, JSON Schemas and the API reference, from the types
	$(BIN)/python -m turnout_contract.schema --root .
	$(BIN)/python tools/protocols.py --root .
	$(BIN)/python tools/inspected.py --root .

verify: $(VENV)/.dev ## what is generated is fresh
	$(BIN)/python -m turnout_contract.schema --root . --check
	$(BIN)/python tools/protocols.py --root . --check
	$(BIN)/python tools/inspected.py --root . --check

bench: $(VENV)/.dev ## measure, as ratios against a reference in the same run
	$(BIN)/python -m bench

chart: $(VENV)/.dev ## lint and render the charts
	$(BIN)/pytest -q tests/chart

image: ## build the container image (needs buildah or docker)
	tools/image.sh

docs: generate ## the reference pages; checks every link
	$(BIN)/pytest -q tests/unit/docs

ci: verify lint types imports test ## all that must hold

clean: ## remove what was built here
	rm -rf $(VENV) $(VENV)-frameworks $(VENV)-presidio .state dist build
