# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two servers of the mailbox contract for tests with real daemons, each behind a proxy that makes calls fail."""

import importlib.util
import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
INTEGRATION = HERE.parent / 'integration'
sys.path[:0] = [str(HERE), str(INTEGRATION)]

from faultproxy import FaultProxy  # noqa: E402
from kithtest import PATIENCE_S, wait_for  # noqa: E402
from relaytest import Device, Relay  # noqa: E402

spec = importlib.util.spec_from_file_location('integration_conftest', INTEGRATION / 'conftest.py')
integration = importlib.util.module_from_spec(spec)
spec.loader.exec_module(integration)
kiths = integration.kiths
pytest_runtest_makereport = integration.pytest_runtest_makereport


def pytest_addoption(parser):
    parser.addoption('--shard', default='1/1', help='1/2: on the relay, 2/2: on PostgreSQL')


def pytest_collection_modifyitems(config, items):
    wanted = {'1/2': 'relay', '2/2': 'postgres'}.get(config.getoption('--shard'))
    keep = [item for item in items if wanted in (None, item.callspec.params['server'])]
    config.hook.pytest_deselected(items=[item for item in items if item not in keep])
    items[:] = keep


class RelayServer:
    def __init__(self, folder):
        self.relay = Relay(folder).start()
        self.url, self.key = self.relay.url, self.relay.key

    def stop(self):
        self.relay.end()
        assert not self.relay.bad_output(), self.relay.log()


class PostgresServer:
    """tests/mailbox/serve.mjs."""

    def __init__(self, folder):
        self.log = open(folder / 'serve.err', 'wb')
        self.process = subprocess.Popen(['node', str(HERE / 'serve.mjs')], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        cwd=HERE)
        line = self.process.stdout.readline()
        assert line, (folder / 'serve.err').read_text()
        said = json.loads(line)
        self.url, self.key = said['url'], said['key']

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.log.close()


def why_no_postgres():
    if not shutil.which('node'):
        return 'tests/mailbox on PostgreSQL: there is no node'
    if not (HERE / 'node_modules' / 'pg').exists():
        return 'tests/mailbox on PostgreSQL: its npm packages are not installed (npm install in tests/mailbox)'
    if not Path('/usr/lib/postgresql/15/bin/postgres').exists():
        return 'tests/mailbox on PostgreSQL: the package postgresql-15 is not installed'
    return None


@pytest.fixture(scope='session', params=['relay', 'postgres'])
def server(request, tmp_path_factory):
    if request.param == 'postgres' and why_no_postgres():
        pytest.skip(why_no_postgres())
    made = {'relay': RelayServer, 'postgres': PostgresServer}[request.param](tmp_path_factory.mktemp(request.param))
    yield made
    made.stop()


class Mail:
    """What a test has: a proxy before the server, and people with names of their own."""

    def __init__(self, server, kiths):
        self.server, self.kiths = server, kiths
        self.proxy = FaultProxy(server.url)
        self.mark = secrets.token_hex(4)
        self.key, self.port = server.key, self.proxy.port

    def person(self, name, links=False, start=True):
        """A daemon that knows the mailbox only, or with links=True other daemons as well."""
        settings = {} if links else {'disabled-plugins': "['tcp']"}
        kith = self.kiths(f'{name}-{self.mark}', settings=settings, start=False,
                          plugins={'supabase': {'url': f"'{self.proxy.url}'", 'api-key': f"'{self.key}'"}})
        if start:
            kith.start()
            self.wait_connected(kith)
        return kith

    @staticmethod
    def wait_connected(kith):
        wait_for(lambda: kith.get('/status')['supabase_connected'], f'{kith.username} to be connected', 2 * PATIENCE_S)

    def pair(self, links=False):
        """alice added bob by name, bob accepted."""
        alice, bob = self.person('alice', links), self.person('bob', links)
        alice.ask('POST', '/friends', {'username': bob.username}, status=201)
        wait_for(lambda: any(r['username'] == alice.username for r in bob.get('/requests')), "alice's request at bob", 8 * PATIENCE_S)
        bob.change('POST', f'/requests/{alice.username}/accept')
        return alice, bob

    def call(self, *arguments, **options):
        return Relay.call(self, *arguments, **options)

    def device(self):
        """Somebody who speaks to the server without a daemon."""
        return Device(self, 'device-' + secrets.token_hex(6))


@pytest.fixture
def mail(server, kiths):
    mail = Mail(server, kiths)
    yield mail
    mail.proxy.close()
