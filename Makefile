# make demo      set up everything in .venv and show the whole story, no hardware, no system package
# make test      set up everything in .venv and run the tests; those that need a missing system tool skip visibly
# make test-all  the same with the system tools installed by apt, nothing skipped
# make lint      ruff, mypy --strict, clang-format
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PACKAGES := gcc gcc-arm-none-eabi libnewlib-arm-none-eabi gdb-multiarch openocd cmake chromium qemu-system-arm qemu-system-misc
PYTEST_FLAGS ?= -n 2

.PHONY: demo test test-all lint format clean

demo: $(VENV)/.demo
	$(BIN)/utvm demo

test: $(VENV)/.test
	$(BIN)/pytest $(PYTEST_FLAGS)

test-all: $(VENV)/.test
	$(if $(filter 0,$(shell id -u)),,sudo) apt-get update -qq
	$(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SYSTEM_PACKAGES) > /dev/null
	UTVM_NO_SKIP=1 $(BIN)/pytest $(PYTEST_FLAGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src/utvm tests
	git ls-files '*.c' '*.h' | xargs $(BIN)/clang-format --dry-run --Werror

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files '*.c' '*.h' | xargs $(BIN)/clang-format -i

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "uTVM needs Python 3.10 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV) || { echo "no venv module: on Debian, apt install python3-venv"; exit 1; }

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(VENV)/.demo

$(VENV)/.lint: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	touch $@ $(VENV)/.demo $(VENV)/.test
