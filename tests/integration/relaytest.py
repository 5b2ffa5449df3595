# SPDX-License-Identifier: LGPL-2.1-or-later
"""A running relay (kithd --relay), and devices that speak its contract themselves. Standard library only."""

import base64
import http.client
import json
import re
import secrets
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path

from kithtest import BAD_OUTPUT, PATIENCE_S, PORTS, environment, program, wait_for

SAID = re.compile(r"\[plugins/supabase\]\nurl='([^']+)'\napi-key='([^']+)'\nready\n")


class Relay:
    """One relay with a folder and a port of its own; it can be stopped, killed and started again."""

    def __init__(self, folder, *arguments, port=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.data = self.folder / 'relay'
        self.data.mkdir(mode=0o700)
        self.port = port or PORTS.take()
        self.arguments = arguments
        self.process = None
        self.lives = 0

    def spawn(self):
        self.lives += 1
        self.out_path = self.folder / f'relay-{self.lives}.out'
        with open(self.out_path, 'wb') as out, open(self.folder / f'relay-{self.lives}.err', 'wb') as err:
            self.process = subprocess.Popen([program('kithd'), '--relay', '--listen', f'127.0.0.1:{self.port}', '--data', str(self.data),
                                             '--sign-ups', '100000', *self.arguments],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment())
        return self

    def start(self):
        self.spawn()

        def ready():
            found = SAID.fullmatch(self.out_path.read_text())
            if found is None and self.process.poll() is not None:
                raise AssertionError(f'the relay ended with {self.process.returncode} before it was ready:\n{self.log()}')
            return found

        self.url, self.key = wait_for(ready, '"ready" from the relay').groups()
        return self

    @property
    def settings(self):
        """For Kith(plugins={'supabase': relay.settings})."""
        return {'url': f"'{self.url}'", 'api-key': f"'{self.key}'"}

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, patience_s=PATIENCE_S):
        """SIGTERM; returns how long it took."""
        since = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=patience_s)
        took = time.monotonic() - since
        assert status == 0, f'the relay ended with {status}:\n{self.log()}'
        return took

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.running():
            self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def log(self):
        parts = ((life, kind, (self.folder / f'relay-{life}.{kind}').read_text(errors='replace'))
                 for life in range(1, self.lives + 1) for kind in ('out', 'err'))
        return '\n'.join(f'--- relay, life {life}, {kind}\n{text[-8000:]}' for life, kind, text in parts if text)

    def bad_output(self):
        return [line for line in self.log().splitlines() if BAD_OUTPUT.search(line)]

    def call(self, method, path, body=None, token=None, timeout_s=PATIENCE_S):
        """(status, value). Raises OSError or http.client.HTTPException when there is no answer."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout_s)
        headers = {'apikey': self.key}
        if token:
            headers['Authorization'] = f'Bearer {token}'
        if body is not None:
            headers['Content-Type'] = 'application/json'
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            got = connection.getresponse()
            text = got.read()
            return got.status, json.loads(text) if text else None
        finally:
            connection.close()


NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


class Device:
    """Signed up and registered; rpc() gives (status, value)."""

    def __init__(self, relay, name=None):
        self.relay = relay
        status, session = relay.call('POST', '/auth/v1/signup', {})
        assert status == 200, session
        self.take(session)
        self.id = session['user']['id']
        self.name = name or 'd' + secrets.token_hex(8)
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        status, who = self.rpc('register', p_username=self.name, p_identity_key=key, p_cert='A' * 80, p_recovery_hash=secrets.token_hex(32))
        assert status == 200, who
        self.user = who['user_id']

    def take(self, session):
        self.token, self.refresh = session['access_token'], session['refresh_token']

    def renew(self):
        status, session = self.relay.call('POST', '/auth/v1/token?grant_type=refresh_token', {'refresh_token': self.refresh})
        assert status == 200, session
        self.take(session)

    def rpc(self, name, **arguments):
        return self.relay.call('POST', f'/rest/v1/rpc/kith_{name}', arguments, self.token)

    def fetch(self, consumer, **more):
        return self.rpc('fetch', p_consumer=consumer, **more)


def letter(to, size=60):
    return {'id': str(uuid.uuid4()), 'to': to.id, 'ct': base64.b64encode(secrets.token_bytes(size)).decode()}
