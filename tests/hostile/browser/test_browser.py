# SPDX-License-Identifier: LGPL-2.1-or-later
"""The door as real clients meet it: the tokenless `wscat` of the guide, and pages in Debian's Chromium. KITH_BUILD names the build."""

import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'integration'))

from kithtest import BUILD, Kith, befriend, wait_for  # noqa: E402

CHROMIUM = shutil.which('chromium')
CASES = ['http://localhost:1420', 'http://127.0.0.1:1420', 'http://tauri.localhost', 'https://tauri.localhost', 'tauri://localhost',
         'address bar', 'http://foreign.test', 'https://foreign.test', 'http://localhost:other', 'http://127.0.0.1:other',
         'sandboxed frame', 'foreign origins, raw', 'rebound host name', 'no event of theirs']


@pytest.fixture(scope='module')
def modules():
    """node_modules for this lock file, installed once for a build folder."""
    if not shutil.which('npm') or not shutil.which('node'):
        pytest.skip('npm is not installed')
    lock = HERE / 'package-lock.json'
    folder = BUILD / 'browser' / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (folder / 'done').exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ('package.json', 'package-lock.json'):
            shutil.copy(HERE / name, folder)
        command = ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f'npm has no network here and nothing in its cache: {done.stderr.strip().splitlines()[-1:]}')
        (folder / 'done').touch()
    return folder


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp('browser')
    made = [Kith(folder, name).start() for name in ('alice', 'bob')]
    befriend(*made)
    yield made
    for kith in made:
        kith.end()
    bad = [line for kith in made for line in kith.bad_output()]
    assert not bad, 'kithd complained:\n' + '\n'.join(bad)


class Wscat:
    """The guide's `wscat -c ws://127.0.0.1:8081/events` on a terminal: what it shows, what one types."""

    def __init__(self, modules, port, *options):
        program = ['node', str(modules / 'node_modules' / 'wscat' / 'bin' / 'wscat')]
        self.screen, terminal = os.openpty()
        self.text = ''
        self.process = subprocess.Popen([*program, '-c', f'ws://127.0.0.1:{port}/events', *options], stdin=terminal, stdout=terminal,
                                        stderr=terminal, start_new_session=True)
        os.close(terminal)

    def read(self):
        while select.select([self.screen], [], [], 0)[0]:
            try:
                self.text += os.read(self.screen, 65536).decode()
            except OSError:   # the other end of the terminal is gone
                break
        return self.text

    def say(self, line):
        os.write(self.screen, line.encode() + b'\r')

    def events(self):
        return [json.loads(line) for line in re.findall(r'< (\{.*\})\x1b\[39m\r?\n', self.read())]

    def wait(self, event, **data):
        return wait_for(lambda: next((got for got in self.events() if got['event'] == event and data.items() <= got['data'].items()), None),
                        f'{event} {data} in wscat')

    def end(self):
        os.write(self.screen, b'\x03')
        self.process.wait(timeout=60)
        os.close(self.screen)


def test_wscat_without_a_token(modules, pair):
    """Two at once, the guide's two events typed into one of them, both see what comes."""
    alice, bob = pair
    theirs = bob.window()
    both = [Wscat(modules, alice.events_port) for _ in range(2)]
    for wscat in both:
        wait_for(lambda: 'Connected (press CTRL+C to quit)' in wscat.read(), 'wscat to be connected')
    msg_id = bob.post('alice', 'to wscat').json['msg_id']
    for wscat in both:
        wscat.wait('new_message', text='to wscat', msg_id=msg_id)
    both[0].say('{"event": "typing", "data": {"to": "bob", "typing": true}}')
    assert theirs.wait('typing', typing=True)['data']['username'] == 'alice'
    both[0].say('{"event": "mark_read", "data": {"peer": "bob", "msg_id": "%s"}}' % msg_id)
    theirs.wait('message_read', msg_id=msg_id)
    for wscat in both:
        wscat.wait('unread', peer='bob', count=0)
    both[1].say('{"event":"nonsense","data":{}}')
    both[1].wait('error')
    assert not any(event['event'] == 'error' for event in both[0].events())
    for wscat in both:
        wscat.end()


@pytest.mark.parametrize('options', [['-o', 'http://foreign.test'], ['-o', 'null'], ['-H', 'Sec-Fetch-Site: cross-site'],
                                     ['--host', 'rebound.test:8081']], ids=lambda options: options[-1])
def test_wscat_of_a_foreign_page(modules, pair, options):
    wscat = Wscat(modules, pair[0].events_port, *options)
    assert wscat.process.wait(timeout=60) != 0
    status = '421' if options[0] == '--host' else '403'
    assert f'error: Unexpected server response: {status}' in wscat.read() and not wscat.events()
    os.close(wscat.screen)


@pytest.fixture(scope='module')
def verdicts(modules, pair, tmp_path_factory):
    """What pages.mjs found, by case: one Chromium for all of them."""
    if CHROMIUM is None:
        pytest.skip('chromium is not installed')
    if not shutil.which('openssl'):
        pytest.skip('openssl is not installed')
    alice, bob = pair
    folder = tmp_path_factory.mktemp('pages')
    cert, key = folder / 'cert.pem', folder / 'key.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=tauri.localhost', '-addext', 'subjectAltName=DNS:tauri.localhost,DNS:foreign.test',
                    '-keyout', str(key), '-out', str(cert)], check=True, capture_output=True)
    setup = {'modules': str(modules), 'chromium': CHROMIUM, 'profile': str(folder / 'profile'), 'cert': str(cert), 'key': str(key),
             'api': alice.api_port, 'events': alice.events_port, 'bobApi': bob.api_port, 'bobEvents': bob.events_port}
    home = {'HOME': str(folder), 'XDG_CONFIG_HOME': str(folder / 'config'), 'XDG_CACHE_HOME': str(folder / 'cache')}
    done = subprocess.run(['node', str(HERE / 'pages.mjs'), json.dumps(setup)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, **home})
    found = {line['case']: line for line in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, f'{done.stderr[-4000:]}\n{found}'
    return found


@pytest.mark.parametrize('case', CASES)
def test_page(verdicts, case):
    assert not verdicts[case]['wrong'], verdicts[case]
    print(case, verdicts[case]['note'])


def test_every_case_is_named(verdicts):
    assert sorted(verdicts) == sorted(CASES)
