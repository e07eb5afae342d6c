# What a fresh machine needs: Python 3.11, pip, gcc, make. Everything else comes from the package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
DEMO ?= --target 0.6 --rungs majority,tfidf,zero-shot,few-shot,few-shot-bm25,linear-probe,p-tuning-v2,lora
RUN ?= runs/demo
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test test-all docs-run lint bench docs sprout clean venv

demo: venv  ## the main job: climb the intents of our customer-service examples on the embedded model
	$(BIN)/rung climb examples/customer_service.csv --input text --output intent --run $(RUN) $(DEMO)
	@echo "report: $(abspath $(RUN))/report.html"

test: venv  ## the default tests: some three minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: venv  ## and the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

docs-run: venv  ## follow README, start and the guides block by block, `make demo` among them
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow tests/test_docs_run.py

lint: venv  ## style, types, floors and import cycles
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/bench  ## side by side with lm-evaluation-harness, TRL and PEFT
	$(BIN)/python bench/scoring.py
	$(BIN)/python bench/training.py

docs: $(VENV)/docs  ## the documentation as pages, in site/
	$(BIN)/mkdocs build --strict

sprout: venv  ## make the embedded base model again, stage by stage (some nine hours on two cores; goes on where it was stopped)
	$(BIN)/rung pretrain clean ../shared/data/text runs/clean --held-out ../shared/data/tasks --held-out examples
	$(BIN)/rung pretrain again src/rung/sprout runs/clean ../shared/data/tasks runs/sprout --no-boundaries
	@echo "the model: $$(ls -d runs/sprout/stage-*/model | tail -1); copy it to src/rung/sprout to embed it"

venv: $(VENV)/ready

$(VENV)/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/bench: $(VENV)/ready
	$(PIP) install -c constraints.txt -e '.[dev,bench]'
	touch $@

$(VENV)/docs: $(VENV)/ready
	$(PIP) install -c constraints.txt -e '.[dev,docs]'
	touch $@

clean:
	rm -rf $(VENV) runs site build dist .mypy_cache .ruff_cache .pytest_cache
