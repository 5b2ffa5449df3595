#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian packages build, lintian finds nothing but what is overridden by name, and each file lies in one package.
# usage: sh tests/debian.sh [--tests]      --tests: run the unit tests while building, too (tests/run.sh has run them already)
set -eu
cd "$(dirname "$0")/.."
. data/setup.sh
kith_install debian || exit 1
[ "${1:-}" = --tests ] || export DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS:-}"
[ ! -d /usr/lib/ccache ] || export PATH="/usr/lib/ccache:$PATH"
passed=0
failed=0

# step TITLE COMMAND…
step ()
{
  title=$1
  shift
  since=$(date +%s)
  if "$@" > _build/debian.log 2>&1; then
    echo "ok - $title ($(($(date +%s) - since)) s)"
    passed=$((passed + 1))
  else
    echo "not ok - $title"
    tail -n 60 _build/debian.log | sed 's/^/# /'
    failed=$((failed + 1))
  fi
}

is_lintian_clean ()
{
  lintian --allow-root --tag-display-limit 0 --fail-on error,warning,info --display-info --show-overrides _build/debian/*.changes
}

# Nothing that "meson install" brings is lost, and no two packages bring the same.
is_complete ()
{
  for deb in _build/debian/kith_*.deb _build/debian/libkith*.deb _build/debian/gir1.2-*.deb; do
    dpkg-deb -c "$deb" | awk '!/\/$/ {print $6}'
  done | sort > _build/debian/files
  ! uniq -d _build/debian/files | grep .
  for name in ./usr/bin/kithd ./usr/bin/kithctl ./usr/lib/systemd/user/kithd.service ./usr/share/dbus-1/services/im.kith.Kith.service \
      ./usr/share/applications/im.kith.Kith.desktop ./usr/include/kith-1/kith/kith.h; do
    grep -qx "$name" _build/debian/files || { echo "$name is in no package"; return 1; }
  done
  grep -q 'girepository-1.0/Kith-1.0.typelib$' _build/debian/files
}

mkdir -p _build
step 'dpkg-buildpackage -b' sh data/debian/build.sh -b -us -uc
if [ "$failed" = 0 ]; then
  step 'lintian, all but pedantic' is_lintian_clean
  step 'every file is in one package' is_complete
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
