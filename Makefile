# Everything builds its own environment with python3 (3.11 or newer) and pip alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard reports/language/locale/*/LC_MESSAGES/*.po))
TEMPLATES := $(wildcard reports/formats/templates/*.html)
TABLES := $(wildcard analyzer/software/*.toml)
PATTERNS := analyzer/app/.patterns
SOURCES := $(shell find analyzer parsers reports -name '*.py' -not -name '*_html.py')
COMPILED := $(PATTERNS) $(CATALOGUES) $(TABLES:.toml=.json) $(patsubst reports/formats/templates/%.html,reports/formats/built/%_html.py,$(TEMPLATES))
INCIDENT ?= samples/self-call-after

.PHONY: all check samples fresh format lint types floors docs test test-fast analyze translations bless lock clean release-check dist site fuzz

all: check docs test  ## format check, lint, types, floors, docs drift, tests

$(READY): requirements.lock pyproject.toml setup.py $(filter-out %.so,$(wildcard parsers/*/kernel/*.*))
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q analyzer parsers reports  # as an install does; Python may be told to write no bytecode itself
	touch $@

%.mo: %.po | $(READY)
	$(BIN)/python reports/language/compiled_catalogues.py

reports/formats/built/%_html.py: reports/formats/templates/%.html | $(READY)
	$(BIN)/python reports/formats/compiled_templates.py

analyzer/software/%.json: analyzer/software/%.toml | $(READY)
	$(BIN)/python analyzer/software/compiled_tables.py

$(PATTERNS): $(SOURCES) | $(READY)
	$(BIN)/python analyzer/app/compiled_patterns.py
	touch $@

analyze: $(READY) $(COMPILED)  ## make analyze INCIDENT=samples/…
	@$(BIN)/analyze $(INCIDENT)

test: $(READY) $(COMPILED)  ## everything
	$(BIN)/python -m pytest

test-fast: $(READY) $(COMPILED)  ## the inner loop: no build, no program of its own, no browser, no collector
	$(BIN)/python -m pytest -q -m "not slow" -n auto

samples: $(READY) $(COMPILED)  ## every sample against the truth that its program recorded
	$(BIN)/python -m tests.score

fresh: $(READY)  ## make fresh SEED=7 COUNT=20: incidents drawn by chance, captured, diagnosed, scored (root, JDK)
	$(PYTHON) samples/lab/fresh.py --seed $(or $(SEED),1) --count $(or $(COUNT),10) $(abspath $(BIN)/analyze)

check: lint types floors

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

floors: $(READY)
	$(BIN)/lint-imports

docs: $(READY) $(COMPILED)  ## docs made from the code must not drift from it
	PYTHONPATH=. $(BIN)/python docs/from_code.py --check
	$(BIN)/python docs/translations.py --check

release-check: all  ## what a release needs besides: every text is translated, the bill of materials is of this lock
	$(BIN)/python docs/translations.py --check --strict
	$(BIN)/python release/sbom.py --check

dist: $(READY) $(COMPILED)  ## wheels, sdist and one file for Python alone, built twice, installed and tried
	release/check.sh dist

site:  ## the documentation as a site, in build/site
	$(PYTHON) -m venv build/site-env
	build/site-env/bin/python -m pip install --quiet --disable-pip-version-check -r release/site-requirements.txt
	NO_MKDOCS_2_WARNING=1 build/site-env/bin/python release/site.py

fuzz: $(READY) $(COMPILED)  ## make fuzz SECONDS=3600: coverage-guided fuzzing of the whole pipe
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python -m tests.fuzz -max_total_time=$(or $(SECONDS),600)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

translations: $(READY)  ## find new texts, compile the catalogues; then translate what is empty in the .po files
	$(BIN)/python docs/translations.py

bless: $(READY) $(COMPILED)  ## rewrite the goldens and the generated docs; review the diff
	BLESS=1 $(BIN)/python -m pytest tests/test_goldens.py -q
	PYTHONPATH=. $(BIN)/python docs/from_code.py

lock: $(READY)  ## resolve the development environment anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --upgrade -o requirements.lock

clean:
	rm -rf $(VENV) build reports/formats/built/*_html.py analyzer/software/*.json analyzer/app/*.bin analyzer/app/.patterns parsers/*/kernel/*.so *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
