# Everything that can be done here, from a machine that has Python, cargo and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The lock names what was tested; its newest packages want Python 3.11.
LOCK := $(shell $(PYTHON) -c 'import sys; print("-c requirements.lock" if sys.version_info >= (3, 11) else "")')

export CARGO_TARGET_DIR ?= $(CURDIR)/build/target

.PHONY: test applications audit checked emulated demo bench fuzz fuzz-rust lint zoo-lint test-rust test-python lock clean

test: lint test-rust test-python

demo: $(VENV)/installed
	$(BIN)/python -m demo

# Side by side with ONNX Runtime, tract and rten; a quarter of an hour on a quiet machine.
bench: $(VENV)/installed
	$(BIN)/python -m bench

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd tf-layers && cargo fmt --check
	cd bench/harness && rustfmt --edition 2024 --check src/main.rs src/bin/*.rs */src/*.rs
	cd fuzz && rustfmt --edition 2024 --check src/lib.rs targets/*.rs
	cd tf-layers && cargo clippy --release --all-targets --all-features -- -D warnings
	cd tf-layers && cargo clippy --release --no-default-features -- -D warnings
	cd tf-layers && RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features

# All tests, with every generated crate under clippy; `make test` puts some under it.
zoo-lint: $(VENV)/installed
	TF2RUST_ZOO_LINT=1 $(BIN)/pytest

test-rust:
	cd tf-layers && cargo test --release --all-features

test-python: $(VENV)/installed
	$(BIN)/pytest

# Every family of keras.applications at full size: an hour, 8 GB of memory and 20 GB of disk. `make test` has small ones.
applications: $(VENV)/installed
	TF2RUST_APPLICATIONS=full $(BIN)/pytest tests/applications

# The tests of tf-layers on this machine's instruction sets with debug assertions, overflow checks and AddressSanitizer, which
# rustup's compilers bring along and Debian's do not. It is no stable option of the compiler: hence the variable.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
checked:
	cd tf-layers && RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
		cargo test --profile checked --target $(HOST) --lib --tests

# tf-layers and generated crates on processors that this machine is not. Wants Debian's apt-get (no root, unless the lists of
# packages are empty): 240 MB to fetch once, 1.4 GB of disk; some 25 minutes the first time on two cores with other work.
emulated: $(VENV)/installed
	$(BIN)/python -m tests.emulated

# Mutated files of every kind that is read, until interrupted or for SECONDS=…; `make test` runs some thousand.
# What is found is stored in tests/fuzz/findings, made small.
fuzz: $(VENV)/installed
	$(BIN)/python -m tests.fuzz --keep --workers 2 --seed $$(date +%s) $(if $(SECONDS),--seconds $(SECONDS))

# libFuzzer on tf-layers and on three generated crates, with AddressSanitizer, SECONDS=… each. It needs a C++ compiler
# and, as `checked` does, compilers by rustup; the flags are those of cargo-fuzz, which need not be there.
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

# Known vulnerabilities, licences and sources of what tf-layers and the converter depend on. Wants cargo-deny, and a network that
# reaches the databases of advisories.
audit: $(VENV)/installed
	cargo deny --manifest-path tf-layers/Cargo.toml --config deny.toml check
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

$(VENV)/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(LOCK) --editable '.[tf,dev]'
	touch $@

# Writes the lock anew from what is installed.
lock: $(VENV)/installed
	$(BIN)/pip freeze --exclude-editable | sort -f > requirements.lock

clean:
	rm -rf $(VENV) build
