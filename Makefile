# What a person runs; continuous integration runs the same.
.DEFAULT_GOAL := help
SWIFT_FLAGS := -c release
SECONDS_EACH ?= 60
BINARY := .build/release/cuebx

help:
	@sed -n 's/^## //p' Makefile

## make run      install what is missing, build, and serve on http://127.0.0.1:8080
run: build
	@exec $(BINARY) serve

## make test     install what is missing, build, and run every test
test: build-tests
	@scripts/test.sh

## make tour     walk through a running server, each request shown with its answer
tour: build
	@$(BINARY) tour

## make tour-pay the same, and then pay, upgrade and cancel; moves the clock 40 days on
tour-pay: build
	@$(BINARY) tour --pay

## make tour-moves  pay, and go every way from one plan to another, by the year too, with a pack that is
##               bought by itself; moves the clock 104 days on
tour-moves: build
	@$(BINARY) tour --moves

## make tour-team  a team pays for seats, is frozen, pays again; moves the clock 40 days on
tour-team: build
	@$(BINARY) tour --team

## make demo     the service and an example tool server, to sign up and spend; says which pages to open
demo: build .venv-demo
	@.venv-demo/bin/python Examples/tool-server/demo.py

## make fuzz     look for inputs that break a parser or the document, for some minutes
fuzz: build-tests .venv
	@FUZZ_INPUTS=2000000 swift test -c release --skip-build --filter FuzzTests
	@scripts/fuzz.py $(SECONDS_EACH)
	@FUZZ_INPUTS=200000 FUZZ_EXAMPLES=200 .venv/bin/python -m pytest \
		-s Tests/service/test_document.py Tests/service/test_parsers.py

## make bench    measure metering and webhooks against the bare databases, and two processes against one
bench: build .venv
	@swift build $(SWIFT_FLAGS) --product cuebx-bench
	@.build/release/cuebx-bench metering
	@.build/release/cuebx-bench metering --batched
	@.build/release/cuebx-bench metering --product api
	@.build/release/cuebx-bench webhooks
	@.build/release/cuebx-bench family
	@.venv/bin/python Tests/servers/postgresql.py --durable \
		sh -c 'for bench in metering "metering --batched" "metering --product api" family processes; do \
			.build/release/cuebx-bench $$bench --database "$$CUEBX_TEST_POSTGRESQL" || exit; done'

## make sim      simulate the ledger under faults; RUNS=10000 for long, SEED=… replays one run
sim: install
	@swift build $(SWIFT_FLAGS) --product cuebx-sim
	@.build/release/cuebx-sim $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS)) \
		$(if $(STEPS),--steps $(STEPS)) $(if $(ENGINE),--engine $(ENGINE)) $(SIM_FLAGS)

## make crashes  kill the service at random, KILLS=300 times on each engine, and check what it said
crashes: build .venv
	@.venv/bin/python Tests/crashes/run.py $(if $(KILLS),--kills $(KILLS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE))

## make proof    kill clients of each language 1 000 times, with and without outages, and break off
##               10 000 streams, NUMBER=… SEED=…; 100 000 histories of automatic top-ups, a million
##               of holds and splits of tokens, 50 000 lives with years, HISTORIES=…, 10 000 previews,
##               CASES=…
proof: build-tests .venv .venv-demo
	@CUEBX_HISTORIES=$(or $(HISTORIES),1000000) CUEBX_SPLITS=$(or $(HISTORIES),1000000) \
		swift test -c release --skip-build --filter 'HoldHistoryTests|SubPeriodTests|TokenPriceTests'
	@CUEBX_YEARS=$(or $(HISTORIES),50000) swift test -c release --skip-build --filter 'YearHistoryTests|YearWorldTests'
	@PREVIEW_CASES=$(or $(CASES),10000) .venv/bin/python -m pytest -q -s Tests/sandbox/test_previews.py
	@TOP_UP_HISTORIES=$(or $(HISTORIES),100000) swift test -c release --skip-build --filter TopUpsTests.HistoryTests
	@node clients/typescript/scripts/build.mjs
	@for driver in "" "node clients/typescript/test/driver.mjs" clients/swift/.build/debug/driver; do \
		for what in "kills --number 1000" "kills --outages --number 1000" "aborts --number 10000"; do \
			.venv-demo/bin/python clients/python/proof.py $$what $(if $(NUMBER),--number $(NUMBER)) \
				$(if $(SEED),--seed $(SEED)) $${driver:+--driver "$$driver"} || exit; \
		done; done

## make overhead what a metered call costs beside bare requests, in processor time and in waiting
overhead: build .venv-demo
	@.venv-demo/bin/python clients/python/proof.py overhead --number $(or $(NUMBER),2000)

## make page-times  what each page weighs and how long the server takes for it at LOGS=1000000
page-times: build .venv
	@.venv/bin/python Tests/service/page_times.py --logs $(or $(LOGS),1000000)

## make screens  take the pictures in docs/screens anew, or those of NAMES="account upgrade"; look at each
screens: build .venv
	@scripts/install.sh screens
	@.venv/bin/python Tests/service/screens.py $(NAMES)

## make package  a Debian package in var/package: binary, units, sample settings, completions, manual
package: build
	@scripts/install.sh package
	@scripts/package.py $(BINARY) var/package

## make lint     formatting and tidiness
lint: install
	@scripts/lint.sh

## make format   let the formatter decide
format:
	@swift format --in-place --recursive Sources Tests Package.swift \
		clients/swift/Sources clients/swift/Tests clients/swift/Package.swift

## make openapi  write openapi.json anew from the code
openapi: build
	@$(BINARY) openapi > openapi.json.new && mv openapi.json.new openapi.json
	@clients/wire_types.py

## make clean    forget what was built
clean:
	@rm -rf .build

# The Python that fuzzing and measuring need; the tests bring theirs up to date themselves.
.venv: Tests/requirements.txt
	@python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch .venv

# What the example tool server runs with.
.venv-demo: Examples/tool-server/requirements.txt
	@python3 -m venv .venv-demo
	@.venv-demo/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch .venv-demo

install:
	@scripts/install.sh

install-tests:
	@scripts/install.sh tests

build: install
	@swift build $(SWIFT_FLAGS) --product cuebx

build-tests: install-tests
	@swift build $(SWIFT_FLAGS) --build-tests
	@swift build --package-path clients/swift --build-tests -Xswiftc -gnone

.PHONY: help run test tour tour-pay tour-moves tour-team demo fuzz bench sim crashes proof overhead page-times screens package lint \
	format openapi clean install \
	install-tests build build-tests
