#!/usr/bin/env bash
# Measures orders a second, each setup in turn, several rounds on one machine, and prints medians as a Markdown table.
#
#   scripts/bench.sh [--setups "embedded database-gate redis-gate former"] [--former PATH]
#                    [--connections "8 64 256"] [--seconds 8] [--rounds 3] [--users 500] [--hot] [--order cart|cash|points]
#                    [--before PATH]
#
# embedded       `sluice serve` on SQLite
# database-gate  `sluice api` and `sluice worker` on MariaDB and Kafka, stock decided in the database
# redis-gate     the same with the stock gate in Redis
# former         the design that Sluice replaces, in Go: PATH (or SLUICE_FORMER) is its source folder or its executable;
#                it reads REDIS and DSN, loads its data by `seed`, and listens on 127.0.0.1:18080. Left out where no path is given
#
# before         with --before PATH, another build of `sluice`: each setup of ours is then measured with both, round by round, the
#                other build's rows named SETUP.before
#
# A cart order has two lines of 1,000 products; a cash or points order takes one unit of one hot offer of a discount promotion. Every
# order has a recipient, a token of one of many users and an idempotency key of its own. The
# limits are the product's defaults, but for a user's share of unpaid orders: few users place all orders here, and nobody pays. MariaDB flushes at every commit. Kafka has 40 seconds of load before anything is measured, and every
# process ten. After each setup `sluice reconcile` must find gate, ledger
# and orders in agreement. Absolute figures wander from run to run: compare within one. Raw figures: .test-run/bench/raw.tsv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

setups="" before="" former=${SLUICE_FORMER:-} connections="8 64 256" seconds=8 rounds=3 users=500
export HOT=0 PRODUCTS=1000 ORDER=cart
stock=100000000
while [ $# -gt 0 ]; do
  case $1 in
    --hot) HOT=1; shift; continue ;;
    --setups | --former | --before | --connections | --seconds | --rounds | --users | --order)
      [ $# -ge 2 ] || { echo "bench: $1 needs a value" >&2; exit 2; }
      case $1 in
        --setups) setups=$2 ;; --former) former=$2 ;; --before) before=$2 ;; --connections) connections=$2 ;;
        --seconds) seconds=$2 ;; --rounds) rounds=$2 ;; --users) users=$2 ;; --order) ORDER=$2 ;;
      esac
      shift 2
      ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done
case $ORDER in cart | cash | points) ;; *) echo "bench: --order is cart, cash or points" >&2; exit 2 ;; esac
[ -n "$setups" ] || setups="embedded database-gate redis-gate${former:+ former}"

work=$PWD/.test-run/bench
rm -rf "$work"
mkdir -p "$work"
export SLUICE_SERVERS_DIR=$work/servers
port=18090 # the API; the worker listens beside it
raw=$work/raw.tsv
running=()

say() { printf 'bench: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

stop_all() {
  local pid
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${running[@]}"; do wait "$pid" 2>/dev/null || true; done
  running=()
}
finish() {
  local result=$?
  stop_all
  ./scripts/servers.sh down >/dev/null 2>&1 || true
  exit "$result"
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- what is measured -------------------------------------------------------------------------------------------------

command -v wrk >/dev/null || ./scripts/packages.sh wrk
sluice=${SLUICE_BIN:-}
if [ -z "$sluice" ]; then
  cargo build --release --package sluice --locked
  sluice=${CARGO_TARGET_DIR:-target}/release/sluice
fi
sluice=$(realpath "$sluice")
[ -z "$before" ] || before=$(realpath "$before")
if [ -n "$former" ]; then
  if [ -d "$former" ]; then
    (cd "$former" && go build -o "$work/former" .)
    former=$work/former
  fi
  former=$(realpath "$former")
fi
case " $setups " in *"-gate "* | *" former "*) ./scripts/servers.sh up ;; esac
eval "$(./scripts/servers.sh env)"

# The product reads these and nothing else of the environment.
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
SLUICE__AUTH__JWT_SECRET=$(secret)
SLUICE__PAY__SANDBOX_SECRET=$(secret)
export SLUICE__AUTH__JWT_SECRET SLUICE__PAY__SANDBOX_SECRET SLUICE__LOG__FORMAT=json
export SLUICE__LOG__FILTER=${SLUICE__LOG__FILTER:-warn}

# A build from before the shares knows no such settings, and needs none.
if "$sluice" config print | grep -q unpaid_orders_per_user; then
  export SLUICE__LIMITS__UNPAID_ORDERS_PER_USER=1000000000 SLUICE__LIMITS__UNPAID_UNITS_PER_USER=1000000000
fi

export TOKENS=$work/tokens
STAFF=$("$sluice" token --store 1 --user bench --role staff --ttl 12h --data-dir "$work/tokens-data")
say "making $users tokens"
# An empty folder of settings for them all: a token depends on the secret alone.
seq "$users" | xargs -P 4 -I USER "$sluice" token --store 1 --user USER --ttl 12h --data-dir "$work/tokens-data" >"$TOKENS"
[ "$(wc -l <"$TOKENS")" -eq "$users" ] || die "sluice token did not print one line a user"

# --- setups -----------------------------------------------------------------------------------------------------------

sql() { mariadb --no-defaults --user=root --socket="$SLUICE_SERVERS_DIR/mysql/s.sock" --execute="$1"; }

# start LISTEN COMMAND…: a process of the shop, ready when this returns.
start() {
  local listen=$1 pid deadline=$((SECONDS + 60))
  shift
  SLUICE__LISTEN=$listen "$sluice" "$@" >>"$work/log" 2>&1 </dev/null &
  pid=$!
  running+=("$pid")
  until SLUICE__LISTEN=$listen ./deploy/ready.sh 2>/dev/null; do
    kill -0 "$pid" 2>/dev/null || { tail -n 20 "$work/log" >&2; die "sluice $1 ended while starting"; }
    [ "$SECONDS" -lt "$deadline" ] || die "sluice $1 is not ready"
    sleep 0.1
  done
}

# Schema and products in the database that the settings name; offers come with the demo data.
fill() {
  "$sluice" migrate >>"$work/log" 2>&1 </dev/null
  if [ "$ORDER" = cart ]; then
    "$sluice" seed --products "$PRODUCTS" --stock "$stock" >>"$work/log" 2>&1 </dev/null
  else
    "$sluice" seed >>"$work/log" 2>&1 </dev/null
  fi
}

# post PATH KEY BODY: a call of staff that must succeed.
post() {
  curl -sS --fail-with-body -X POST "http://127.0.0.1:$port/api/v1/admin/$1" -H "Authorization: Bearer $STAFF" \
    -H "Idempotency-Key: $2" -H 'Content-Type: application/json' -d "$3" >>"$work/log" || die "staff could not prepare $1"
}

# Units for the hot offers, and points for every user who pays with them.
stock_offers() {
  [ "$ORDER" != cart ] || return 0
  local user sku
  for sku in 1001 1002; do post "skus/$sku/stock-adjustments" "bench-$sku" "{\"delta\":$stock,\"reason\":\"bench\"}"; done
  [ "$ORDER" = points ] || return 0
  for user in $(seq "$users"); do
    post points/grants "bench-$user" "{\"user_id\":\"$user\",\"points\":1000000000,\"reason\":\"bench\"}"
  done
}

start_embedded() {
  export SLUICE__DATA_DIR=$work/data-$1
  fill
  start "127.0.0.1:$port" serve
}

start_on_servers() {
  local name=$1
  sql "CREATE DATABASE $name"
  export SLUICE__DATA_DIR=$work/data-$name
  export SLUICE__DATABASE__URL=${SLUICE_TEST_MYSQL_SOCKET_URL/localhost\//localhost/$name}
  export SLUICE__BUS__URL=kafka://$SLUICE_TEST_KAFKA SLUICE__BUS__REPLICATION=1 SLUICE__BUS__TOPIC_PREFIX=$name.
  export SLUICE__GATE__URL=$2 SLUICE__GATE__KEY_PREFIX=$name:
  fill
  start "127.0.0.1:$port" api
  start "127.0.0.1:$((port + 1))" worker
}

start_former() {
  sql "CREATE DATABASE $1"
  local server=${SLUICE_TEST_MYSQL_URL#mysql://root@}
  REDIS=${SLUICE_TEST_REDIS_URL#redis://}
  REDIS=${REDIS%/}
  DSN="root@tcp(${server%/})/$1?parseTime=true"
  export REDIS DSN
  "$former" seed >>"$work/log" 2>&1 </dev/null
  "$former" >>"$work/log" 2>&1 </dev/null &
  running+=("$!")
  local deadline=$((SECONDS + 30))
  until (exec 3<>/dev/tcp/127.0.0.1/18080) 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || die "the former design does not listen"
    sleep 0.1
  done
}

# Stock follows within seconds where it travels by message.
agreement() {
  local deadline=$((SECONDS + 60))
  until "$sluice" reconcile >"$work/reconcile" 2>&1 </dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || { cat "$work/reconcile" >&2; die "$1: gate, ledger and orders differ"; }
    sleep 1
  done
}

# A line of raw.tsv: setup, connections, round, orders/s, p50 and p99 in ms, answers.
measure() {
  local setup=$1 round=$2 count=$3 line
  line=$(RUN=$setup-$round-$count-$RANDOM wrk -t1 -c"$count" -d"${seconds}s" --timeout 10s -s scripts/bench.lua "$4" | grep '^RESULT')
  awk -F'\t' -v OFS='\t' -v setup="$setup" -v count="$count" -v round="$round" \
    '{print setup, count, round, $2 / $3, $4, $5, $6}' <<<"$line" | tee -a "$raw" >&2
}

# One setup in one round, in a shell of its own so that its settings end with it.
play() (
  local setup=$1 round=$2 url=http://127.0.0.1:$port count
  trap stop_all EXIT
  local name=${setup//-/_}
  name=bench_${name//./_}_$round
  if [ "$setup" != "${setup%.before}" ]; then
    sluice=$before
    # A build from before there were shares refuses the start with a setting that it does not know.
    "$sluice" config print >/dev/null 2>&1 || unset SLUICE__LIMITS__UNPAID_ORDERS_PER_USER SLUICE__LIMITS__UNPAID_UNITS_PER_USER
  fi
  case ${setup%.before} in
    embedded) start_embedded "$name" ;;
    database-gate) start_on_servers "$name" database: ;;
    redis-gate) start_on_servers "$name" "${SLUICE_TEST_REDIS_URL%/}" ;;
    former)
      export SHAPE=former ORDER_PATH=/cart/orders
      [ "$ORDER" = cart ] || ORDER_PATH=/sales/orders
      unset TOKENS
      url=http://127.0.0.1:18080
      start_former "$name"
      ;;
    *) die "no setup '$setup'" ;;
  esac
  [ "$setup" = former ] || stock_offers
  RUN=warm-$RANDOM wrk -t1 -c64 -d10s -s scripts/bench.lua "$url" >/dev/null
  for count in $connections; do measure "$setup" "$round" "$count" "$url"; done
  [ "$setup" = former ] || agreement "$setup"
)

# A broker that has just started compiles itself for a minute or so, beside whatever is measured then.
warm_broker() (
  trap stop_all EXIT
  say "warming the broker"
  start_on_servers bench_warm database:
  stock_offers
  RUN=warm-$RANDOM wrk -t1 -c64 -d40s -s scripts/bench.lua "http://127.0.0.1:$port" >/dev/null
)
case " $setups " in *"-gate "*) warm_broker ;; esac
if [ -n "$before" ]; then
  both=""
  for setup in $setups; do both+="$setup "; [ "$setup" = former ] || both+="$setup.before "; done
  setups=$both
fi

for round in $(seq "$rounds"); do
  for setup in $setups; do play "$setup" "$round"; done
done

# --- medians ----------------------------------------------------------------------------------------------------------

median() { sort -n | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
# column SETUP CONNECTIONS NUMBER
column() { awk -F'\t' -v s="$1" -v c="$2" -v n="$3" '$1 == s && $2 == c {print $n}' "$raw"; }

echo "| setup | connections | orders/s, median (least–most) | p50 ms | p99 ms | answers |"
echo "|---|---:|---:|---:|---:|---|"
for setup in $setups; do
  for count in $connections; do
    rates=$(column "$setup" "$count" 4 | sort -n)
    answers=$(column "$setup" "$count" 7 | tr ',' '\n' \
      | awk -F: '{sum[$1] += $2} END {for (word in sum) print word ": " sum[word]}' | sort | paste -sd, | sed 's/,/, /g')
    printf '| %s | %s | %.0f (%.0f–%.0f) | %.1f | %.1f | %s |\n' "$setup" "$count" \
      "$(median <<<"$rates")" "$(head -n 1 <<<"$rates")" "$(tail -n 1 <<<"$rates")" \
      "$(column "$setup" "$count" 5 | median)" "$(column "$setup" "$count" 6 | median)" "$answers"
  done
done
