# make repro   set up and run the pipeline on the bundled data
# make test    set up and run the whole test suite, with lint and types
# make soak    what takes longer: processes killed at many random moments
# make coverage  the suite of make test, measured: at least 92 % of the lines and branches of framework/
# make demo    two releases, a shadow of 49 hours, a load test, a promotion, a mistake, its rollback: in three minutes
# make weeks   the weeks after it: the mails drift, people are told, one answers, a release for it comes and goes
# make lint, make bench, make clean

# A name on PATH need not be a Python that runs (pyenv leaves names of versions that are not chosen): each is tried.
# The first Python that is there, works and is new enough.
FINE = 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$name" -c $(FINE) >/dev/null 2>&1 && { echo "$$name"; break; }; done)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DVC_NO_ANALYTICS := 1

.PHONY: repro test coverage lint soak demo weeks bench clean

repro: .venv/.installed
	@dvc repro
	@echo
	@steadily log
	@echo
	@echo "Look next: reports/ (what became of every row), steadily plan (what an edit in conf/ would rerun),"
	@echo "steadily why ROW_ID (one row's story), steadily steps (what a stage can be made of)."
	@echo "In this shell: . .venv/bin/activate; then dvc repro is all that daily life needs."

# Tests of services that answer in time are run after the others and one by one: side by side they would measure how
# busy the machine is.
suite = $(BIN)/python -m pytest -m "not soak and not service" -n 3 --dist worksteal $(1); first=$$?; \
	$(BIN)/python -m pytest -m "service and not soak" $(2) && exit $$first

test: .venv/.installed-dev .venv/.browser .venv/.promtool lint
	@$(call suite)

# By itself, since measuring makes the tests take twice as long on Python 3.11.
coverage: .venv/.installed-dev .venv/.browser .venv/.promtool
	@$(call suite,--cov --cov-report=,--cov --cov-append --cov-report=term:skip-covered --cov-fail-under=92)

lint: .venv/.installed-dev
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

soak: .venv/.installed-dev .venv/.browser
	@$(BIN)/python -m pytest -m "soak and not service" -n 2 --dist worksteal; first=$$?; \
	$(BIN)/python -m pytest -m "soak and service" && exit $$first

demo: .venv/.installed
	@$(BIN)/python examples/demo.py

weeks: .venv/.installed
	@[ -d .demo ] || $(BIN)/python examples/demo.py
	@$(BIN)/python examples/weeks.py

bench: .venv/.installed-dev
	@$(BIN)/python benchmarks/cleaning.py
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/serving.py
	@$(BIN)/python benchmarks/shadow_cost.py || [ $$? = 3 ]   # 3: the machine is too busy to tell
	@$(BIN)/python benchmarks/rollback_rule.py
	@$(BIN)/python benchmarks/window_cost.py
	@$(BIN)/python benchmarks/alerting.py
	@$(BIN)/python benchmarks/dashboard.py

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@"$(PYTHON)" -c $(FINE) 2>/dev/null || { \
		echo "Python 3.11 or later is needed; found: $(PYTHON). Name one: make PYTHON=/path/to/python"; exit 1; }
	@"$(PYTHON)" -m venv .venv

# The report is looked at in a real browser; without one, and without the rights to install it, those tests say that
# they were skipped.
.venv/.browser: | .venv/bin/python
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium for the tests (once)" && \
		{ apt-get install -y -qq chromium chromium-driver >/dev/null 2>&1 || \
		{ apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } >/dev/null; }; } || true
	@touch $@

# Prometheus' own tool looks at what is given to Prometheus. It is taken out of Debian's package, which would start a
# server if it were installed; where it can't be had, those tests say that they were skipped.
.venv/.promtool: | .venv/bin/python
	@command -v promtool >/dev/null || { command -v apt-get >/dev/null && command -v dpkg >/dev/null && { \
		folder=$$(mktemp -d) && cd "$$folder" && { apt-get download -qq prometheus || \
		{ apt-get update -qq && apt-get download -qq prometheus; }; } && dpkg -x prometheus_*.deb . && \
		cp usr/bin/promtool "$(CURDIR)/$(BIN)/"; rm -rf "$$folder"; } >/dev/null 2>&1; } || true
	@touch $@

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what the pipeline needs into .venv (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[serve,onnx]'
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what the tests need into .venv (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,sql,dask,serve,onnx,postgres,redis,notify]'
	@touch .venv/.installed $@
