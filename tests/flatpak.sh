#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# kith as a Flatpak, really: built with its tests in the sandbox, installed, activated, used, extended, removed; everything from Debian
# packages that are installed here, nothing of the user's Flatpaks is touched. What took long is kept in _build/flatpak.
# usage: sh tests/flatpak.sh [--no-tests]     --no-tests: do not run the unit tests in the sandbox again
set -eu
cd "$(dirname "$0")/.."
. data/setup.sh
kith_install tests || exit 1
kith_install flatpak || true   # what is missing is named, and everything skipped
log=$(mktemp)
kith_build _build "$log" || { echo "The build failed; everything it said is in $log" >&2; exit 1; }   # the native friend
rm -f "$log"
exec env PYTHONDONTWRITEBYTECODE=1 "$PYTHON" tests/flatpak/flatpak.py "$@"
