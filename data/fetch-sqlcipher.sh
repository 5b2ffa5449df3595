#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Brings the SQLCipher amalgamation: sh data/fetch-sqlcipher.sh [DIRECTORY]
# The package is kept, checked, under ${XDG_CACHE_HOME:-~/.cache}/kith; with DIRECTORY, sqlite3.c and sqlite3.h are put there.
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

if [ $# -gt 0 ]; then
  tar -xzf "$package" -C "$temporary" package/deps/sqlcipher-amalgamation
  mkdir -p "$1"
  for file in sqlite3.c sqlite3.h; do
    cmp -s "$temporary/package/deps/sqlcipher-amalgamation/$file" "$1/$file" \
      || cp "$temporary/package/deps/sqlcipher-amalgamation/$file" "$1/$file"
  done
fi
