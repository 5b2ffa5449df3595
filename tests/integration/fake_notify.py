# SPDX-License-Identifier: LGPL-2.1-or-later
"""A desktop that shows notifications to nobody: org.freedesktop.Notifications, or the Notification portal. Each call is a line of JSON on
stdout; each line on stdin is a signal to send: "action ID NAME", "closed ID REASON", "inhibited 0", "portal-action ID NAME"; it is said on
stdout when who called last has got it."""

import json
import os
import sys

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

SERVER = '''<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/><arg type="i" direction="in"/>
<arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal>
<signal name="NotificationClosed"><arg type="u"/><arg type="u"/></signal>%s
</interface></node>'''
PORTAL = '''<node><interface name="org.freedesktop.portal.Notification">
<method name="AddNotification"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/></method>
<method name="RemoveNotification"><arg type="s" direction="in"/></method>
<signal name="ActionInvoked"><arg type="s"/><arg type="s"/><arg type="av"/></signal>
</interface></node>'''

kind, inhibited, *abilities = sys.argv[1:]
if kind == 'portal':
    name, path, node = 'org.freedesktop.portal.Desktop', '/org/freedesktop/portal/desktop', PORTAL
else:
    has_property = '<property name="Inhibited" type="b" access="read"/>' if inhibited != '-' else ''
    name, path, node = 'org.freedesktop.Notifications', '/org/freedesktop/Notifications', SERVER % has_property
interface = Gio.DBusNodeInfo.new_for_xml(node).interfaces[0]
state = {'last': 0, 'inhibited': inhibited == '1', 'caller': None}


def on_call(bus, sender, where, of, method, parameters, invocation):
    arguments = parameters.unpack()
    answer = None
    state['caller'] = sender
    if method == 'GetCapabilities':
        answer = GLib.Variant('(as)', (abilities,))
    elif method == 'Notify':
        if not arguments[1]:
            state['last'] += 1
        answer = GLib.Variant('(u)', (arguments[1] or state['last'],))
    invocation.return_value(answer)
    bus.flush_sync(None)   # who reads that it was called may kill us
    if method != 'GetCapabilities':
        print(json.dumps({'method': method, 'arguments': arguments, 'answer': answer.unpack()[0] if answer else None}), flush=True)
    if method == 'CloseNotification':
        bus.emit_signal(None, path, interface.name, 'NotificationClosed', GLib.Variant('(uu)', (arguments[0], 3)))


def on_get(*_):
    return GLib.Variant('b', state['inhibited'])


def on_lines(channel, _):
    lines = os.read(0, 65536).decode().splitlines()
    for line in lines:
        send(*line.split())
        # What comes on one connection comes in order: who answers this has the signal.
        bus.call(state['caller'], '/', 'org.freedesktop.DBus.Peer', 'Ping', None, None, Gio.DBusCallFlags.NONE, -1, None,
                 lambda *_: print('{"method": "said"}', flush=True))
    if not lines:
        loop.quit()
    return bool(lines)


def send(what, one, *rest):
    if what == 'action':
        signal = 'ActionInvoked', GLib.Variant('(us)', (int(one), rest[0]))
    elif what == 'closed':
        signal = 'NotificationClosed', GLib.Variant('(uu)', (int(one), int(rest[0])))
    elif what == 'portal-action':
        signal = 'ActionInvoked', GLib.Variant('(ssav)', (one, rest[0], []))
    else:
        state['inhibited'] = one == '1'
        changed = GLib.Variant('(sa{sv}as)', (interface.name, {'Inhibited': GLib.Variant('b', state['inhibited'])}, []))
        bus.emit_signal(None, path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', changed)
        return
    bus.emit_signal(None, path, interface.name, *signal)


bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
bus.register_object(path, interface, on_call, on_get, None)
loop = GLib.MainLoop()
GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, on_lines)
Gio.bus_own_name_on_connection(bus, name, Gio.BusNameOwnerFlags.NONE, lambda *_: print('{"method": "there"}', flush=True), None)
loop.run()
