#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, starts alice and bob, lets them become friends and talk, and shows what each of them sees.
set -eu
cd "$(dirname "$0")/.."
. data/setup.sh

usage ()
{
  cat << 'TXT'
usage: sh data/quickstart.sh [--offline] [--once] [--ports N]
  (nothing)   alice on the default ports 8080, 8081 and 9100, bob on 18080, 18081 and 19100; both stay up until Ctrl-C
  --offline   also a relay, on port 8765: what alice writes while bob is away waits there for him
  --once      end after the show; exit status 0 only if every expected event was seen
  --ports N   use N to N+5 instead, and N+6 for the relay
TXT
}

skip=0
for option in "$@"; do
  case "$skip$option" in
    1*) skip=0 ;;
    0--once|0--offline) ;;
    0--ports) skip=1 ;;
    0--help|0-h) usage; exit 0 ;;
    *) echo "data/quickstart.sh: unknown option $option" >&2; usage >&2; exit 1 ;;
  esac
done

echo 'Installing what is missing and building (the first time takes a minute or two) …'
kith_install || exit 1
log=$(mktemp)
kith_build _build "$log" || { echo "The build failed; everything it said is in $log" >&2; exit 1; }
rm -f "$log"
exec env KITH_BUILD="$PWD/_build" PYTHONDONTWRITEBYTECODE=1 "$PYTHON" data/quickstart.py "$@"
