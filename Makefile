# make demo      train a first GAN, in about a minute
# make studio    open the studio in a browser; trains a first GAN if there is none
# make market    play how generated works are traded on a chain, in about three minutes
# make test      run the tests, except the slow ones
# make test-all  run all tests
# make check     check lint, format and types
# make docs      build the documentation as a site in outputs/site
# make lock      update requirements.lock
# make contract  compile the contract in gan_lightning/chain; needs Node.js

# Python to install with: the first of these that is 3.11, 3.12 or 3.13, unless PYTHON=… names another.
CANDIDATES := python3 python3.13 python3.12 python3.11
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach p,$(CANDIDATES),$(shell $(p) -c "$(SUPPORTED)" 2>/dev/null && echo $(p))))
UV := $(shell command -v uv)
INSTALLED := .venv/installed
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

.PHONY: .venv demo studio market test test-all check docs lock contract contract-tools clean

.venv: $(INSTALLED)

# Install exactly the locked versions, then this project without its dependencies.
$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python"; exit 2; }
ifdef UV
	uv venv --allow-existing --quiet --python $(PYTHON) .venv
	VIRTUAL_ENV=.venv uv pip sync --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=.venv uv pip install --no-deps --no-build-isolation --editable .
else
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python train.py experiment=quickstart

studio: $(INSTALLED)
	@test -n "$$(find outputs -path '*/checkpoints/last.ckpt' -print -quit 2>/dev/null)" || \
		$(BIN)/python train.py experiment=quickstart
	$(BIN)/gan-studio outputs

market: $(INSTALLED)
	$(BIN)/python scripts/market/play.py

test: $(INSTALLED)
	$(PYTEST)

test-all: $(INSTALLED)
	$(PYTEST) -m "slow or not slow"

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open outputs/site/index.html; with a search box: $(BIN)/mkdocs serve"

# Lock the newest versions that pyproject.toml allows; needs uv.
lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --upgrade \
		--python-version 3.11 --extra dev pyproject.toml --output-file requirements.lock

# Install exactly the locked versions of the contract's compiler, libraries and test tools.
contract-tools:
	cd scripts/contract && npm ci --no-audit --no-fund --loglevel=error

contract: contract-tools
	node scripts/contract/compile.js

clean:
	rm -rf .venv
