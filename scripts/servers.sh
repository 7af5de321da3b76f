#!/usr/bin/env bash
# Starts and stops MariaDB, Redis and Kafka natively, for tests, benchmarks and a developer's machine.
#
#   scripts/servers.sh up [mysql] [redis] [kafka]     start what is not running yet (all three by default), wait until each answers
#   scripts/servers.sh down [mysql] [redis] [kafka]   stop exactly what `up` started; the data stays
#   scripts/servers.sh env                            print the export lines that tests read
#   scripts/servers.sh status                         say what runs; exit 1 when something does not
#   scripts/servers.sh install                        only put missing packages and Kafka's jars in place
#
# Settings (environment):
#   SLUICE_SERVERS_DIR       the one state folder, default .test-run/servers in this checkout
#   SLUICE_CACHE_DIR         where Kafka's jars are kept, default ~/.cache/sluice
#   SLUICE_MYSQL_PORT, SLUICE_REDIS_PORT, SLUICE_KAFKA_PORT, SLUICE_KAFKA_CONTROLLER_PORT
#                            default: free ports, remembered in the state folder
#   SLUICE_KAFKA_PROPERTIES  further lines of Kafka's server.properties
# Needs Debian 12 or alike; missing packages are installed when run as root, and named when not.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=${SLUICE_SERVERS_DIR:-$root/.test-run/servers}
cache=${SLUICE_CACHE_DIR:-${HOME:-/root}/.cache/sluice}
jars=$cache/kafka-$(cksum <"$root/deploy/kafka/pom.xml" | cut -d' ' -f1) # another pom, other jars
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # mariadbd lives there, and a plain user's PATH lacks it

say() { printf 'servers: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- packages ---------------------------------------------------------------------------------------------------

# The Debian packages that the named servers need and this machine lacks.
missing_packages() {
  local server
  for server in "$@"; do
    case $server in
      mysql) command -v mariadbd mariadb-install-db mariadb >/dev/null || echo mariadb-server ;;
      redis) command -v redis-server >/dev/null || echo redis-server ;;
      kafka)
        command -v java >/dev/null || echo default-jdk-headless
        [ -e "$jars/complete" ] || command -v mvn >/dev/null || echo maven
        ;;
    esac
  done
}

install_packages() {
  local packages
  packages=$(missing_packages "$@")
  [ -n "$packages" ] || return 0
  # shellcheck disable=SC2086 # one word per package
  "$root/scripts/packages.sh" $packages
}

fetch_jars() {
  [ -e "$jars/complete" ] && return 0
  say "fetching the jars of Kafka"
  rm -rf "$jars"
  mkdir -p "$jars"
  mvn -q -B -f "$root/deploy/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >&2 </dev/null \
    || die "Maven could not fetch Kafka's jars"
  touch "$jars/complete"
}

install() {
  # Several test processes may arrive here at once; the second finds everything done.
  mkdir -p "$cache"
  exec 9>"$cache/install.lock"
  flock 9
  install_packages "$@"
  case " $* " in *" kafka "*) fetch_jars ;; esac
  exec 9>&-
}

# --- ports and processes ----------------------------------------------------------------------------------------

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port below the range that the kernel hands out to outgoing connections.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    taken "$port" || { echo "$port"; return 0; }
  done
  die "found no free port"
}

# port SERVER NAME GIVEN: for a server about to start, the port given, or the one remembered if it is free still, or a free one.
port() {
  local file=$state/$1/$2
  if [ -n "${3:-}" ]; then
    echo "$3" >"$file"
  elif [ ! -s "$file" ] || taken "$(cat "$file")"; then
    free_port >"$file"
  fi
  cat "$file"
}

# A process is ours when its working folder is the server's: a process id may have been given to somebody else since.
running() {
  local pid folder
  pid=$(cat "$state/$1/pid" 2>/dev/null) || return 1
  folder=$(readlink "/proc/$pid/cwd" 2>/dev/null) || return 1
  case $folder/ in "$state/$1"/*) return 0 ;; *) return 1 ;; esac
}

# A process that is being replaced by the program it starts may be unreadable for a moment; one that ended stays so.
ended() {
  running "$1" && return 1
  sleep 0.3
  ! running "$1"
}

# launch SERVER COMMAND…: in the background, away from this terminal and from our open files.
launch() {
  local server=$1
  shift
  cd "$state/$server" # before the fork: `running` knows the process by this folder
  setsid "$@" </dev/null >>log 2>&1 &
  echo $! >pid
  cd "$root"
}

# await SERVER SECONDS QUESTION…: ask until it answers; a server that died is not waited for.
await() {
  local server=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" 2>/dev/null; do
    if ended "$server"; then
      tail -n 20 "$state/$server/log" >&2 || true
      die "$server ended while starting"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$state/$server/log" >&2 || true
      die "$server did not answer in time"
    fi
    sleep 0.02
  done
}

stop() {
  local server=$1 pid
  if running "$server"; then
    pid=$(cat "$state/$server/pid")
    kill -CONT "$pid" 2>/dev/null || true # a paused process hears nothing else
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 1000); do
      running "$server" || break
      sleep 0.02
    done
    if running "$server"; then
      say "$server did not stop by itself: killed"
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$state/$server/pid"
}

# --- MariaDB ----------------------------------------------------------------------------------------------------

# A socket's path is limited to 107 bytes; a deep checkout gets one in the temporary folder.
mysql_socket() {
  local path=$state/mysql/s.sock
  [ ${#path} -le 100 ] || path=${TMPDIR:-/tmp}/sluice-$(printf %s "$path" | cksum | cut -d' ' -f1).sock
  echo "$path"
}

mysql_answers() { mariadb --no-defaults --user=root --socket="$(mysql_socket)" --execute='SELECT 1' >/dev/null; }

start_mysql() {
  local data=$state/mysql/data as_user=() port
  [ "$(id -u)" -ne 0 ] || as_user=(--user=root)
  # A server that starts deletes the temporary tables that it finds: servers that share a folder take each other's.
  local temporary=$state/mysql/tmp
  mkdir -p "$temporary"
  if [ ! -e "$data/installed" ]; then
    rm -rf "$data"
    mkdir -p "$data"
    TMPDIR=$temporary mariadb-install-db --no-defaults "${as_user[@]}" --datadir="$data" --auth-root-authentication-method=normal \
      --skip-test-db >>"$state/mysql/log" 2>&1 </dev/null || { tail -n 20 "$state/mysql/log" >&2; die "mariadb-install-db failed"; }
    touch "$data/installed"
  fi
  port=$(port mysql port "${SLUICE_MYSQL_PORT:-}")
  # Flushing at every commit is the promise that tests and benchmarks stand on.
  launch mysql mariadbd --no-defaults "${as_user[@]}" --datadir="$data" --tmpdir="$temporary" --port="$port" --socket="$(mysql_socket)" \
    --bind-address=127.0.0.1 --pid-file="$state/mysql/server.pid" --skip-name-resolve --max-connections=2000 \
    --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=256M --innodb-log-file-size=256M
}

# --- Redis ------------------------------------------------------------------------------------------------------

redis_answers() {
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$(cat "$state/redis/port")" || return 1
  printf 'PING\r\n' >&3
  read -r -t 2 answer <&3 || answer=
  exec 3>&-
  [ "${answer%$'\r'}" = +PONG ] # "-LOADING" while it reads its log
}

start_redis() {
  launch redis redis-server --port "$(port redis port "${SLUICE_REDIS_PORT:-}")" --bind 127.0.0.1 --dir "$state/redis" \
    --appendonly yes --appendfsync everysec --save '' --daemonize no
}

# --- Kafka ------------------------------------------------------------------------------------------------------

# A Metadata request, version 0, for no topic: a broker that serves names at least itself.
kafka_answers() {
  local brokers
  exec 3<>"/dev/tcp/127.0.0.1/$(cat "$state/kafka/port")" || return 1
  printf '\x00\x00\x00\x0e\x00\x03\x00\x00\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00' >&3
  brokers=$(timeout 2 head -c 12 <&3 | od -An -tu1 | awk '{print $12}')
  exec 3>&-
  [ "${brokers:-0}" -ge 1 ]
}

start_kafka() {
  local dir=$state/kafka port controller
  port=$(port kafka port "${SLUICE_KAFKA_PORT:-}")
  controller=$(port kafka controller "${SLUICE_KAFKA_CONTROLLER_PORT:-}")
  sed -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$controller|g" -e "s|@DATA@|$dir/data|g" \
    "$root/deploy/kafka/server.properties" >"$dir/server.properties"
  printf '%s\n' "${SLUICE_KAFKA_PROPERTIES:-}" >>"$dir/server.properties"
  local java=(java -Xmx512m -XX:+UseSerialGC "-Dlog4j2.configurationFile=$root/deploy/kafka/log4j2.properties" -cp "$jars/*")
  if [ ! -e "$dir/data/meta.properties" ]; then
    # The first letter is ours: an id that begins with a dash would be read as an option.
    local id
    id=S$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c2-22)
    "${java[@]}" kafka.tools.StorageTool format --standalone -t "$id" -c "$dir/server.properties" >>"$dir/log" 2>&1 </dev/null \
      || { tail -n 20 "$dir/log" >&2; die "Kafka's storage could not be formatted"; }
  fi
  launch kafka "${java[@]}" kafka.Kafka "$dir/server.properties"
}

# --- commands ---------------------------------------------------------------------------------------------------

up() {
  local server started=()
  local -A patience=([mysql]=60 [redis]=30 [kafka]=90)
  install "$@"
  for server in "$@"; do
    running "$server" && continue
    mkdir -p "$state/$server"
    "start_$server"
    started+=("$server")
  done
  for server in "$@"; do
    await "$server" "${patience[$server]}" "${server}_answers"
  done
  for server in "${started[@]}"; do say "$server on 127.0.0.1:$(cat "$state/$server/port")"; done
}

print_env() {
  local port
  if running mysql; then
    port=$(cat "$state/mysql/port")
    echo "export SLUICE_TEST_MYSQL_URL='mysql://root@127.0.0.1:$port/'"
    echo "export SLUICE_TEST_MYSQL_SOCKET_URL='mysql://root@localhost/?socket=$(mysql_socket)'"
  fi
  if running redis; then echo "export SLUICE_TEST_REDIS_URL='redis://127.0.0.1:$(cat "$state/redis/port")/'"; fi
  if running kafka; then echo "export SLUICE_TEST_KAFKA='127.0.0.1:$(cat "$state/kafka/port")'"; fi
}

status() {
  local server all=0
  for server in "$@"; do
    if running "$server"; then
      echo "$server: running, process $(cat "$state/$server/pid"), 127.0.0.1:$(cat "$state/$server/port")"
    else
      echo "$server: not running"
      all=1
    fi
  done
  return "$all"
}

command=${1:-}
[ $# -eq 0 ] || shift
for name in "$@"; do
  case $name in mysql | redis | kafka) ;; *) die "unknown server '$name'; there are mysql, redis and kafka" ;; esac
done
[ $# -gt 0 ] || set -- mysql redis kafka
mkdir -p "$state"
state=$(cd "$state" && pwd -P)

case $command in
  up) up "$@" ;;
  down) for name in "$@"; do stop "$name"; done ;;
  env) print_env ;;
  status) status "$@" ;;
  install) install "$@" ;;
  *) die "say up, down, env, status or install" ;;
esac
