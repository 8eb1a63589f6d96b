# Wraps cargo and a few scripts, nothing else. `make help` lists the targets.

PREFIX  ?= /usr/local
DESTDIR ?=
# The benchmark that drives any engine: a directory beside this one, or wherever it is.
BENCH   ?= ../shared/bench/run
PODMAN  ?= podman --runtime runc --cgroup-manager cgroupfs

CARGO   ?= cargo
TARGET  := x86_64-unknown-linux-gnu
BINARY  := $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/release/barge
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := build
# What `make vmtest` runs in its machine: parts of tests' names. All of them: VMTEST=
VMTEST ?= cgroup_v2 systemd:: apparmor:: roots::the_hosts roots::a_store container::pause

.PHONY: help build check test test-unit vmtest demo bench golden man completions install uninstall faults attacks fuzz sanitize

help: ## this list
	@sed -n 's/^\([a-z-]*\)[a-z ]*:.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

build: ## the release binary: static, one file
	@contrib/need gcc libc6-dev
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)} \
	BARGE_COMMIT=$$(git rev-parse HEAD 2>/dev/null) $(CARGO) build --release --locked

check: ## formatting and lints, no warning allowed
	@contrib/need gcc libc6-dev
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

test: ## installs what the tests need (as root, with apt), then runs them all; the fast ones first
	@tests/support/prepare
ifeq ($(NEXTEST),yes)
	TEST_REQUIRE=$(if $(CI),all,$(TEST_REQUIRE)) $(CARGO) nextest run --locked $(if $(CI),--profile ci)
else
	TEST_REQUIRE=$(if $(CI),all,$(TEST_REQUIRE)) $(CARGO) test --locked --no-fail-fast
endif

test-unit: ## only the tests beneath the code: no root, no network, seconds
	$(CARGO) test --lib --locked

vmtest: ## those that need another kernel, cgroups of version 2, systemd or AppArmor, in an emulated machine that has them
	@tests/support/prepare
	@tests/support/vm test $(VMTEST); status=$$?; tests/support/vm down; exit $$status

faults: ## the long tests: 1,000 power cuts, kill -9 at every system call, 10,000 attached runs
	@tests/support/prepare
	FAULTS=all BARGE_RUNS=10000 TEST_REQUIRE=all $(CARGO) test --locked --test main -- faults:: container::attach container::exec container::monitor

attacks: ## the attacks in full numbers: races, every pair and triple of hostile entries, 10,000 joins, large bombs
	@tests/support/prepare
	ATTACKS=all TEST_REQUIRE=all $(CARGO) test --locked --test main -- --nocapture attacks::
	ATTACKS=all TEST_REQUIRE=all $(CARGO) test --locked --lib -- --nocapture store::layer

fuzz: ## the readers of other people's bytes, FUZZ_SECONDS (600) each: FUZZ_TARGETS='layer logs' for some; needs nightly
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	@export ASAN_OPTIONS=detect_odr_violation=0; for target in $(or $(FUZZ_TARGETS),$(notdir $(basename $(wildcard fuzz/targets/*.rs)))); do \
	    echo "== $$target"; mkdir -p fuzz/work/$$target && \
	    $(CARGO) +nightly fuzz run $$target fuzz/work/$$target fuzz/corpus/$$target -- \
	        -max_total_time=$(or $(FUZZ_SECONDS),600) -max_len=65536 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 || exit 1; \
	done

sanitize: ## what has unsafe code under AddressSanitizer, what needs no kernel under miri (nightly toolchain)
	@contrib/sanitize

demo: build ## the main job without any network: the embedded image, as root and as an ordinary user
	@contrib/demo $(BINARY)

bench: build ## barge beside podman, and what the machine itself can do: BENCH=path/to/run
	@test -x $(BENCH) || { echo "no benchmark at $(BENCH); make bench BENCH=path/to/run" >&2; exit 1; }
	-$(dir $(BENCH))limits
	$(BENCH) --engine barge=$(abspath $(BINARY)) --engine 'podman=$(PODMAN)' $(BENCHFLAGS)
	-$(BENCH) --engine 'barge!oci=$(abspath $(BINARY)) oci' --engine 'crun!oci=crun' --engine 'runc!oci=runc' --workloads runtime

golden man completions: ## writes man/ and completions/ anew from the definitions of the command line
	UPDATE=1 $(CARGO) test --locked --test main generated

install: ## the binary, man pages, completions and the AppArmor profile: PREFIX, DESTDIR
	@test -x $(BINARY) || { echo "no $(BINARY): make build first" >&2; exit 1; }
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) contrib/install $(BINARY)

uninstall: ## what install has put there
	PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) contrib/install --remove
