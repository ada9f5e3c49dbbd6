# Everything runs from .venv, which the first target makes. PORT and HOME_DIR may be set on the command line.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HOME_DIR ?= .home
PORT ?= 7860

.PHONY: chat test check eval bench soak install lock clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

chat: $(STAMP)  ## ingest corpus/ and open the chat in the browser
	$(BIN)/kb --home $(HOME_DIR) ingest corpus
	$(BIN)/kb --home $(HOME_DIR) serve --port $(PORT)

test: $(STAMP)  ## the test suite, without the long tests
	$(BIN)/python -m pytest -m "not soak"

check: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

eval: $(STAMP)  ## the full eval set, against the committed baseline
	$(BIN)/kb eval --suite full --gate --report report

bench: $(STAMP)  ## the benchmarks; prints tables and writes JSON
	$(BIN)/kb bench

soak: $(STAMP)  ## the long tests: crashes, load, fuzzing
	$(BIN)/python -m pytest -m soak --timeout 5400

lock: $(STAMP)
	(echo "# Every package of the tested environment, at the version it was tested with. 'make lock' rewrites this file."; \
	 $(BIN)/python -m pip freeze --exclude-editable | grep -v ' @ ' | sed 's/+cpu//') > constraints.txt

clean:
	rm -rf $(VENV) $(HOME_DIR) report build *.egg-info
