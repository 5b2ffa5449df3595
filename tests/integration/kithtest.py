# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the black-box tests are made of: a running kithd, its REST calls, an /events window. Standard library only."""

import base64
import http.client
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ports import PORTS  # noqa: E402

SANITIZED = bool(os.environ.get('KITH_SANITIZED'))
QUICK = bool(os.environ.get('KITH_QUICK'))
PATIENCE_S = 60 if SANITIZED else 30
BUILD = Path(os.environ.get('KITH_BUILD', Path(__file__).resolve().parents[2] / '_build'))
BAD_OUTPUT = re.compile(r'CRITICAL|ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|Assertion|assertion .* failed')
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z')


def is_readable(what, timeout_s):
    """Not select(), which knows no descriptor above 1023."""
    poll = select.poll()
    poll.register(what, select.POLLIN)
    return bool(poll.poll(max(0, timeout_s) * 1000))


def wait_for(condition, what, patience_s=PATIENCE_S):
    """Asks condition() until it gives something true, and returns that. Nothing here waits for a fixed time."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {patience_s} s in vain for {what}')
        time.sleep(0.01)


def without_slowness(text):
    """What a daemon said, but for what a loaded machine makes it say."""
    return '\n'.join(line for line in text.splitlines() if line and 'kept the loop for' not in line)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'<{self.status} {self.body[:400]!r}>'


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Window:
    """A client of /events: a small RFC 6455 client that answers pings and keeps every event it saw in self.events."""

    def __init__(self, port, query='', headers=(), path='/events'):
        self.events = []
        self.closed = None
        self.buffer = b''
        self.seen = 0
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [f'GET {path}{query} HTTP/1.1', f'Host: 127.0.0.1:{port}', 'Upgrade: websocket', 'Connection: Upgrade',
                 f'Sec-WebSocket-Key: {key}', 'Sec-WebSocket-Version: 13', *headers, '', '']
        self.socket.sendall('\r\n'.join(lines).encode())
        head = b''
        while b'\r\n\r\n' not in head:
            part = self.socket.recv(65536)
            if not part:
                break
            head += part
        head, _, self.buffer = head.partition(b'\r\n\r\n')
        self.status = int(head.split(b' ')[1]) if head else 0
        if self.status != 101:
            self.close()
        else:
            self.parse()   # the first frames may have come with the answer

    def frame(self, opcode, payload, fin=True):
        mask = secrets.token_bytes(4)
        head = bytes([(0x80 if fin else 0) | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 65536:
            head += bytes([0x80 | 126]) + len(payload).to_bytes(2, 'big')
        else:
            head += bytes([0x80 | 127]) + len(payload).to_bytes(8, 'big')
        masked = bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def send_text(self, text):
        self.frame(1, text if isinstance(text, bytes) else text.encode())

    def send(self, event, **data):
        self.send_text(json.dumps({'event': event, 'data': data}))

    def parse(self):
        """Takes every whole frame out of the buffer."""
        while len(self.buffer) >= 2:
            length, at = self.buffer[1] & 127, 2
            if length >= 126:
                size = 2 if length == 126 else 8
                if len(self.buffer) < 2 + size:
                    return
                length, at = int.from_bytes(self.buffer[2:2 + size], 'big'), 2 + size
            if len(self.buffer) < at + length:
                return
            opcode, payload = self.buffer[0] & 15, self.buffer[at:at + length]
            assert not self.buffer[1] & 128, 'a server masks nothing'
            self.buffer = self.buffer[at + length:]
            if opcode == 1:
                self.events.append(json.loads(payload))
            elif opcode == 9:
                self.frame(10, payload)
            elif opcode == 8:
                self.closed = int.from_bytes(payload[:2], 'big') if payload else 1005

    def read(self, timeout_s):
        """Reads what is there, waiting for something at most so long. False when the connection has ended."""
        if self.socket.fileno() < 0:
            return False
        if is_readable(self.socket, timeout_s):
            try:
                part = self.socket.recv(1 << 20)
            except ConnectionResetError:
                part = b''
            if not part:
                self.closed = self.closed or 1006
                return False
            self.buffer += part
            self.parse()
        return True

    def wait(self, event, patience_s=PATIENCE_S, **data):
        """The next event of this name (None: any) whose data have these members, after those that were waited for before."""
        deadline = time.monotonic() + patience_s
        at = self.seen
        while True:
            while at < len(self.events):
                got = self.events[at]
                at += 1
                inner = got.get('data', {})
                if event in (None, got['event']) and all(inner.get(key) == value for key, value in data.items()):
                    self.seen = at
                    return got
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f'no {event} {data} (closed: {self.closed}); seen: {json.dumps(self.events[-20:])}')

    def find(self, event, **data):
        """Every event seen so far of this name with these members."""
        return [got for got in self.events
                if got['event'] == event and all(got['data'].get(key) == value for key, value in data.items())]

    def settle(self):
        """Everything that the daemon had for this window has arrived: an unknown event is answered, in order, with an error."""
        mark = 'x-mark-' + secrets.token_hex(6)
        self.send(mark)
        deadline = time.monotonic() + PATIENCE_S
        while not any(got['event'] == 'error' and mark in json.dumps(got) for got in self.events):
            if time.monotonic() > deadline or not self.read(1) and self.closed:
                raise AssertionError(f'{mark} was not answered (closed: {self.closed}); seen: {self.events[-10:]}')
        self.events = [got for got in self.events if not (got['event'] == 'error' and mark in json.dumps(got))]
        self.seen = min(self.seen, len(self.events))
        return self.events

    def ping(self):
        self.frame(9, b'alive')

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_environment = None


def environment():
    """The environment in which what was built runs uninstalled, as "meson devenv" makes it."""
    global _environment
    if _environment is None:
        command = ['meson', 'devenv', '-C', str(BUILD), '/usr/bin/python3', '-c',
                   'import json, os; print("\\n" + json.dumps(dict(os.environ)))']
        out = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
        _environment = json.loads(out.strip().splitlines()[-1])
        for name in ('DBUS_SESSION_BUS_ADDRESS', 'DISPLAY', 'WAYLAND_DISPLAY', 'NOTIFY_SOCKET', 'G_MESSAGES_DEBUG'):
            _environment.pop(name, None)
    return _environment


def program(name):
    found = shutil.which(name, path=environment()['PATH'])
    if found:
        return found
    for room in ('core/daemon', 'core/cli', '.'):
        if (BUILD / room / name).exists():
            return str(BUILD / room / name)
    raise AssertionError(f'{name} is not built in {BUILD}')


class Kith:
    """One daemon with its own data, settings, ports and home; it can be stopped and started again."""

    def __init__(self, folder, username, settings=None, plugins=None):
        self.username = username
        self.folder = Path(folder) / username
        self.folder.mkdir(parents=True, mode=0o700)
        for name in ('data', 'home', 'run'):
            (self.folder / name).mkdir(mode=0o700)
        self.data = self.folder / 'data'
        self.config = self.folder / 'kith.conf'
        self.api_port, self.events_port, self.peer_port = PORTS.take(), PORTS.take(), PORTS.take()
        self.settings = {'username': f"'{username}'", 'api-port': self.api_port, 'events-port': self.events_port,
                         'peer-port': self.peer_port, **(settings or {})}
        self.plugins = {'tcp': {'listen-address': "'127.0.0.1'"}, **(plugins or {})}
        self.process = None
        self.lives = 0
        self.invite = None
        self.windows = []
        self.write_settings()

    # --- its life

    def write_settings(self):
        lines = ['[kith]', *(f'{key}={value}' for key, value in self.settings.items())]
        for plugin, keys in self.plugins.items():
            lines += ['', f'[plugins/{plugin}]', *(f'{key}={value}' for key, value in keys.items())]
        new = self.config.with_suffix('.new')
        new.write_text('\n'.join(lines) + '\n')
        new.replace(self.config)

    def environment(self, **more):
        own = {'HOME': str(self.folder / 'home'), 'XDG_RUNTIME_DIR': str(self.folder / 'run'),
               'XDG_DATA_HOME': str(self.folder / 'home' / 'share'), 'XDG_CONFIG_HOME': str(self.folder / 'home' / 'config'),
               'XDG_CACHE_HOME': str(self.folder / 'home' / 'cache'), 'GSETTINGS_BACKEND': 'memory', 'LC_ALL': 'C.UTF-8'}
        return {**environment(), **own, **more}

    def spawn(self, *arguments, **more):
        self.lives += 1
        self.out_path = self.folder / f'{self.lives}.out'
        self.err_path = self.folder / f'{self.lives}.err'
        with open(self.out_path, 'wb') as out, open(self.err_path, 'wb') as err:
            self.process = subprocess.Popen([program('kithd'), '--config', str(self.config), '--data', str(self.data), *arguments],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.environment(**more))
        return self

    def start(self, *arguments, **more):
        self.spawn(*arguments, **more)

        def ready():
            out = self.out_path.read_text()
            line = next((line for line in out.splitlines() if line.startswith('ready')), None)
            if line is None and self.process.poll() is not None:
                raise AssertionError(f'kithd of {self.username} ended with {self.process.returncode} before it was ready:\n{self.log()}')
            return line if line is not None and out.endswith('\n') else None

        self.ready_line = wait_for(ready, f'"ready" from {self.username}')
        found = re.search(r'kith:\S+', self.ready_line)
        self.invite = found.group(0) if found else None
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, patience_s=PATIENCE_S):
        """SIGTERM; returns how long it took."""
        since = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=patience_s)
        took = time.monotonic() - since
        for window in self.windows:
            window.close()
        self.windows = []
        assert status == 0, f'kithd of {self.username} ended with {status}:\n{self.log()}'
        return took

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def end(self):
        if self.running():
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f'kithd of {self.username} did not end') from None
        for window in self.windows:
            window.close()

    def log(self):
        parts = []
        for life in range(1, self.lives + 1):
            for kind in ('out', 'err'):
                text = (self.folder / f'{life}.{kind}').read_text(errors='replace')
                if text:
                    parts.append(f'--- {self.username}, life {life}, {kind}\n{text[-8000:]}')
        return '\n'.join(parts)

    def bad_output(self):
        """The lines in which a critical or a sanitizer spoke."""
        return [line for life in range(1, self.lives + 1)
                for line in (self.folder / f'{life}.err').read_text(errors='replace').splitlines() if BAD_OUTPUT.search(line)]

    # --- its API

    def call(self, method, path, body=None, unix=False, headers=None, timeout_s=PATIENCE_S, raw=None):
        connection = (UnixConnection(self.data / 'api.sock', timeout_s) if unix
                      else http.client.HTTPConnection('127.0.0.1', self.api_port, timeout=timeout_s))
        headers = dict(headers or {})
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            headers.setdefault('Content-Type', 'application/json')
        try:
            connection.request(method, path, body=data, headers=headers)
            got = connection.getresponse()
            return Answer(got.status, dict((k.lower(), v) for k, v in got.getheaders()), got.read())
        finally:
            connection.close()

    def get(self, path, status=200, **options):
        answer = self.call('GET', path, **options)
        assert answer.status == status, f'GET {path}: {answer}'
        return answer.json if answer.body else None

    def ask(self, method, path, body=None, status=200, **options):
        answer = self.call(method, path, body, **options)
        assert answer.status == status, f'{method} {path} {body}: {answer}'
        return answer.json if answer.body else None

    def change(self, method, path, body=None, **options):
        """A call that must succeed, whichever 2xx it says."""
        answer = self.call(method, path, body, **options)
        assert 200 <= answer.status < 300, f'{method} {path} {body}: {answer}'
        return answer.json if answer.body else None

    def refused(self, method, path, body=None, status=400, names=None, **options):
        """A call that must be refused with this status and a JSON error that names the thing."""
        answer = self.call(method, path, body, **options)
        assert answer.status == status, f'{method} {path} {str(body)[:200]}: {answer}, expected {status}'
        assert list(answer.json) == ['error'] and answer.json['error'], answer
        if names:
            assert names in answer.json['error'], f'{answer} does not name {names}'
        return answer

    def post(self, to, text, **more):
        answer = self.call('POST', '/messages', {'to': to, 'text': text, **more})
        assert answer.status in (200, 202), answer
        return answer

    def history(self, peer, **query):
        extra = ''.join(f'&{key}={value}' for key, value in query.items())
        return self.get(f'/messages?peer={peer}{extra}')

    def texts(self, peer, limit=500):
        return [message['text'] for message in self.history(peer, limit=limit)['messages']]

    def friend(self, name):
        return next((friend for friend in self.get('/friends') if friend['username'] == name), None)

    def identity(self):
        return self.get('/identity')

    def window(self, query='', **options):
        window = Window(self.events_port, query, **options)
        assert window.status == 101, f'/events answered {window.status}'
        self.windows.append(window)
        return window

    def ctl(self, *arguments, stdin='', status=0):
        command = [program('kithctl'), '--config', str(self.config), '--data', str(self.data), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S, env=self.environment())
        assert status is None or done.returncode == status, f'{arguments}: {done}'
        return done


def befriend(a, b):
    """Each adds the other by invite; returns when both have a link."""
    a.ask('POST', '/friends', {'invite': b.identity()['invite']}, status=201)
    answer = b.call('POST', '/friends', {'invite': a.identity()['invite']})
    assert answer.status in (201, 409), answer
    wait_online(a, b)


def wait_online(a, b):
    wait_for(lambda: (a.friend(b.username) or {}).get('online') and (b.friend(a.username) or {}).get('online'),
             f'{a.username} and {b.username} to see each other online')
