# All tasks of the project; CONTRIBUTING.md describes them. They need Python, cargo and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The lock lists the tested versions; the newest of them need Python 3.11.
LOCK := $(shell $(PYTHON) -c 'import sys; print("-c requirements.lock" if sys.version_info >= (3, 11) else "")')

export CARGO_TARGET_DIR ?= $(CURDIR)/build/target

.PHONY: test applications audit checked emulated targets engines demo bench large fuzz fuzz-rust docs lint zoo-lint test-rust test-python lock clean

test: lint test-rust test-python

demo: $(VENV)/installed
	$(BIN)/python -m demo

# Benchmark against ONNX Runtime, OpenVINO, LiteRT, tract, rten and burn: 35 minutes on two quiet cores after the builds.
# `python -m bench --only NAMES` measures a part, `--minutes N` sets the time.
bench: $(VENV)/bench
	$(BIN)/python -m bench

$(VENV)/bench: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check $(LOCK) --editable '.[bench]'
	touch $@

# Memory and time of converting models of 434 MB, and the time of building large crates: 10 minutes, 3 GB of memory and
# 4 GB of disk. Linux only.
large: $(VENV)/installed
	$(BIN)/python -m bench.large

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd tf-layers && cargo fmt --check
	cd bench/harness && rustfmt --edition 2024 --check src/main.rs src/bin/*.rs */src/*.rs burn/build.rs
	rustfmt --edition 2024 --check demo/speed.rs
	cd fuzz && rustfmt --edition 2024 --check src/lib.rs targets/*.rs
	cd tf-layers && cargo clippy --release --all-targets --all-features -- -D warnings
	cd tf-layers && cargo clippy --release --no-default-features -- -D warnings
	cd tf-layers && cargo clippy --release --no-default-features --features alloc -- -D warnings
	cd tf-layers && RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features

# All tests, with clippy on every generated crate; `make test` runs clippy on some.
zoo-lint: $(VENV)/installed
	TF2RUST_ZOO_LINT=1 $(BIN)/pytest

test-rust:
	cd tf-layers && cargo test --release --all-features

test-python: $(VENV)/installed
	$(BIN)/pytest

# Every family of keras.applications at full size: one hour, 8 GB of memory, 20 GB of disk. `make test` has small ones.
applications: $(VENV)/installed
	TF2RUST_APPLICATIONS=full $(BIN)/pytest tests/applications

# The tests of tf-layers with debug assertions, overflow checks and AddressSanitizer, which rustup's compilers include and
# Debian's do not. The sanitizer is not a stable option of the compiler, so RUSTC_BOOTSTRAP is needed.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
checked:
	cd tf-layers && RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
		cargo test --profile checked --target $(HOST) --lib --tests

# tf-layers and generated crates on emulated processors. Needs rustup and Debian's apt-get with package lists, and about 15
# minutes the first time on two shared cores.
emulated: $(VENV)/installed
	$(BIN)/python -m tests.emulated

# Converts mutated files of every kind, until interrupted or for SECONDS=…; `make test` runs a few thousand. Findings are
# minimised and stored in tests/fuzz/findings.
fuzz: $(VENV)/installed
	$(BIN)/python -m tests.fuzz --keep --workers 2 --seed $$(date +%s) $(if $(SECONDS),--seconds $(SECONDS))

# The packages for other languages and machines, and the examples: builds each, runs it, and writes the figures of the
# packages to docs/targets.md. Other slow tests run too. Needs cargo's targets for WebAssembly, Cortex-M, RISC-V and
# musl, Node.js, CMake, a C++ compiler, Chromium, qemu-system-arm and qemu-system-riscv32.
targets: $(VENV)/installed
	$(BIN)/pytest -m targets
	$(BIN)/python -m tests.targets.figures

# The recipes of examples/engines on a million rows, in an environment of 1.5 GB in build/engines: compares all scores and
# writes the rows per second to examples/engines/README.md. Needs Java 17.
engines: $(VENV)/installed
	$(BIN)/pytest -m engines tests/engines
	$(BIN)/python -m tests.engines.figures

# The documentation as a site in build/site; fails if a link or an anchor is broken. To search in it, serve the folder, for
# example with `python3 -m http.server --directory build/site`.
docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(VENV)/docs: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check $(LOCK) --editable '.[docs]'
	touch $@

# libFuzzer with AddressSanitizer on tf-layers and three generated crates, SECONDS=… each. Needs a C++ compiler and, like
# `checked`, a rustup toolchain. The flags are those of cargo-fuzz, which is not needed.
FUZZ_TARGETS = npz weights predict_cnn predict_lstm predict_transformer
FUZZ_FLAGS = -Zsanitizer=address --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module $(addprefix \
	-Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table trace-compares)
fuzz-rust: $(VENV)/installed
	$(BIN)/python -m fuzz.prepare
	cd fuzz && RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz \
		cargo build --release --target $(HOST)
	for target in $(FUZZ_TARGETS); do \
		mkdir -p build/fuzz/corpus/$$target build/fuzz/artifacts; \
		$(CARGO_TARGET_DIR)/fuzz/$(HOST)/release/$$target build/fuzz/corpus/$$target -max_len=4096 -rss_limit_mb=2048 \
			-max_total_time=$(or $(SECONDS),60) -artifact_prefix=build/fuzz/artifacts/$$target- -print_final_stats=1 \
			|| exit 1; \
	done

# Known vulnerabilities, licences and sources of all dependencies. Needs cargo-deny and access to the advisory databases.
audit: $(VENV)/installed
	cargo deny --manifest-path tf-layers/Cargo.toml --config deny.toml check
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

$(VENV)/installed: pyproject.toml requirements.lock
	@echo "Installing Python packages into $(VENV): about 2.5 GB the first time, most of it TensorFlow"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --progress-bar off $(LOCK) --editable '.[tf,dev]'
	touch $@

# Writes the lock from the installed packages.
lock: $(VENV)/installed
	$(BIN)/pip freeze --exclude-editable | sort -f > requirements.lock

clean:
	rm -rf $(VENV) build
