#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds kith as a Flatpak, runs its tests in the sandbox, and leaves the repository and the bundle in _build/flatpak.
# The runtime must be there: flatpak install flathub org.gnome.Platform//49 org.gnome.Sdk//49
# usage: sh data/flatpak/build.sh [OPTION OF FLATPAK-BUILDER…]
set -eu
cd "$(dirname "$0")/../.."
sh data/flatpak/sources.sh
work=_build/flatpak
flatpak-builder --user --disable-rofiles-fuse --disable-download --force-clean --state-dir="$work/state" --repo="$work/repo" "$@" \
  "$work/app" data/flatpak/im.kith.Kith.yml
flatpak build-bundle "$work/repo" "$work/im.kith.Kith.flatpak" im.kith.Kith stable
