# Hubbub. `make help` lists the targets.

GO       ?= go
# wrangler's own Node: the system's may be too old for it.
WRANGLER  = node_modules/.bin/node node_modules/wrangler/bin/wrangler.js
# These start servers and browsers and measure them: one after the other, and apart from the rest.
HOST_TESTS = ./conformance ./e2e ./soak
export WRANGLER_SEND_METRICS = false

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: run
run: ## serve the app on http://localhost:8787 (PORT and ADDR override); needs Go alone
	@mkdir -p build
	@# Both at once: a cold build of either leaves a core idle for a good part of it.
	@$(GO) run ./tools/buildwasm app & wasm=$$!; \
		$(GO) build -o build/hubbub ./localrunner/cmd/hubbub; built=$$?; \
		wait $$wasm && [ $$built = 0 ] && exec build/hubbub run --no-build

.PHONY: build
build: ## build the app's Wasm
	@$(GO) run ./tools/buildwasm app

.PHONY: test
test: setup check ## set everything up, and run every test on both hosts and in a browser
	$(GO) test -race $$($(GO) list ./... | grep -v -e /conformance$$ -e /e2e$$ -e /soak$$)
	$(GO) test -race -p 1 $(HOST_TESTS)

.PHONY: test-go
test-go: ## what needs Go alone, and what that leaves out
	@$(GO) test ./... && echo && echo "left out:" && \
		{ $(GO) test -v $(HOST_TESTS) 2>&1 | grep -A1 -E '^ *--- SKIP' | grep -vE '^ *---' || echo "nothing"; } | sort | uniq -c

.PHONY: check
check: ## fail on anything unformatted, untidy, out of date or suspicious
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "check: run gofmt -w on the files above"; exit 1; }
	@$(GO) mod tidy -diff
	@$(GO) run ./abi/gen | diff - worker/shim/abi.gen.mjs || { echo "check: run make generate"; exit 1; }
	@$(GO) vet ./...
	@GOOS=js GOARCH=wasm $(GO) vet ./worker/... ./conformance/testworker

.PHONY: generate
generate: ## write the generated files anew
	$(GO) run ./abi/gen > worker/shim/abi.gen.mjs

.PHONY: setup
setup: node_modules chromium ## install what the tests need besides Go: npm packages and Chromium

node_modules: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

# The e2e tests find Chromium by these names, or in $CHROMIUM.
.PHONY: chromium
chromium:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
		command -v "$$name" >/dev/null && exit; done; tools/install-chromium

.PHONY: dev
dev: node_modules ## serve the app with wrangler dev
	$(WRANGLER) dev

.PHONY: deploy
deploy: node_modules ## deploy the app to Cloudflare
	$(WRANGLER) deploy

.PHONY: deploy-check
deploy-check: node_modules ## what a deployment would upload, without doing it, and its size
	$(WRANGLER) deploy --dry-run --outdir build/deploy-check

.PHONY: bench
bench: node_modules ## measure, side by side in one run, and print a table (BENCH=-short for the half of it)
	@$(GO) run ./bench $(BENCH)

# With CI set, a missing workerd is a failure.
.PHONY: soak
soak: node_modules ## kill the hosts hundreds of times under load, and look for anything lost
	CI=1 $(GO) test ./soak -run '^(TestLocalRunner|TestWorkerd)$$' -kills 200 -workerd-kills 40 -timeout 60m -v

.PHONY: fuzz
fuzz: ## run each fuzz test for FUZZTIME (default 10s)
	@for pkg in $$(grep -rl --include=*_test.go '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$pkg/*_test.go | cut -c6-); do \
			$(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-10s} || exit 1; \
		done; done

.PHONY: clean
clean: ## remove what was built
	rm -rf build
