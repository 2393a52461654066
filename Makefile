# Set-up and the main verbs. Everything but the set-up is done by the command line: `.venv/bin/creator-reports --help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test torture dev bench bench-reports bench-questions lock
.DEFAULT_GOAL := install

install: $(STAMP)

# uv installs the lock: a tenth of the time that pip needs, and it checks every hash too.
$(STAMP): requirements.lock bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r bootstrap.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'from pipelines.catalog import prepare; prepare()'
	@touch $@

demo: install
	@$(BIN)/creator-reports demo

dev: install
	@$(BIN)/creator-reports dev

# SIZE=S|M|L: 100,000, 2 million or 20 million progress rows.
SIZE ?= S
bench: install
	@$(BIN)/creator-reports bench --size $(SIZE)

bench-reports: install
	@$(BIN)/creator-reports bench --reports

# TEXTS=FILE.csv: questions to ask before made-up ones; KNOWN=FILE.csv: questions in known groups.
bench-questions: install
	@$(BIN)/creator-reports bench-questions $(if $(TEXTS),--texts $(TEXTS)) $(if $(KNOWN),--known $(KNOWN))

test: install
	@$(BIN)/python -m pytest

# kill -9 of the run, of Postgres and of the S3 server, N times at random moments.
N ?= 20
torture: install
	@$(BIN)/python -m pytest -n 0 tests/test_torture.py --torture $(N)

# Renew both lock files; hashes only, no index lines.
lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --extra meaning --group dev -o requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header - -o bootstrap.lock
