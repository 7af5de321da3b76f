#!/usr/bin/env bash
# Checks clients/typescript: that its types are those of services/api/openapi.json, which is linted, that it compiles, and
# that it walks through a shop of the executable $SLUICE_BIN (target/debug/sluice unless set). Needs Node 20.19 or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sluice=$(realpath "${SLUICE_BIN:-${CARGO_TARGET_DIR:-target}/debug/sluice}")
client=$PWD/clients/typescript

# shellcheck source=scripts/open_shop.sh
. scripts/open_shop.sh
new_folder typescript

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

open_shop "$sluice"
BASE_URL=$url TOKEN=$("$sluice" token --store 1 --user 42) npm --prefix "$client" run --silent walk
