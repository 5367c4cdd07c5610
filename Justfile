# Every habit by name: `just` lists them. Where it is not installed, ./setup puts it at target/tools/bin/just.

set shell := ["bash", "-euo", "pipefail", "-c"]

wasm_tools := "target/tools/bin/wasm-tools"

# List the recipes.
[default]
list:
    @'{{ just_executable() }}' --list --unsorted

# Make available what the build needs.
setup:
    ./setup

# Build the binary: target/release/forebay.
build:
    cargo build --release --bin forebay

# Send a million records through a buffer whose writer is killed five times.
demo *ARGS:
    cargo run --release -- demo {{ ARGS }}

# Run all tests.
test *ARGS:
    cargo test --workspace {{ ARGS }}

# Run new random histories of the whole buffer beside its reference: 100,000 take about three minutes.
model histories="100000":
    HISTORIES={{ histories }} cargo test -p forebay --test integration -- model::a_buffer

# Attack the host, and say what happened and what it cost: eight minutes on a machine that does nothing else.
hostile profile="release":
    cargo test --profile {{ profile }} -p forebay --test integration -- --ignored --nocapture --exact \
        hostile::figures::what_attacks_cost
    cargo test --profile {{ profile }} -p forebay-cli --test integration -- --ignored --nocapture --exact \
        worn::figures::what_a_signal_takes
    FOREBAY_HOSTILE_COMPONENTS=20 cargo test --profile {{ profile }} -p forebay --test integration -- loading::mutated
    FOREBAY_HOSTILE_CALLS=1000000 cargo test --profile {{ profile }} -p forebay --test integration -- --nocapture \
        --test-threads 1 --exact lives::load::a_thousand_exchanges_under_load_lose_nothing \
        hostile::random::whatever_a_guest_calls_nothing_promised_is_lost

# Share a buffer between processes, deliver to a flaky endpoint while processes are killed, send 500 signals, repair 300 directories, have
# Prometheus' parser read the metrics, serve at rest and beside hostile clients. Minutes; prints tables.
e2e profile="release": _parser
    cargo test --profile {{ profile }} -p forebay-cli --test integration -- --ignored --nocapture --exact \
        sharing::figures::what_sharing_costs delivering::flaky::twenty_thousand_records_and_forty_kills \
        stopping::five_hundred_signals --test-threads 1
    cargo test --profile {{ profile }} -p forebay-cli --test integration -- --ignored --nocapture --exact \
        repairing::what_repairs_keep
    cargo test --profile {{ profile }} -p forebay-cli --test integration -- --ignored --nocapture --exact \
        metrics::the_parser_of_prometheus_reads_every_metric
    cargo test --profile {{ profile }} -p forebay-serve --test integration -- --ignored --nocapture --exact \
        figures::what_storing_costs
    cargo test --profile {{ profile }} -p forebay-cli --test integration -- --ignored --nocapture --exact \
        serving::what_serving_costs_and_hostile_clients_do

# Damage 10,000 directories, look at them with the binary, and print what is lost. `--case N` repeats one of them.
damage seed *ARGS:
    cargo build --release --bin forebay
    cargo run --release -p damage -- {{ seed }} {{ ARGS }}

# Measure Forebay beside other ways to keep records on disk, with files in a directory on a disk: half an hour, `--quick` a minute.
bench directory *ARGS:
    cargo run --release --locked --manifest-path tests/bench/Cargo.toml --target-dir target -- \
        {{ quote(directory) }} {{ ARGS }}

# Everything that must hold before a commit, but for the tests.
check: format-check lint portable docs wit tidy

# Format the sources.
format:
    cargo fmt --all
    cargo fmt --manifest-path adapters/compose/Cargo.toml
    cargo fmt --manifest-path tests/bench/Cargo.toml

# Check that the sources are formatted.
format-check:
    cargo fmt --all --check
    cargo fmt --manifest-path adapters/compose/Cargo.toml --check
    cargo fmt --manifest-path tests/bench/Cargo.toml --check

# Run clippy with warnings as errors.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    # The tests ask for all features: here is what users compile.
    cargo clippy --package forebay --lib --bins --locked -- -D warnings
    cargo clippy --manifest-path adapters/compose/Cargo.toml --target-dir target --locked -- -D warnings
    # Of `tests/bench`, what needs no other project: `just bench-lint` looks at all of it.
    cargo clippy --manifest-path tests/bench/Cargo.toml --target-dir target --no-default-features --locked -- -D warnings

# Run clippy on `tests/bench`, with all that Forebay is compared with: minutes, the first time.
bench-lint:
    cargo clippy --manifest-path tests/bench/Cargo.toml --target-dir target --all-targets --locked -- -D warnings

# Check that the core builds where there are no threads and no files. Debian's wasm compiler is too old for the core, so
# that building needs rustup's target. Without it what the core depends on is checked all the same.
portable:
    #!/usr/bin/env bash
    set -euo pipefail
    tree=$(cargo tree --package forebay-core --edges normal --prefix none --locked)
    if grep -E '^(cap-std|tokio|memmap2|rustix|wasmtime|forebay) ' <<<"$tree"; then
        echo 'forebay-core depends on what only a host has (the lines above)' >&2
        exit 1
    fi
    target=wasm32-unknown-unknown
    if [ ! -d "$(rustc --print=target-libdir --target "$target")" ]; then
        echo "SKIPPED: forebay-core was not built for $target: \`rustup target add $target\` makes it possible" >&2
        exit 0
    fi
    cargo build --package forebay-core --target "$target" --locked

# Build the documentation with warnings as errors, of what docs.rs shows.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --features forebay/testing

# Check that the contract parses, and that it breaks nothing that was built for a released version.
wit: _tools
    .ci/wit

# Check what no compiler does: names, lengths, where `unsafe` stands, circles of imports, and what the pages name.
tidy:
    .ci/tidy
    .ci/imports
    .ci/documents

# Do what docs/writing-logic.md says, in an empty folder.
guide: _tools
    .ci/guide

# Build the component (with rustup's toolchain or Debian's, if one is named) and check what it imports.
component toolchain="": _tools
    #!/usr/bin/env bash
    set -euo pipefail
    component=$('{{ just_executable() }}' _component_path '{{ toolchain }}')
    imports=$({{ wasm_tools }} component wit "$component" | sed -n 's/^  import \(.*\);$/\1/p')
    printf '%s imports:\n%s\n' "$component" "$imports"
    if grep -vE '^forebay:buffer/(storage|types)@' <<<"$imports"; then
        echo 'the component imports more than the contract has (the lines above)' >&2
        exit 1
    fi
    grep -q '^forebay:buffer/storage@' <<<"$imports"

# Build the component with Debian's compiler and check what it imports.
component-debian: (component "debian")

# Build the components for hosts that are not ours, into target/components: forebay-queue.wasm and forebay-cli.wasm. They need
# rustup's wasm target; what composes them has a lock file of its own.
components:
    #!/usr/bin/env bash
    set -euo pipefail
    logic=$('{{ just_executable() }}' _component_path)
    cargo build --locked --quiet --manifest-path adapters/compose/Cargo.toml --target-dir target
    # Set, even to nothing, it keeps the flags of the user's configuration away from the components.
    CARGO_ENCODED_RUSTFLAGS= cargo build --locked --quiet --profile adapters --target wasm32-unknown-unknown \
        --target-dir target/guest --package forebay-guard-wasi --package forebay-queue --package forebay-command
    target/debug/forebay-compose . target/guest/wasm32-unknown-unknown/adapters "$logic" target/components

# Check that the components do on other hosts what the native host does, and that each reads what the other has written: minutes.
conformance: _wasmtime components
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --locked --quiet --bin forebay
    logic=$('{{ just_executable() }}' _component_path)
    cargo run --locked --quiet --package conformance -- \
        target/components target/hosts/wasmtime target/debug/forebay "$logic"

# Put the component where the published crate carries it. Builds embed that file until `just undist`.
dist: undist
    component=$('{{ just_executable() }}' _component_path) && install -m 644 "$component" host/component/forebay.wasm

# Go back to building the component with the rest.
undist:
    rm -f host/component/forebay.wasm

# The path of the component that host/build/ builds. Of the host only metadata is made, with what `lint` made already.
_component_path toolchain="":
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -e host/component/forebay.wasm ]; then
        echo 'host/component/forebay.wasm would be taken instead of the sources; run: just undist' >&2
        exit 1
    fi
    env -u FOREBAY_COMPONENT {{ if toolchain == "" { "" } else { "FOREBAY_WASM_TOOLCHAIN=" + quote(toolchain) } }} \
        cargo check --workspace --locked --quiet --message-format=json-render-diagnostics |
        sed -n 's/.*"FOREBAY_COMPONENT_PATH","\([^"]*\)".*/\1/p'

_tools:
    @test -x {{ wasm_tools }} || { python3 -m venv target/tools && \
        target/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/tools.txt; }

# The parser of Prometheus, which only `e2e` needs.
_parser: _tools
    @target/tools/bin/python -c 'import prometheus_client' 2>/dev/null || \
        target/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/tools.txt

# A stock wasmtime. Its wheel forgets that it is a program.
_wasmtime:
    @test -x target/hosts/wasmtime || { python3 -m venv target/hosts && \
        target/hosts/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .ci/hosts.txt && \
        chmod +x target/hosts/lib/python3*/site-packages/wasmtime_cli/wasmtime && \
        (cd target/hosts && ln -sf lib/python3*/site-packages/wasmtime_cli/wasmtime wasmtime); } || \
        echo 'there is no wasmtime here: what needs it is skipped, and fails in CI' >&2
