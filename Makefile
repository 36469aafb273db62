# `make help` lists the targets. Nothing but Python >= 3.11 and make is needed to begin with.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# LeRobot's loaders judge the results from environments of their own: the newest (v3.0) needs Python >= 3.12, the last
# one that reads v2.1 needs old versions of what we use.
LEROBOT_VENV := .venv-lerobot
LEROBOT_V21_VENV := .venv-lerobot-v21
LEROBOT_PYTHON ?= $(shell for each in python3.12 python3.13 \
  "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12.*/bin/python "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin/python; \
  do "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && command -v "$$each" && break; done)
# What the loader of lerobot 0.3.3 imports, in the ranges that it asks for; torch is ours.
LEROBOT_V21_IMPORTS := 'datasets<=3.6.0' 'huggingface-hub>=0.34.2,<1' 'numpy<2.3' 'av>=14.2' jsonlines packaging pillow torch torchvision
# The clients that the other services' vendors publish, as they are. That of datarobot has a licence of its own: `make sdks`
# installs it, nothing else does.
SDKS_VENV := .venv-sdks
SDKS_NEXT_VENV := .venv-sdks-next
SDKS_DATAROBOT_VENV := .venv-sdks-datarobot
UV := $(BIN)/uv
# What an image installs is held by the hash of each file, whoever serves it; where from is no part of the repository.
HASHED := --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --generate-hashes
# qualia-cli 0.1.2 imports click and does not ask for it; typer once brought it.
SDKS := --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate
# The end-to-end tests mostly wait for the cluster: the others run in parallel (tests/conftest.py).
IN_PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
FUZZ_SECONDS ?= 600
FUZZ_EXAMPLES ?= 3000
CHAOS_JOBS ?= 50
JOBS ?= 10000
EPISODES ?= 2000
# What `make bench` measures; BENCHMARKS=growth for one of them.
BENCHMARKS ?= augment_video codecs shard_process growth estimate
SCALE_EPISODES ?= 1000 10000 100000
# A machine with a GPU may have a Python with torch that is not to be changed, and reach no package index.
GPU_SETUP = $(if $(filter $(BIN)/python,$(PY)),setup)
GPU_TESTS ?= tests/unit/worker tests/integration/worker/test_reproducibility.py
GPU_PYTHONPATH = $(CURDIR)/api:$(CURDIR)/kube:$(CURDIR)/worker:$(CURDIR):$(PYTHONPATH)
export UV_LINK_MODE ?= hardlink

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.ready ## create .venv with all dependencies

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: name one with make PYTHON=...")'
	@echo "  ... Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: lerobot
lerobot: $(LEROBOT_VENV)/.ready $(LEROBOT_V21_VENV)/.ready ## create .venv-lerobot*, in which LeRobot's loaders check the results

$(LEROBOT_VENV)/.ready: constraints-lerobot.txt | $(VENV)/.ready
	@echo "  ... LeRobot's loader in $(LEROBOT_VENV)"
	@[ -n "$(LEROBOT_PYTHON)" ] || \
	  { echo "LeRobot's loader needs Python 3.12 or newer: install one, or name it with make LEROBOT_PYTHON=/path/to/python"; exit 1; }
	@$(UV) venv --quiet --clear --no-python-downloads --python $(LEROBOT_PYTHON) $(LEROBOT_VENV)
	@$(UV) pip install --quiet --compile-bytecode --python $(LEROBOT_VENV)/bin/python --requirement constraints-lerobot.txt
	@touch $@

# Without its dependencies: most are for robots and training, and it asks for a torch of 5 GB other than ours. What its
# loader imports is listed.
$(LEROBOT_V21_VENV)/.ready: constraints-lerobot-v21.txt | $(VENV)/.ready
	@echo "  ... LeRobot's loader of v2.1 in $(LEROBOT_V21_VENV)"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PY) $(LEROBOT_V21_VENV)
	@$(UV) pip install --quiet --compile-bytecode --no-deps --python $(LEROBOT_V21_VENV)/bin/python --requirement constraints-lerobot-v21.txt
	@touch $@

.venv-%/.ready: constraints-%.txt | $(VENV)/.ready
	@echo "  ... $(patsubst .venv-%,%,$(@D)) in $(@D)"
	@$(UV) venv --quiet --clear --no-python-downloads --python $(PY) $(@D)
	@$(UV) pip install --quiet --compile-bytecode --python $(@D)/bin/python --requirement $<
	@touch $@

.PHONY: constraints
constraints: setup ## update the pinned versions in constraints*.txt and the images' requirements.txt
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml --output-file constraints.txt
	$(UV) pip compile --quiet --upgrade --python-version 3.12 --no-header --no-annotate --constraint <(grep -E '^(torch|torchvision)==' constraints.txt) <(printf '%s\n' 'lerobot[dataset]==0.6.1' lerobot-doctor==0.2.0) --output-file constraints-lerobot.txt
	$(UV) pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate --constraint <(grep -E '^(torch|torchvision)==' constraints.txt) <(printf '%s\n' $(LEROBOT_V21_IMPORTS)) --output-file constraints-lerobot-v21.txt
	echo lerobot==0.3.3 >> constraints-lerobot-v21.txt
	$(UV) pip compile $(SDKS) <(printf '%s\n' archetypeai click qualia-cli==0.1.2 qualia-sdk==0.3.6 woodwide==0.9.0) --output-file constraints-sdks.txt
	$(UV) pip compile $(SDKS) <(printf '%s\n' 'qualia-cli>=0.3.0rc1' 'qualia-sdk>=0.8.0rc1') --output-file constraints-sdks-next.txt
	$(UV) pip compile $(SDKS) <(echo datarobot==3.20.0) --output-file constraints-sdks-datarobot.txt
	$(UV) pip compile $(SDKS) <(echo mkdocs-material) --output-file constraints-docs.txt
	for program in operator gateway worker; do \
	  $(UV) pip compile $(HASHED) --extra $$program --constraint constraints.txt pyproject.toml --output-file $$program/requirements.txt; \
	done
	$(UV) pip compile $(HASHED) --extra worker-cuda --constraint constraints.txt pyproject.toml --output-file worker/cuda-requirements.txt
	$(UV) pip compile $(HASHED) --constraint constraints.txt <(printf 'starlette\nuvicorn\n') --output-file devcluster/localhub/requirements.txt
	$(UV) pip compile $(HASHED) --constraint constraints.txt <(echo uv) --output-file builder-requirements.txt

.PHONY: docs
docs: .venv-docs/.ready ## build the documentation as a site, strictly: build/site/index.html
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs --quiet build --strict --config-file deploy/site/mkdocs.yml

.PHONY: release
release: setup docs ## make wheel, source archive, chart and site in dist/, and check them from an empty folder
	@$(PY) -m deploy.release $(if $(CHARTS),--charts $(CHARTS))

.PHONY: lint
lint: setup ## check style, types, layers, and that generated files are up to date
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PY) deploy/crds/generate.py --check
	@$(PY) client/generate_client.py --check
	@$(PY) deploy/helm/generate_values.py --check
	@$(PY) -m benchmarks.report --check

.PHONY: format
format: setup ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: client
client: setup ## generate the blocking client from the asynchronous one
	@$(PY) client/generate_client.py

.PHONY: crds
crds: setup ## generate the CRDs from the models
	@$(PY) deploy/crds/generate.py

.PHONY: chart-values
chart-values: setup ## generate the table of the chart's values
	@$(PY) deploy/helm/generate_values.py

.PHONY: cluster-up
cluster-up: ## create the local cluster and its registry if they are not running
	@$(PYTHON) -m devcluster up

.PHONY: cluster-down
cluster-down: ## remove the local cluster and everything of it
	@$(PYTHON) -m devcluster down

.PHONY: cluster-status
cluster-status: ## show the state of the local cluster
# That there is no cluster is an answer, not a failure of make, which would end in "Error 3". Scripts that need to know
# run `python3 -m devcluster status`, whose exit status is 3 then; any other failure stays one here.
	@$(PYTHON) -m devcluster status || [ $$? -eq 3 ]

.PHONY: kueue-build
kueue-build: ## compile Kueue, once, for the tests of queues
	@$(PYTHON) -m devcluster kueue build

.PHONY: helm3-build
helm3-build: ## compile Helm 3, once, for the tests of the chart; Helm 4 is part of the cluster's tools
	@$(PYTHON) -m devcluster tool helm3 > /dev/null

.PHONY: kueue-up
kueue-up: cluster-up ## install Kueue on the local cluster
	@$(PYTHON) -m devcluster kueue up

.PHONY: kueue-down
kueue-down: ## remove Kueue and its queues from the local cluster
	@$(PYTHON) -m devcluster kueue down

.PHONY: images
images: cluster-up ## build the images and push them to the local registry; quick when nothing changed
	@$(PYTHON) -m devcluster images

.PHONY: sbom
sbom: setup images ## write the bill of materials of each image, read from the image: build/sbom/*.cdx.json (CycloneDX)
	@$(PYTHON) -m devcluster images worker-cuda
	@$(PY) -m devcluster.sbom

.PHONY: demo
demo: setup ## set everything up, augment a real robot dataset, and show the result; STORE=s3: in a bucket
	@$(PY) -m devcluster.demo run $(if $(STORE),--store $(STORE))

.PHONY: demo-down
demo-down: ## remove the demo with the local cluster; of a cluster of your own (CLUSTER=existing) only the installation
	@if [ -x $(PY) ]; then $(PY) -m devcluster.demo down; else $(PYTHON) -m devcluster down; fi

.PHONY: browser
browser: setup ## install the Chromium in which the page is tested
	@$(PYTHON) -m devcluster browser > /dev/null

.PHONY: test
test: setup docs lerobot $(SDKS_VENV)/.ready $(SDKS_NEXT_VENV)/.ready browser images kueue-build helm3-build ## all tests: unit, against a real API server, and end to end on the real cluster
	@$(PY) -m tests.tools $(IN_PARALLEL)
	@$(PY) -m pytest $(IN_PARALLEL)

.PHONY: test-unit
test-unit: setup ## the tests that need no cluster
	@$(PY) -m pytest $(IN_PARALLEL) tests/unit

.PHONY: test-tools
test-tools: setup ## the tests of devcluster and its local hub; `make test` runs them when these have changed
	@$(PY) -m tests.tools --always $(IN_PARALLEL)

.PHONY: sdks
sdks: setup $(SDKS_VENV)/.ready $(SDKS_NEXT_VENV)/.ready $(SDKS_DATAROBOT_VENV)/.ready ## the other services' own clients against a gateway: here, or at GATEWAY_URL with API_KEY
	@SDKS_GATEWAY_URL="$${GATEWAY_URL:-}" SDKS_API_KEY="$${API_KEY:-}" $(PY) -m pytest tests/integration/gateway/sdks

.PHONY: test-kubernetes
test-kubernetes: setup ## the tests of CRDs, admission, operator, gateway and chart with the API server of another version: VERSION=1.31.14
	@[ -n "$(VERSION)" ] || { echo "name a release of Kubernetes: make test-kubernetes VERSION=1.31.14"; exit 1; }
	@KUBERNETES_VERSION=$(VERSION) $(PY) -m pytest $(IN_PARALLEL) tests/integration/chart tests/integration/gateway --ignore tests/integration/gateway/page \
	  tests/integration/kube tests/integration/operator

.PHONY: test-gpu
test-gpu: $(GPU_SETUP) ## the tests that need an NVIDIA GPU; with another Python and without `setup`: PY=python3
	@$(PY) -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else \
	  "PyTorch finds no GPU that it can use (does nvidia-smi?): all of these tests would be skipped")'
	@PYTHONPATH=$(GPU_PYTHONPATH) $(PY) -m pytest -m gpu -rs $(GPU_TESTS)

.PHONY: test-hub
test-hub: setup ## a whole job on a hub that runs already, in private datasets that are deleted: make test-hub HUB=https://… TOKEN=…
	@$(PY) -m tests.integration.worker.real_hub

.PHONY: bench
bench: setup ## measure what needs no cluster and no GPU, and write docs/performance.md
	@for each in $(BENCHMARKS); do echo "== benchmarks/$$each.py"; $(PY) -m benchmarks.$$each; done
	@$(PY) -m benchmarks.report --take

.PHONY: bench-report
bench-report: setup ## write docs/performance.md from what was measured last
	@$(PY) -m benchmarks.report --take

.PHONY: bench-gpu
bench-gpu: $(GPU_SETUP) ## measure transforms and whole episodes on an NVIDIA GPU, and other libraries beside; PY=python3 as for test-gpu
	@status=0; PYTHONPATH=$(GPU_PYTHONPATH) $(PY) -m benchmarks.gpu || status=$$?; \
	if [ -f build/bench/gpu.json ]; then PYTHONPATH=$(GPU_PYTHONPATH) $(PY) -m benchmarks.report --take; fi; exit $$status

.PHONY: bench-first-picture
bench-first-picture: setup images ## measure POST to the first augmented frame on the local cluster, on an empty node and on a warm one
	@$(PYTHON) -m devcluster images worker-cuda
	@$(PY) -m benchmarks.first_picture
	@$(PY) -m benchmarks.report --take

.PHONY: bench-codecs
bench-codecs: setup lerobot ## measure time, bytes, quality and random reads of codecs, presets and profiles; SHORT=1: in a minute
	@$(PY) -m benchmarks.codecs $(if $(SHORT),--short)

.PHONY: bench-store
bench-store: setup ## measure a whole job in an S3 store on loopback against the same in folders, in one run
	@$(PY) -m benchmarks.object_store

.PHONY: bench-gateway
bench-gateway: setup ## measure the gateway's reads against kube-apiserver, in one run; needs wrk
	@$(PY) -m benchmarks.gateway_reads --jobs 10000 --streams 1000

.PHONY: attack-gateway
attack-gateway: setup ## flood a gateway on loopback; measure its memory and the latency of a well-behaved client, in one run
	@$(PY) -m benchmarks.attack_gateway --jobs $(JOBS)

.PHONY: bench-operator
bench-operator: setup ## measure the operator against JobSet's controller, and where the API server's time goes, in one run of four minutes
	@$(PY) -m benchmarks.operator_scale

.PHONY: bench-episodes
bench-episodes: setup images ## run a job of EPISODES short episodes on the local cluster, and once more with two shards killed
	@$(PY) -m benchmarks.thousands_of_episodes --episodes $(EPISODES)

.PHONY: bench-job
bench-job: setup images ## measure a whole job on the local cluster, from POST to completed, and write docs/performance.md
	@$(PY) -m benchmarks.whole_job
	@$(PY) -m benchmarks.report --take

.PHONY: bench-scale
bench-scale: setup ## measure what a job of 1,000, 10,000 and 100,000 episodes costs without its pixels; SCALE_EPISODES=1000 for less
	@$(PY) -m benchmarks.scale --episodes $(SCALE_EPISODES)

.PHONY: fuzz-gateway
fuzz-gateway: setup ## ten minutes of generated requests, each answer checked against the gateway's OpenAPI document
	@$(PY) -m tests.integration.gateway.openapi_fuzz --seconds $(FUZZ_SECONDS)

.PHONY: fuzz-worker
fuzz-worker: setup ## ten minutes of generated input for every parser of data that a dataset or a hub sends a worker
	@$(PY) -m tests.unit.worker.parser_fuzz --seconds $(FUZZ_SECONDS)

.PHONY: chaos
chaos: setup images ## run fifty jobs while operator, workers, kubelet, API server, etcd and hub are killed repeatedly
	@CHAOS_JOBS=$(CHAOS_JOBS) $(PY) -m pytest -s --timeout 0 tests/e2e/test_chaos.py

.PHONY: fuzz-operator
fuzz-operator: setup ## stateful test: thousands of generated scenarios, the invariants of the operator checked after every step
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PY) -m pytest tests/unit/operator/test_any_order.py

.PHONY: clean
clean: ## remove build outputs from this folder
	@rm -rf build dist $(VENV) $(LEROBOT_VENV) $(LEROBOT_V21_VENV) $(SDKS_VENV)* .venv-docs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
