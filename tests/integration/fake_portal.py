# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.freedesktop.portal.Secret as xdg-desktop-portal offers it: the same secret for the same application, through a pipe."""

import os

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

NODE = Gio.DBusNodeInfo.new_for_xml('''<node><interface name="org.freedesktop.portal.Secret">
<method name="RetrieveSecret"><arg type="h" direction="in"/><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method>
</interface></node>''')


def on_call(bus, sender, path, interface, method, parameters, invocation):
    handle, options = parameters.unpack()
    fd = invocation.get_message().get_unix_fd_list().get(handle)
    os.write(fd, b'master secret of this application' * 2)
    os.close(fd)
    request = f'/org/freedesktop/portal/desktop/request/{sender[1:].replace(".", "_")}/{options["handle_token"]}'
    invocation.return_value(GLib.Variant('(o)', (request,)))
    bus.emit_signal(sender, request, 'org.freedesktop.portal.Request', 'Response', GLib.Variant('(ua{sv})', (0, {})))


bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
bus.register_object('/org/freedesktop/portal/desktop', NODE.interfaces[0], on_call, None, None)
Gio.bus_own_name_on_connection(bus, 'org.freedesktop.portal.Desktop', Gio.BusNameOwnerFlags.NONE, None, None)
GLib.MainLoop().run()
