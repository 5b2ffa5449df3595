# SPDX-License-Identifier: LGPL-2.1-or-later
"""kithd on the session bus: its name, how it is, what the desktop may ask, and who may."""

import os
import pwd
import re
import resource
import socket
import subprocess
from pathlib import Path

import pytest

from desktop import APPLICATION, BUS, DBUS, INTERFACE, NAME, PATH, PROPERTIES, Bus, Client, DesktopKith, Gio, GLib, Portal
from kithtest import PATIENCE_S, befriend, program, wait_for

pytestmark = pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def bus():
    bus = Bus().start()
    yield bus
    bus.end()


@pytest.fixture
def desk(request, tmp_path, bus, kiths):
    """Makes desktop daemons; what they print is checked as everybody's is."""
    def make(username='alice', start=True, **options):
        kith = DesktopKith(tmp_path, username, bus=bus, **options)
        request.node.kiths.append(kith)
        return kith.start() if start else kith
    return make


def meet(a, b):
    """Friends with a link."""
    befriend(a, b)
    return a, b


def test_it_says_how_it_is(bus, desk, kiths):
    alice, bob = meet(desk(), kiths('bob'))
    client = Client(bus).watch()
    assert client.properties() == {'Status': 'online', 'UnreadTotal': 0, 'SupabaseConnected': False, 'Health': 'ok', 'Autostart': 'off',
                                   'Version': alice.get('/status')['version']}
    assert client.call(PROPERTIES, 'Get', GLib.Variant('(ss)', (INTERFACE, 'Status'))) == ('online',)
    alice.change('PUT', '/presence', {'status': 'away'})
    client.wait_change('Status', 'away')
    bob.post('alice', 'one'), bob.post('alice', 'two')
    client.wait_change('UnreadTotal', 2)
    last = wait_for(lambda: next((m for m in alice.history('bob')['messages'] if m['text'] == 'two'), None), 'the second message')
    assert client.action('mark-read', GLib.Variant('(ss)', ('bob', last['msg_id']))) == ()
    client.wait_change('UnreadTotal', 0)
    bob.post('alice', 'three')
    client.wait_change('UnreadTotal', 1)
    for method, path, total in ('PUT', 'bob/blocked', 0), ('DELETE', 'bob/blocked', 1), ('DELETE', 'bob', 0):  # of friends alone
        client.changes.clear()
        alice.change(method, f'/friends/{path}')
        client.wait_change('UnreadTotal', total)
    assert all('Version' not in change for change in client.changes)
    with pytest.raises(GLib.Error):
        client.call(PROPERTIES, 'Set', GLib.Variant('(ssv)', (INTERFACE, 'Status', GLib.Variant('s', 'busy'))))


def test_a_full_disk_is_told_and_room_too(bus, desk, kiths):
    """A file that may not be written is a full disk."""
    alice, _ = meet(desk(), kiths('bob'))
    client = Client(bus).watch()
    usual = resource.prlimit(alice.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(alice.process.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    alice.refused('POST', '/messages', {'to': 'bob', 'text': 'no room'}, status=507)
    wait_for(lambda: any('disk is full' in change.get('Health', '') for change in list(client.changes)), 'the disk in Health')
    resource.prlimit(alice.process.pid, resource.RLIMIT_FSIZE, usual)
    alice.post('bob', 'room again')
    client.wait_change('Health', 'ok')


def test_no_word_of_a_message_on_the_bus(bus, desk, kiths, tmp_path):
    alice, bob = meet(desk(), kiths('bob'))
    seen = tmp_path / 'seen'
    with open(seen, 'wb') as out:
        monitor = subprocess.Popen(['dbus-monitor', '--address', bus.address], stdout=out, stderr=subprocess.DEVNULL)
    try:
        client = Client(bus).watch()
        wait_for(lambda: (client.properties(), b'GetAll' in seen.read_bytes())[1], 'the monitor')
        bob.post('alice', 'between us alone')
        client.wait_change('UnreadTotal', 1)
        wait_for(lambda: b'PropertiesChanged' in seen.read_bytes(), 'the monitor to see the change')
        Client(bus).action('open-chat', GLib.Variant('s', 'bob'))
    finally:
        monitor.terminate()
        monitor.wait()
    assert b'between us' not in seen.read_bytes()


def test_what_is_offered_is_what_is_installed(bus, desk):
    desk()
    xml = Client(bus).call('org.freedesktop.DBus.Introspectable', 'Introspect')[0]
    offered = Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(INTERFACE)
    installed = Gio.DBusNodeInfo.new_for_xml((TOP / 'data' / 'im.kith.Kith1.xml').read_text()).lookup_interface(INTERFACE)
    assert {(p.name, p.signature) for p in offered.properties} == {(p.name, p.signature) for p in installed.properties}
    assert [m.name for m in offered.methods] == [m.name for m in installed.methods] == ['Quit']
    page = (TOP / 'data' / 'docs' / 'dbus.md').read_text()
    assert all(f'| `{p.name}` | `{p.signature}` |' in page for p in installed.properties)


def test_a_second_start_hands_over(bus, desk):
    alice = desk()
    window = alice.window()
    second = alice.second()
    assert second.returncode == 0 and 'runs already' in second.stdout and len(second.stdout.splitlines()) == 1
    assert window.wait('open_chat')['data'] == {}
    assert alice.running() and Client(bus).has_owner()


def test_a_service_that_hands_over_has_not_failed(bus, desk):
    """Without READY=1 systemd would take the end for a failure, start it again, and show the window every time."""
    alice = desk()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(alice.run / 'notify'))
    manager.settimeout(PATIENCE_S)
    assert alice.second(NOTIFY_SOCKET=str(alice.run / 'notify')).returncode == 0
    assert manager.recv(4096) == b'READY=1'
    manager.close()


def test_a_second_start_does_not_wait_for_one_that_stands_still(bus, desk):
    alice = desk()
    alice.process.send_signal(19)
    try:
        second = alice.second()
        assert second.returncode == 1 and NAME in second.stderr and 'does not answer' in second.stderr
    finally:
        alice.process.send_signal(18)


def test_each_profile_has_a_name_of_its_own(bus, desk, kiths):
    desk()
    desk('bob', profile='work_2')
    server = kiths('carol', start=False)
    server.start(DBUS_SESSION_BUS_ADDRESS=bus.address)
    client = Client(bus, 'im.kith.Kith.Profile.work_2', '/im/kith/Kith/Profile/work_2')
    assert client.properties()['Health'] == 'ok'
    names = client.call(DBUS, 'ListNames', name=DBUS, path='/')[0]
    assert sorted(name for name in names if 'kith' in name) == [NAME, 'im.kith.Kith.Profile.work_2']  # --config takes none


def test_the_bus_starts_it_and_what_started_it_is_done(tmp_path, request, kiths):
    bus = Bus()
    alice = DesktopKith(tmp_path, 'alice', bus=bus, settings={'username': "'alice'"})
    request.node.kiths.append(alice)
    alice.write_settings()
    (bus.folder / 'services' / 'im.kith.Kith.service').write_text(f'[D-BUS Service]\nName={NAME}\nExec={program("kithd")}\n')
    bus.start(**alice.environment())
    try:
        client = Client(bus)
        assert 'bob' in client.refused('Unknown', 'open-chat', GLib.Variant('s', 'bob'))  # held until it could be answered
        assert alice.get('/status')['username'] == 'alice'
        assert client.call(INTERFACE, 'Quit') == ()
        wait_for(lambda: not client.has_owner(), 'the name to be free')
    finally:
        bus.end()


def test_quit_is_a_clean_end(bus, desk):
    alice = desk()
    window = alice.window()
    assert Client(bus).call(INTERFACE, 'Quit') == ()
    assert alice.process.wait(PATIENCE_S) == 0
    while window.read(PATIENCE_S):
        pass
    assert window.closed == 1001


def test_actions_are_requests(bus, desk, kiths):
    alice, bob = meet(desk(), kiths('bob'))
    client, window = Client(bus), alice.window()
    client.action('open-chat', GLib.Variant('s', 'bob'))
    assert window.wait('open_chat')['data'] == {'username': 'bob'}
    client.call(APPLICATION, 'Open', GLib.Variant('(asa{sv})', ([bob.invite], {})))
    assert window.wait('open_chat')['data'] == {'invite': bob.invite}
    carol = kiths('carol')
    carol.ask('POST', '/friends', {'invite': alice.identity()['invite'], 'note': 'hello'}, status=201)
    wait_for(lambda: any(r['username'] == 'carol' for r in alice.get('/requests')), 'the request')
    client.action('accept-request', GLib.Variant('s', 'carol'))
    wait_for(lambda: alice.friend('carol'), 'carol as a friend')
    assert alice.ask('POST', '/windows/open', {'username': 'carol'}) == {'windows': 1, 'launched': False}


@pytest.mark.parametrize('error, action, target', [
    ('Unknown', 'open-chat', GLib.Variant('s', 'nobody')), ('Invalid', 'open-chat', None), ('Invalid', 'open-chat', GLib.Variant('i', 1)),
    ('Invalid', 'open-chat', GLib.Variant('s', 'No Name!')), ('Unknown', 'accept-request', GLib.Variant('s', 'nobody')),
    ('Invalid', 'accept-request', GLib.Variant('s', '../messages')), ('Invalid', 'mark-read', GLib.Variant('(ss)', ('bob', 'x'))),
    ('Invalid', 'mark-read', GLib.Variant('s', 'bob')), ('Unknown', 'format-disk', None)])
def test_actions_that_cannot_be(bus, desk, error, action, target):
    desk()
    client = Client(bus)
    assert client.refused(error, action, target)
    with pytest.raises(GLib.Error, match='kith: URI'):
        client.call(APPLICATION, 'Open', GLib.Variant('(asa{sv})', (['file:///etc/passwd'], {})))


def test_without_a_window_the_users_program_is_opened(bus, desk, kiths):
    portal = Portal(bus)
    alice, _ = meet(desk(), kiths('bob'))
    client = Client(bus)
    client.action('open-chat', GLib.Variant('s', 'bob'))  # nothing is set: said in the log, and no error
    wait_for(lambda: 'set chat-uri' in alice.errors(), 'the notice')
    alice.ctl_config('chat-uri', 'http://localhost:1420/chat/{username}')
    client.action('open-chat', GLib.Variant('s', 'bob'))
    assert [uri for _, uri, _ in portal.asked('OpenURI')] == ['http://localhost:1420/chat/bob']
    alice.ctl_config('chat-uri', 'no uri at all {username}')
    assert alice.ask('POST', '/windows/open', {'username': 'bob'}) == {'windows': 0, 'launched': False}
    assert len(portal.asked('OpenURI')) == 1


OTHER = r'''
import sys, gi
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)
for interface, method, arguments in (('org.freedesktop.DBus.Properties', 'GetAll', GLib.Variant('(s)', ('im.kith.Kith1',))),
                                     ('im.kith.Kith1', 'Quit', None),
                                     ('org.freedesktop.Application', 'Activate', GLib.Variant('(a{sv})', ({},)))):
    try:
        bus.call_sync('im.kith.Kith', '/im/kith/Kith', interface, method, arguments, None, 0, -1, None)
        print('answered', method)
    except GLib.Error as error:
        print(Gio.DBusError.get_remote_error(error))
'''


@pytest.mark.skipif(os.geteuid() != 0, reason='skipped: another user takes root to be')
def test_another_user_is_refused(bus, desk):
    alice, uid = desk(), pwd.getpwnam('daemon').pw_uid  # the bus knows only users that have an entry
    out = subprocess.run(['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', '/usr/bin/python3', '-c', OTHER, bus.address],
                         capture_output=True, text=True, timeout=PATIENCE_S, cwd='/', env={'PATH': '/usr/bin:/bin'})
    assert out.stdout.split() == ['im.kith.Kith.Error.Refused'] * 3, out
    assert alice.running() and Client(bus).properties()['Health'] == 'ok'
    assert len(re.findall(rf'refused uid-other.*way dbus.*uid {uid}\b', alice.errors())) == 3
    assert 'kith_door_refused_total{reason="uid-other"} 3' in alice.call('GET', '/metrics').body.decode()


def settled(bus):
    """What the daemon had to say on the bus when it was ready has been said: GLib itself is critical of a bus that goes in between."""
    client = Client(bus)
    for _ in range(3):
        assert client.properties()['Health'] == 'ok'


def test_when_the_bus_goes_the_session_is_over(bus, desk):
    alice = desk()
    settled(bus)
    bus.stop()
    assert alice.process.wait(PATIENCE_S) == 0
    assert 'session is over' in alice.errors()


def test_a_service_outlives_the_bus(bus, desk):
    alice = desk(start=False)
    alice.start(NOTIFY_SOCKET=str(alice.folder / 'nobody'))
    settled(bus)
    bus.stop()
    wait_for(lambda: 'session bus has gone' in alice.errors(), 'the warning')
    assert alice.get('/status')['status'] == 'ok'
    alice.stop()
