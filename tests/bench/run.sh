#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Prints the figures of the whole daemon with their ratios and draws them into data/docs/figures/.
#   sh tests/bench/run.sh [--fast] [GROUP…]     groups: start idle fanout latency flood history validation mailbox
set -eu
cd "$(dirname "$0")/../.."
. data/setup.sh
kith_install tests
log=$(mktemp)
# Only what is measured, not the tests: it is built with other options than theirs, so nothing of it is there already.
{
  [ -e _build-bench/build.ninja ] || meson setup _build-bench --buildtype=release -Db_ndebug=true
  ninja -C _build-bench core/daemon/kithd core/cli/kithctl data/schemas/gschemas.compiled \
    $(ninja -C _build-bench -t targets all | sed -n 's,^\(plugins/[^:]*/[^:/]*[.]\(so\|plugin\|compiled\)\): .*,\1,p') \
    tests/bench/chat/kith-bench-history tests/bench/api/bench-validation \
    tests/bench/kith-load tests/bench/kith-write-loop tests/bench/plugin/bench.so tests/bench/plugin/bench.plugin
} > "$log" 2>&1 || { tail -n 80 "$log" >&2; exit 1; }
rm -f "$log"
exec env KITH_BUILD="$PWD/_build-bench" PYTHONDONTWRITEBYTECODE=1 "$PYTHON" tests/bench/bench.py "$@"
