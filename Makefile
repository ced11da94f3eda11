# Picket. `make help` lists the targets.

BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X picket.internal/internal/version.Version=$(VERSION)
GO      := go
BUILD   := $(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)'
# What is linked statically, so that it runs whatever the libc is, must need no
# library at run time: names and users are looked up by Go's own code, and SQLite
# loads no extension. All is built and tested so, or it would be compiled twice.
TAGS           := netgo,osusergo,sqlite_omit_load_extension
export GOFLAGS := $(shell $(GO) env GOFLAGS 2>/dev/null) -tags=$(TAGS)
# Everything that is not compiled for the race detector is compiled as what ships
# is, so that vet, staticcheck, the fuzzers and the tests that build programs find
# what another has compiled. SQLite alone takes half a minute each time.
SHARED  := GOFLAGS='$(GOFLAGS) -trimpath' CGO_ENABLED=1
# SQLite for the race detector, which does not look into it: a third of the time.
# Tests that build what ships take this back.
RACE    := CGO_ENABLED=1 CGO_CFLAGS='-O1 -g0'
# Every fuzz target that there is, as folder:target, so that none is forgotten.
FUZZ    ?= $(shell grep -rEo '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's,^(.*)/[^/]+:func (Fuzz.*),\1:\2,' | sort)
FUZZTIME ?= 4s
# Parsers below a trust boundary that has a target of its own get less of the gate's time.
FUZZBRIEF ?= $(if $(filter 4s,$(FUZZTIME)),2s,$(FUZZTIME))
FUZZBIN   := $(CURDIR)/bin/fuzz
STATICCHECK := $(GO) tool staticcheck

.PHONY: help up demo build sensor wrappers hub cli packages package-sensor package-hub test unit lint fuzz bench soak e2e threats generate tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: build ## build and run Picket on this machine: hub, sensor, three canaries
	@exec $(BIN)/picket up $(UPFLAGS)

demo: build ## play an intrusion against a Picket of its own; exit 0 when every alert came
	@exec $(BIN)/picket demo $(DEMOFLAGS)

build: tools sensor wrappers hub cli ## build the programs into bin/

cli: tools
	CGO_ENABLED=0 $(BUILD) -o $(BIN)/picket ./cmd/picket

# The hub is C too (SQLite). STATIC=1 links it statically, as what is packaged is.
hub: tools
	@test -z "$(STATIC)" || printf 'int main(void){return 0;}\n' | $${CC:-gcc} -static -x c -o /dev/null - 2>/dev/null || { echo "picket: gcc cannot build a static program; install the static C library: apt-get install libc6-dev, or dnf install glibc-static" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)$(if $(STATIC), -extldflags=-static)' -o $(BIN)/picket-hub ./cmd/picket-hub

# The sensor is built for size: without inlining and padding it is a tenth
# smaller, and what it does all day is wait for the kernel.
sensor: tools
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -gcflags=all=-l -ldflags '$(LDFLAGS) -funcalign=1' -o $(BIN)/ ./cmd/picket-sensor ./cmd/picket-sensor-install

# What runs as root is built as the sensor is: small, static, without cgo.
WRAPPERS := picket-emergency-action picket-lease picket-wrapper-setup
wrappers: tools
	@mkdir -p $(BIN)
	for name in $(WRAPPERS); do CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -gcflags=all=-l -ldflags '$(LDFLAGS)' -o $(BIN)/$$name ./wrappers/$$name || exit 1; done

# A version as dpkg and rpm order them: a tag's own, or the commit's time before
# the first tag.
COMMITTED  := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
PKGVERSION ?= $(if $(filter v0.% v1.%,$(VERSION)),$(subst -,+,$(VERSION:v%=%)),0.0.0~$(COMMITTED).$(subst -,.,$(VERSION)))
DIST       := dist

# What the tarball holds, as it lies below /: the programs, and no folder, whose
# mode a tarball must not change.
TARBALL := usr/bin/picket-sensor usr/libexec/picket/picket-sensor-install $(WRAPPERS:%=usr/libexec/picket/%) usr/share/man/man8/picket-sensor.8.gz

# What nfpm is told, in the folder of its configurations.
NFPM = cd packaging/nfpm && umask 022 && BIN=$(abspath $(BIN)) WORK=$(abspath $(WORK)) VERSION='$(PKGVERSION)' ARCH=$$($(GO) env GOARCH) SOURCE_DATE_EPOCH=$(COMMITTED) $(GO) tool nfpm package
# A man page with the day of the commit.
page = sed '/^\.TH/s/""/"$(shell date -u -d @$(COMMITTED) +%F)"/' packaging/man/$(1) | gzip -9nc >$(WORK)/$(1).gz
# A deb and an rpm of one configuration.
KINDS   := deb rpm
package = for kind in $(KINDS); do ($(NFPM) --config $(1).yaml --packager $$kind --target $(abspath $(DIST))/$(1).$$kind) || exit 1; done

packages: package-sensor package-hub ## build the debs, the rpms and the sensor's tarball into dist/

package-sensor: WORK = $(DIST)/sensor
package-sensor: sensor wrappers
	@mkdir -p $(WORK)
	gzip -9nc packaging/doc/changelog >$(WORK)/changelog.gz
	$(call page,picket-sensor.8)
	$(call package,picket-sensor)
	install -D -m 0644 $(WORK)/picket-sensor.8.gz $(WORK)/root/usr/share/man/man8/picket-sensor.8.gz
	install -D -m 0755 -t $(WORK)/root/usr/bin $(BIN)/picket-sensor
	install -D -m 0755 -t $(WORK)/root/usr/libexec/picket $(BIN)/picket-sensor-install $(WRAPPERS:%=$(BIN)/%)
	tar --create --directory=$(WORK)/root --sort=name --mtime=@$(COMMITTED) --owner=root:0 --group=root:0 --format=ustar $(TARBALL) | gzip -9n >$(DIST)/picket-sensor.tar.gz
	@rm -rf $(WORK)

# The hub, and the tool of the people who use it.
package-hub: WORK = $(DIST)/hub
package-hub: STATIC := 1
package-hub: hub cli
	@mkdir -p $(WORK)/hub $(WORK)/cli $(WORK)/share
	for of in hub cli; do gzip -9nc packaging/$$of/changelog >$(WORK)/$$of/changelog.gz || exit 1; done
	$(call page,picket.1)
	$(call page,picket-hub.8)
	find rules policies -name '*.yaml' ! -path '*/testdata/*' -exec install -D -m 0644 {} $(WORK)/share/{} \;
	$(call package,picket-hub)
	$(call package,picket)
	@rm -rf $(WORK)

test: lint unit fuzz ## everything CI runs: lint, all tests with -race, 4 s of each fuzz target in fuzz/, 2 s of the others

unit: tools ## all tests, with the race detector; lint has vetted them
	$(RACE) $(GO) test -race -vet=off -timeout 15m ./...
	$(SHARED) $(GO) test -vet=off -run 'NoMemory' ./engine/...

lint: tools ## gofmt, go vet, staticcheck, generated files, go.mod
	@test -z "$$(gofmt -l .)" || { echo "not formatted, run gofmt -w on:"; gofmt -l .; exit 1; }
	$(SHARED) $(GO) vet ./...
	cd bench && $(SHARED) $(GO) vet ./...
	$(SHARED) $(STATICCHECK) ./...
	cd fact && $(SHARED) $(GO) run ./gen -check
	$(GO) mod tidy -diff

fuzz: tools ## each fuzz target for FUZZTIME (4s; those inside packages 2s), one a processor
	@mkdir -p $(FUZZBIN)
	@printf '%s\n' $(FUZZ) | sed 's/:.*//' | sort -u | GO=$(GO) xargs -r -P "$$(nproc)" -n 1 fuzz/build $(FUZZBIN)
	@printf '%s\n' $(filter ./fuzz:%,$(FUZZ)) | GO=$(GO) xargs -r -P "$$(nproc)" -n 1 fuzz/run $(FUZZBIN) $(FUZZTIME)
	@printf '%s\n' $(filter-out ./fuzz:%,$(FUZZ)) | GO=$(GO) xargs -r -P "$$(nproc)" -n 1 fuzz/run $(FUZZBIN) $(FUZZBRIEF)
	@rm -rf $(FUZZBIN)

e2e: tools ## only the tests that boot the real programs
	CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 15m ./e2e/... ./cmd/...

bench: tools ## latency, containment, ingest, engine, footprint and sizes, measured here
	CGO_ENABLED=1 $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./e2e
	CGO_ENABLED=1 $(GO) test -run '^$$' -bench 'Ingest' -benchtime 5s -timeout 30m ./hub
	CGO_ENABLED=1 $(GO) test -run '^$$' -bench 'Replay' -benchtime 1x -timeout 30m ./hub
	$(GO) test -run '^$$' -bench 'Linear|Match|Parallel|Load' -timeout 30m ./engine
	$(GO) test -run '^$$' -bench 'ExecToFact' -benchtime 1x ./sensor/watch/process
	$(GO) test -run '^$$' -bench 'Attribution|TouchToEmit' -benchtime 20x ./sensor/watch/canary
	$(GO) test -run '^$$' -bench 'Read|OfThisMachine|OverThisMachine|Seal|Emit' ./sensor/...
	$(GO) test -run '^$$' -bench 'Verify' ./eat
	cd bench && PICKET_BENCH=1 $(GO) test -count=1 -v -run 'Comparison|Scale' -timeout 30m .

soak: tools ## the long tests at full length
	PICKET_SOAK=1 CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 60m ./e2e/... ./hub/... ./sensor/... ./wrappers/...
	PICKET_SOAK=1 $(GO) test -count=1 -timeout 60m -run 'IndexAgrees' ./engine
	$(MAKE) fuzz FUZZTIME=2m

threats: tools ## the threats of ../shared/threats.md and the tests that carry them
	@$(GO) run ./internal/threats

generate: tools ## write the files that follow from the fact types
	$(GO) generate ./...

tools:
	@command -v $(GO) >/dev/null || { echo "picket: go is missing; install it from https://go.dev/dl (1.26 or later) and put it in PATH" >&2; exit 1; }
	@$(GO) version | awk '{ split(substr($$3, 3), v, "."); exit !(v[1] > 1 || (v[1] == 1 && v[2] >= 26)) }' || { echo "picket: $$($(GO) version) is too old; Picket needs 1.26 or later, from https://go.dev/dl" >&2; exit 1; }
	@command -v $${CC:-gcc} >/dev/null || { echo "picket: gcc is missing (SQLite is C); install it with: apt-get install gcc libc6-dev" >&2; exit 1; }
	@printf '#include <stdlib.h>\nint main(void){return 0;}\n' | $${CC:-gcc} -x c -o /dev/null - 2>/dev/null || { echo "picket: gcc cannot build a program, the C headers are missing; install them with: apt-get install libc6-dev" >&2; exit 1; }

clean: ## remove what make built
	rm -rf $(BIN) $(DIST)
