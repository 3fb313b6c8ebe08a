# The two commands: `make demo` runs the main job, `make test` checks everything.
# Both set themselves up: a virtual environment with pinned packages, Graphviz, Chromium.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test venv lint types tests format clean system

demo: $(STAMP) system
	$(BIN)/interpretkd demo --out runs/demo --overwrite

test: $(STAMP) system lint types tests

venv: $(STAMP)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $$(find interpretkd -name '*.py')
	$(BIN)/codespell

types: $(STAMP)
	$(BIN)/mypy

tests: $(STAMP)
	$(BIN)/pytest -n auto --dist loadfile

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A change of the pins or of the package's metadata installs anew.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed.')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[app,export,optimal,viz,dev]"
	touch $(STAMP)

system:
	@sh .ci/system

clean:
	rm -rf .venv runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
