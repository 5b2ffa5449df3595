# SPDX-License-Identifier: LGPL-2.1-or-later
"""Raw clients for the door: HTTP and WebSocket by hand, so that every wrong byte can be sent. Standard library only."""
import base64
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Gone(Exception):
    """The server closed the connection."""


class Server:
    """The door's own test server: a handler that echoes, and hands out the counters."""

    def __init__(self, program, *options, before=(), env=None):
        self.process = subprocess.Popen([*before, program, *options], stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "G_DEBUG": "fatal-criticals", **(env or {})})
        line = self.process.stdout.readline().split()
        if line[:1] != ["ready"]:
            raise RuntimeError(f"{program} did not start: {line}")
        self.api, self.events = int(line[1]), int(line[2])

    @property
    def pid(self):
        return self.process.pid

    def counters(self):
        return json.loads(get(self.api, "/counters").body)

    def set(self, **limits):
        query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in limits.items())
        assert get(self.api, "/set?" + query).status == 204

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -9

    def __enter__(self):
        return self

    def __exit__(self, *what):
        code = self.stop()
        if what[0] is None and code != 0:
            raise AssertionError(f"the server ended with {code}")


class Answer:
    """status 0: closed without an answer."""

    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ", 2)
        self.status = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    @property
    def error(self):
        try:
            return json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError):
            return None

    def json(self):
        return json.loads(self.body)


def connect(port, host="127.0.0.1", timeout=10):
    if isinstance(port, str):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(port)
        return s
    return socket.create_connection((host, port), timeout)


def read_all(s, limit=64 << 20):
    data = bytearray()
    while len(data) < limit:
        try:
            more = s.recv(65536)
        except (ConnectionError, BrokenPipeError):
            break
        if not more:
            break
        data += more
    return bytes(data)


def exchange(port, data, host="127.0.0.1", timeout=10):
    """Sends these bytes; everything that comes back until the server closes."""
    with connect(port, host, timeout) as s:
        try:
            s.sendall(data)
        except (ConnectionError, BrokenPipeError):
            pass
        return Answer(read_all(s))


def request(method, path, port, headers=(), body=b"", host=None, version="1.1"):
    """The bytes of a request. headers: pairs; a body gets its Content-Length unless one is given."""
    own = host if host is not None else f"127.0.0.1:{port}" if not isinstance(port, str) else "localhost"
    lines = [f"{method} {path} HTTP/{version}"]
    names = {name.lower() for name, _ in headers}
    if "host" not in names and own:
        lines.append(f"Host: {own}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def send(method, path, port, headers=(), body=b"", timeout=10, **more):
    return exchange(port, request(method, path, port, headers, body, **more), timeout=timeout)


def get(port, path, *headers, **more):
    return send("GET", path, port, headers, **more)


def post(port, path, document, *headers, **more):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return send("POST", path, port, [("Content-Type", "application/json"), *headers], body, **more)


def handshake(port, path="/events", headers=(), key=KEY):
    return request("GET", path, port, [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                       ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key), *headers])


def frame(opcode, payload=b"", fin=True, masked=True, bits=0, length=None, form=None):
    """length: another one than the payload's; form: 7, 16 or 64 bits of length, whether it is the shortest or not."""
    n = len(payload) if length is None else length
    form = form or (7 if n < 126 else 16 if n < 65536 else 64)
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    mask = 0x80 if masked else 0
    if form == 7:
        head += bytes([mask | n])
    elif form == 16:
        head += bytes([mask | 126]) + struct.pack(">H", n)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", n)
    if not masked:
        return head + payload
    repeated = MASK * (len(payload) // 4 + 1)
    coded = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:len(payload)], "big")).to_bytes(len(payload), "big")
    return head + MASK + coded


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


class WebSocket:
    """What comes: (opcode, payload) by next(); Gone at the end."""

    def __init__(self, port, path="/events", headers=(), host="127.0.0.1", timeout=10, receive_buffer=0):
        if receive_buffer and not isinstance(port, str):
            self.s = socket.socket()
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.s.settimeout(timeout)
            self.s.connect((host, port))
        else:
            self.s = connect(port, host, timeout)
        self.data = bytearray()
        self.s.sendall(handshake(port, path, headers))
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        self.answer = Answer(head + b"\r\n\r\n")
        self.data = bytearray(rest)
        if self.answer.status != 101:
            self.data += read_all(self.s)
            self.answer = Answer(head + b"\r\n\r\n" + bytes(self.data))
            raise Gone(f"status {self.answer.status} {self.answer.error}")

    def _more(self):
        try:
            more = self.s.recv(262144)
        except ConnectionError as e:
            raise Gone(str(e)) from e
        if not more:
            raise Gone("end of file")
        self.data += more

    def send(self, data):
        try:
            self.s.sendall(data)
        except (ConnectionError, BrokenPipeError):
            pass
        return self

    def text(self, text):
        return self.send(frame(TEXT, text if isinstance(text, bytes) else text.encode()))

    def next(self):
        while True:
            n = self._complete()
            if n:
                head, payload = n
                first = self.data[0]
                del self.data[:head + payload]
                return first & 0x0f, self.last
            self._more()

    def _complete(self):
        d = self.data
        if len(d) < 2:
            return None
        assert not d[1] & 0x80, "the server masked a frame"
        n, head = d[1], 2
        if n == 126:
            if len(d) < 4:
                return None
            n, head = struct.unpack_from(">H", d, 2)[0], 4
        elif n == 127:
            if len(d) < 10:
                return None
            n, head = struct.unpack_from(">Q", d, 2)[0], 10
        if len(d) < head + n:
            return None
        self.last = bytes(d[head:head + n])
        return head, n

    def end(self):
        """Reads on until the server closes: (close code or None, frames before it)."""
        frames, code = [], None
        try:
            while True:
                opcode, payload = self.next()
                if opcode == CLOSE:
                    code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                else:
                    frames.append((opcode, payload))
        except Gone:
            return code, frames

    def shut(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.shut()


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def count_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_until(condition, seconds=10, step=0.02):
    """Waits for a condition, never for a time; FALSE when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


def is_readable(s, seconds):
    poll = select.poll()  # select() knows no descriptor above 1023
    poll.register(s, select.POLLIN)
    return bool(poll.poll(max(0, seconds) * 1000))


class Tap:
    """Collects the functions of a script that are called test_…, runs them, prints TAP."""

    def __init__(self, suite):
        self.suite = suite
        self.number = 0
        self.failed = 0

    def report(self, ok, name, note=""):
        self.number += 1
        self.failed += 0 if ok else 1
        print(f"{'ok' if ok else 'not ok'} {self.number} - {self.suite}/{name}{note}", flush=True)

    def run(self, name, function, *arguments):
        try:
            skipped = function(*arguments)
        except Exception as e:  # a test may fail in any way
            self.report(False, name)
            print(f"# {type(e).__name__}: {e}", flush=True)
            traceback_lines(e)
            return
        self.report(True, name, f" # SKIP {skipped}" if isinstance(skipped, str) else "")

    def finish(self):
        print(f"1..{self.number}", flush=True)
        sys.exit(1 if self.failed else 0)


def traceback_lines(error):
    import traceback
    for line in traceback.format_tb(error.__traceback__)[-3:]:
        for part in line.rstrip().split("\n"):
            print(f"# {part}", flush=True)


def run_tests(suite, namespace, *arguments):
    tap = Tap(suite)
    for name, function in list(namespace.items()):
        if name.startswith("test_") and callable(function):
            tap.run(name[5:], function, *arguments)
    tap.finish()


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} is not {wanted!r}")


def b64(data):
    return base64.b64encode(data).decode()
