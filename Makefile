# All that people and CI ever type. `make` alone explains itself.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
export NISSE_MODELS_FOLDER_FOR_TESTS := $(CURDIR)/build/models

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## set everything up and start the house on this desk; Ctrl-C stops it
	@provisioning/setup.sh run
	@$(PYTHON) -m agent run

TEST_WORKERS := 2
.PHONY: test
test: ## set everything up and pass all tests, in TEST_WORKERS=2 processes (installs Postfix, Dovecot, Chromium, Avahi for them)
	@provisioning/setup.sh test
	@$(PYTHON) -m pytest -n $(TEST_WORKERS) --dist loadfile

.PHONY: check
check: ## the quick checks: ruff, mypy, shellcheck, layout
	@provisioning/setup.sh test
	@$(PYTHON) -m pytest tests/test_layout.py tests/test_linters.py

.PHONY: test-brain-soak
test-brain-soak: ## the long test of the brain: 500 mixed requests, hang-ups and reloads (5 minutes)
	@provisioning/setup.sh test
	@$(PYTHON) -m tests.brain.soaking

.PHONY: test-mail-matrix
test-mail-matrix: ## every line of the mail checklist with its tests, the kind of server and the result
	@provisioning/setup.sh test
	@$(PYTHON) -m tests.mail.matrix

MAILS := 1000
KILLS := 210
RESTARTS := 5
KILL_SECONDS := 900
REAL_MAILS := 30
REAL_KILLS := 12
.PHONY: test-mail-kill
test-mail-kill: ## 1,000 mails, 210 kills, 5 restarts of Dovecot, then 30 mails with a real model (25 minutes); less with MAILS=40 KILLS=10 KILL_SECONDS=40
	@provisioning/setup.sh test
	@$(PYTHON) -m tests.mail.killing --mails $(MAILS) --kills $(KILLS) --restarts $(RESTARTS) --seconds $(KILL_SECONDS)
	@$(PYTHON) -m tests.mail.killing --real --mails $(REAL_MAILS) --kills $(REAL_KILLS) --restarts 1 --seconds 90

IDLE_MINUTES := 10
IDLE_MAILS := 50
.PHONY: test-mail-idle
test-mail-idle: ## memory and writes of the idle mail channel, and bytes written for each answer (12 minutes); less with IDLE_MINUTES=1
	@provisioning/setup.sh test
	@$(PYTHON) -m tests.mail.idling --minutes $(IDLE_MINUTES) --mails $(IDLE_MAILS)

FUZZ_SECONDS := 1200
.PHONY: fuzz-mail
fuzz-mail: ## spoilt mails to everything that reads mail (20 minutes); less with FUZZ_SECONDS=60
	@provisioning/setup.sh test
	@$(PYTHON) -m tests.letters.fuzzing --seconds $(FUZZ_SECONDS)

BENCH_ROUNDS := 1
ONLY :=
.PHONY: bench
bench: ## set up the peers and compare the brain with them (25 minutes); less with BENCH_ROUNDS=0.5 ONLY=generation,four
	@provisioning/setup.sh run
	@tests/bench/setup.sh qwen2.5-coder-0.5b-instruct-q4_k_m
	@$(PYTHON) -m tests.bench --rounds "$(BENCH_ROUNDS)" --only "$(ONLY)"

BOARD := pc
MODEL :=
UPDATES :=
FRESH :=
PLAN :=
.PHONY: image
image: ## the file to flash, for BOARD=pc|arm64|rpi (5 minutes, the first time 25); MODEL=none or a name, UPDATES=folder of `nisse release factory`, CERTIFICATE=whose updates of the system it takes, FRESH=1, PLAN=1 only says how
	@provisioning/setup.sh image $(BOARD)
	@$(PYTHON) -m provisioning.image --board $(BOARD) $(if $(MODEL),--model $(MODEL)) $(if $(UPDATES),--updates $(UPDATES)) $(if $(CERTIFICATE),--keyring $(CERTIFICATE)) $(if $(FRESH),--fresh) $(if $(PLAN),--plan)

.PHONY: bundle
bundle: ## the installer for a board that keeps its own system, BOARD=jetson (the first time 20 minutes: the engine is compiled); PLAN=1 only says how
	@provisioning/setup.sh image arm64
	@$(PYTHON) -m provisioning.image --board arm64 --until engine $(if $(PLAN),--plan)
	@$(PYTHON) -m provisioning.jetson --board $(BOARD) $(if $(PLAN),--plan)

.PHONY: bundle-os
bundle-os: ## the built system as a signed update for boxes of BOARD; KEY= and CERTIFICATE= name a key of your own
	@provisioning/setup.sh machine
	@$(PYTHON) -m provisioning.image.bundle --board $(BOARD) $(if $(KEY),--key $(KEY) --certificate $(CERTIFICATE))

.PHONY: bundle-app
bundle-app: ## the house of the built image as a program, which boxes of BOARD take without a new system; `nisse release program` signs it
	@provisioning/setup.sh machine
	@$(PYTHON) -m provisioning.image.program --board $(BOARD)

INTERNET :=
.PHONY: boot
boot: ## start the built image in QEMU, the portal on port 8080 and the mail door on 8025; FRESH=1 writes it anew, INTERNET=1
	@provisioning/setup.sh machine
	@$(PYTHON) -m tests.image --board $(BOARD) $(if $(FRESH),--fresh) $(if $(INTERNET),--internet)

TEST_MODEL := smollm2-135m-instruct-q4_1
ONLY_IMAGE = tests/image
test-image: IMAGE_TESTS = image
test-image-full: IMAGE_TESTS = image or image_full
.PHONY: test-image
test-image: ## build the image with a small model, start it in QEMU, claim it, mail it, pull its plug (build/report/test-image.json)
.PHONY: test-image-full
test-image-full: ## the same, with bad updates, ten power cuts, factory reset and every hardship (hours where KVM does not work)
test-image test-image-full:
	@provisioning/setup.sh test
	@provisioning/setup.sh image pc && provisioning/setup.sh machine
	@$(PYTHON) -m provisioning.image --board pc --model $(TEST_MODEL) --out build/test-image/pc
	@rm -f build/report/test-image.xml
	-@$(PYTHON) -m pytest -m "$(IMAGE_TESTS)" --junitxml=build/report/test-image.xml $(ONLY_IMAGE)
	@$(PYTHON) -m tests.image.report

QUICK :=
PARTS :=
.PHONY: test-updates
test-updates: ## what an update of the models survives: kills, torn files, lying servers, cut lines, full disks (an hour); less with QUICK=1
	@provisioning/setup.sh test
	@$(PYTHON) -m tests.updates $(if $(QUICK),--quick) --only "$(PARTS)"

.PHONY: clean
clean: ## remove what was built or fetched here (not what the house knows)
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache ./*.egg-info
