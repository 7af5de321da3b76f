#!/usr/bin/env bash
# Does a partner who is away slow the sale? Points orders of one hot offer on MariaDB and Kafka with two partners, in alternating runs:
# both there, and one whose port is closed for the whole run. Afterwards it listens again and must get every order once.
#
#   scripts/bench_push.sh [--runs 3] [--seconds 10] [--connections 16]
#
# Prints orders/s, p50 and p99 of every run, the change of the p99 medians, and what the partner got.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=3 seconds=10 connections=16 users=100
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || { echo "bench_push: $1 needs a value" >&2; exit 2; }
  case $1 in
    --runs) runs=$2 ;; --seconds) seconds=$2 ;; --connections) connections=$2 ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
  shift 2
done

work=$PWD/.test-run/bench-push
rm -rf "$work"
mkdir -p "$work"
export SLUICE_SERVERS_DIR=$work/servers
port=18096 there=18098 away=18099
running=()

say() { printf 'bench_push: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
finish() {
  local result=$? pid
  for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${running[@]}"; do wait "$pid" 2>/dev/null || true; done
  ./scripts/servers.sh down >/dev/null 2>&1 || true
  exit "$result"
}
trap finish EXIT
trap 'exit 130' INT TERM

for tool in wrk curl python3; do command -v "$tool" >/dev/null || ./scripts/packages.sh "$tool"; done
sluice=${SLUICE_BIN:-}
if [ -z "$sluice" ]; then
  cargo build --release --package sluice --locked
  sluice=${CARGO_TARGET_DIR:-target}/release/sluice
fi
sluice=$(realpath "$sluice")
./scripts/servers.sh up
eval "$(./scripts/servers.sh env)"

secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
SLUICE__AUTH__JWT_SECRET=$(secret)
SLUICE__PAY__SANDBOX_SECRET=$(secret)
export SLUICE__AUTH__JWT_SECRET SLUICE__PAY__SANDBOX_SECRET SLUICE__LOG__FORMAT=json SLUICE__LOG__FILTER=${SLUICE__LOG__FILTER:-error}
export SLUICE__PUSH__ALLOW_PRIVATE_TARGETS=true SLUICE__PUSH__FIRST_PAUSE=500ms SLUICE__PUSH__LONGEST_PAUSE=2s
export SLUICE__DATA_DIR=$work/data SLUICE__BUS__URL=kafka://$SLUICE_TEST_KAFKA SLUICE__BUS__TOPIC_PREFIX=push.
mariadb --no-defaults --user=root --socket="$SLUICE_SERVERS_DIR/mysql/s.sock" --execute="CREATE DATABASE bench_push"
export SLUICE__DATABASE__URL=${SLUICE_TEST_MYSQL_SOCKET_URL/localhost\//localhost/bench_push}

export TOKENS=$work/tokens ORDER=points
seq "$users" | xargs -P 4 -I USER "$sluice" token --store 1 --user USER --ttl 12h >"$TOKENS"
STAFF=$("$sluice" token --store 1 --user bench --role staff --ttl 12h)
"$sluice" migrate >>"$work/log" 2>&1
"$sluice" seed >>"$work/log" 2>&1
start() {
  local listen=$1 deadline=$((SECONDS + 60))
  shift
  SLUICE__LISTEN=$listen "$sluice" "$@" >>"$work/log" 2>&1 </dev/null &
  running+=("$!")
  until SLUICE__LISTEN=$listen ./deploy/ready.sh 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || die "sluice $1 is not ready"
    sleep 0.1
  done
}
start "127.0.0.1:$port" api
start "127.0.0.1:$((port + 1))" worker

call() { # METHOD PATH KEY BODY
  curl -sS --fail-with-body -X "$1" "http://127.0.0.1:$port/api/v1/admin/$2" -H "Authorization: Bearer $STAFF" \
    -H "Idempotency-Key: $3" -H 'Content-Type: application/json' -d "$4"
}
call POST skus/1002/stock-adjustments bench '{"delta":100000000,"reason":"bench"}' >>"$work/log"
for user in $(seq "$users"); do
  call POST points/grants "bench-$user" "{\"user_id\":\"$user\",\"points\":1000000000,\"reason\":\"bench\"}" >>"$work/log"
done

# A partner: writes the id of everything it accepts, one a line.
partner() {
  python3 - "$1" "$2" <<'PARTNER' &
import http.server, sys
log = open(sys.argv[2], "a", buffering=1)
class Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        log.write(self.headers["webhook-id"] + "\n")
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
PARTNER
  running+=("$!")
}
partner "$there" "$work/there"
for target in "$there" "$away"; do
  call POST webhooks "$target" "{\"url\":\"http://127.0.0.1:$target/hooks\",\"event_types\":[\"order.paid\"]}" >>"$work/log"
done
# The second partner, present or not; what it accepted in all its lives stands in one file.
arrive() {
  partner "$away" "$work/away"
  second=${running[-1]}
}
leave() {
  kill "$second"
  wait "$second" 2>/dev/null || true
}

pushed() { curl -s "http://127.0.0.1:$((port + 1))/metrics" | awk '$1 == "sluice_push_pending" {print $2 + 0}'; }
confirming() { curl -s "http://127.0.0.1:$((port + 1))/metrics" | awk '$1 == "sluice_points_tasks_pending" {print $2 + 0}'; }
settle() { # until nothing of the run before is under way
  local deadline=$((SECONDS + 300))
  sleep 3
  until [ "$(confirming)" = 0 ] && { [ "${1:-}" = away ] || [ "$(pushed)" = 0 ]; }; do
    [ "$SECONDS" -lt "$deadline" ] || die "the run before does not end"
    sleep 1
  done
}
sale() { # NAME RUN
  local line
  line=$(RUN=$1-$2-$RANDOM wrk -t1 -c"$connections" -d"${seconds}s" --timeout 10s -s scripts/bench.lua "http://127.0.0.1:$port" | grep '^RESULT')
  awk -F'\t' -v OFS='\t' -v name="$1" -v run="$2" '{print name, run, $2 / $3, $4, $5, $6, $2}' <<<"$line" | tee -a "$work/raw.tsv" >&2
}

arrive
RUN=warm-$RANDOM wrk -t1 -c"$connections" -d10s -s scripts/bench.lua "http://127.0.0.1:$port" >/dev/null
settle
for run in $(seq "$runs"); do
  sale there "$run"
  settle
  leave
  sale away "$run"
  settle away
  arrive
  settle
  sort -u "$work/there" >"$work/wanted"
  wanted=$(wc -l <"$work/wanted") once=$(sort -u "$work/away" | wc -l) all=$(wc -l <"$work/away")
  if [ "$once" -ne "$wanted" ] || [ "$all" -ne "$wanted" ]; then die "the partner got $all pushes, $once different ones, of $wanted"; fi
  say "after its return the partner had all $wanted pushes, each once"
done

median() { sort -n | awk '{v[NR] = $1} END {print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
column() { awk -F'\t' -v s="$1" -v n="$2" '$1 == s {print $n}' "$work/raw.tsv"; }
echo "| partner | orders/s | p50 ms | p99 ms |"
echo "|---|---:|---:|---:|"
for name in there away; do
  printf '| %s | %.0f | %.1f | %.1f |\n' "$name" "$(column "$name" 3 | median)" "$(column "$name" 4 | median)" "$(column "$name" 5 | median)"
done
awk -v a="$(column there 5 | median)" -v b="$(column away 5 | median)" 'BEGIN {printf "p99 with the partner away: %+.1f %%\n", (b / a - 1) * 100}'
