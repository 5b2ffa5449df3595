# SPDX-License-Identifier: LGPL-2.1-or-later
# What data/quickstart.sh and tests/run.sh share: installing what is missing and building. To be sourced, at the top of the tree.

# The system's own Python: another one earlier in PATH has neither gi nor pytest.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3

# kith_has CHECK: whether something is there, asked without dpkg.
kith_has ()
{
  case "$1" in
    cmd:*) command -v "${1#cmd:}" > /dev/null 2>&1 ;;
    pc:*) pkg-config --exists "${1#pc:}" 2> /dev/null ;;
    py:*) "$PYTHON" -c "import ${1#py:}" > /dev/null 2>&1 ;;
    *) return 1 ;;
  esac
}

# kith_missing GROUP…: prints "package check" for every line of data/packages.txt that is not there.
# Lines without a group are always wanted.
kith_missing ()
{
  kith_there=' '
  if command -v dpkg-query > /dev/null 2>&1; then
    kith_there=" $(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2> /dev/null | sed -n 's/^installed //p' | tr '\n' ' ') "
  fi
  sed -e 's/#.*//' -e '/^ *$/d' data/packages.txt | while read -r kith_package kith_check kith_group; do
    case " $* " in *" ${kith_group:-build} "*) ;; *) [ -z "$kith_group" ] || continue ;; esac
    case "$kith_there" in *" $kith_package "*) continue ;; esac
    kith_has "${kith_check:--}" || echo "$kith_package ${kith_check:--}"
  done
}

# kith_install GROUP…: makes data/packages.txt true. Silent and instant when it already is.
# Fails only when something without which nothing can be built (or, for tests, run) is still missing.
kith_install ()
{
  kith_wanted=$(kith_missing "$@" | cut -d ' ' -f 1)
  [ -n "$kith_wanted" ] || return 0
  if ! command -v apt-get > /dev/null 2>&1; then
    echo "These are missing (Debian's names; look for your distribution's): $(echo $kith_wanted)" >&2
  else
    kith_root=
    [ "$(id -u)" = 0 ] || kith_root=$(command -v sudo) || echo "Not root and no sudo: cannot install $(echo $kith_wanted)" >&2
    if [ "$(id -u)" = 0 ] || [ -n "$kith_root" ]; then
      echo "Installing: $(echo $kith_wanted)"
      kith_log=$(mktemp)
      $kith_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq > "$kith_log" 2>&1 || true
      # One missing optional package must not keep the others away: all at once, then one by one.
      if ! $kith_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $kith_wanted \
          >> "$kith_log" 2>&1; then
        for kith_package in $kith_wanted; do
          $kith_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$kith_package" \
            >> "$kith_log" 2>&1 || echo "Could not install $kith_package" >&2
        done
      fi
    fi
  fi
  kith_needed=
  for kith_group in "$@"; do [ "$kith_group" = extra ] || kith_needed="$kith_needed $kith_group"; done
  kith_left=$(kith_missing $kith_needed | cut -d ' ' -f 1)
  if [ -n "$kith_left" ]; then
    echo "Cannot go on without: $(echo $kith_left)" >&2
    [ -z "${kith_log:-}" ] || tail -n 20 "$kith_log" >&2
    return 1
  fi
  [ -z "${kith_log:-}" ] || rm -f "$kith_log"
}

# kith_build FOLDER LOG [MESON OPTION…]: configures once (with the options) and builds; says nothing unless it fails.
kith_build ()
{
  kith_folder=$1
  kith_out=$2
  shift 2
  if [ ! -e "$kith_folder/build.ninja" ]; then
    meson setup "$kith_folder" "$@" > "$kith_out" 2>&1 || { cat "$kith_out" >&2; return 1; }
  fi
  ninja -C "$kith_folder" > "$kith_out" 2>&1 || { grep -v '^\[[0-9]*/[0-9]*\] [A-Z]' "$kith_out" | tail -n 80 >&2; return 1; }
}
