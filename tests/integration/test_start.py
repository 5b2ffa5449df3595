# SPDX-License-Identifier: LGPL-2.1-or-later
"""How kithd is started and woken: sockets of a service manager, the unit, autostart; and what it does without a desktop."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from desktop import BUS, DBUS, Bus, Client, DesktopKith, Gio, GLib, Portal, late_bus, silent_bus
from kithtest import BUILD, PATIENCE_S, PORTS, befriend, program, wait_for, without_slowness

DATA = BUILD / 'data'


@pytest.fixture
def bus():
    bus = Bus().start()
    yield bus
    bus.end()


@pytest.fixture
def desk(request, tmp_path, kiths):
    def make(username='alice', start=True, env=None, **options):
        kith = DesktopKith(tmp_path, username, **options)
        request.node.kiths.append(kith)
        return kith.start(**(env or {})) if start else kith
    return make


# --- sockets that somebody else opened

LAUNCH = 'import os, sys; os.environ["LISTEN_PID"] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])'


class Activator:
    """The service manager: listens, and starts the daemon with its sockets as descriptors 3, 4, …"""

    def __init__(self, kith, *sockets):
        self.kith, self.sockets = kith, sockets
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(str(kith.run / 'notify'))
        self.ready.settimeout(PATIENCE_S)

    def start(self):
        kith = self.kith
        kith.lives += 1
        kith.out_path, kith.err_path = kith.folder / f'{kith.lives}.out', kith.folder / f'{kith.lives}.err'

        def arrange():
            high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(self.sockets)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
                os.close(fd)
        with open(kith.out_path, 'wb') as out, open(kith.err_path, 'wb') as err:
            kith.process = subprocess.Popen(
                [sys.executable, '-c', LAUNCH, *kith.command()], stdin=subprocess.DEVNULL, stdout=out, stderr=err, close_fds=False,
                preexec_fn=arrange, env=kith.environment(LISTEN_FDS=str(len(self.sockets)), NOTIFY_SOCKET=str(kith.run / 'notify')))

    def wait(self, word):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if word in self.ready.recv(4096).decode().splitlines():
                return
        raise AssertionError(f'no {word}')


def listen(family, address):
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen(16)
    return server


def ask_early(kind, address, host):
    """A request that is sent before anybody is there to answer it."""
    client = socket.socket(kind)
    client.settimeout(PATIENCE_S)
    client.connect(address)
    client.sendall(f'GET /status HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode())
    return client


def read_all(client):
    got = b''
    while part := client.recv(65536):
        got += part
    return got


def test_who_asks_first_is_answered(desk):
    alice = desk(start=False)
    path = alice.data / 'api.sock'
    path.parent.mkdir(parents=True, mode=0o700)
    manager = Activator(alice, listen(socket.AF_UNIX, str(path)), listen(socket.AF_INET, ('127.0.0.1', alice.api_port)),
                        listen(socket.AF_INET, ('127.0.0.1', alice.events_port)))
    early = [ask_early(socket.AF_UNIX, str(path), 'localhost'),
             ask_early(socket.AF_INET, ('127.0.0.1', alice.api_port), f'127.0.0.1:{alice.api_port}')]
    manager.start()
    for client in early:
        assert read_all(client).startswith(b'HTTP/1.1 200')
    manager.wait('READY=1')
    alice.window()
    assert alice.get('/status', unix=True)['username'] == 'alice'
    if socket.has_dualstack_ipv6():
        with socket.create_connection(('::1', alice.api_port), timeout=PATIENCE_S):
            pass  # beside what was handed over, as it would have been without
    alice.stop()
    manager.wait('STOPPING=1')
    assert path.exists()  # it is not ours to remove
    assert 'WARNING' not in re.sub(r'.*(session bus|Secret Service).*', '', without_slowness(alice.errors()))


def test_sockets_that_do_not_fit_are_named_and_closed(desk):
    alice = desk(start=False)
    other, pair = listen(socket.AF_INET, ('127.0.0.1', alice.peer_port)), socket.socketpair()
    world = listen(socket.AF_INET, ('0.0.0.0', alice.api_port))
    manager = Activator(alice, other, pair[0], world)
    alice.settings['peer-port'] = PORTS.take()
    alice.write_settings()
    manager.start()
    world.close()
    wait_for(lambda: alice.errors().count('is not used') == 3, 'three warnings')
    for text in ('neither api-port nor events-port', 'no listening socket', 'not on loopback'):
        assert text in alice.errors()
    manager.wait('READY=1')
    assert alice.get('/status')['username'] == 'alice'


def test_sockets_of_another_process_are_left_alone(desk):
    alice = desk(env={'LISTEN_FDS': '3', 'LISTEN_PID': '1'})
    assert alice.get('/status')['username'] == 'alice' and 'is not used' not in alice.errors()


# --- the files that start it

@pytest.fixture
def units(tmp_path):
    """As installed, but for what was built."""
    for name in ('kithd.service', 'kithd.socket'):
        text = re.sub(r'(?m)^ExecStart=.*$', f'ExecStart={program("kithd")}', (DATA / name).read_text())
        (tmp_path / name).write_text(text)
    return [tmp_path / 'kithd.service', tmp_path / 'kithd.socket']


@pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='skipped: no systemd')
def test_the_units_are_sound_and_confined(units, tmp_path):
    env = {'PATH': os.environ['PATH'], 'XDG_RUNTIME_DIR': str(tmp_path), 'HOME': str(tmp_path), 'LC_ALL': 'C.UTF-8'}
    done = subprocess.run(['systemd-analyze', 'verify', '--user', *map(str, units)], capture_output=True, text=True, env=env, timeout=60)
    assert (done.returncode, done.stderr) == (0, '')   # it ends with 0 for unknown keys, too
    done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', str(units[0])], capture_output=True, text=True,
                          env=env, timeout=60)
    exposure = float(re.search(r'exposure level for kithd.service: ([\d.]+)', done.stdout).group(1))
    print(f'systemd-analyze security: {exposure}')
    assert exposure <= 6.3, done.stdout


def test_the_unit_gives_up_after_a_few_attempts(units):
    """Every attempt takes RestartSec at least: systemd's own limit, 5 in 10 s, would never be reached."""
    values = dict(re.findall(r'(?m)^(StartLimit\w+|RestartSec)=(\d+)$', units[0].read_text()))
    burst, interval = (int(values.get(key, usual)) for key, usual in (('StartLimitBurst', 5), ('StartLimitIntervalSec', 10)))
    assert burst * int(values['RestartSec']) < interval / 2


def test_the_socket_unit_has_the_usual_ports(units):
    schema = (Path(__file__).resolve().parents[2] / 'data' / 'schemas' / 'im.kith.Kith.gschema.xml').read_text()
    listed = re.findall(r'ListenStream=(.*)', units[1].read_text())
    usual = [re.search(rf'name="{key}".*?<default>(\d+)', schema, re.S).group(1) for key in ('api-port', 'events-port')]
    assert listed == ['%t/kith/default/api.sock', *(f'127.0.0.1:{port}' for port in usual)]


@pytest.mark.skipif(not shutil.which('desktop-file-validate'), reason='skipped: no desktop-file-utils')
def test_the_autostart_file_is_sound():
    done = subprocess.run(['desktop-file-validate', str(DATA / 'im.kith.Kith-autostart.desktop')], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, '')


# --- starting after login inside a Flatpak

@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_the_portal_is_asked_when_it_is_switched(bus, desk):
    portal = Portal(bus)
    alice = desk(bus=bus, env={'GTK_USE_PORTAL': '1'})
    client = Client(bus).watch()
    assert not portal.asked('RequestBackground') and client.properties()['Autostart'] == 'off'
    alice.ctl_config('autostart', 'true')
    client.wait_change('Autostart', 'on')
    (_, options), = portal.asked('RequestBackground')
    assert options['autostart'] is True and options['commandline'] == ['kithd'] and options['reason']
    alice.ctl_config('autostart', 'false')
    client.wait_change('Autostart', 'off')
    assert [options['autostart'] for _, options in portal.asked('RequestBackground')] == [True, False]


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_a_refusal_is_shown(bus, desk):
    portal = Portal(bus)
    portal.answer = (1, False)
    alice = desk(bus=bus, env={'GTK_USE_PORTAL': '1'}, settings={'autostart': 'true'})
    client = Client(bus)
    wait_for(lambda: client.properties()['Autostart'].startswith('refused: allow'), 'the refusal')
    assert 'settings for applications' in alice.errors()
    check = next(c for c in alice.get('/admin/doctor', unix=True)['checks'] if c['name'] == 'start after login')
    assert check['ok'] is False and check['message'].startswith('refused')
    portal.answer = (0, True)
    alice.ctl_config('autostart', 'false')
    wait_for(lambda: client.properties()['Autostart'] == 'off', 'off')
    alice.ctl_config('autostart', 'true')
    wait_for(lambda: client.properties()['Autostart'] == 'on', 'on, after the user allowed it')


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_no_portal_is_said_once(bus, desk):
    alice = desk(bus=bus, env={'GTK_USE_PORTAL': '1'}, settings={'autostart': 'true'})
    client = Client(bus)
    wait_for(lambda: client.properties()['Autostart'].startswith('failed: '), 'the failure')
    assert alice.errors().count('does not arrange') == 1
    assert client.properties()['Health'] == 'ok'


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_outside_a_flatpak_nobody_is_asked(bus, desk):
    portal = Portal(bus)
    alice = desk(bus=bus, settings={'autostart': 'true'})
    assert alice.get('/status') and not portal.asked('RequestBackground')


# --- woken up

class Peer:
    """Where a friend used to be: notes who knocks, and hangs up."""

    def __init__(self, port):
        self.server = listen(socket.AF_INET, ('127.0.0.1', port))
        self.server.setblocking(False)
        self.knocks = []

    def look(self):
        try:
            while True:
                self.server.accept()[0].close()
                self.knocks.append(time.monotonic())
        except BlockingIOError:
            return len(self.knocks)

    def wait(self, n):
        wait_for(lambda: self.look() >= n, f'knock {n}', 4 * PATIENCE_S)


def wear_out(alice, bob):
    """bob is gone, and alice has tried often enough to wait 6 s or more until she tries again."""
    befriend(alice, bob)
    bob.stop()
    peer = Peer(bob.peer_port)
    peer.wait(4)
    return peer


def knocks_at_once(peer, what):
    """More than one try: a machine may stand still for as long. Without what() the pauses only grow."""
    def once():
        before = peer.look()
        since = time.monotonic()
        what()
        peer.wait(before + 1)
        return time.monotonic() - since < 4
    return any(once() for _ in range(3))


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_after_a_sleep_friends_are_dialled_at_once(bus, desk, kiths):
    alice, bob = desk(env={'DBUS_SYSTEM_BUS_ADDRESS': bus.address}), kiths('bob')
    peer = wear_out(alice, bob)
    login = bus.connect()
    login.call_sync(DBUS, '/', DBUS, 'RequestName', GLib.Variant('(su)', ('org.freedesktop.login1', 4)), None, Gio.DBusCallFlags.NONE, -1, None)

    def sleep(going):
        login.emit_signal(None, '/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'PrepareForSleep', GLib.Variant('(b)', (going,)))
    assert knocks_at_once(peer, lambda: (sleep(True), sleep(False)))


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_in_another_network_friends_are_dialled_at_once(bus, desk, kiths):
    portal = Portal(bus)
    alice, bob = desk(bus=bus, env={'GTK_USE_PORTAL': '1', 'G_MESSAGES_DEBUG': 'kithd'}), kiths('bob')
    wait_for(lambda: 'heard of from GNetworkMonitorPortal' in alice.out_path.read_text() + alice.errors(), 'the monitor')
    peer = wear_out(alice, bob)
    assert knocks_at_once(peer, portal.change_network)


# --- without

def test_without_a_session_bus(desk):
    alice = desk(env={'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nowhere/at/all'})
    assert alice.errors().count('there is no session bus') == 1
    assert alice.get('/status')['status'] == 'ok' and alice.get('/admin/key', unix=True)['kept_by'] == 'file'
    alice.window()


@pytest.mark.parametrize('greets, more', [(False, {}), (True, {}), (True, {'GTK_USE_PORTAL': '1'})], ids=['mute', 'greets', 'portals'])
def test_a_bus_that_never_answers(desk, greets, more):
    with silent_bus(greets) as address:
        alice = desk(env={'DBUS_SESSION_BUS_ADDRESS': address, 'DBUS_SYSTEM_BUS_ADDRESS': address, **more})
        assert alice.errors().count('session bus does not answer') == 1
        assert alice.get('/status')['status'] == 'ok'
        alice.stop()


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_a_portal_that_stands_still(bus, desk):
    client, name = Client(bus), 'org.freedesktop.portal.Desktop'
    mute = subprocess.Popen([sys.executable, str(Path(__file__).with_name('mute_service.py')), name],
                            env={**os.environ, 'DBUS_SESSION_BUS_ADDRESS': bus.address})
    try:
        wait_for(lambda: client.has_owner(name), 'the portal')
        alice = desk(bus=bus, env={'GTK_USE_PORTAL': '1'})
        assert 'who knows the network (NetworkManager, a portal) does not answer' in alice.errors()
        assert alice.get('/status')['status'] == 'ok' and client.properties()['Health'] == 'ok'
        alice.stop()
    finally:
        mute.kill()
        mute.wait()


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_a_bus_that_answers_late(bus, desk):
    portal, client = Portal(bus), Client(bus)
    with late_bus(bus) as (address, opened):
        alice = desk(env={'DBUS_SESSION_BUS_ADDRESS': address, 'GTK_USE_PORTAL': '1'}, settings={'autostart': 'true'})
        assert alice.errors().count('session bus does not answer') == 1 and not client.has_owner()
        opened.set()
        wait_for(client.has_owner, 'the name')
        client.watch()
        alice.change('PUT', '/presence', {'status': 'away'})
        client.wait_change('Status', 'away')
        wait_for(lambda: client.properties()['Autostart'] == 'on', 'the start after login')
        assert len(portal.asked('RequestBackground')) == 1
        alice.stop()


def test_what_a_silent_bus_keeps_from_opening_is_told(desk):
    with silent_bus(True) as address, ThreadPoolExecutor() as pool:
        alice = desk(start=False, settings={'chat-uri': "'kith-test:here'"})
        folder = alice.folder / 'home' / 'share' / 'applications'
        folder.mkdir(parents=True)
        (folder / 'opener.desktop').write_text('[Desktop Entry]\nType=Application\nName=opener\nExec=true\nMimeType=x-scheme-handler/kith-test;\n')
        (folder / 'mimeapps.list').write_text('[Default Applications]\nx-scheme-handler/kith-test=opener.desktop\n')
        alice.start(DBUS_SESSION_BUS_ADDRESS=address, DBUS_SYSTEM_BUS_ADDRESS=address)
        answers = [pool.submit(alice.call, 'POST', '/windows/open', {}) for _ in range(5)]
        told = sorted((answer.result() for answer in answers), key=lambda answer: answer.status)
        assert [answer.status for answer in told] == [200, 200, 200, 200, 503]
        assert all(answer.json == {'windows': 0, 'launched': False} for answer in told[:4])
        assert alice.errors().count('nothing opens kith-test:here') == 4
        alice.stop()


def test_a_home_that_cannot_be_written(desk, tmp_path):
    alice = desk()
    alice.stop()
    if os.geteuid() == 0 and subprocess.run(['unshare', '-m', 'true'], capture_output=True).returncode == 0:
        home = alice.folder / 'home'
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        command = alice.command
        alice.command = lambda *arguments: ['unshare', '-m', 'sh', '-c', script, str(home), *command(*arguments)]
    else:
        pytest.skip('skipped: a read-only home takes root')
    alice.start()
    status = alice.get('/status')
    assert status['store']['state'] != 'ok' and alice.call('GET', '/healthz').status in (200, 503)
    said = [line for line in alice.errors().splitlines() if 'read-only' in line.lower() or 'readonly' in line.lower()]
    assert said or status['store']['message'], alice.errors()
    alice.stop()


def test_settings_full_of_nonsense(desk):
    alice = desk(start=False)
    file = alice.folder / 'home' / 'config' / 'glib-2.0' / 'settings' / 'keyfile'
    file.write_text(file.read_text().replace('[im/kith/Kith]\n', "[im/kith/Kith]\nmax-connections=many\nautostart=\x01\nno-such-thing=1\n"
                                             "chat-uri=[[[\nkey-store='nowhere'\nping-timeout=0\n")
                    + '\n[im/kith/Kith/plugins/presence]\nx=\n[nonsense]\n[im/kith]\nKith=1\n')
    alice.start()
    assert alice.get('/status')['username'] == 'alice'
    values = {entry['name']: entry['value'] for entry in alice.get('/admin/settings', unix=True)}
    assert (values['max-connections'], values['autostart'], values['ping-timeout']) == ('128', 'false', '15')
