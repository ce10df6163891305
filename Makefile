# Two commands: `make run` and `make test`. Both set up what they need. `make docs` draws the models and their lineage.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: run test nightly setup lint types models unit dbt-test docs indicators pictures clean lock

run: $(READY)
	$(BIN)/mattstock run --data data

test: $(READY) lint unit

# The long suites: a hundred runs killed, and a run after each. An hour or two.
nightly: $(READY)
	$(BIN)/python -m pytest tests/e2e/test_killed_runs.py tests/e2e/test_killed_runs_too.py -q -n 2 --dist loadfile --kills 100

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	$(BIN)/python -c "from dagster_project.orchestration.dbt_project import manifest; manifest()"
	touch $(READY)

# Types are looked at on one core; the models fill the other.
lint: $(READY)
	$(BIN)/ruff check dagster_project tests benchmarks
	$(BIN)/ruff format --check dagster_project tests benchmarks
	$(MAKE) --no-print-directory --jobs 2 --output-sync types models

types: $(READY)
	$(BIN)/mypy dagster_project

models: $(READY)
	$(BIN)/sqlfluff lint dbt/models --processes 2

dbt-test: $(READY)
	$(BIN)/python -m pytest tests/dbt -q

# All tests, dbt's too, in the order that tests/conftest.py gives them: not xdist's, which starts whole runs last.
unit: $(READY)
	$(BIN)/python -m pytest tests -q -n 2 --dist loadfile --no-loadscope-reorder

# One self-contained page, from the last run's warehouse: dbt/target/static_index.html
docs: run indicators
	cd data/warehouse/build && $(CURDIR)/$(BIN)/dbt --quiet docs generate --static \
		--project-dir $(CURDIR)/dbt --profiles-dir $(CURDIR)/dbt --target-path $(CURDIR)/dbt/target

# One page about every indicator, from the indicators' own files.
indicators: $(READY)
	$(BIN)/python -m dagster_project.report.indicators > docs/indicators.md.new
	mv docs/indicators.md.new docs/indicators.md

# The handbook's pictures, from the release in force in data/; needs Chromium.
pictures: $(READY)
	$(BIN)/python -m tests.browser.pictures

lock: $(READY)
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-strip-extras --allow-unsafe --extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) dbt/target data/warehouse data/quarantine
	find data/marts -mindepth 1 -maxdepth 1 ! -name samples -exec rm -rf {} +
