#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, and runs every test of kith, the unit, plugin and black-box tests a second time under
# AddressSanitizer and UndefinedBehaviorSanitizer. The last line is "N passed, N failed"; exit status 1 if anything failed.
set -eu
cd "$(dirname "$0")/.."
. data/setup.sh

usage ()
{
  cat << 'TXT'
usage: sh tests/run.sh [--quick | --build-only]
  (nothing)      install, build, lint, unit, plugin, black-box and hostile tests; faults, mailboxes, Flatpak; then once more sanitized (35 minutes)
  --quick        the same without the sanitized half and the long tests (3 minutes)
  --build-only   install and build into _build/ and _build-asan/, run nothing
Logs are left in _build/logs/. data/docs/debugging.md says how to run one test alone.
TXT
}

mode=full
for option in "$@"; do
  case "$option" in
    --quick) mode=quick ;;
    --build-only) mode=build ;;
    -h|--help) usage; exit 0 ;;
    *) echo "tests/run.sh: unknown option $option" >&2; usage >&2; exit 1 ;;
  esac
done

if ! kith_install tests extra; then
  echo '0 passed, 1 failed'
  exit 1
fi
exec "$PYTHON" tests/stages.py "$mode"
