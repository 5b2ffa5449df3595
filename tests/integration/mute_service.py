# SPDX-License-Identifier: LGPL-2.1-or-later
"""Owns a name on the session bus and then stands still: calls to it are never answered."""

import os
import signal
import sys

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

Gio.bus_own_name(Gio.BusType.SESSION, sys.argv[1], Gio.BusNameOwnerFlags.NONE, None,
                 lambda *_: os.kill(os.getpid(), signal.SIGSTOP), None)
GLib.MainLoop().run()
