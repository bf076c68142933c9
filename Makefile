# Everything a newcomer types. Needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := locks/dev.txt
WORKERS ?= 2

.PHONY: help run test demo lint bench clean venv lock format peers

help:
	@echo "make run    a living network on this machine, with its console"
	@echo "make test   the whole test suite on its own embedded stores"
	@echo "make demo   the journey of one charge, once, over real HTTP"
	@echo "make lint   format, lint, types, import contracts"
	@echo "make bench  the benchmark report        make clean  remove what make made"

venv: $(VENV)/.made

$(VENV)/.made: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies, once; this takes about a minute"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: venv
	@$(BIN)/networkcore up --sample

demo: venv
	@$(BIN)/networkcore demo

test: venv
	$(BIN)/python -m pytest -n $(WORKERS) -q

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Independent OCPI implementations share one import name, so each lives in its own environment.
PEERS := .peers/py-ocpi/.made .peers/extrawest-ocpi/.made
.peers/%/.made: locks/peer-%.txt
	test -x .peers/$*/bin/python || $(PYTHON) -m venv .peers/$*
	.peers/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

peers: venv $(PEERS)
	NETWORKCORE_PEERS=.peers $(BIN)/python -m pytest tests/acceptance/peers -q

bench: venv
	$(BIN)/python -m benchmarks

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --all-extras pyproject.toml locks/build.in -o locks/dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o locks/run.txt
	for peer in py-ocpi extrawest-ocpi; do uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate locks/peer-$$peer.in -o locks/peer-$$peer.txt; done

clean:
	rm -rf $(VENV) .peers .networkcore .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info
