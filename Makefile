# Hubbub. `make help` lists the targets.

GO      ?= go
NODE_BIN = node_modules/.bin
# wrangler's own Node: the system's may be too old for it.
WRANGLER = $(NODE_BIN)/node node_modules/wrangler/bin/wrangler.js
WASM     = GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags="-s -w"
export WRANGLER_SEND_METRICS = false

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: run
run: ## serve the app with the local runner, on http://localhost:8787 (PORT and ADDR override)
	@$(GO) run ./localrunner/cmd/hubbub run

.PHONY: build
build: build/wasm_exec.js ## build the app's Wasm
	@$(WASM) -o build/app.wasm ./worker/app

.PHONY: build-testworker
build-testworker: build/wasm_exec.js
	@$(WASM) -o build/testworker.wasm ./conformance/testworker

# The half of Go's Wasm support that is JavaScript: it belongs to the toolchain that builds the Wasm.
.PHONY: build/wasm_exec.js
build/wasm_exec.js:
	@mkdir -p build
	@cp "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" $@

node_modules: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@
