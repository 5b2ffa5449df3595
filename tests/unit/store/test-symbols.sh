#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# No program of ours may show SQLite's names to others, and each must have its own: test-symbols.sh PROGRAM...
set -eu

echo "1..$#"
number=0
for program; do
  number=$((number + 1))
  shown=$(nm -D --defined-only "$program" | grep -c ' sqlite3_' || true)
  own=$(nm --defined-only "$program" 2>/dev/null | grep -c ' sqlite3_key$' || true)
  if [ "$shown" -eq 0 ] && [ "$own" -eq 1 ]; then
    echo "ok $number - $(basename "$program")"
  else
    echo "not ok $number - $(basename "$program"): $shown names of SQLite are exported, its own cipher is there $own times"
  fi
done
