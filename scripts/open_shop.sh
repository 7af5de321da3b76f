# shellcheck shell=bash
# Sourced by scripts that need a shop of their own. `new_folder NAME` makes $folder, which is gone at the end with whatever serves in
# it; `open_shop EXECUTABLE` serves there under the settings that are exported, goes there, and sets $url once it is ready.
folder="" shop="" url=""

end_shop() {
  local result=$?
  if [ -n "$shop" ]; then kill "$shop" 2>/dev/null || true; wait "$shop" 2>/dev/null || true; fi
  if [ "$result" -ne 0 ] && [ -e "$folder/shop.log" ]; then tail -n 20 "$folder/shop.log" >&2; fi
  rm -rf "$folder"
  exit "$result"
}

new_folder() {
  mkdir -p "$PWD/.test-run"
  folder=$(mktemp -d "$PWD/.test-run/$1.XXXXXX")
  trap end_shop EXIT
  trap 'exit 130' INT TERM
}

open_shop() {
  export SLUICE__DATA_DIR=$folder/data
  cd "$folder" || exit
  "$1" serve --listen 127.0.0.1:0 >"$folder/out" 2>"$folder/shop.log" &
  shop=$!
  for _ in $(seq 120); do
    url=$(sed -n 's/^ *Sluice is open: //p' "$folder/out")
    if [ -n "$url" ] && curl -sf "$url/readyz" >/dev/null; then return 0; fi
    kill -0 "$shop" || exit 1
    sleep 0.5
  done
  echo "the shop is not ready after a minute" >&2
  exit 1
}
