# Every target is self-sufficient: it makes the environment it needs.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
# Of fuzzing, over all targets.
SECONDS ?= 120
# What starts a cluster or a database, or fits published data, has the machine to itself; but what
# befalls the services of the chaos tests takes little of it, and they bear company.
ALONE := (acceptance or ray or postgres) and not chaos

# Pytest's rewritten modules, and ours in the many processes that tests start, are compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test test-all check bench load chaos fuzz conformance serve secrets compose-test clean

install: $(STAMP)

# The CPU build of torch goes first, so that nothing pulls a CUDA build behind our back.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $(STAMP)

demo: install
	$(BIN)/credence demo

serve: install
	$(BIN)/credence serve

# One process a core, a file's tests in one of them; they keep one thread each.
test: install
	$(BIN)/python -m pytest -q --numprocesses auto --dist loadfile -m "not slow and not chaos and not ($(ALONE))"

test-all: test
	$(BIN)/python -m pytest -q --durations=15 --numprocesses auto --dist worksteal \
		-m "(slow or chaos) and not ($(ALONE))"
	$(BIN)/python -m pytest -q --durations=15 -m "$(ALONE)"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install $(BENCH_STAMP)
	$(BIN)/python -m tests.benchmarks $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m tests.benchmarks --stan)
	$(if $(ARGS),,$(BIN)/python -m tests.benchmarks.service)
	$(if $(ARGS),,$(BIN)/python -m tests.benchmarks.fits)
	$(if $(ARGS),,$(BIN)/python -m tests.benchmarks.formulas)
	$(if $(ARGS),,$(BIN)/python -m tests.benchmarks.precision)

# Of the targets in tests/fuzz: `make fuzz SECONDS=600 TARGETS="json formula"`.
fuzz: install
	$(BIN)/python -c "import atheris" || $(BIN)/python -m pip install --quiet --editable ".[fuzz]"
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

# The peers, from their published wheels: they pull JAX and PyMC, which ours must not see.
$(BENCH_STAMP): tests/benchmarks/requirements.txt
	test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --requirement tests/benchmarks/requirements.txt
	touch $(BENCH_STAMP)

load: install $(BENCH_STAMP)
	$(BIN)/python -m tests.load $(ARGS)

# The long form of what the suite does with a few requests an operation.
conformance: install
	CONFORMANCE_EXAMPLES=2000 $(BIN)/python -m pytest -q --timeout 0 $(ARGS) \
		tests/services/gateway/test_conformance.py

# About twenty minutes; see tests/chaos/README.md.
chaos: install
	$(BIN)/python -m tests.chaos $(ARGS)

secrets:
	deploy/make-secrets

# Needs a working docker and nothing else.
compose-test:
	$(PYTHON) -m tests.compose

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .fuzz
