# SPDX-License-Identifier: LGPL-2.1-or-later
"""kithctl, over the Unix socket."""

import json
import subprocess

import pytest

from kithtest import program, wait_online


def test_status(alice):
    assert 'alice' in alice.ctl('status').stdout
    status = json.loads(alice.ctl('--json', 'status').stdout)
    assert status['username'] == 'alice' and status['status'] == 'ok'


def test_invite_is_the_invite_alone(alice):
    assert alice.ctl('invite').stdout.strip() == alice.identity()['invite']


def test_add_send_history(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    alice.ctl('add', bob.invite)
    bob.ctl('add', alice.invite)
    wait_online(alice, bob)
    assert 'bob' in alice.ctl('friends').stdout
    assert [friend['username'] for friend in json.loads(alice.ctl('--json', 'friends').stdout)] == ['bob']
    alice.ctl('send', 'bob', 'from the shell')
    assert bob.texts('alice') == ['from the shell']
    assert 'from the shell' in bob.ctl('history', 'alice').stdout
    assert json.loads(bob.ctl('--json', 'history', 'alice').stdout)['messages'][0]['text'] == 'from the shell'


def test_tail_shows_events(pair):
    alice, bob = pair
    tail = subprocess.Popen([program('kithctl'), '--config', str(bob.config), '--data', str(bob.data), '--json', 'tail'],
                            stdout=subprocess.PIPE, text=True, env=bob.environment())
    try:
        alice.post('bob', 'into the tail')
        for line in tail.stdout:
            event = json.loads(line)
            if event['event'] == 'new_message':
                assert event['data']['text'] == 'into the tail'
                break
        else:
            raise AssertionError('the tail ended')
    finally:
        tail.terminate()
        tail.wait()


def test_plugins(alice):
    assert 'typing' in alice.ctl('plugins').stdout
    assert json.loads(alice.ctl('--json', 'plugins').stdout)


@pytest.mark.parametrize('arguments', [['send', 'nobody', 'hello'], ['history'], ['add', 'kith:bad'], ['nothing'], ['--nothing', 'status']])
def test_errors_are_readable(alice, arguments):
    done = alice.ctl(*arguments, status=None)
    assert done.returncode != 0 and done.stdout == '' and done.stderr.strip()
    assert '(process:' not in done.stderr


def test_json_errors(alice):
    done = alice.ctl('--json', 'send', 'nobody', 'hello', status=None)
    assert done.returncode != 0
    assert 'nobody' in json.loads(done.stderr or done.stdout)['error']


def test_no_daemon(alice):
    alice.stop()
    done = alice.ctl('status', status=None)
    assert done.returncode != 0 and 'kithd' in done.stderr


def test_each_change_of_a_message(pair):
    alice, bob = pair
    alice.ctl('send', 'bob', 'first')
    first = json.loads(alice.ctl('--json', 'history', 'bob').stdout)['messages'][0]['msg_id']
    answer = json.loads(alice.ctl('--json', 'send', '--reply-to', first, 'bob', 'second').stdout)
    second = answer['msg_id']
    messages = json.loads(alice.ctl('--json', 'history', 'bob').stdout)['messages']
    assert messages[1]['reply_to'] == first
    assert json.loads(alice.ctl('--json', 'edit', second, 'better', 'words').stdout)['text'] == 'better words'
    alice.ctl('react', second, '👍')
    messages = json.loads(alice.ctl('--json', 'history', 'bob').stdout)['messages']
    assert messages[1]['reactions'] == [{'emoji': '👍', 'from': 'alice'}]
    alice.ctl('unreact', second, '👍')
    alice.ctl('delete', first)
    alice.ctl('delete', '--everyone', second)
    messages = json.loads(alice.ctl('--json', 'history', 'bob').stdout)['messages']
    assert not any(message.get('reactions') for message in messages)
    assert [message['text'] for message in messages if message['text']] == []
    assert alice.ctl('resend', second, status=1).stderr.startswith('kithctl: ')


def test_read(pair):
    alice, bob = pair
    alice.post('bob', 'to be read')
    assert bob.texts('alice') == ['to be read']
    assert '1 unread' in bob.ctl('friends').stdout
    bob.ctl('read', 'alice')
    assert 'unread' not in bob.ctl('friends').stdout
    bob.ctl('read', 'nobody', status=None)


def test_people(pair):
    alice, bob = pair
    alice.ctl('allow', 'bob', 'typing', 'no')
    alice.ctl('allow', 'bob', 'typing', 'default')
    alice.ctl('allow', 'bob', 'typing', 'perhaps', status=2)
    assert json.loads(alice.ctl('--json', 'identity').stdout) == alice.identity()
    alice.ctl('accept-identity', 'bob', 'nonsense', status=1)
    alice.ctl('block', 'bob')
    assert 'blocked' in alice.ctl('friends').stdout
    alice.ctl('unblock', 'bob')
    assert alice.ctl('requests').stdout
    alice.ctl('accept', 'nobody', status=1)
    alice.ctl('refuse', 'nobody', status=1)
    alice.ctl('remove', 'bob')


@pytest.mark.parametrize('command', ['connection', 'presence', 'plugins', 'config', 'token', 'store', 'key', 'metrics', 'catalog',
                                     'requests', 'friends', 'status', 'identity', 'invite'])
def test_asking_the_daemon(alice, command):
    assert alice.ctl(command).stdout.strip()
    json.loads(alice.ctl('--json', command).stdout)


def test_exit_codes(alice):
    alice.ctl('history', status=2)
    alice.ctl('no-such-command', status=2)
    alice.ctl('edit', 'x', 'y', status=1)
    alice.ctl('key', 'unlock')
    alice.ctl('key', 'nonsense', status=2)
    alice.stop()
    alice.ctl('status', status=3)
