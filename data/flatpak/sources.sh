#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Brings the sources that im.kith.Kith.yml names into _build/flatpak/sources, checked: SQLCipher through npm, libsodium as Debian's
# source package through apt. What is there already is not asked for again, so that a folder that was filled once needs no network.
set -eu
cd "$(dirname "$0")/../.."
folder=$PWD/_build/flatpak/sources
mkdir -p "$folder"

fail () {
  echo "data/flatpak/sources.sh: $1" >&2
  exit 1
}

sh data/fetch-sqlcipher.sh --package "$folder"

sodium=libsodium_1.0.18.orig.tar.gz
sum=$(sed -n "/$sodium/,/sha256/s/ *sha256: //p" data/flatpak/im.kith.Kith.yml)
is_right () {
  [ -f "$folder/$sodium" ] && printf '%s  %s\n' "$sum" "$folder/$sodium" | sha256sum -c --status
}
if ! is_right; then
  command -v apt-get > /dev/null 2>&1 || fail "put $sodium, the source of Debian 12's libsodium (sha256 $sum), into $folder"
  # A package list of its own: the machine's sources with "deb-src" instead of "deb", nothing of it is changed.
  apt=$(mktemp -d)
  trap 'rm -rf "$apt"' EXIT
  chmod 755 "$apt"
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/get"
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.*; do
    [ ! -f "$list" ] || sed -e 's/^Types: .*/Types: deb-src/' -e 's/^deb /deb-src /' "$list" > "$apt/parts/$(basename "$list")"
  done
  cat > "$apt/apt.conf" << TXT
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/parts";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
Acquire::Check-Valid-Until "false";
TXT
  (cd "$apt/get" && APT_CONFIG=$apt/apt.conf apt-get update -qq && APT_CONFIG=$apt/apt.conf apt-get source -qq --download-only libsodium) \
    > "$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2; fail "apt could not get the source of libsodium"; }
  cp "$apt/get/$sodium" "$folder/" || fail "Debian's libsodium has another version: $(ls "$apt/get")"
  is_right || fail "$sodium does not have the sha256 $sum"
fi
