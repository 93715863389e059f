# Everything that a newcomer or CI needs, on any machine with Python >= 3.11, git, ssh-keygen, make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= auto
SECONDS ?= 600

.PHONY: demo test check bench kill powercut fuzz sim mutants lint types layers unit format actionlint clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/.ready
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/demo/founding_story.py

# Tests sync as real runs do: in memory, where there is room for them, that costs no time.
ROOM = $(shell test -w /dev/shm && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 4000000 {print "/dev/shm"}')
test: $(VENV)/.ready
	$(if $(ROOM),PYTEST_DEBUG_TEMPROOT=$(ROOM)) $(BIN)/pytest -n $(JOBS) --dist worksteal tests

check: lint types layers unit

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

layers: $(VENV)/.ready
	$(BIN)/lint-imports

unit: $(VENV)/.ready
	$(BIN)/pytest -n $(JOBS) tests/unit

bench: $(VENV)/.ready
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench

# Kills every command around each of its storage effects. HEALING=off shows that it would tell.
HEALING ?= on
kill: $(VENV)/.ready
	$(BIN)/python -m tests.faults.kill --healing $(HEALING)

# Cuts the power in recorded runs of every command. SYNC=off shows that it would tell.
CUTS ?= 500
SYNC ?= on
powercut: $(VENV)/.ready
	$(BIN)/python -m tests.faults.powercut --cuts $(CUTS) --sync $(SYNC)

# Damaged files for every reader of foreign bytes; a line a reader.
fuzz: $(VENV)/.ready
	$(BIN)/python -m tests.fuzz $(SECONDS)

# Histories of leases under faults, each from a seed: seeds=N violations=0.
SEEDS ?= 2000
sim: $(VENV)/.ready
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

# Every attack again, with each of its defences taken out: rows=N killed=N survived=0.
mutants: $(VENV)/.ready
	$(BIN)/python -m tests.attacks.mutants -n $(JOBS) --dist worksteal

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The tests of CI files use it where it is; it needs Go.
actionlint: $(VENV)/.ready
	GOBIN="$(abspath $(BIN))" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

clean:
	rm -rf $(VENV) build dist *.egg-info
