# SPDX-License-Identifier: LGPL-2.1-or-later
"""kithctl on a terminal, and into a pipe: colours, the pager, wrapping, the bar, questions, and who stops reading."""

import http.server
import json
import os
import re
import signal
import socketserver
import subprocess
import threading

import pytest

from kithtest import SANITIZED, program, wait_for
from terminal import ctl_on_terminal

COLOUR = '\033['


def plain(text):
    return re.sub(r'\033\[\d*m', '', text).replace('\r\n', '\n')


def test_colours_only_on_a_terminal(alice):
    status, output = ctl_on_terminal(alice, 'plugins')
    assert status == 0 and f'{COLOUR}32mactive' in output
    assert COLOUR not in alice.ctl('plugins').stdout
    assert COLOUR not in ctl_on_terminal(alice, '--json', 'plugins')[1]
    assert COLOUR not in ctl_on_terminal(alice, 'plugins', TERM='dumb')[1]
    environment = {'NO_COLOR': '1'}
    assert COLOUR not in ctl_on_terminal_without_colour(alice, environment)


def ctl_on_terminal_without_colour(kith, variables):
    from terminal import run_on_terminal
    command = [program('kithctl'), '--config', str(kith.config), '--data', str(kith.data), 'plugins']
    return run_on_terminal(command, {**kith.environment(), 'TERM': 'xterm', **variables})[1]


def make_pager(tmp_path):
    """Says that it was there, and shows what it got."""
    pager = tmp_path / 'pager'
    pager.write_text('#!/bin/sh\necho "PAGED $0"\nexec cat\n')
    pager.chmod(0o755)
    return str(pager)


def test_the_pager_only_on_a_terminal(pair, tmp_path):
    alice, bob = pair
    alice.post('bob', 'to be paged')
    pager = make_pager(tmp_path)
    status, output = ctl_on_terminal(alice, 'history', 'bob', PAGER=pager)
    assert status == 0 and 'PAGED' in output and 'to be paged' in output and COLOUR not in output
    for arguments in (['history', '--no-pager', 'bob'], ['--json', 'history', 'bob'], ['friends']):
        assert 'PAGED' not in ctl_on_terminal(alice, *arguments, PAGER=pager)[1]
    assert 'PAGED' not in ctl_on_terminal(alice, 'history', 'bob', PAGER='')[1]
    done = subprocess.run([program('kithctl'), '--config', alice.config, '--data', alice.data, 'history', 'bob'],
                          capture_output=True, text=True, env={**alice.environment(), 'PAGER': pager})
    assert 'PAGED' not in done.stdout and 'to be paged' in done.stdout


def test_a_pager_that_leaves_early_is_no_error(pair):
    alice, bob = pair
    for number in range(50):
        alice.post('bob', f'{number} ' + 'x' * 3000)
    status, output = ctl_on_terminal(alice, 'history', 'bob', PAGER='true')
    assert status == 0 and 'xxx' not in output and 'rror' not in output


def test_texts_are_wrapped_to_the_terminal(pair):
    alice, bob = pair
    alice.post('bob', ' '.join(['wrapped'] * 40))
    lines = plain(ctl_on_terminal(alice, 'history', 'bob', columns=60)[1]).splitlines()
    assert len(lines) > 5 and all(len(line) <= 60 for line in lines) and all(line.startswith('    ') for line in lines[1:])
    assert len(alice.ctl('history', 'bob').stdout.splitlines()) == 1


def test_wide_characters_keep_the_columns(pair):
    alice, bob = pair
    alice.post('bob', '日本語 ' * 30)
    lines = plain(ctl_on_terminal(alice, 'history', 'bob', columns=60)[1]).splitlines()
    assert len(lines) > 3
    for line in lines:
        assert sum(2 if ord(c) > 0x2e80 else 1 for c in line) <= 60
    assert '日本語 日本語' in lines[1]


def test_a_text_cannot_pretend_to_be_another_line(pair):
    alice, bob = pair
    alice.post('bob', 'hello\n2026-01-01 10:00:00 bob: I owe you \u202e001 ends')
    assert bob.texts('alice')
    for output in (bob.ctl('history', 'alice').stdout, plain(ctl_on_terminal(bob, 'history', 'alice')[1])):
        first, second = output.splitlines()
        assert first.endswith('hello') and second.startswith('    2026')
        # What turns the direction is kept in.
        assert output.index('\u2068') < output.index('\u202e') < output.index('\u2069')


EVIL = '\x1b[31mred\x1b]0;title\x07 \x9b5m bell\x07 \rback \x00'
ANSWERS = {
    '/messages': {'messages': [{'msg_id': 'x', 'from': EVIL, 'to': EVIL, 'text': EVIL, 'timestamp': EVIL, 'direction': EVIL}], 'has_more': False},
    '/messages/search': {'messages': [{'msg_id': EVIL, 'from': EVIL, 'to': EVIL, 'snippet': EVIL, 'timestamp': EVIL}], 'has_more': False},
    '/friends': [{'username': EVIL, 'online': True, 'status': EVIL, 'last_seen': EVIL, 'unread': 1}],
    '/requests': [{'username': EVIL, 'note': EVIL, 'received_at': EVIL, 'fingerprint': EVIL}],
    '/connection': [{'transport': EVIL, 'state': EVIL, 'last_error': EVIL}],
    '/plugins': [{'id': EVIL, 'version': EVIL, 'state': EVIL, 'error': EVIL}],
    '/presence': {'status': EVIL},
    '/identity': {'username': EVIL, 'fingerprint': EVIL, 'invite': EVIL},
    '/messages/x/trace': {'steps': [{'at': EVIL, 'what': EVIL, 'transport': EVIL, 'detail': EVIL}]},
    '/admin/settings': [{'name': EVIL, 'value': EVIL, 'default': ''}],
    '/admin/doctor': {'checks': [{'name': EVIL, 'ok': True, 'message': EVIL}], 'errors': [{'at': EVIL, 'room': EVIL, 'message': EVIL}]},
    '/status': {'status': EVIL, 'username': EVIL, 'version': EVIL},
    '/friends/x/safety-number': {'safety_number': EVIL},
}


class FakeDaemon(http.server.BaseHTTPRequestHandler):
    """Says what no daemon says: each text that kithctl shows, with control characters in it."""

    protocol_version = 'HTTP/1.1'

    def address_string(self):
        return 'unix'

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = json.dumps(ANSWERS[self.path.partition('?')[0]]).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize('arguments', [
    ['history', 'x'], ['search', 'x'], ['friends'], ['requests'], ['connection'], ['plugins'], ['presence'], ['identity'], ['invite'],
    ['trace', 'x'], ['config'], ['doctor'], ['status'], ['completion', 'names'], ['verify', 'x']], ids=' '.join)
def test_nothing_that_is_shown_steers_the_terminal(kiths, arguments):
    alice = kiths('alice', start=False)
    with socketserver.ThreadingUnixStreamServer(str(alice.data / 'api.sock'), FakeDaemon) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            done = alice.ctl(*arguments)
        finally:
            server.shutdown()
    for control in '\x1b\x07\r\x9b\0':
        assert control not in done.stdout
    assert '�[31mred' in done.stdout


def test_the_bar_only_on_a_terminal(pair, tmp_path):
    alice, bob = pair
    for number in range(5):
        alice.post('bob', f'message {number}')
    path = tmp_path / 'on-terminal.jsonl'
    status, output = ctl_on_terminal(alice, 'export', '--output', str(path), 'bob')
    assert status == 0 and '100%' in output and '5/5' in output and '5 messages are in' in output
    done = alice.ctl('export', '--output', str(tmp_path / 'in-pipe.jsonl'), 'bob')
    assert done.stderr == '' and done.stdout.startswith('5 messages')
    assert path.read_bytes() == (tmp_path / 'in-pipe.jsonl').read_bytes()
    status, output = ctl_on_terminal(alice, 'import', str(path))
    assert status == 0 and '100%' in output and '5 messages were there already' in output
    assert alice.ctl('import', str(path)).stderr == ''


def test_questions_are_asked_on_a_terminal(pair):
    alice, bob = pair
    status, output = ctl_on_terminal(alice, 'verify', 'bob', answer=('[y/N]', 'n\n'))
    assert status == 0 and 'Nothing was marked' in output and not alice.friend('bob')['verified']
    status, output = ctl_on_terminal(alice, 'verify', 'bob', answer=('[y/N]', 'y\n'))
    assert status == 0 and 'Marked as verified' in output and alice.friend('bob')['verified']


def read_a_little(kith, *arguments):
    """As "| head -c 1": reads one byte and goes. Gives the exit status and what was said on standard error."""
    read, write = os.pipe()
    command = [program('kithctl'), '--config', str(kith.config), '--data', str(kith.data), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, env=kith.environment())
    os.close(write)
    os.read(read, 1)
    os.close(read)
    return process, process.communicate()[1]


def test_a_reader_that_goes_is_no_error(pair):
    alice, bob = pair
    for number in range(100):
        alice.post('bob', f'{number} ' + 'x' * 3000)
    for arguments in (['history', '--limit', '500', 'bob'], ['export', 'bob'], ['--json', 'history', '--limit', '500', 'bob']):
        process, said = read_a_little(alice, *arguments)
        assert process.returncode == -signal.SIGPIPE or SANITIZED
        assert said == b'' or SANITIZED


def test_a_tail_ends_with_its_reader(pair):
    alice, bob = pair
    command = [program('kithctl'), '--config', str(bob.config), '--data', str(bob.data), '--json', 'tail']
    tail = subprocess.Popen(command, stdout=subprocess.PIPE, env=bob.environment())
    try:
        alice.post('bob', 'first')
        assert tail.stdout.readline()
        tail.stdout.close()

        def ended():
            alice.post('bob', 'more')
            return tail.poll() is not None
        wait_for(ended, 'the tail to end')
    finally:
        if tail.poll() is None:
            tail.kill()
        tail.wait()
