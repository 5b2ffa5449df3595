# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command of kithctl does what it says, for people and, with --json, for programs; and ends as it says."""

import json
import os
import re
import subprocess

import pytest

from kithtest import befriend, program, wait_for

PASSPHRASE = 'correct horse battery staple'


def ask(kith, *arguments, status=0, **options):
    """With --json: the answer."""
    return json.loads(kith.ctl('--json', *arguments, status=status, **options).stdout)


def with_passphrase(kith, *arguments, passphrase=PASSPHRASE, status=0):
    read, write = os.pipe()
    os.write(write, passphrase.encode() + b'\n')
    os.close(write)
    command = [program('kithctl'), '--config', str(kith.config), '--data', str(kith.data), *arguments, '--passphrase-fd', str(read)]
    done = subprocess.run(command, capture_output=True, text=True, env=kith.environment(), pass_fds=[read])
    os.close(read)
    assert done.returncode == status, done
    return done


# --- doctor

SECRET = 'abcdefSECRETabcdef'


def test_the_doctor_says_what_is_the_matter(alice):
    report = ask(alice, 'doctor')
    assert all(check['ok'] for check in report['checks'])
    assert {check['name'] for check in report['checks']} >= {'database', 'disk', 'identity', 'plugin tcp'}
    assert re.fullmatch(r'\d+\.\d+\.\d+', report['versions']['kithd'])
    assert report['ports'] == {'api': alice.api_port, 'events': alice.events_port, 'peer': alice.peer_port}
    assert {plugin['id']: plugin['state'] for plugin in report['plugins']}['tcp'] == 'active'
    assert {'name': 'api-port', 'value': str(alice.api_port)} in report['settings']
    assert report['key_store'] == 'file'
    assert {queue['name'] for queue in report['queues']} >= {'outbox', 'requests'}
    text = alice.ctl('doctor').stdout
    for word in 'Versions', 'Changed settings', 'api-port', 'Plugins', 'tcp', 'Database', 'outbox', 'Last warnings':
        assert word in text


def test_the_doctor_names_nobody(kiths):
    """Not the friend, not a fingerprint, not what was written, not the folder, not a key, not even in the log's words."""
    alice = kiths('alice', settings={'chat-uri': f"'https://{SECRET}.example/{{username}}'"})
    bob = kiths('bob')
    befriend(alice, bob)
    fingerprints = [kith.identity()['fingerprint'] for kith in (alice, bob)]
    bob.post('alice', 'a very private text')
    assert alice.texts('bob')
    bob.stop()
    assert alice.post('bob', 'another private text').status == 202
    alice.ctl('config', 'set', 'tcp.listen-address', 'bob', status=None)
    for text in alice.ctl('doctor', status=None).stdout, alice.ctl('--json', 'doctor', status=None).stdout:
        text = text.lower()
        assert not re.search(r'\b(alice|bob)\b', text), text
        assert 'private' not in text and SECRET.lower() not in text and str(alice.folder).lower() not in text
        assert not any(fingerprint.replace(' ', '').lower()[:16] in text.replace(' ', '') for fingerprint in fingerprints)
        assert alice.identity()['public_key'][:12].lower() not in text
    report = ask(alice, 'doctor', status=None)
    assert {'name': 'username', 'value': '(set)'} in report['settings']
    assert {'name': 'outbox', 'length': 1} in report['queues']


def test_the_doctor_tells_the_last_warnings(alice):
    taken = alice.api_port
    alice.ctl('config', 'set', 'events-port', str(taken), status=None)
    wait_for(lambda: [error for error in ask(alice, 'doctor', status=None)['errors']
                      if 'events-port' in error['message'] and error['room'] == 'kithd'], 'a warning')
    assert 'events-port' in alice.ctl('doctor', status=None).stdout.split('Last warnings')[1]


def test_the_doctor_of_a_sick_daemon(kiths):
    alice = kiths('alice', settings={'enabled-plugins': "['no-module']"}, start=False)
    folder = alice.folder / 'plugins'
    folder.mkdir()
    (folder / 'no-module.plugin').write_text('[Plugin]\nId=no-module\nName=None\nVersion=1\nABI=1\n')
    path = alice.environment()['KITH_PLUGIN_PATH']
    alice.start(KITH_PLUGIN_PATH=f'{path}:{folder}')
    done = alice.ctl('doctor', status=1)
    assert re.search(r'^BAD +plugin no-module', done.stdout, re.M)
    assert not all(check['ok'] for check in ask(alice, 'doctor', status=1)['checks'])


# --- what was said

def test_search_and_trace(pair):
    alice, bob = pair
    for text in 'the red bicycle', 'the blue bicycle', 'a boat':
        alice.post('bob', text)
    wait_for(lambda: len(ask(alice, 'search', 'bicycle')['messages']) == 2, 'the index')
    assert 'the blue bicycle' in alice.ctl('search', 'bicycle').stdout.replace('[', '').replace(']', '')
    assert len(ask(alice, 'search', '--limit', '1', '--peer', 'bob', 'bicycle')['messages']) == 1
    found = ask(alice, 'search', '--limit', '1', 'bicycle')
    older = ask(alice, 'search', '--before', found['messages'][0]['msg_id'], 'bicycle')
    assert [message['text'] for message in older['messages']] == ['the red bicycle']
    assert f'--before {found["messages"][0]["msg_id"]}' in alice.ctl('search', '--limit', '1', 'bicycle').stdout
    assert alice.ctl('search', 'nothing-like-it').stdout == 'Nothing was found.\n'
    alice.ctl('search', '--peer', 'nobody', 'x', status=1)
    wait_for(lambda: 'acknowledged' in alice.ctl('trace', found['messages'][0]['msg_id']).stdout, 'the life of the message')
    assert [step['what'] for step in ask(alice, 'trace', found['messages'][0]['msg_id'])['steps']]
    alice.ctl('trace', 'nonsense', status=1)


def test_export_and_import(pair, tmp_path):
    alice, bob = pair
    for number in range(3):
        alice.post('bob', f'message {number}')
    lines = [json.loads(line) for line in alice.ctl('export', 'bob').stdout.splitlines()]
    assert [line['text'] for line in lines] == ['message 0', 'message 1', 'message 2']
    assert [json.loads(line) for line in alice.ctl('--json', 'export').stdout.splitlines()] == lines
    path = tmp_path / 'all.jsonl'
    assert ask(alice, 'export', '--output', str(path)) == {'messages': 3}
    assert path.stat().st_mode & 0o777 == 0o600
    assert 'all.jsonl' in alice.ctl('export', '--output', str(path), status=1).stderr
    assert alice.ctl('export', '--force', '--output', str(path)).stdout == f'3 messages are in {path}.\n'
    assert 'message 1' in alice.ctl('export', '--format', 'text', 'bob').stdout
    alice.ctl('--json', 'export', '--format', 'text', 'bob', status=2)
    alice.ctl('export', '--format', 'nonsense', status=1)
    alice.ctl('export', 'nobody', status=1)
    assert ask(alice, 'import', str(path)) == {'imported': 0, 'known': 3}
    assert alice.ctl('import', str(path)).stdout == '0 messages are new.\n3 messages were there already.\n'
    path.write_text('{"no": "message"\n')
    assert 'line 1' in alice.ctl('import', str(path), status=1).stderr
    alice.ctl('import', str(tmp_path / 'nothing'), status=1)


def test_read_finds_what_is_far_back(pair):
    """The newest that came lies behind more of ours than one page holds."""
    alice, bob = pair
    bob.post('alice', 'to be read')
    wait_for(lambda: alice.friend('bob')['unread'] == 1, 'the message')
    for number in range(510):
        alice.post('bob', f'mine {number}')
    assert '1 unread message\n' in alice.ctl('friends').stdout
    assert ask(alice, 'read', 'bob')['msg_id']
    assert alice.friend('bob')['unread'] == 0
    assert ask(alice, 'read', 'bob') == {'msg_id': None}
    assert alice.ctl('read', 'bob').stdout == 'There is nothing to read.\n'


def test_read_tells_what_went_wrong(pair):
    alice, bob = pair
    missing = '00000000-0000-4000-8000-000000000000'
    assert missing in alice.ctl('read', 'bob', missing, status=1).stderr
    assert 'error' in json.loads(alice.ctl('--json', 'read', 'bob', missing, status=1).stderr)
    alice.ctl('read', 'bob', 'nonsense', status=1)
    assert 'nobody' in alice.ctl('read', 'nobody', missing, status=1).stderr


def test_a_message_and_what_becomes_of_it(pair):
    alice, bob = pair
    first = ask(alice, 'send', 'bob', 'first')['msg_id']
    answer = ask(alice, 'send', '-r', first, 'bob', 'second')['msg_id']
    assert ask(alice, 'history', 'bob')['messages'][1]['reply_to'] == first
    assert alice.ctl('edit', first, 'better').stdout == 'Changed.\n'
    wait_for(lambda: bob.texts('alice')[0] == 'better', 'the edit')
    assert bob.ctl('react', first, '👍').stdout == 'Added.\n'
    wait_for(lambda: ask(alice, 'history', 'bob')['messages'][0].get('reactions'), 'the reaction')
    assert bob.ctl('unreact', first, '👍').stdout == 'Taken back.\n'
    assert '(edited)' in bob.ctl('history', 'alice').stdout
    assert alice.ctl('delete', '--everyone', answer).stdout == 'Deleted for everyone.\n'
    wait_for(lambda: len([text for text in bob.texts('alice') if text]) == 1, 'the end of the message')
    assert bob.ctl('delete', first).stdout == 'Deleted here.\n'
    assert alice.texts('bob')[0] == 'better'
    for command in (['edit', first], ['react', first], ['resend']):
        alice.ctl(*command, status=2)
    assert alice.ctl('send', 'bob', stdin='from a pipe\n').stdout == 'Delivered.\n'
    assert alice.texts('bob')[-1] == 'from a pipe'


# --- people

def test_requests(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    alice.ctl('add', '--note', 'it is me', bob.invite)
    alice.ctl('send', 'bob', 'hello stranger')
    wait_for(lambda: bob.get('/requests'), 'the request')
    assert 'alice' in bob.ctl('requests').stdout and ask(bob, 'requests')[0]['username'] == 'alice'
    assert bob.ctl('accept', 'alice').stdout == 'alice is a friend now.\n'
    assert bob.ctl('requests').stdout == 'Nobody waits.\n' and ask(bob, 'requests') == []
    wait_for(lambda: bob.texts('alice') == ['hello stranger'], 'what was said')


def test_refused_and_blocked(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    alice.ctl('add', bob.invite)
    alice.ctl('send', 'bob', 'hello stranger')
    wait_for(lambda: bob.get('/requests'), 'the request')
    assert bob.ctl('refuse', 'alice').stdout == 'The request of alice is dropped.\n'
    assert ask(bob, 'requests') == [] and ask(bob, 'friends') == []
    assert alice.ctl('block', 'bob').stdout == 'bob is blocked.\n'
    assert ' blocked' in alice.ctl('friends').stdout and ask(alice, 'friends')[0]['blocked']
    assert alice.ctl('unblock', 'bob').stdout == 'bob is not blocked any more.\n'
    assert not ask(alice, 'friends')[0].get('blocked')
    assert alice.ctl('remove', 'bob').stdout == 'bob is no friend any more; the conversation stays.\n'
    assert ask(alice, 'friends') == []
    for command in 'block', 'unblock', 'remove', 'accept', 'refuse', 'verify':
        alice.ctl(command, 'nobody', status=1)


def test_verifying_for_programs(pair):
    alice, bob = pair
    number = ask(alice, 'verify', 'bob')['safety_number']
    assert number == ask(bob, 'verify', 'alice')['safety_number']
    assert number in alice.ctl('verify', 'bob', stdin='n\n').stdout and not alice.friend('bob')['verified']
    ask(alice, 'verify', '--yes', 'bob')
    assert alice.friend('bob')['verified'] and ' verified' in alice.ctl('friends').stdout


# --- the daemon

def test_config(alice):
    names = [setting['name'] for setting in ask(alice, 'config')]
    assert 'api-port' in names and 'tcp.listen-address' in names and ask(alice, 'config', 'list')
    assert alice.ctl('config', 'get', 'ping-interval').stdout == '15\n'
    assert ask(alice, 'config', 'set', 'ping-interval', '20')['value'].endswith('20')
    assert ask(alice, 'config', 'get', 'ping-interval')['value'].endswith('20')
    assert ask(alice, 'config', 'reset', 'ping-interval')['value'].endswith('15')
    assert ask(alice, 'config', 'set', 'tcp.listen-address', '127.0.0.1')['value'] == "'127.0.0.1'"
    assert 'ping-interval' in alice.ctl('config', 'set', 'ping-interval', '0', status=1).stderr
    alice.ctl('config', 'get', 'nothing', status=1)
    alice.ctl('config', 'reset', 'nothing', status=1)
    alice.ctl('config', 'set', 'ping-interval', status=2)
    alice.ctl('config', 'nonsense', status=2)


def test_backup_and_restore_for_programs(kiths, tmp_path):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    path = tmp_path / 'alice.backup'
    assert json.loads(with_passphrase(alice, '--json', 'backup', str(path)).stdout) == {'file': str(path)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert 'alice.backup' in with_passphrase(alice, 'backup', str(path), status=1).stderr
    with_passphrase(alice, 'backup', '--force', str(path))
    with_passphrase(alice, 'backup', str(tmp_path / 'other'), passphrase='', status=2)
    before = alice.identity()['fingerprint']
    alice.stop()
    again = kiths('alice', start=False, folder='again')
    with_passphrase(again, 'restore', str(path), passphrase='wrong', status=1)
    assert json.loads(with_passphrase(again, '--json', 'restore', str(path)).stdout) == {'contacts': 1}
    again.start()
    assert again.identity()['fingerprint'] == before and again.friend('bob')


READING = [['status'], ['connection'], ['presence'], ['plugins'], ['config'], ['token'], ['doctor'], ['store'], ['invite'], ['friends'],
           ['requests'], ['identity'], ['key'], ['key', 'status'], ['metrics'], ['catalog'], ['completion', 'names'],
           ['history', 'bob'], ['search', 'x'], ['config', 'get', 'api-port'], ['read', 'bob'], ['verify', 'bob'], ['--version']]


@pytest.mark.parametrize('arguments', READING, ids=' '.join)
def test_json_is_one_line_and_stable(pair, arguments):
    alice, bob = pair
    wait_for(lambda: alice.friend('bob')['last_seen'], 'the link to be noted')
    first, second = (alice.ctl('--json', *arguments).stdout for _ in range(2))
    assert first.count('\n') == 1 and first.endswith('\n')

    def shape(value):
        if isinstance(value, dict):   # a loaded machine adds to these
            return {key: shape(inner) for key, inner in value.items() if key not in ('slow', 'errors')}
        return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__

    assert shape(json.loads(first)) == shape(json.loads(second))
    assert alice.ctl(*arguments).stdout != first or arguments == ['catalog']


CHANGING = [['presence', 'away'], ['plugins', 'enable', 'example'], ['plugins', 'disable', 'example'], ['token', '--new'],
            ['allow', 'bob', 'typing', 'no'], ['block', 'bob'], ['unblock', 'bob'], ['remove', 'bob'], ['send', 'bob', 'x'],
            ['config', 'set', 'allow-typing', 'false'], ['config', 'reset', 'allow-typing'], ['key', 'unlock']]


@pytest.mark.parametrize('arguments', CHANGING, ids=' '.join)
def test_json_of_what_changes(pair, arguments):
    json.loads(pair[0].ctl('--json', *arguments).stdout)


@pytest.mark.parametrize('arguments, status', [
    (['--nonsense'], 2), ([], 2), (['nonsense'], 2), (['send'], 2), (['history', 'a', 'b'], 2), (['--profile', 'Bad Name', 'status'], 2),
    (['status', '--limit', '3'], 2), (['send', '--', '-x', 'y'], 1), (['history', 'nobody'], 1), (['add', 'kith:nonsense'], 1),
    (['plugins', 'enable', 'nonsense'], 1), (['presence', 'nonsense'], 1), (['store', 'retry'], 1), (['--help'], 0), (['send', '--help'], 0)],
    ids=lambda value: ' '.join(value) if isinstance(value, list) else str(value))
def test_exit_status(alice, arguments, status):
    done = alice.ctl(*arguments, status=status)
    if status != 0:
        assert done.stdout == '' and done.stderr.startswith('kithctl: ') and done.stderr.count('\n') == 1
        failed = alice.ctl('--json', *arguments, status=status)
        assert json.loads(failed.stderr)['error'] and failed.stdout == ''


def test_without_a_daemon(kiths):
    alice = kiths('alice', start=False)
    for arguments in (['status'], ['history', 'bob'], ['tail'], ['read', 'bob'], ['doctor'], ['export'], ['completion', 'names']):
        done = alice.ctl(*arguments, status=3)
        assert done.stdout == '' and 'kithd is not running' in done.stderr
