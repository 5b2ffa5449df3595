# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands between a daemon and its mailbox server and makes calls fail: before or after they were carried out, with any answer, or without one.
Every call is noted. The same for both servers, and it needs nothing but Python."""

import http.client
import json
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ports import PORTS  # noqa: E402


class Fault:
    """The next `times` calls whose path begins with `path` get `status`, `headers` and `body`; with drop no answer at all, with after the call is
    carried out first; change(bytes) makes another body of the real answer."""

    def __init__(self, path, times=1, status=None, headers=None, body=b'', drop=False, after=False, change=None):
        self.path, self.times, self.status, self.headers = path, times, status, headers or {}
        self.body = body.encode() if isinstance(body, str) else body
        self.drop, self.after, self.change = drop, after, change


def read_request(connection):
    """(method, path, headers, body, raw), or None when the client has gone."""
    raw = b''
    while b'\r\n\r\n' not in raw:
        part = connection.recv(65536)
        if not part:
            return None
        raw += part
    head, _, body = raw.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    method, path, _ = lines[0].split(' ', 2)
    headers = dict((name.strip().lower(), value.strip()) for name, _, value in (line.partition(':') for line in lines[1:]))
    length = int(headers.get('content-length', 0))
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return None
        body += part
    return method, path, headers, body, raw


class FaultProxy:
    def __init__(self, upstream):
        self.upstream = int(upstream.rsplit(':', 1)[1].rstrip('/'))
        self.port = PORTS.take()
        self.url = f'http://127.0.0.1:{self.port}'
        self.lock = threading.Lock()
        self.faults, self.calls, self.wires = [], [], set()
        self.down = self.no_bell = False
        self.listener = socket.create_server(('127.0.0.1', self.port), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()

    # --- for the test

    def fault(self, path, **how):
        fault = Fault(path, **how)
        with self.lock:
            self.faults.append(fault)
        return fault

    def count(self, path, status=None):
        with self.lock:
            return sum(1 for _, _, where, got in self.calls if where.startswith(path) and status in (None, got))

    def set_down(self, down):
        self.down = down
        if down:
            self.cut()

    def cut(self):
        """Ends the WebSockets that are open."""
        with self.lock:
            wires, self.wires = self.wires, set()
        for wire in wires:
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.cut()

    # --- its work

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                connection.settimeout(60)
                if self.down:
                    return
                request = read_request(connection)
                if request is None:
                    return
                if request[2].get('upgrade', '').lower() == 'websocket':
                    self.splice(connection, request)
                else:
                    self.answer(connection, *request[:4])
            except (OSError, http.client.HTTPException, ValueError):
                pass

    def find_fault(self, path):
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and path.startswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def note(self, method, path, status):
        with self.lock:
            self.calls.append((time.monotonic(), method, path, status))

    def forward(self, method, path, headers, body):
        upstream = http.client.HTTPConnection('127.0.0.1', self.upstream, timeout=60)
        try:
            kept = {name: value for name, value in headers.items() if name not in ('connection', 'accept-encoding', 'content-length')}
            upstream.request(method, path, body if body or method == 'POST' else None, kept)
            got = upstream.getresponse()
            return got.status, dict(got.getheaders()), got.read()
        finally:
            upstream.close()

    def answer(self, connection, method, path, headers, body):
        fault = self.find_fault(path)
        if fault is None or fault.after or fault.change:
            status, answered, content = self.forward(method, path, headers, body)
        if fault is not None:
            if fault.drop:
                self.note(method, path, 0)
                return
            if fault.change:
                content = fault.change(content)
            else:
                status, answered, content = fault.status, {'Content-Type': 'application/json', **fault.headers}, fault.body
        self.note(method, path, status)
        kept = {name: value for name, value in answered.items()
                if name.lower() not in ('connection', 'content-length', 'transfer-encoding', 'keep-alive')}
        lines = [f'HTTP/1.1 {status} X', *(f'{name}: {value}' for name, value in kept.items()), 'Connection: close']
        if status != 204:
            lines.append(f'Content-Length: {len(content)}')
        connection.sendall('\r\n'.join([*lines, '', '']).encode() + (b'' if status == 204 else content))

    def splice(self, connection, request):
        method, path, _, _, raw = request
        if self.no_bell or self.find_fault(path):
            self.note(method, path, 503)
            connection.sendall(b'HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
            return
        self.note(method, path, 101)
        with socket.create_connection(('127.0.0.1', self.upstream)) as upstream:
            upstream.sendall(raw)
            with self.lock:
                self.wires |= {connection, upstream}
            connection.settimeout(None)
            back = threading.Thread(target=self.pump, args=(upstream, connection), daemon=True)
            back.start()
            self.pump(connection, upstream)
            back.join(timeout=5)
            with self.lock:
                self.wires -= {connection, upstream}

    @staticmethod
    def pump(source, target):
        try:
            while part := source.recv(65536):
                target.sendall(part)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def spoil_ciphertexts(content):
    """Every row of a kith_fetch answer with another ciphertext of the same length."""
    value = json.loads(content)
    for row in value.get('messages', []):
        row['ct'] = row['ct'][:-12] + 'AAAAAAAAAAA='
    return json.dumps(value).encode()
