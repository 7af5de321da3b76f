#!/usr/bin/env bash
# Checks clients/typescript: that its types are those of services/api/openapi.json, which is linted, that it compiles, and
# that it walks through a shop of the executable $SLUICE_BIN (target/debug/sluice unless set). Needs Node 20.19 or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sluice=$(realpath "${SLUICE_BIN:-${CARGO_TARGET_DIR:-target}/debug/sluice}")
client=$PWD/clients/typescript

mkdir -p "$PWD/.test-run"
folder=$(mktemp -d "$PWD/.test-run/typescript.XXXXXX")
shop=
finish() {
  local result=$?
  if [ -n "$shop" ]; then kill "$shop" 2>/dev/null || true; wait "$shop" 2>/dev/null || true; fi
  if [ "$result" -ne 0 ] && [ -e "$folder/shop.log" ]; then tail -n 20 "$folder/shop.log" >&2; fi
  rm -rf "$folder"
  exit "$result"
}
trap finish EXIT
trap 'exit 130' INT TERM

cd "$client"
npm ci --no-audit --no-fund --loglevel=error
npm run --silent types >"$folder/schema.d.ts"
diff -u src/schema.d.ts "$folder/schema.d.ts" >"$folder/difference" || {
  head -n 60 "$folder/difference"
  echo "the document has changed: run 'npm run generate' in clients/typescript and commit src/schema.d.ts" >&2
  exit 1
}
# The linter sends figures of its use to its maker unless told not to.
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm run --silent lint
npm run --silent build

# In a folder without settings, as a shop of its own.
cd "$folder"
export SLUICE__DATA_DIR=$folder/data
"$sluice" serve --listen 127.0.0.1:0 >"$folder/out" 2>"$folder/shop.log" &
shop=$!
for _ in $(seq 120); do
  url=$(sed -n 's/^ *Sluice is open: //p' "$folder/out")
  if [ -n "$url" ] && curl -sf "$url/readyz" >/dev/null; then break; fi
  kill -0 "$shop" || exit 1
  sleep 0.5
done
BASE_URL=$url TOKEN=$("$sluice" token --store 1 --user 42) npm --prefix "$client" run --silent walk
