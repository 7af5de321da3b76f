# `just` lists the recipes. Each wraps a script or a cargo command that works without just.

set positional-arguments

_default:
    @just --list --unsorted

# Start the shop on its embedded default: http://127.0.0.1:8080
run *arguments:
    cargo run -- "$@"

# Run tests against real servers; `just test -p sluice-order` runs some
test *arguments: up
    eval "$(scripts/servers.sh env)" && cargo test {{ if arguments == "" { "--workspace" } else { "" } }} "$@"

# Everything that CI runs
verify:
    .ci/run

# Measure orders per second; see scripts/bench.sh
bench *arguments:
    scripts/bench.sh "$@"

# Ten minutes of faults at random on real servers: `just storm --seed 7 --gate redis`, `just storm --embedded --minutes 1`
storm *arguments:
    cargo build --release -p sluice
    cargo run --release -p sluice --example storm -- "$@"

# Measure how a lost Redis gate comes back over millions of closed orders; see scripts/measure_rebuild.sh
measure-rebuild *arguments:
    scripts/measure_rebuild.sh "$@"

# Start MariaDB, Redis and Kafka natively in .test-run/servers
up:
    scripts/servers.sh up

# Stop them
down:
    scripts/servers.sh down

# Write the documents of the API and of the events anew
openapi:
    cargo run --quiet -- openapi > services/api/openapi.json
    cargo run --quiet -- asyncapi > services/api/asyncapi.json

# Check the TypeScript client: generated from the document, linted, compiled, run against the shop
typescript:
    cargo build -p sluice
    scripts/typescript.sh

# Build the API documentation of the crates
doc:
    cargo doc --workspace --no-deps --open
