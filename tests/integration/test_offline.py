# SPDX-License-Identifier: LGPL-2.1-or-later
"""Offline delivery through a relay, with the plugin supabase: mail, directory, presence, restore, trouble."""

import base64
import json
import re
import shutil

import pytest

from kithtest import PORTS, wait_for, wait_online
from relaytest import Relay


@pytest.fixture
def relay(tmp_path):
    relay = Relay(tmp_path / 'relay').start()
    yield relay
    relay.end()
    assert not relay.bad_output()


def connected(kith):
    return wait_for(lambda: kith.get('/status')['supabase_connected'], f'{kith.username} to be connected to the relay')


def connection(kith):
    return next(one for one in kith.get('/connection') if one['transport'] == 'supabase')


@pytest.fixture
def make(kiths, relay):
    def make(username, **options):
        # No addresses for each other: what arrives has come through the relay.
        kith = kiths(username, plugins={'supabase': relay.settings}, settings={'disabled-plugins': "['tcp']"}, **options)
        connected(kith)
        return kith
    return make


@pytest.fixture
def distant(make):
    """alice and bob, friends by the directory, without a link."""
    alice, bob = make('alice'), make('bob')
    befriend_by_name(alice, bob)
    return alice, bob


def befriend_by_name(a, b):
    a.ask('POST', '/friends', {'username': b.username}, status=201)
    b.ask('POST', '/friends', {'username': a.username}, status=201)


def wait_text(kith, peer, text):
    wait_for(lambda: text in kith.texts(peer), f'“{text}” at {kith.username}')


def test_unconfigured_is_quiet(alice):
    assert connection(alice)['state'] == 'disconnected' and 'last_error' not in connection(alice)
    assert alice.get('/status')['supabase_connected'] is False
    alice.refused('POST', '/friends', {'username': 'bob'}, status=503)
    assert 'kith-supabase' not in alice.log()


def test_directory(make):
    alice, bob = make('alice'), make('bob')
    friend = alice.ask('POST', '/friends', {'username': 'bob'}, status=201)
    assert friend['signing_key'] == bob.identity()['signing_key']
    alice.refused('POST', '/friends', {'username': 'nobody'}, status=404)
    alice.refused('POST', '/friends', {'username': 'bob'}, status=409)


def test_mail_waits_for_the_absent(distant):
    alice, bob = distant
    window = alice.window()
    first = alice.post('bob', 'hello')
    wait_text(bob, 'alice', 'hello')
    window.wait('message_delivered', msg_id=first.json['msg_id'])
    bob.stop()
    ids = []
    for number in range(30):
        answer = alice.post('bob', f'number {number}')
        assert answer.status == 202 and answer.json['delivery_method'] == 'offline' and answer.json['delivered'] is False
        ids.append(answer.json['msg_id'])
    bob.start()
    wait_text(bob, 'alice', 'number 29')
    assert [text for text in bob.texts('alice') if text.startswith('number')] == [f'number {number}' for number in range(30)]
    for msg_id in ids:
        window.wait('message_delivered', msg_id=msg_id)
    last = bob.history('alice')['messages'][-1]
    assert last['delivery_method'] == 'offline' and last['direction'] == 'received'
    bob.post('alice', 'and back')
    wait_text(alice, 'bob', 'and back')
    metrics = alice.call('GET', '/metrics').body.decode()
    sent = int(re.search(r'^kith_mailbox_sent_parcels_total{transport="supabase"} (\d+)$', metrics, re.M)[1])
    size = int(re.search(r'^kith_mailbox_sent_bytes_total{transport="supabase"} (\d+)$', metrics, re.M)[1])
    assert sent >= 31 and size > 100 * sent
    assert int(re.search(r'^kith_mailbox_received_parcels_total{transport="supabase"} (\d+)$', metrics, re.M)[1]) > 0


def test_whoever_came_to_the_directory_later_is_found(kiths, relay):
    alice = kiths('alice', plugins={'supabase': relay.settings}, settings={'debug-log': 'true'})
    connected(alice)
    bob = kiths('bob')
    invite = bob.identity()['invite']
    bob.stop()
    alice.ask('POST', '/friends', {'invite': invite}, status=201)
    alice.post('bob', 'not listed')
    wait_for(lambda: 'no mailbox' in alice.log(), 'the directory not to know bob')
    bob.plugins['supabase'] = relay.settings
    bob.write_settings()
    bob.start()
    bob.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
    wait_online(alice, bob)
    connected(bob)
    bob.stop()
    answer = alice.post('bob', 'listed')
    assert answer.json['delivery_method'] == 'offline'
    steps = f'/messages/{answer.json["msg_id"]}/trace'
    wait_for(lambda: any(step['what'] == 'uploaded' for step in alice.get(steps)['steps']), 'the message to reach the relay')


def test_the_relay_away_and_back(distant, relay):
    alice, bob = distant
    relay.stop()
    wait_for(lambda: not alice.get('/status')['supabase_connected'] or alice.post('bob', 'into the void').status != 202, 'the loss')
    assert alice.post('bob', 'later').status == 202
    assert alice.get('/identity')['username'] == 'alice'
    wait_for(lambda: connection(alice).get('last_error'), 'a reason in /connection')
    assert connection(alice)['state'] == 'connecting'
    relay.start()
    for kith in (alice, bob):
        kith.change('PUT', '/presence', {'status': 'away'})   # a window that opens, a network that comes: nobody waits
        connected(kith)
    wait_text(bob, 'alice', 'later')


def test_a_killed_daemon_loses_nothing(distant):
    alice, bob = distant
    alice.post('bob', 'before')
    wait_text(bob, 'alice', 'before')
    bob.kill()
    alice.post('bob', 'after')
    bob.start()
    # The lease of the dead process runs out within half a minute.
    wait_for(lambda: 'after' in bob.texts('alice'), 'the mail after a crash', patience_s=90)
    assert bob.texts('alice').count('after') == 1


def nudged(kith, condition, what):
    """Heartbeats come once a minute, and with each change of our own status: so this does not wait for the minute."""
    def once():
        for status in ('away', 'online'):
            kith.change('PUT', '/presence', {'status': status})
        try:
            return wait_for(condition, what, patience_s=4)
        except AssertionError:
            return None
    return wait_for(once, what, patience_s=150)


def test_presence_by_heartbeat(distant):
    alice, bob = distant
    nudged(bob, lambda: bob.friend('alice')['online'], 'bob to see alice')
    nudged(alice, lambda: alice.friend('bob')['online'], 'alice to see bob')
    window = alice.window()
    bob.change('PUT', '/presence', {'status': 'invisible'})
    nudged(alice, lambda: not alice.friend('bob')['online'], 'bob to vanish')
    window.wait('friend_offline', username='bob')


def test_restore_gets_back_into_the_account(distant, make):
    alice, bob = distant
    alice.post('bob', 'to the first machine')
    wait_text(bob, 'alice', 'to the first machine')
    before = bob.identity()['signing_key']
    backup = bob.folder / 'bob.kithbackup'
    bob.ctl('backup', str(backup), '--passphrase-fd', '0', stdin='correct horse battery staple\n')
    bob.stop()
    shutil.rmtree(bob.data)
    bob.data.mkdir(mode=0o700)
    bob.ctl('restore', str(backup), '--passphrase-fd', '0', stdin='correct horse battery staple\n')
    bob.start()
    connected(bob)
    assert bob.identity()['signing_key'] == before
    # The name is still ours, and mail finds the new device there.
    assert alice.refused('POST', '/friends', {'username': 'bob'}, status=409)
    bob.post('alice', 'from the second machine')
    wait_text(alice, 'bob', 'from the second machine')
    alice.post('bob', 'to the second machine')
    wait_text(bob, 'alice', 'to the second machine')


@pytest.mark.parametrize('key', ["sb_secret_0123456789abcdef", 'eyJhbGciOiJIUzI1NiJ9.'
                                 + base64.urlsafe_b64encode(json.dumps({'role': 'service_role'}).encode()).decode().rstrip('=') + '.c2ln'])
def test_service_key_is_refused(kiths, relay, key):
    alice = kiths('alice', plugins={'supabase': {**relay.settings, 'api-key': f"'{key}'"}})
    assert connection(alice)['state'] == 'disconnected'
    assert 'opens everything' in connection(alice)['last_error']
    assert key not in alice.log()
    assert alice.get('/status')['supabase_connected'] is False


def test_settings_live_and_masked(kiths, relay):
    alice = kiths('alice', settings={'disabled-plugins': "['tcp']"})
    alice.change('PUT', '/admin/settings/supabase.url', {'value': relay.url}, unix=True)
    wait_for(lambda: connection(alice).get('last_error'), 'the complaint that the key is missing')
    answer = alice.change('PUT', '/admin/settings/supabase.api-key', {'value': relay.key}, unix=True)
    assert answer['value'] == "'…'"
    connected(alice)
    for text in (json.dumps(alice.get('/admin/settings', unix=True)), alice.ctl('config', 'list').stdout,
                 alice.ctl('config', 'get', 'supabase.api-key').stdout, alice.log()):
        assert relay.key not in text
    alice.change('DELETE', '/admin/settings/supabase.url', unix=True)
    wait_for(lambda: connection(alice)['state'] == 'disconnected', 'the mailbox to be left')
    assert 'last_error' not in connection(alice)


def test_offline_status_uses_nothing(distant):
    alice, bob = distant
    bob.change('PUT', '/presence', {'status': 'offline'})
    wait_for(lambda: connection(bob)['state'] == 'disconnected', 'bob to leave')
    alice.post('bob', 'for later')
    bob.change('PUT', '/presence', {'status': 'online'})
    wait_text(bob, 'alice', 'for later')


def test_a_name_that_is_taken(make, kiths, relay):
    make('alice')
    other = kiths('alice', folder='other', plugins={'supabase': relay.settings}, settings={'disabled-plugins': "['tcp']"})
    wait_for(lambda: 'kith_username_taken' in connection(other).get('last_error', ''), 'the reason')
    other.change('PUT', '/admin/settings/username', {'value': 'alice2'}, unix=True)
    other.restart()
    connected(other)


def test_unreachable_server_and_a_wrong_key(kiths, relay):
    port = PORTS.take()
    alice = kiths('alice', plugins={'supabase': {**relay.settings, 'url': f"'http://127.0.0.1:{port}'"}})
    wait_for(lambda: connection(alice).get('last_error'), 'a reason')
    assert connection(alice)['state'] == 'connecting'
    bob = kiths('bob', plugins={'supabase': {**relay.settings, 'api-key': "'sb_publishable_wrong'"}})
    wait_for(lambda: 'api-key' in connection(bob).get('last_error', ''), 'a reason that names the key')
