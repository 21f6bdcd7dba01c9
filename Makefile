# The front. Each target runs what it needs first, and nothing that is up to date.
PYTHON ?= python3
STUDY ?= studies/demo.yaml
RUN = .venv/bin/python -m pipeline

.PHONY: demo planted setup model data train serve eval report distill test e2e lint clean

demo: setup  ## the whole loop on a real model: data, training, six cells, report
	@$(RUN) run $(STUDY)

planted: setup  ## the suite on a small world whose truth is known
	@$(RUN) run studies/planted.yaml

setup:  ## the two environments, .venv and .venv-train
	@$(PYTHON) pipeline/setup.py

model data train eval report: setup  ## one stage of STUDY, and what it stands on
	@$(RUN) $@ $(STUDY)

serve: setup  ## base and adapters of STUDY on loopback, until Ctrl-C
	@$(RUN) serve $(STUDY)

distill: setup  ## the base model answers the ordinary prompts anew (minutes on a GPU, hours on a CPU)
	@$(RUN) distill $(STUDY)

lint: setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/pyright

test: lint model  ## lint, types and tests on the real tokenizer, without the end-to-end run
	@.venv/bin/python -m pytest -m "not e2e"

e2e: setup  ## the end-to-end run: real Axolotl, vLLM, Inspect and report at small size (minutes)
	@.venv/bin/python -m pytest -m e2e

clean:  ## what was made here, but for the environments and models
	rm -rf outputs reports prepared
