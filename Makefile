# The table of contents of scripts/. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run test web real lint format protos docs bench faults ci clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set up and start everything on http://localhost:8080 (REGARD_PORT); EMPTY=1 starts without the demonstration company
	@EMPTY=$(EMPTY) scripts/run

test: ## set up and run every test that needs no server installed
	@scripts/test

web: ## build the web client into build/web, check its types, its tests and its size
	@scripts/setup && .venv/bin/python scripts/web.py build && .venv/bin/python scripts/web.py npm run --silent check

real: ## run the contract and system tests on genuine Kafka and PostgreSQL, which it brings: see scripts/real
	@scripts/real

lint: ## ruff, mypy, import rules, protos, generated documents
	@scripts/lint

format: ## let ruff format the code
	@scripts/format

protos: ## generate the Python stubs and the descriptor sets from protos/
	@scripts/setup && .venv/bin/python scripts/protos.py generate

docs: ## regenerate the documents that are made from code (OpenAPI, AsyncAPI, settings, error ids)
	@scripts/setup test && .venv/bin/python scripts/documents.py write

bench: ## measure; prints a table and writes build/bench.json: docs/benchmarks.md
	@scripts/bench

faults: ## break everything, again and again, under load: docs/faults.md
	@scripts/faults

ci: ## what CI runs
	@.ci/run

clean: ## remove what the scripts made (the data folder stays)
	rm -rf .venv gen gen.new gen.old build clients/web/node_modules clients/web/src/gen .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
