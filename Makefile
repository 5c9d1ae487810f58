# make demo   create the environment, install lstmkit, forecast real prices
# make sanitize  check the kernel with sanitizers
# make fuzz   damaged input at every door for ten minutes; MINUTES=60 for longer
# make check  create the environment if needed, then format, lint, types, tests and docs
# make check-all  the same, and every test as on machines with AVX2 or SSE4 alone (over an hour)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo check check-all format lint types test machines docs sanitize fuzz clean

demo: $(READY)
	rm -rf forecast-aapl
	$(BIN)/lstm forecast demo:aapl --out forecast-aapl

check: format lint types test machines docs

check-all: check
	$(BIN)/python -m pytest -m slow
	$(BIN)/python tests/on_machines.py all

$(READY): pyproject.toml constraints.txt CMakeLists.txt $(wildcard csrc/*)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lstmkit needs Python 3.11 or later; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $(READY)

format: $(READY)
	$(BIN)/ruff format --check src tests bench docs

lint: $(READY)
	$(BIN)/ruff check src tests bench docs

types: $(READY)
	$(BIN)/mypy

test: $(READY)
	$(BIN)/python -m pytest -n 2 --ignore tests/docs

# What depends on the processor, as on machines with less than this one.
machines: $(READY)
	$(BIN)/python tests/on_machines.py

docs: $(READY)
	$(BIN)/python -m pytest tests/docs

# The kernel's tests under AddressSanitizer and UndefinedBehaviorSanitizer, the pool under ThreadSanitizer.
SANITIZERS = $(shell $(CXX) -print-file-name=libasan.so) $(shell $(CXX) -print-file-name=libubsan.so)
sanitize: $(READY)
	cmake -S . -B build/address -DLSTMKIT_SANITIZE=address,undefined && cmake --build build/address -j 2
	LD_PRELOAD="$(SANITIZERS)" ASAN_OPTIONS=detect_leaks=0 LSTMKIT_LIBRARY=build/address/liblstmkit.so \
	  $(BIN)/python -m pytest tests/recurrence/test_native*.py tests/recurrence/test_operands.py tests/nn/test_family.py
	cmake -S . -B build/thread -DLSTMKIT_SANITIZE=thread && cmake --build build/thread --target pool_test
	build/thread/pool_test

MINUTES ?= 10
fuzz: $(READY)
	$(BIN)/python -m bench.fuzz --inputs 100000000 --minutes $(MINUTES) --seed $$(date +%s) --keep build/faults

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
