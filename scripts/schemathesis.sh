#!/usr/bin/env bash
# Attacks a running shop through its own OpenAPI document: scripts/schemathesis.sh ST EXECUTABLE, ST being schemathesis 4.
# As a customer and as staff, with every check, a fixed seed and a bounded number of cases. Afterwards every list must still
# answer: nothing that was written may take one down.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -eq 2 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
st=$(realpath "$1") sluice=$(realpath "$2")

# shellcheck source=scripts/open_shop.sh
. scripts/open_shop.sh
new_folder schemathesis

# One user sends everything, so the shares of a user are wide here; they have tests of their own.
export SLUICE__LIMITS__ORDERS_PER_SECOND=1000000 SLUICE__LIMITS__UNPAID_ORDERS_PER_USER=1000000
export SLUICE__LIMITS__UNPAID_UNITS_PER_USER=1000000000 SLUICE__LIMITS__CODES_PER_HOUR=10000 SLUICE__LIMITS__CODES_PER_DAY=10000
# A machine that is busy with other things is no finding.
export SLUICE__DATABASE__ACQUIRE_TIMEOUT=60s
open_shop "$sluice"
customer=$("$sluice" token --user 42) staff=$("$sluice" token --user staff-1 --role staff)

# attack WHO TOKEN FILTER VALUE
attack() {
  printf '\n-- as %s\n' "$1"
  "$st" --config-file "$OLDPWD/scripts/schemathesis.toml" run "$url/openapi.json" "$3" "$4" \
    --header "Authorization: Bearer $2" --checks all --phases examples,coverage,fuzzing --seed 1 --max-examples 15 \
    --continue-on-failure --suppress-health-check all --generation-database none --warnings off --request-timeout 60 --max-response-time 60
}
failed=0
attack customer "$customer" --exclude-path-regex /admin/ || failed=1
attack staff "$staff" --include-path-regex /admin/ || failed=1

printf '\n-- lists\n'
list() {
  local status
  status=$(curl -s -o "$folder/list" -w '%{http_code}' -H "Authorization: Bearer $2" "$url/api/v1/$1")
  if [ "$status" != 200 ]; then
    echo "GET /api/v1/$1 answers $status: $(head -c 400 "$folder/list")"
    failed=1
  fi
}
for path in orders products activities points; do list "$path?limit=100" "$customer"; done
for path in cart addresses third-party-accounts; do list "$path" "$customer"; done
for path in orders products activities campaigns exceptions redemptions dead-letters webhooks; do
  list "admin/$path?limit=100" "$staff"
done
"$sluice" reconcile || failed=1
if grep -E '" *panicked|panicked at' "$folder/shop.log"; then failed=1; fi
[ "$failed" -eq 0 ] && echo "every list answers; gate, ledger and orders agree"
exit "$failed"
