#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Brings the SQLCipher amalgamation: sh data/fetch-sqlcipher.sh [DIRECTORY | --package DIRECTORY]
# The package is kept, checked, under ${XDG_CACHE_HOME:-~/.cache}/kith; with DIRECTORY, sqlite3.c and sqlite3.h are put there,
# with --package the package itself. Packagers, who have no network, name the folder of the two files in KITH_SQLCIPHER.
set -eu

name=@journeyapps/sqlcipher
version=6.0.0
sum=ad3ee0e551de315b230db78e2294d41868b5c166d44c0c87da35fb6b87bde54c
tarball=journeyapps-sqlcipher-$version.tgz
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kith

fail () {
  echo "fetch-sqlcipher: $1" >&2
  exit 1
}

is_right () {
  [ -f "$1" ] && printf '%s  %s\n' "$sum" "$1" | sha256sum -c --status
}

# put FOLDER TARGET: only what differs, so that nothing is built again.
put () {
  mkdir -p "$2"
  for file in sqlite3.c sqlite3.h; do
    [ -f "$1/$file" ] || fail "there is no $file in $1"
    cmp -s "$1/$file" "$2/$file" || cp "$1/$file" "$2/$file"
  done
}

if [ -n "${KITH_SQLCIPHER:-}" ]; then
  [ -f "$KITH_SQLCIPHER/sqlite3.c" ] || fail "KITH_SQLCIPHER is $KITH_SQLCIPHER, where there is no sqlite3.c"
  [ $# = 0 ] || put "$KITH_SQLCIPHER" "$1"
  exit 0
fi

# A folder of its own for each run: two builds at once must not see each other's half a file.
temporary=$(mktemp -d) || fail "no temporary folder"
trap 'rm -rf "$temporary"' EXIT

if ! is_right "$cache/$tarball"; then
  command -v npm >/dev/null 2>&1 || fail "$name $version is not in $cache and there is no npm to get it with: install npm, \
or sqlcipher 4.5 or newer with its development files"
  npm pack --silent --pack-destination "$temporary" "$name@$version" >/dev/null 2>"$temporary/log" \
    || fail "npm could not get $name $version: $(tail -n 3 "$temporary/log" | tr '\n' ' ')"
  is_right "$temporary/$tarball" || fail "$tarball does not have the sha256 $sum"
  # Where the cache cannot be written the package serves this run only.
  if mkdir -p "$cache" 2>/dev/null && cp "$temporary/$tarball" "$cache/$tarball.$$" 2>/dev/null; then
    mv "$cache/$tarball.$$" "$cache/$tarball"
  fi
  package=$temporary/$tarball
else
  package=$cache/$tarball
fi

if [ "${1:-}" = --package ]; then
  mkdir -p "$2"
  cp "$package" "$2/$tarball.$$" && mv "$2/$tarball.$$" "$2/$tarball"
elif [ $# -gt 0 ]; then
  tar -xzf "$package" -C "$temporary" package/deps/sqlcipher-amalgamation
  put "$temporary/package/deps/sqlcipher-amalgamation" "$1"
fi
