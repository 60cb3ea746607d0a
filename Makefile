# The project's verbs. `make run` needs Python >= 3.11 with venv, make, and nothing else.

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
RUN_PINS := requirements.txt constraints.txt
DEV_PINS := $(RUN_PINS) requirements-dev.txt
# A stamp carries the sum of its pins in its name: other pins, another installation.
RUN_STAMP := .venv/run-$(shell cat $(RUN_PINS) | cksum | tr ' ' '-')
DEV_STAMP := .venv/dev-$(shell cat $(DEV_PINS) | cksum | tr ' ' '-')
# The command must really run: the python3.12 of a version manager may exist and fail.
PYTHONS := python3.12 python3.11 python3
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# An environment that was left half made, or whose Python has gone, is made again.
$(shell $(BIN)/python -c '' 2>/dev/null || rm -f .venv/made .venv/run-* .venv/dev-*)

.PHONY: setup setup-dev run test check chaos bench docs

setup: $(RUN_STAMP)
setup-dev: $(DEV_STAMP)

run: setup
	@exec $(BIN)/python -m app.local

# Most of what takes long waits: for processes to start, leases to end, messages to come again.
AT_ONCE = -n 4 --dist worksteal
# Hundreds of processes: each compiles the product and the tests again where an environment keeps no bytecode.
test chaos: export PYTHONDONTWRITEBYTECODE :=
test: setup-dev
	@$(BIN)/python -m pytest $(AT_ONCE) $(ARGS)

check: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# The long form of what the suite does briefly: 1,000 seeds of the deploy flow in the simulation (SEEDS=from:to chooses
# others; what takes longer gets every tenth) and a kill at every fault point, then the real processes under load and
# fire. FLOWS= KILLS= SEED= DATABASE=sqlite|postgresql|both choose its size.
FIRE = --flows $(or $(FLOWS),1000) --kills $(or $(KILLS),200) --database $(or $(DATABASE),both) $(SEED:%=--seed %)
chaos: setup-dev
	@ANTIPHON_SEEDS=$(or $(SEEDS),0:1000) $(BIN)/python -m pytest $(AT_ONCE) tests/faults
	@$(BIN)/python -m tests.faults.chaos $(FIRE) $(ARGS)

bench: setup
	@$(BIN)/python -m benchmarks.four_step

docs: setup
	@$(BIN)/python -m config.pages

$(RUN_STAMP): | .venv/made
	@echo "Installing what requirements.txt names, once ..."
	@$(PIP) -r requirements.txt
	@rm -f .venv/run-* && touch $@

$(DEV_STAMP): | $(RUN_STAMP)
	@echo "Installing what requirements-dev.txt names, once ..."
	@$(PIP) -r requirements-dev.txt
	@rm -f .venv/dev-* && touch $@

.venv/made:
	@old=""; \
	for python in $(PYTHONS); do \
	  "$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 || continue; \
	  old="$$python"; \
	  "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
	  "$$python" -m venv --clear .venv && touch $@ && exit 0; \
	  rm -rf .venv; \
	done; \
	if [ -n "$$old" ]; \
	then echo "$$old cannot make a virtual environment: install its venv package (Debian, Ubuntu: apt install python3-venv)."; \
	else echo "Python 3.11 or newer is needed: install it (Debian, Ubuntu: apt install python3 python3-venv)."; \
	fi >&2; \
	exit 1
