#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes Debian packages of what git has of this tree, in _build/debian: the two upstream tarballs (kith, and SQLCipher as its component
# "sqlcipher"), the source tree with data/debian as debian/, and out of it whatever dpkg-buildpackage is told.
# usage: sh data/debian/build.sh [OPTION OF DPKG-BUILDPACKAGE…]     without any: -b -us -uc
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
version=$(sed -n "1,5s/^kith (\(.*\)-[^-]*).*/\1/p" data/debian/changelog)
work=$top/_build/debian
tree=$work/kith-$version
rm -rf "$work"
mkdir -p "$tree"

# A date that does not change with every call, so that neither do the tarballs.
when=$(git log -1 --format=%cI)
git ls-files -z | grep -zv '^data/debian/' > "$work/list"
tar --null -T "$work/list" --transform "s,^,kith-$version/," --mtime="$when" \
  --owner=0 --group=0 --numeric-owner -czf "$work/kith_$version.orig.tar.gz"
tar -xzf "$work/kith_$version.orig.tar.gz" -C "$work"
rm "$work/list"

sh data/fetch-sqlcipher.sh --package "$work"
mv "$work"/journeyapps-sqlcipher-*.tgz "$work/kith_$version.orig-sqlcipher.tar.gz"
mkdir "$tree/sqlcipher"
tar -xzf "$work/kith_$version.orig-sqlcipher.tar.gz" --strip-components=1 -C "$tree/sqlcipher"

cp -r data/debian "$tree/debian"
rm "$tree/debian/build.sh"
cd "$tree"
[ $# -gt 0 ] || set -- -b -us -uc
exec dpkg-buildpackage "$@"
