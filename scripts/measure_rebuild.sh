#!/usr/bin/env bash
# Measures how a lost Redis gate comes back: time until it is open again, and the process's peak memory.
#
#   scripts/measure_rebuild.sh [closed orders, default 2000000] [tombstones in Redis, default 1000000] [executable]
#
# Starts MariaDB and Redis of its own, seeds a shop whose orders are all closed and recorded, starts one API process, fills
# Redis with tombstones, has Redis forget its scripts, and waits for the gate. Everything is stopped and removed at the end.
set -euo pipefail

orders=${1:-2000000}
tombstones=${2:-1000000}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sluice=${3:-$root/target/release/sluice}
folder=$(mktemp -d)
export SLUICE_SERVERS_DIR=$folder/servers
api=

finish() {
  [ -z "$api" ] || kill "$api" 2>/dev/null || true
  "$root/scripts/servers.sh" down mysql redis >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap finish EXIT

"$root/scripts/servers.sh" up mysql redis >/dev/null 2>&1
eval "$("$root/scripts/servers.sh" env)"
sql() { mariadb --no-defaults -u root --socket="$SLUICE_SERVERS_DIR/mysql/s.sock" "$@"; }
redis() { redis-cli -u "$SLUICE_TEST_REDIS_URL" "$@"; }
sql -e 'CREATE DATABASE sluice'
export SLUICE__DATABASE__URL=${SLUICE_TEST_MYSQL_URL}sluice SLUICE__GATE__URL=$SLUICE_TEST_REDIS_URL SLUICE__DATA_DIR=$folder/data
export SLUICE__LISTEN=127.0.0.1:18499
"$sluice" migrate >/dev/null && "$sluice" seed >/dev/null

echo "seeding $orders closed orders"
# Paid orders of SKU 1 and offer 1001 in turn, each of a user of its own, with their movements, as if sold long ago.
sql sluice <<SQL
SET SESSION unique_checks = 0, foreign_key_checks = 0;
INSERT INTO orders (order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, profit_total, refunded,
  refund_state, created_at, expires_at, due_at, redirect_type, version)
SELECT seq * 10, 1, CONCAT('u', seq), IF(seq % 2, 1, 2), 3, 1, 'CNY', 1990, 5, 150, 0, 0, 0, 0, 0, '2', 1 FROM seq_1_to_$orders;
INSERT INTO order_items (main_no, sku_id, store_id, child_no, product_id, title, spec, code, quantity, unit_price, unit_points,
  line_total, supplier_price, allotable_profit, delivery_place, revision, restocked)
SELECT seq * 10, IF(seq % 2, 1, 1001), 1, seq * 10 + 1, 1, 'Tea', 'red', 'T-1', 1, 1990, 5, 1990, 900, 150, '1', 1, 0 FROM seq_1_to_$orders;
INSERT INTO stock_ledger (store_id, sku_id, movement_id, kind, quantity, order_no, at, applied)
SELECT 1, IF(seq % 2, 1, 1001), CONCAT('old-', seq), kind, 1, seq * 10, 0, TRUE
FROM seq_1_to_$orders, (SELECT 1 AS kind UNION SELECT 2) AS kinds;
UPDATE stock SET sold = $orders, received = received + $orders WHERE sku_id IN (1, 1001);
SQL

"$sluice" api >"$folder/log" 2>&1 &
api=$!
ready() { curl -sf "http://$SLUICE__LISTEN/readyz" >/dev/null 2>&1; }
until ready; do sleep 0.1; done

echo "filling Redis with $tombstones tombstones"
redis EVAL "for i = 1, ARGV[1] do redis.call('SET', 'sluice:gate:{s:1}:1:r:0' .. i .. '-1', 'sold', 'PX', 172800000) end" 0 "$tombstones" >/dev/null

epoch() { curl -s "http://$SLUICE__LISTEN/readyz" | grep -o 'epoch [0-9]*' | head -1; }
before=$(epoch)
started=$(date +%s%N)
redis SCRIPT FLUSH >/dev/null
until ready && [ "$(epoch)" != "$before" ]; do sleep 0.02; done
echo "closed for $((($(date +%s%N) - started) / 1000000)) ms ($before, then $(epoch)); peak memory $(grep VmHWM "/proc/$api/status" | tr -dc '0-9') KiB"
