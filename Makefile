# make demo     set up and open the app
# make test     set up and run the tests; browser tests run where a Chromium is found
# make check    what CI checks besides the tests: format, lint, types
# make bench    time each stage and the whole job, against OpenCV's warp-and-dissolve
# make bench-morph   judge the middle of morphs against other ways, on people never trained on (needs DATA and WEIGHTS)
# make eye-sheet    draw hard pairs to look at into runs/eye (needs DATA; ARGS="--kind turned", ARGS=--animation)
# make train    train an autoencoder on packed/crops.npz; again goes on where it stopped (see training/README.md)
# make setup    only the first part of demo: .venv with requirements.txt
#
# make demo PYTHON=python3.12        the interpreter for a new .venv
# make test ARGS="-k gif"            further words for the program behind a command
# make train MODEL=conv MINUTES=10   the source's autoencoder instead of ours; minutes of this leg

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
MODEL ?= face
MINUTES ?= 60
PACKED ?= packed/crops.npz
DATA ?= ../shared/data
WEIGHTS ?= ../shared/weights

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check bench bench-morph eye-sheet train
.SUFFIXES:

help:
	@sed -n 's/^# make/make/p' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.app.stamp

setup-dev: $(VENV)/.dev.stamp

# pip comes last when a .venv is made, so one whose making was interrupted is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "FaceMorph needs Python 3.10 or newer, and '$(PYTHON)' is not. Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "'$(PYTHON) -m venv' failed. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.app.stamp: requirements.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.dev.stamp: requirements.txt requirements-dev.txt | $(BIN)/pip
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@ $(VENV)/.app.stamp

demo: setup
	$(BIN)/python app.py $(ARGS)

test: setup-dev
	@$(BIN)/python -m pytest $(ARGS)

check: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@rm -f facemorph/ui/*.pyi  # Gradio writes these beside its components, and mypy would believe them
	$(BIN)/mypy

bench: setup-dev
	$(BIN)/python -m benchmarks.speed $(ARGS)

# The peer is left out where it cannot be installed; its own dependencies are not needed.
bench-morph: setup-dev
	-@$(BIN)/python -m pip install --quiet --no-deps facemorpher==5.2.1
	$(BIN)/python -m benchmarks.morph --data $(DATA) --weights $(WEIGHTS) $(ARGS)

eye-sheet: setup-dev
	$(BIN)/python -m benchmarks.eye_sheet --data $(DATA) $(ARGS)

train: setup-dev
	$(BIN)/python -m training.autoencoder.train $(MODEL) --packed $(PACKED) --out runs/$(MODEL) --minutes $(MINUTES) $(ARGS)
