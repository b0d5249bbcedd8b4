# make setup   get the native parts and the default model into the cache (done by the others when needed)
# make build   bin/sftui
# make run     the workbench on the default model and the embedded sample data
# make test    go vet and all tests;  make lint   golangci-lint
# make terminal  the main job in tmux, by keyboard;  make check   all of them
# make cuda    compiles all that trains for a GPU that need not be here
# make bench   benchmarks of data, training and interface (figures for BENCHMARKS.md)

CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sftui
TOKENIZERS_VERSION := $(shell sed -n 's/.*TokenizersVersion = "\(.*\)"/\1/p' setup/tokenizers.go)
GO      ?= go

# The linker finds libtokenizers.a here.
export CGO_ENABLED := 1
export CGO_LDFLAGS := -O2 -g -L$(CACHE)/native/tokenizers-$(TOKENIZERS_VERSION)
# NVIDIA's bindings wrap every call there is, the deprecated ones too; gcc would fill the screen with that.
export CGO_CFLAGS := -O2 -g -Wno-deprecated-declarations
# simd speeds up the pure Go backend; it exists on amd64 only.
ifeq ($(shell $(GO) env GOARCH),amd64)
export GOEXPERIMENT := simd
endif
# go-xla must not look for plugins by itself: sftui chooses and checks them.
export GOMLX_NO_AUTO_INSTALL := 1
# Silences XLA's start-up chatter, which would land on the screen.
export TF_CPP_MIN_LOG_LEVEL ?= 2

# The tests of the shared reference run where that folder lies beside the checkout.
REFERENCE := $(wildcard ../shared/reference)
ifneq ($(REFERENCE),)
export SFTUI_REFERENCE ?= $(abspath $(REFERENCE))
endif

# Packages whose tests also run under the race detector: those that share memory between goroutines and do not
# spend their time in XLA, which the detector does not see into.
RACE = $(shell $(GO) list ./setup/... ./dataset/... ./recipes/... ./engine ./engine/run/... ./engine/weights/... ./findings/... ./ui/... 2>/dev/null)

.PHONY: setup build run test terminal lint cuda bench check clean

setup:
	@$(GO) run ./scripts/setup

build: setup
	$(GO) build -trimpath -o bin/sftui .

run: build
	./bin/sftui

# Tests that compute find XLA's CPU plugin by this; the binary itself asks package setup.
WITH_PLUGIN = PJRT_PLUGIN_LIBRARY_PATH="$${PJRT_PLUGIN_LIBRARY_PATH:-$$($(GO) run ./scripts/setup -where plugin)}"

test: setup
	$(GO) vet ./...
	$(WITH_PLUGIN) $(GO) test -timeout 40m ./...
	$(GO) test -race -short -timeout 40m $(RACE)

# The linter has a go.mod of its own, so that its hundreds of dependencies stay out of sftui's. The first time it is
# compiled, which takes some minutes. Its cache names files of the checkout that filled it, so each has its own: another
# one's, removed since, made it find what is excluded.
lint: setup
	GOLANGCI_LINT_CACHE=$(CURDIR)/bin/lint $$($(GO) -C scripts/lint tool -n golangci-lint) run ./...

# The main job in a real terminal, by keyboard.
terminal: build
	sh scripts/terminal/main_job.sh

# The programs of an H200, compiled by XLA's CUDA plugin without one.
cuda: setup
	$(WITH_PLUGIN) SFTUI_PJRT_CUDA="$${SFTUI_PJRT_CUDA:-$$($(GO) run ./scripts/setup -where cuda-compiler)}" \
		$(GO) test -count=1 -timeout 40m -run 'CompilesForH200|ForecastForH200' ./engine/compute ./engine

check: lint test cuda terminal

bench: build
	./bin/sftui bench data
	./bin/sftui bench train
	./bin/sftui bench ui

clean:
	rm -rf bin
