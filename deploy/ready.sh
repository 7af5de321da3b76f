#!/bin/bash
# Whether the process of this container is ready: GET /readyz answers 200, where it has an address of its own or with the rest.
set -eu
ask() (
  exec 3<>"/dev/tcp/127.0.0.1/${1##*:}" || exit 1
  printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
  read -r -t 2 _ status _ <&3
  [ "$status" = 200 ]
)
if [ -n "${SLUICE__LISTEN_INTERNAL:-}" ] && ask "$SLUICE__LISTEN_INTERNAL"; then exit 0; fi
ask "$SLUICE__LISTEN"
