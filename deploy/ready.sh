#!/bin/bash
# Whether the process of this container is ready: GET /readyz answers 200.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/${SLUICE__LISTEN##*:}"
printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
