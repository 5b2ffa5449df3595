# SPDX-License-Identifier: LGPL-2.1-or-later
"""The back end of a desktop behind the real xdg-desktop-portal, without a screen. Each call becomes a line of JSON in the file given."""

import hashlib
import json
import os
import sys

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

NAME = 'org.freedesktop.impl.portal.desktop.fake'
NODE = Gio.DBusNodeInfo.new_for_xml('''<node>
<interface name="org.freedesktop.impl.portal.Notification">
 <method name="AddNotification"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/></method>
 <method name="RemoveNotification"><arg type="s" direction="in"/><arg type="s" direction="in"/></method>
 <signal name="ActionInvoked"><arg type="s"/><arg type="s"/><arg type="s"/><arg type="av"/></signal>
</interface>
<interface name="org.freedesktop.impl.portal.Background">
 <method name="GetAppState"><arg type="a{sv}" direction="out"/></method>
 <method name="NotifyBackground"><arg type="o" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
  <arg type="u" direction="out"/><arg type="a{sv}" direction="out"/></method>
 <method name="EnableAutostart"><arg type="s" direction="in"/><arg type="b" direction="in"/><arg type="as" direction="in"/>
  <arg type="u" direction="in"/><arg type="b" direction="out"/></method>
 <signal name="RunningApplicationsChanged"/>
</interface>
<interface name="org.freedesktop.impl.portal.Access">
 <method name="AccessDialog"><arg type="o" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
  <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/><arg type="u" direction="out"/>
  <arg type="a{sv}" direction="out"/></method>
</interface>
<interface name="org.freedesktop.impl.portal.Secret">
 <method name="RetrieveSecret"><arg type="o" direction="in"/><arg type="s" direction="in"/><arg type="h" direction="in"/>
  <arg type="a{sv}" direction="in"/><arg type="u" direction="out"/><arg type="a{sv}" direction="out"/></method>
 <property name="version" type="u" access="read"/>
</interface></node>''')
ANSWERS = {'GetAppState': ('(a{sv})', ({},)), 'NotifyBackground': ('(ua{sv})', (0, {'result': GLib.Variant('u', 1)})),
           'EnableAutostart': ('(b)', (True,)), 'AccessDialog': ('(ua{sv})', (0, {}))}
log = open(sys.argv[1], 'a', buffering=1)


def on_call(bus, sender, path, interface, method, parameters, invocation):
    log.write(json.dumps({'method': method, 'arguments': parameters.print_(False)}) + '\n')
    if method == 'RetrieveSecret':
        _, application, handle, _ = parameters.unpack()
        fd = invocation.get_message().get_unix_fd_list().get(handle)
        os.write(fd, hashlib.sha512(f'master secret of {application}'.encode()).digest())
        os.close(fd)
        return invocation.return_value(GLib.Variant('(ua{sv})', (0, {})))
    answer = ANSWERS.get(method)
    return invocation.return_value(GLib.Variant(*answer) if answer else None)


def on_property(bus, sender, path, interface, name):
    return GLib.Variant('u', 1)


connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
for one in NODE.interfaces:
    connection.register_object('/org/freedesktop/portal/desktop', one, on_call, on_property, None)
Gio.bus_own_name_on_connection(connection, NAME, Gio.BusNameOwnerFlags.NONE, None, None)
GLib.MainLoop().run()
