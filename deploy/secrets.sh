#!/usr/bin/env bash
# Makes the secrets that compose.yaml mounts, once: deploy/secrets/, readable by nobody else on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p secrets
chmod 700 secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
# The folder keeps others out; the containers' users, whoever they are, read the files.
keep() {
  [ -e "secrets/$1" ] && return 0
  printf %s "$2" >"secrets/$1"
  chmod 444 "secrets/$1"
  echo "made deploy/secrets/$1"
}

keep mariadb_password "$(random)"
keep mariadb_root_password "$(random)"
keep database_url "mysql://sluice:$(cat secrets/mariadb_password)@mariadb:3306/sluice"
keep jwt_secret "$(random)"
keep sandbox_secret "$(random)"
