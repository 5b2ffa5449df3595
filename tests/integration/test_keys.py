# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who keeps the key of the message store: file, passphrase, keyring (a real one), portal (a fake one); moving between them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kithtest import PATIENCE_S, befriend, wait_for

BUS = shutil.which('dbus-daemon')
KEYRING = shutil.which('gnome-keyring-daemon')
HERE = Path(__file__).parent


@contextlib.contextmanager
def session_bus():
    """A bus of our own, on which nothing can be started by itself."""
    read, write = os.pipe()
    process = subprocess.Popen([BUS, '--session', '--nofork', f'--print-address={write}'], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    address = os.read(read, 4096).decode().strip()
    os.close(read)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def keyring(kith, bus, password):
    control = kith.folder / 'keyring'
    control.mkdir(exist_ok=True, mode=0o700)
    environment = kith.environment(DBUS_SESSION_BUS_ADDRESS=bus)
    process = subprocess.Popen([KEYRING, '--foreground', '--unlock', '--components=secrets', f'--control-directory={control}'],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    process.stdin.write(password.encode() + b'\n')
    process.stdin.close()
    try:
        wait_for(lambda: 'org.freedesktop.secrets' in names_on(bus), 'the keyring on the bus')
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def names_on(bus):
    return subprocess.run(['gdbus', 'call', '--address', bus, '--dest', 'org.freedesktop.DBus', '--object-path', '/', '--method',
                           'org.freedesktop.DBus.ListNames'], capture_output=True, text=True).stdout


def say_and_stop(kith, text):
    """A conversation that must survive whatever happens to the key."""
    kith.post('bob', text)
    assert text in kith.texts('bob')
    kith.stop()


def locked(kith):
    status = kith.get('/status')
    return status['store']['state'] != 'open' and kith.call('GET', '/messages?peer=bob').status == 503


@pytest.fixture
def friends(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    bob.stop()
    return alice


def test_file_by_itself_in_a_0600_file(friends):
    key = friends.ask('GET', '/admin/key', unix=True)
    assert key['kept_by'] == 'file' and key['unlocked']
    assert os.stat(key['path']).st_mode & 0o777 == 0o600
    assert friends.get('/status')['store']['key_store'] == 'file'
    assert friends.call('GET', '/admin/key').status == 404  # a page can never reach it


def test_passphrase_locks_and_opens(friends):
    friends.refused('POST', '/admin/key/move', {'to': 'passphrase'}, unix=True, names='passphrase')
    friends.refused('POST', '/admin/key/move', {'to': 'safe'}, unix=True, names='to')
    moved = friends.ask('POST', '/admin/key/move', {'to': 'passphrase', 'passphrase': 'café au lait'}, unix=True)
    assert moved['kept_by'] == 'passphrase' and moved['setting'] == 'passphrase'
    say_and_stop(friends, 'locked away')
    assert b'KITHKEY1' == (friends.data / 'kith.key').read_bytes()[:8]

    friends.start()
    assert locked(friends)
    assert 'kithctl key unlock' in friends.call('GET', '/messages?peer=bob').json['error']
    refused = friends.call('POST', '/admin/key/unlock', {'passphrase': 'tea'}, unix=True)
    assert refused.status == 403 and 'passphrase' in refused.json['error'] and locked(friends)
    friends.ask('POST', '/admin/key/unlock', {'passphrase': 'cafe\u0301 au lait'}, unix=True)  # another spelling of the same letters
    wait_for(lambda: friends.get('/status')['store']['state'] == 'open', 'the opened store')
    assert 'locked away' in friends.texts('bob')

    friends.ask('POST', '/admin/key/passphrase', {'passphrase': 'second'}, unix=True)
    say_and_stop(friends, 'again')
    friends.start()
    assert friends.call('POST', '/admin/key/unlock', {'passphrase': 'café au lait'}, unix=True).status == 403
    friends.ask('POST', '/admin/key/unlock', {'passphrase': 'second'}, unix=True)
    assert friends.ask('POST', '/admin/key/move', {'to': 'file'}, unix=True)['kept_by'] == 'file'
    friends.restart()
    assert {'locked away', 'again'} <= set(friends.texts('bob'))


def test_no_key_is_no_reason_for_a_new_one(friends):
    say_and_stop(friends, 'precious')
    (friends.data / 'kith.key').rename(friends.data / 'kept.key')
    before = (friends.data / 'kith.db').read_bytes()
    friends.start()
    assert locked(friends)
    assert not (friends.data / 'kith.key').exists() and (friends.data / 'kith.db').read_bytes() == before
    friends.stop()
    (friends.data / 'kept.key').rename(friends.data / 'kith.key')
    friends.start()
    assert 'precious' in friends.texts('bob')


def test_a_key_of_something_else_is_told_from_none(friends):
    friends.ask('POST', '/admin/key/move', {'to': 'passphrase', 'passphrase': 'x'}, unix=True)
    say_and_stop(friends, 'kept')
    slot = bytearray((friends.data / 'kith.key').read_bytes())
    slot[-1] ^= 1
    (friends.data / 'kith.key').write_bytes(slot)
    friends.start()
    answer = friends.call('POST', '/admin/key/unlock', {'passphrase': 'x'}, unix=True)
    assert answer.status == 403 and locked(friends)
    slot[-1] ^= 1
    friends.stop()
    (friends.data / 'kith.key').write_bytes(slot)
    friends.start()
    friends.ask('POST', '/admin/key/unlock', {'passphrase': 'x'}, unix=True)
    assert 'kept' in friends.texts('bob')


@pytest.mark.skipif(not (BUS and KEYRING), reason='skipped: no dbus-daemon or gnome-keyring-daemon')
def test_a_real_keyring(friends):
    friends.stop()
    with session_bus() as bus:
        with keyring(friends, bus, 'hush'):
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            moved = friends.ask('POST', '/admin/key/move', {'to': 'secret-service'}, unix=True)
            assert moved['kept_by'] == 'secret-service'
            say_and_stop(friends, 'in the keyring')
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            assert 'in the keyring' in friends.texts('bob')
            friends.stop()
        # The wrong password leaves it locked, and a locked keyring answers as an empty one does.
        with keyring(friends, bus, 'wrong'):
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            assert locked(friends)
            assert 'Unlock' in friends.call('GET', '/messages?peer=bob').json['error']
            friends.stop()
        with keyring(friends, bus, 'hush'):
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            assert 'in the keyring' in friends.texts('bob')
            assert friends.ask('POST', '/admin/key/move', {'to': 'file'}, unix=True)['kept_by'] == 'file'
            friends.stop()
    # Nobody on the bus any more: the file is enough.
    friends.start()
    assert 'in the keyring' in friends.texts('bob')


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_a_keyring_that_never_answers_is_given_up(friends):
    """Somebody owns the name and stays silent: the deadline of five seconds holds, and nothing else waits."""
    friends.stop()
    with session_bus() as bus:
        mute = subprocess.Popen([sys.executable, str(HERE / 'mute_service.py'), 'org.freedesktop.secrets'],
                                env={**os.environ, 'DBUS_SESSION_BUS_ADDRESS': bus})
        try:
            wait_for(lambda: 'org.freedesktop.secrets' in names_on(bus), 'the mute service')
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            answer = friends.call('POST', '/admin/key/move', {'to': 'secret-service'}, unix=True, timeout_s=2 * PATIENCE_S)
            assert answer.status in (503, 507) and '5 seconds' in answer.json['error']
            assert friends.ask('GET', '/admin/key', unix=True)['kept_by'] == 'file'
            say_and_stop(friends, 'unharmed')
        finally:
            mute.kill()
            mute.wait()
    friends.start()
    assert 'unharmed' in friends.texts('bob')


def test_libsecrets_own_file(friends):
    """SECRET_BACKEND=file: libsecret without a bus."""
    friends.stop()
    file = {'SECRET_BACKEND': 'file', 'SECRET_FILE_TEST_PATH': str(friends.folder / 'secrets.keyring'), 'SECRET_FILE_TEST_PASSWORD': 'abc',
            'DBUS_SESSION_BUS_ADDRESS': 'disabled:'}
    friends.start(**file)
    assert friends.ask('POST', '/admin/key/move', {'to': 'secret-service'}, unix=True)['kept_by'] == 'secret-service'
    say_and_stop(friends, 'in a file of libsecret')
    friends.start(**file)
    assert 'in a file of libsecret' in friends.texts('bob')
    friends.stop()
    friends.start(**{**file, 'SECRET_FILE_TEST_PASSWORD': 'wrong'})
    assert locked(friends)


@pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')
def test_the_portal(friends):
    friends.stop()
    with session_bus() as bus:
        portal = subprocess.Popen([sys.executable, str(HERE / 'fake_portal.py')], env={**os.environ, 'DBUS_SESSION_BUS_ADDRESS': bus})
        try:
            wait_for(lambda: 'org.freedesktop.portal.Desktop' in names_on(bus), 'the portal')
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            assert friends.ask('POST', '/admin/key/move', {'to': 'portal'}, unix=True)['kept_by'] == 'portal'
            say_and_stop(friends, 'behind the portal')
            friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
            assert 'behind the portal' in friends.texts('bob')
            friends.stop()
        finally:
            portal.terminate()
            portal.wait()
        friends.start(DBUS_SESSION_BUS_ADDRESS=bus)
        assert locked(friends) and 'portal' in friends.call('GET', '/messages?peer=bob').json['error'].lower()
