# GAS: every everyday command.  `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
TESTS ?= tests

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.runtime: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	$(BIN)/python -m ann.anntools.kernel build
	$(BIN)/python -m ann.anntools verify
	@timeout 8 $(BIN)/python -m ann.anntools build --chain NCBI36 >/dev/null 2>&1 \
		|| echo "No chain for NCBI36 (hg18) uploads yet; once connected: $(BIN)/python -m ann.anntools build --chain NCBI36"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	@touch $@

.PHONY: run
run: $(VENV)/.runtime ## install what is missing and serve on 127.0.0.1:8080 (GAS_PORT, GAS_HOME)
	@exec $(BIN)/python -m util.run

.PHONY: demo
demo: $(VENV)/.runtime ## walk the main job once, on free ports in a temporary home, and show it
	@$(BIN)/python -m util.demo

.PHONY: check
check: $(VENV)/.dev ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: test
test: $(VENV)/.dev ## the tests every change must pass (under 5 minutes)
	$(BIN)/pytest -m "not full" -n 2 --dist loadscope $(TESTS)

.PHONY: test-full
test-full: $(VENV)/.dev ## the long ones: journeys in a browser, chaos, oracles, every VCF of GAS_TEST_DATA
	$(BIN)/pytest -m full -n 2 --dist loadscope $(TESTS)

.PHONY: chaos
chaos: $(VENV)/.dev ## 200 jobs on an emulator and 1,000 embedded while processes are killed and stopped
	$(BIN)/python -m tests.chaos $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(VENV)/.dev ## measure, print a table, write .bench/results.json (ONLY=prefix narrows)
	$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY))

.PHONY: simulate
simulate: $(VENV)/.dev ## play seeded histories of the whole pipeline and check the invariants (SEEDS=10000)
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),10000)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## fuzz the engine's kernel with sanitizers (SECONDS_TO_FUZZ=600; needs a C compiler)
	$(BIN)/python -m tests.fuzz.fuzz_kernel --seconds $(or $(SECONDS_TO_FUZZ),600)

.PHONY: screenshots
screenshots: $(VENV)/.dev ## take the pictures in docs/screenshots anew (needs Debian's chromium)
	$(BIN)/python -m tests.browser.screenshots

.venv-audit/.done: requirements-audit.txt
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.txt
	@touch $@

.PHONY: audit
audit: $(VENV)/.dev .venv-audit/.done ## ask for known vulnerabilities; needs the network, else says 'not audited'
	@$(BIN)/python -m tests.supply_chain.audit .venv-audit/bin/pip-audit

.PHONY: sbom
sbom: $(VENV)/.dev ## write dist/sbom.cdx.json, the bill of materials
	@$(BIN)/python -m tests.supply_chain.sbom

.PHONY: licences
licences: $(VENV)/.dev ## write docs/licences.md anew
	@$(BIN)/python -m tests.supply_chain.licences

.PHONY: fuzz-web
fuzz-web: $(VENV)/.dev ## click and type at random for 10 minutes (GAS_CLICK_SECONDS), two users and an operator
	GAS_CLICK_SECONDS=$${GAS_CLICK_SECONDS:-600} $(BIN)/pytest -m full tests/journeys/test_random_clicks.py --timeout 1800

.PHONY: lock
lock: ## write requirements*.txt anew from requirements*.in (needs the uv command)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet requirements-dev.in -o requirements-dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet requirements-audit.in -o requirements-audit.txt

.PHONY: clean
clean: ## remove what was installed and built here (never the data in GAS_HOME)
	rm -rf $(VENV) .venv-aws dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

include aws/Makefile.inc
