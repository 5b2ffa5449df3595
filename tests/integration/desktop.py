# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the desktop service need: buses of their own, a daemon without --config, a portal, logind."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import gi

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

from kithtest import PATIENCE_S, Kith, environment, program, wait_for  # noqa: E402

BUS = shutil.which('dbus-daemon')
DBUS = 'org.freedesktop.DBus'
PROPERTIES = 'org.freedesktop.DBus.Properties'
APPLICATION = 'org.freedesktop.Application'
NAME = 'im.kith.Kith'
PATH = '/im/kith/Kith'
INTERFACE = 'im.kith.Kith1'

# What calls the fakes, and the signals that tests wait for, come here.
threading.Thread(target=GLib.MainLoop().run, daemon=True).start()


class Bus:
    """A bus daemon that lets everybody in, as a session bus never does, and starts what `services` name."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix='kith-bus-'))
        self.folder.chmod(0o755)
        (self.folder / 'services').mkdir()
        (self.folder / 'bus.conf').write_text(f'''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={self.folder}/bus</listen><auth>EXTERNAL</auth>
<servicedir>{self.folder}/services</servicedir>
<policy context="default"><allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>''')
        self.process = None
        self.address = f'unix:path={self.folder}/bus'
        self.connections = []

    def start(self, **env):
        read, write = os.pipe()
        self.process = subprocess.Popen([BUS, f'--config-file={self.folder}/bus.conf', '--nofork', f'--print-address={write}'],
                                        pass_fds=[write], stderr=subprocess.DEVNULL, env={**environment(), **env})
        os.close(write)
        os.read(read, 4096)
        os.close(read)
        return self

    def connect(self):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        connection.set_exit_on_close(False)
        self.connections.append(connection)
        return connection

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def end(self):
        for connection in self.connections:
            if not connection.is_closed():
                connection.close_sync(None)
        self.stop()
        shutil.rmtree(self.folder)


class Client:
    """Somebody on a bus who talks to kithd."""

    def __init__(self, bus, name=NAME, path=PATH):
        self.connection = bus.connect()
        self.name, self.path = name, path
        self.changes = []

    def call(self, interface, method, arguments=None, name=None, path=None):
        answer = self.connection.call_sync(name or self.name, path or self.path, interface, method, arguments, None,
                                           Gio.DBusCallFlags.NONE, PATIENCE_S * 1000, None)
        return answer.unpack()

    def properties(self):
        return self.call(PROPERTIES, 'GetAll', GLib.Variant('(s)', (INTERFACE,)))[0]

    def action(self, name, target=None):
        return self.call(APPLICATION, 'ActivateAction', GLib.Variant('(sava{sv})', (name, [] if target is None else [target], {})))

    def refused(self, error, *arguments, **options):
        """A call that must end with this error; returns its text."""
        try:
            answer = self.action(*arguments, **options)
        except GLib.Error as failure:
            assert Gio.DBusError.get_remote_error(failure) == f'im.kith.Kith.Error.{error}', failure
            return failure.message
        raise AssertionError(f'{arguments} was answered {answer}')

    def watch(self):
        """From now on what PropertiesChanged tells is in self.changes."""
        self.connection.signal_subscribe(self.name, PROPERTIES, 'PropertiesChanged', self.path, None, Gio.DBusSignalFlags.NONE,
                                         lambda *call: self.changes.append(call[5].unpack()[1]))
        self.call(DBUS, 'GetId', name=DBUS, path='/org/freedesktop/DBus')  # the match rule is there
        return self

    def wait_change(self, key, value):
        wait_for(lambda: any(change.get(key) == value for change in list(self.changes)), f'{key} to become {value}, not {self.changes}')

    def has_owner(self, name=None):
        return self.call(DBUS, 'NameHasOwner', GLib.Variant('(s)', (name or self.name,)), name=DBUS, path='/org/freedesktop/DBus')[0]


class DesktopKith(Kith):
    """A daemon as a user's desktop starts it: settings of the desktop, a profile's own folders, a name on the bus."""

    def __init__(self, folder, username, bus=None, profile='default', **options):
        self.profile = profile
        self.bus = bus
        self.run = Path(tempfile.mkdtemp(prefix='kith-run-'))
        super().__init__(folder, username, **options)
        self.data = self.run / 'kith' / profile   # where its socket is
        self.store = self.folder / 'home' / 'share' / 'kith' / profile

    def write_settings(self):
        group = 'im/kith/Kith' if self.profile == 'default' else f'im/kith/Kith/profiles/{self.profile}'
        folder = self.folder / 'home' / 'config' / 'glib-2.0' / 'settings'
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f'[{group}]', *(f'{key}={value}' for key, value in self.settings.items())]
        for plugin, keys in self.plugins.items():
            lines += ['', f'[{group}/plugins/{plugin}]', *(f'{key}={value}' for key, value in keys.items())]
        new = folder / 'keyfile.new'
        new.write_text('\n'.join(lines) + '\n')
        new.replace(folder / 'keyfile')

    def environment(self, **more):
        bus = {'DBUS_SESSION_BUS_ADDRESS': self.bus.address} if self.bus is not None else {}
        own = {'XDG_RUNTIME_DIR': str(self.run), 'GSETTINGS_BACKEND': 'keyfile', 'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={self.run}/no-system-bus'}
        return super().environment(**{**own, **bus, **more})

    def command(self, *arguments):
        return [program('kithd'), '--profile', self.profile, *arguments]

    def spawn(self, *arguments, **more):
        self.lives += 1
        self.out_path, self.err_path = self.folder / f'{self.lives}.out', self.folder / f'{self.lives}.err'
        with open(self.out_path, 'wb') as out, open(self.err_path, 'wb') as err:
            self.process = subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=self.environment(**more))
        return self

    def errors(self):
        return self.err_path.read_text(errors='replace')

    def ctl_config(self, key, value):
        self.change('PUT', f'/admin/settings/{key}', {'value': str(value)}, unix=True)

    def second(self, *arguments, **more):
        """Another start while this one runs."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE_S * 2, stdin=subprocess.DEVNULL,
                              env=self.environment(**more))

    def end(self):
        super().end()
        shutil.rmtree(self.run, ignore_errors=True)


PORTAL = Gio.DBusNodeInfo.new_for_xml('''<node>
<interface name="org.freedesktop.portal.Background"><method name="RequestBackground">
 <arg type="s" direction="in"/><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method></interface>
<interface name="org.freedesktop.portal.OpenURI"><method name="OpenURI"><arg type="s" direction="in"/>
 <arg type="s" direction="in"/><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method></interface>
<interface name="org.freedesktop.portal.NetworkMonitor"><method name="GetStatus"><arg type="a{sv}" direction="out"/></method>
 <method name="GetAvailable"><arg type="b" direction="out"/></method><method name="GetMetered"><arg type="b" direction="out"/></method>
 <method name="GetConnectivity"><arg type="u" direction="out"/></method>
 <property name="version" type="u" access="read"/><signal name="changed"/></interface></node>''')


class Portal:
    """org.freedesktop.portal.Desktop as far as kithd asks it. `answer`: what the person says, None: nothing, ever."""

    path = '/org/freedesktop/portal/desktop'

    def __init__(self, bus):
        self.connection = bus.connect()
        self.calls = []
        self.answer = (0, True)
        for interface in PORTAL.interfaces:
            self.connection.register_object(self.path, interface, self.on_call, lambda *_: GLib.Variant('u', 3), None)
        got = self.connection.call_sync(DBUS, '/', DBUS, 'RequestName', GLib.Variant('(su)', ('org.freedesktop.portal.Desktop', 4)), None,
                                        Gio.DBusCallFlags.NONE, -1, None).unpack()
        assert got == (1,)

    def on_call(self, connection, sender, path, interface, method, parameters, invocation):
        if method == 'GetStatus':
            status = {'available': GLib.Variant('b', True), 'metered': GLib.Variant('b', False), 'connectivity': GLib.Variant('u', 4)}
            invocation.return_value(GLib.Variant('(a{sv})', (status,)))
            return
        self.calls.append((method, parameters.unpack()))
        options = parameters.unpack()[-1]
        request = f'{self.path}/request/{sender[1:].replace(".", "_")}/{options.get("handle_token", "t")}'
        invocation.return_value(GLib.Variant('(o)', (request,)))
        if method == 'RequestBackground' and self.answer is not None:
            response, allowed = self.answer
            results = {'background': GLib.Variant('b', allowed), 'autostart': GLib.Variant('b', allowed and options['autostart'])}
            connection.emit_signal(sender, request, 'org.freedesktop.portal.Request', 'Response',
                                   GLib.Variant('(ua{sv})', (response, results)))

    def asked(self, method):
        return [arguments for name, arguments in list(self.calls) if name == method]

    def change_network(self):
        self.connection.emit_signal(None, self.path, 'org.freedesktop.portal.NetworkMonitor', 'changed', None)


@contextlib.contextmanager
def late_bus(bus):
    """A way to a bus on which nothing gets through until the event is set."""
    folder = Path(tempfile.mkdtemp(prefix='kith-bus-'))
    server, opened, ends = socket.socket(socket.AF_UNIX), threading.Event(), []
    server.bind(str(folder / 'bus'))
    server.listen(16)

    def pump(source, target):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)

    def carry(client):
        opened.wait()
        with contextlib.suppress(OSError):
            there = socket.socket(socket.AF_UNIX)
            ends.append(there)
            there.connect(bus.address.partition('=')[2])
            threading.Thread(target=pump, args=(there, client), daemon=True).start()
            pump(client, there)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                ends.append(server.accept()[0])
                threading.Thread(target=carry, args=(ends[-1],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f'unix:path={folder}/bus', opened
    finally:
        opened.set()
        for end in [server, *ends]:
            end.close()
        shutil.rmtree(folder)


@contextlib.contextmanager
def silent_bus(greets):
    """Something at the address of a bus that never answers: not at all, or (greets) not after it let us in."""
    folder = Path(tempfile.mkdtemp(prefix='kith-bus-'))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / 'bus'))
    server.listen(16)
    clients = []

    def talk(client):
        file = client.makefile('rb')
        with contextlib.suppress(OSError):
            for line in file:
                if line.strip(b'\0\r\n') == b'AUTH':
                    client.sendall(b'REJECTED EXTERNAL\r\n')
                elif line.strip() == b'AUTH EXTERNAL':
                    client.sendall(b'DATA\r\n')
                elif b'AUTH' in line or line.startswith(b'DATA'):
                    client.sendall(b'OK 1234deadbeef1234deadbeef1234dead\r\n')
                elif b'NEGOTIATE' in line:
                    client.sendall(b'AGREE_UNIX_FD\r\n')

    def accept():
        with contextlib.suppress(OSError):
            while True:
                client = server.accept()[0]
                clients.append(client)
                if greets:
                    threading.Thread(target=talk, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f'unix:path={folder}/bus'
    finally:
        server.close()
        for client in clients:
            client.close()
        shutil.rmtree(folder)
