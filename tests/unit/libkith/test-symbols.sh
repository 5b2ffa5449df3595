#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Only kith_* may be seen of the library: a plugin must not lean on anything else. And it is called what the ABI says.
set -eu
library=$1
nm=${NM:-nm}
ours='^(kith_|_init$|_fini$|__asan|__odr_asan|__start|__stop)'
others=$("$nm" -D --defined-only "$library" | awk -v ours="$ours" '$2 ~ /[A-Z]/ && $3 !~ ours { print $3 }')
if [ -n "$others" ]; then
  echo "exported besides kith_*:" $others >&2
  exit 1
fi
"$nm" -D --defined-only "$library" | grep -q ' kith_host_publish$'
readelf -d "$library" | grep -q 'SONAME.*\[libkith\.so\.1\]'
