# SPDX-License-Identifier: LGPL-2.1-or-later
"""The key file: read at start, live afterwards; what is wrong with it or with the command line is said in one line."""

import signal
import socket
import subprocess

import pytest

from kithtest import PORTS, befriend, program, wait_for, without_slowness


def refused_start(kith, *arguments):
    """The daemon must end with status 1 and one line that says why."""
    kith.spawn(*arguments)
    status = kith.process.wait(timeout=20)
    lines = without_slowness(kith.err_path.read_text()).splitlines()
    assert status == 1 and len(lines) == 1, (status, lines)
    assert kith.out_path.read_text() == ''
    return lines[0]


@pytest.mark.parametrize('which', ['api_port', 'events_port', 'peer_port'])
def test_a_port_in_use(kiths, which):
    alice = kiths('alice', start=False)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', getattr(alice, which)))
        taken.listen()
        line = refused_start(alice)
    assert str(getattr(alice, which)) in line
    alice.start()


@pytest.mark.parametrize('username', ['', 'Alice', 'a b', '.alice', 'a' * 33, 'älice'])
def test_a_bad_username(kiths, username):
    """Only a taken port ends the daemon: it goes by the login name and says so once."""
    alice = kiths('alice', start=False)
    alice.settings['username'] = f"'{username}'"
    alice.write_settings()
    alice.start()
    assert alice.identity()['username'] not in ('alice', username)
    said = [line for line in alice.err_path.read_text().splitlines() if 'username' in line]
    assert len(said) == 1 and f"'{username}'" in said[0] and 'is refused' in said[0]


def test_an_unknown_option(kiths):
    assert '--nothing' in refused_start(kiths('alice', start=False), '--nothing')


def test_a_bad_profile_name(kiths):
    alice = kiths('alice', start=False)
    done = subprocess.run([program('kithd'), '--profile', 'No Such!'], capture_output=True, text=True, timeout=20, env=alice.environment())
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and 'profile' in done.stderr


def test_a_missing_config_file(kiths, tmp_path):
    alice = kiths('alice', start=False)
    missing = tmp_path / 'nothing.conf'
    done = subprocess.run([program('kithd'), '--config', str(missing), '--data', str(alice.data)], capture_output=True, text=True, timeout=20,
                          env=alice.environment())
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and 'nothing.conf' in done.stderr


def test_a_data_folder_that_others_can_write(kiths):
    alice = kiths('alice', start=False)
    alice.data.chmod(0o777)
    assert str(alice.data) in refused_start(alice)


def test_two_daemons_on_one_data_folder(kiths):
    alice = kiths('alice')
    second = kiths('alice', folder='second', start=False)
    second.data = alice.data
    line = refused_start(second)
    assert str(alice.data) in line
    assert alice.get('/status')['status'] == 'ok'


def test_help_and_version(kiths):
    alice = kiths('alice', start=False)
    for option, word in (('--help', '--config'), ('--version', '1.')):
        done = subprocess.run([program('kithd'), option], capture_output=True, text=True, timeout=20, env=alice.environment())
        assert done.returncode == 0 and word in done.stdout


def test_receipts_change_live(pair):
    alice, bob = pair
    window, theirs = bob.window(), alice.window()
    bob.settings['allow-receipts'] = 'false'
    bob.write_settings()

    def quiet():
        msg_id = alice.post('bob', 'read?').json['msg_id']
        window.wait('new_message', msg_id=msg_id)
        window.send('mark_read', peer='alice', msg_id=msg_id)
        window.wait('unread', count=0)
        answer = bob.post('alice', 'yes').json['msg_id']
        theirs.wait('new_message', msg_id=answer)
        return not theirs.find('message_read', msg_id=msg_id)

    wait_for(quiet, 'the change to take effect')
    bob.settings['allow-receipts'] = 'true'
    bob.write_settings()
    wait_for(lambda: not quiet(), 'the change back')


def test_the_peer_port_moves_live(pair):
    alice, bob = pair
    new = PORTS.take()
    bob.settings['peer-port'] = new
    bob.write_settings()
    wait_for(lambda: bob.get('/status')['peer_port'] == new, 'the new port in /status')
    wait_for(lambda: str(new) in bob.identity()['invite'], 'the new port in the invite')
    wait_for(lambda: alice.post('bob', 'found you').status == 200, 'a message over the new port')


def test_link_times_change_live_for_new_links(kiths):
    slow = {'ping-interval': 600, 'ping-interval-quiet': 600, 'ping-timeout': 600}
    alice, bob = kiths('alice', settings=slow), kiths('bob')
    befriend(alice, bob)
    window = alice.window()
    bob.stop()
    window.wait('friend_offline', username='bob')
    new = PORTS.take()
    alice.settings.update({'ping-interval': 1, 'ping-interval-quiet': 1, 'ping-timeout': 1, 'peer-port': new})
    alice.write_settings()
    wait_for(lambda: alice.get('/status')['peer_port'] == new, 'the settings')
    bob.start()
    window.wait('friend_online', username='bob')
    bob.signal(signal.SIGSTOP)
    try:
        window.wait('friend_offline', patience_s=60, username='bob')   # ten minutes and more with those of the start
    finally:
        bob.signal(signal.SIGCONT)
    window.wait('friend_online', username='bob')


def test_a_bad_value_keeps_the_old_one(pair):
    alice, bob = pair
    bob.settings['peer-port'] = 99999999
    bob.write_settings()
    assert alice.post('bob', 'still there?').status in (200, 202)
    assert 0 < bob.get('/status')['peer_port'] < 65536
