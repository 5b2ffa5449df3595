# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bad inputs. Each attack yields cases: (name, function(target) → None, or a text that says what was wrong).
Everything is made from a fixed seed: the same cases in each run."""
import json
import random
import socket
import struct
import time

from doorlib import (BINARY, CLOSE, PING, TEXT, Gone, WebSocket, close_frame, connect, exchange, frame, handshake,
                     is_readable,
                     read_all, request)

JSON = ("Content-Type", "application/json")
UUID = "550e8400-e29b-41d4-a716-446655440000"


def judge(answer, refuse):
    """refuse: this must not succeed. Wrong is: our fault (5xx), success of what must fail, an error without its JSON."""
    status = answer.status
    if status >= 500 and status != 503:
        return f"status {status}"
    if refuse and 100 <= status < 400:
        return f"status {status} for what must be refused"
    if status >= 400 and not answer.error and answer.body:
        return f"status {status} without a JSON error"
    return None


KITHD = "kithd"   # refused by a kithd, which knows no such thing; the door's test server answers everything


def http(data, refuse=True, ways=None, port="api"):
    def run(target):
        answer = exchange(getattr(target, port), data(target) if callable(data) else data, timeout=20)
        wrong = judge(answer, target.is_kithd if refuse == KITHD else refuse)
        if not wrong and ways and answer.status not in ways:
            return f"status {answer.status}, not one of {ways}"
        return wrong
    return run


def req(method, path, headers=(), body=b"", refuse=True, ways=None, **more):
    return http(lambda t: request(method, path, t.api, headers, body, **more), refuse, ways)


# --- HTTP ---

def malformed_http(_target):
    rng = random.Random(1)
    fixed = [b"\r\n\r\n", b"\n\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
             b"GET / HTTP/1.1\r\n\r\n",
             b"\x00" * 100 + b"\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
             b" GET / HTTP/1.1\r\n\r\n",
             b"GET  /  HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\nHost: x\n\n", b"GET /\tHTTP/1.1\r\n\r\n", b"A" * 20000,
             b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xa5" + b"x" * 165 + b"\r\n\r\n"]
    for i, data in enumerate(fixed):
        yield f"fixed-{i}", http(data)
    bad_lines = [b": x", b"X", b" X: y", b"X : y", b"X\x00: y", b"X: a\x00b", b"X: a\rb", b"\x01: x", b"X: \x7f",
                 b"(X): y", b"X: a\r\n b",
                 b"Host: other", b"\xc3\xa9: x", b"X\t: y"]
    for i, line in enumerate(bad_lines):
        yield f"header-{i}", http(lambda t,
                                  line=line: f"GET /status HTTP/1.1\r\nHost: 127.0.0.1:{t.api}\r\n".encode() + line +
                                  b"\r\n\r\n")
    for i in range(150):   # a good request with some bytes wrong: may still be good
        def mutated(t, seed=rng.random()):
            own = random.Random(seed)
            data = bytearray(request("POST", "/messages", t.api, [JSON], b'{"to":"nobody","text":"x"}'))
            for _ in range(own.randint(1, 6)):
                at = own.randrange(len(data))
                data[at:at + own.randint(0, 2)] = bytes(own.randrange(256) for _ in range(own.randint(0, 3)))
            return bytes(data)
        yield f"mutated-{i}", http(lambda t, m=mutated: m(t) + b"\r\n\r\n", refuse=False)
    for i in range(60):    # cut at any point, then closed
        yield f"truncated-{i}", truncated(rng.random())
    for i in range(60):
        yield f"noise-{i}", http(rng.randbytes(rng.randint(1, 4000)) + b"\r\n\r\n")


def truncated(share):
    def run(target):
        data = request("POST", "/friends", target.api, [JSON], b'{"username":"bob"}')
        with connect(target.api) as s:
            s.sendall(data[:max(1, int(len(data) * share))])
            s.shutdown(socket.SHUT_WR)
            answer = read_all(s)
        return f"answered {answer[:60]!r}" if answer.startswith(b"HTTP/1.1 2") else None
    return run


def smuggling(_target):
    inner = b"DELETE /friends/bob HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lengths = ["0", "1", "5", "+5", "-1", "05x", "5, 5", "5,6", "0x5", "1e1", "", " ", "99999999999999999999",
               "5;5", "٥", "5 5"]
    for a in lengths:
        for headers in ([("Content-Length", a), ("Transfer-Encoding", "chunked")], [("Content-Length", a),
                                                                                    ("Content-Length", "5")]):
            yield f"two-{a}-{len(headers)}-{headers[1][0]}", req("POST", "/messages", [JSON, *headers],
                                                                 b"0\r\n\r\n" + inner)
    for value in ("chunked, chunked", "gzip, chunked", "identity", "xchunked", "chunked;q=1", " chunked ,",
                  "CHUNKED x", "\x0bchunked", '"chunked"',
                  "", "chunked\tx"):
        yield f"transfer-{value!r}", req("POST", "/messages", [JSON, ("Transfer-Encoding", value)],
                                         b"0\r\n\r\n" + inner)
    for name in ("Transfer-Encoding ", "Transfer_Encoding", "Transfer-Encoding\x00", "Content-Length ",
                 "\tContent-Length", "Content-Length\x0b"):
        yield f"name-{name!r}", req("POST", "/messages", [JSON, (name, "chunked"), ("Content-Length", "5")],
                                    b"0\r\n\r\n" + inner, KITHD)
    for size in (b"-1", b"0x5", b"ffffffffffffffff", b"5;" + b"x" * 70000, b"zz", b"1" * 400, b"5\n", b"", b" 5",
                 b"80000000", b"fffffffff"):
        yield f"chunk-{size[:12]!r}", req("POST", "/messages", [JSON, ("Transfer-Encoding", "chunked")],
                                          size + b"\r\nhello\r\n0\r\n\r\n" + inner)
    for n in (2, 5, 20):    # one request a connection: what follows is never looked at
        yield f"pipeline-{n}", pipeline(n)


def pipeline(n):
    def run(target):
        answer = exchange(target.api, request("GET", "/status", target.api) + request("DELETE", "/friends/nobody",
                                                                                      target.api) * n)
        return None if answer.raw.count(b"HTTP/1.1 ") == 1 else "more than one answer"
    return run


def who(_target):
    hosts = ["evil.example", "evil.example:{p}", "127.0.0.1.evil.example:{p}", "localhost", "127.0.0.1",
             "127.0.0.1:1", "0.0.0.0:{p}", "127.1:{p}",
             "2130706433:{p}", "0x7f.1:{p}", "[::]:{p}", "[::ffff:127.0.0.1]:{p}", "localhost.:{p}",
             "LOCALHOST.evil:{p}", "a@127.0.0.1:{p}",
             "127.0.0.1:{p}:1", "127.0.0.1:0{p}", "127.0.0.1 :{p}", "127.0.0.1:{p}/x", "127.0.0.1:{p}#",
             "127.0.0.1:{p}?", "", "*", "%6cocalhost:{p}",
             "localhost%00:{p}", "127.0.0.2:{p}", "[::1%25lo]:{p}", "ⓛocalhost:{p}", "localhost:{p}, evil:{p}"]
    for host in hosts:
        yield f"host-{host}", http(lambda t, h=host: request("GET", "/status", t.api, [("Host", h.format(p=t.api))]))
        yield f"ws-host-{host}", http(lambda t, h=host: handshake(t.events, headers=[("Host",
                                                                                      h.format(p=t.events))]),
                                                                                      port="events")
        yield f"absolute-{host}", http(lambda t, h=host: request("GET", f"http://{h.format(p=t.api)}/status",
                                                                 t.api), refuse=False)
    origins = ["null", "file://", "file:///x/page.html", "https://evil.example", "http://localhost",
               "http://localhost:1421", "http://localhost:1420/",
               "http://localhost:1420 http://evil.example", "http://LOCALHOST:1420",
               "http://localhost:1420.evil.example", "https://localhost:1420",
               "tauri://localhost.evil.example", "chrome-extension://abc", "moz-extension://abc",
               "http://127.0.0.1:01420", "", " ", "*", "data:", "about:blank",
               "http://[::1]:1420", "http://localhost%3a1420", "http://evil.example\thttp://localhost:1420",
               "app://obsidian.md"]
    for origin in origins:
        yield f"origin-{origin}", req("GET", "/status", [("Origin", origin)])
        yield f"post-origin-{origin}", req("POST", "/friends", [("Origin", origin), JSON], b'{"username":"eve"}')
        yield f"ws-origin-{origin}", http(lambda t, o=origin: handshake(t.events, headers=[("Origin", o)]),
                                          port="events")
        yield f"preflight-{origin}", req("OPTIONS", "/friends", [("Origin", origin),
                                                                 ("Access-Control-Request-Method", "POST")])
    for site in ("cross-site", "same-site", "SAME-ORIGIN", "", "none, none", "x"):
        yield f"site-{site}", req("GET", "/status", [("Sec-Fetch-Site", site)])
        yield f"ws-site-{site}", http(lambda t, s=site: handshake(t.events, headers=[("Sec-Fetch-Site", s)]),
                                      port="events")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "application/json, text/plain", "", "json",
                 "application/jsonx", "application/ld+json", "text/json"):
        yield f"type-{kind}", req("POST", "/friends", [("Content-Type", kind)], b'{"username":"eve"}')
    for name in ("Host", "Origin", "Content-Length", "Content-Type"):
        yield f"twice-{name}", http(lambda t, n=name: request("POST", "/friends", t.api, [
            (n, v) for v in ({"Host": f"127.0.0.1:{t.api}", "Origin": "tauri://localhost", "Content-Length": "18",
                              "Content-Type": "application/json"}[n],) * 2], b'{"username":"eve"}'))


def paths(_target):
    names = ["..", "../", "%2e%2e", "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "....//", "..;/", "%c0%ae%c0%ae/",
             "%252e%252e%252f", "..\\..\\", "%5c..%5c", "%00",
             "a%00b", "%0a", "%0d%0aX: y", "%zz", "%", "%1", "%ff", "%ed%a0%80", "%f0%9f%98", "//etc/passwd", "/./",
             "a/../../admin", "%2561dmin"]
    for root in ("/", "/friends/", "/messages/", "/plugins/", "/admin/"):
        for name in names:
            yield f"{root}{name}", req("GET", root + name, refuse=KITHD)
            yield f"DELETE {root}{name}", req("DELETE", root + name, refuse=KITHD)
    for path in ("/admin", "/admin/", "/admin/identity", "/Admin/identity", "/admin/../admin/x", "/events",
                 "/%65vents", "/admin%3f", "/admin;x"):
        yield f"tcp-only-{path}", req("GET", path, refuse=KITHD)
        yield f"events-port-{path}", http(lambda t, p=path: request("GET", p, t.events), port="events")
    for query in ("a=1&a=2", "peer=%ff", "peer=%00", "%", "peer=%zz"):
        yield f"query-{query}", req("GET", "/messages?" + query)
    for query in ("limit=-1", "limit=0", "limit=501", "limit=99999999999999999999", "limit=1e3", "limit=abc",
                  "offset=-1", "offset=x", "limit=", "before=x"):
        yield f"number-{query}", req("GET", "/messages?peer=bob&" + query, refuse=False)


SQL = ["'", "''", "';--", "\";--", "' OR '1'='1", "'; DROP TABLE friends;--", "%' OR 1=1 --",
       "\\'; DELETE FROM messages; --", "x' UNION SELECT key FROM meta--",
       "') ; VACUUM; --", "NULL", "?1", ":name", "@x", "$1", "`", "\x1a", "a\u02bcb", "0x27",
       "x'; ATTACH 'x' AS y; --", "*", "NEAR(", "\"", "a AND", "col:x", "^x", "x*"]


def quote(text):
    return "".join(f"%{b:02x}" for b in text.encode("utf-8", "surrogatepass"))


def sql(_target):
    for text in SQL:
        body = json.dumps({"to": text, "text": text}).encode()
        yield f"message-{text}", req("POST", "/messages", [JSON], body, refuse=False)
        yield f"friend-{text}", req("POST", "/friends", [JSON], json.dumps({"username": text}).encode(), refuse=False)
        yield f"delete-{text}", req("DELETE", "/friends/" + quote(text), refuse=False)
        yield f"peer-{text}", req("GET", "/messages?peer=" + quote(text), refuse=False)
        yield f"search-{text}", req("GET", "/messages/search?q=" + quote(text), refuse=False)


UNICODE = ["\u0000", "\u202e", "\u200b", "\ufeff", "\ufffe", "\U0010ffff", "e\u0301" * 50,
           "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\ud7ff", "\u2028", "\x1b[31m", "\x7f",
           "\u0085", "ﷺ" * 200, "Ω" * 3000, "\u0300" * 500, "ı", "ﬀ", "a" * 33, "a" * 20000, " ", "\t", "", ".",
           "..", "-a", "A", "é"]


def unicode_fields(_target):
    fields = [("POST", "/friends", "username"), ("POST", "/friends", "invite"), ("POST", "/friends", "note"),
              ("POST", "/messages", "to"), ("POST", "/messages", "text"),
              ("POST", "/messages", "client_id"), ("POST", "/messages", "reply_to"), ("PUT", "/presence", "status"),
              ("PUT", "/signaling", "server")]
    for method, path, field in fields:
        for i, text in enumerate(UNICODE):
            yield f"{method}{path}-{field}-{i}", req(method, path, [JSON], json.dumps({field: text}).encode(),
                                                     refuse=False)
    for text in UNICODE[:20]:
        yield f"emoji-{quote(text)[:20]}", req("PUT", f"/messages/{UUID}/reactions/{quote(text)}", refuse=False)
    for raw in (b'{"username":"\xff"}', b'{"username":"\xed\xa0\x80"}', b'{"username":"\xc0\xaf"}',
                b'{"username":"\\ud800"}',
                b'{"username":"\\udc00\\ud800"}', b'{"username":"a\\u0000b"}', b'\xef\xbb\xbf{"username":"eve"}',
                b'\xff\xfe{\x00}\x00'):
        yield f"raw-{raw!r}", bad_document("POST", "/friends", raw)


def bad_document(method, path, body):
    """Whoever reads it must refuse it; the door's test server reads no JSON."""
    def run(target):
        return judge(exchange(target.api, request(method, path, target.api, [JSON], body), timeout=20),
                     target.is_kithd)
    return run


def texts(target):
    """What a user may write to a friend, however odd, is stored and given back as it was, or refused; nothing else changes."""
    if target.friend is None:
        return
    for i, text in enumerate(SQL + UNICODE + ["{}", "[]", '"', "</script>", "%s%n%x", "\\u0000", "a\r\nb", "\u2066x\u2069", "𐍈" * 100]):
        yield f"text-{i}", round_trip(text)


def round_trip(text):
    def run(target):
        body = json.dumps({"to": target.friend, "text": text}).encode()
        answer = exchange(target.api, request("POST", "/messages", target.api, [JSON], body), timeout=20)
        if answer.status not in (200, 202):
            return judge(answer, True)
        target.sent += 1
        listed = exchange(target.api, request("GET", f"/messages?peer={target.friend}&limit=1", target.api), timeout=20).json()
        if listed["total"] != target.sent:
            return f"{listed['total']} messages, {target.sent} were sent"
        got = listed["messages"][-1]["text"]
        return None if got == text else f"stored as {got!r}"
    return run


def bad_json():
    deep = 5000
    return [b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"[" * deep, b'{"a":' * deep,
            b"[" * deep + b"]" * deep, b"{", b"}", b"{}{}", b"{} {}", b"{'a':1}", b"{a:1}",
            b'{"a":1,}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":0x10}', b'{"a":1e999}',
            b'{"a":-1e999}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1,"a":2}',
            b'{"a":"\n"}', b'{"a":"\\x"}', b'{"a":"\\u12"}', b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'// x\n{}',
            b'{}/**/', b'{"a":tru}', b'{"a" 1}', b'{"a":1 "b":2}', b'{:1}',
            b'\x00{}', b'{}\x00', b'{"a":"' + b"x" * 70000, b'{"a":1' + b" " * 60000, b'[' + b"1," * 30000,
            b'{"a":99999999999999999999999999}']


def json_bodies(_target):
    for i, body in enumerate(bad_json()):
        for method, path in (("POST", "/friends"), ("POST", "/messages"), ("PUT", "/presence")):
            if body:
                yield f"{path}-{i}", bad_document(method, path, body)
    for size in ((256 << 10) - 20, 256 << 10, (256 << 10) + 1, 1 << 20, 4 << 20):
        body = b'{"to":"bob","text":"' + b"x" * size + b'"}'
        yield f"size-{size}", bad_document("POST", "/messages", body)


# --- WebSocket ---

def ws_handshakes(_target):
    rng = random.Random(2)
    names = ["Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"]
    values = ["", "x", "websocket, x", "13, 13", "8", "9999999999", "-13", "\x01", "a" * 5000, "YWJj", "!" * 24,
              "é" * 12, "keep-alive"]
    base = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for name in names:
        for value in values:
            headers = [(n, value if n == name else v) for n, v in base.items()]
            yield f"{name}-{value[:12]!r}", http(lambda t, h=headers: request("GET", "/events", t.events, h),
                                                 refuse=False, port="events")
        missing = [(n, v) for n, v in base.items() if n != name]
        yield f"no-{name}", http(lambda t, h=missing: request("GET", "/events", t.events, h), port="events")
    for path in ("/", "/events/", "/events/x", "/Events", "//events", "/events%2f", "/status", "/friends", "/admin",
                 "/events/../events"):
        yield f"path-{path}", http(lambda t, p=path: handshake(t.events, p), port="events")
    for query in ("since=-1", "since=x", "since=99999999999999999999", "since=1&since=2", "epoch=%ff", "since=",
                  "since=1e9", "epoch=" + "x" * 5000):
        yield f"query-{query[:20]}", ws_ends("/events?" + query)
    for i in range(20):
        yield f"deflate-{i}", ws_ends("/events", [("Sec-WebSocket-Extensions",
                                                   "permessage-deflate; " + "x" * rng.randint(0, 500))])


def ws_ends(path, headers=()):
    def run(target):
        try:
            with WebSocket(target.events, path, headers) as ws:
                if "sec-websocket-extensions" in ws.answer.headers:
                    return "an extension was accepted"
                ws.send(close_frame(1000)).end()
        except Gone as e:
            return str(e) if "status 5" in str(e) and "503" not in str(e) else None
        return None
    return run


def ws_closes(data, codes=None):
    """Sends these frames; the server must end the connection (with one of these codes) once ours is over too."""
    def run(target):
        with WebSocket(target.events, timeout=20) as ws:
            ws.send(data)
            if codes is None:
                ws.send(close_frame(1000))
            code, _ = ws.end()
            if codes is not None and code not in codes:
                return f"close code {code}, not one of {codes}"
        return None
    return run


def ws_frames(_target):
    rng = random.Random(3)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for n in (0, 1, 125, 200):
            yield f"opcode-{opcode}-{n}", ws_closes(frame(opcode, b"x" * n), (1002,))
    for bits in (0x10, 0x20, 0x40, 0x70):
        for opcode in (TEXT, BINARY, PING, CLOSE):
            yield f"bits-{bits:x}-{opcode}", ws_closes(frame(opcode, b"xx", bits=bits), (1002,))
    for length in (65537, 1 << 20, 1 << 31, 1 << 32, 1 << 62, (1 << 63), (1 << 64) - 1):
        yield f"length-{length}", ws_closes(frame(TEXT, b"abc", length=length, form=64), (1009, 1002))
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"):
        yield f"utf8-{bad.hex()}", ws_closes(frame(TEXT, b'{"event":"' + bad + b'"}'), (1007,))
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535):
        yield f"close-{code}", ws_closes(close_frame(code), (1002,))
    yield "close-1-byte", ws_closes(frame(CLOSE, b"\x03"), (1002,))
    good = frame(TEXT, json.dumps({"event": "typing", "data": {"to": "bob", "typing": True}}).encode())
    for i in range(120):   # whatever these bytes mean
        data = bytearray(good * 3)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        yield f"mutated-{i}", ws_any(bytes(data))
    for i in range(60):
        yield f"noise-{i}", ws_any(rng.randbytes(rng.randint(1, 3000)))


def ws_any(data):
    def run(target):
        with WebSocket(target.events, timeout=10) as ws:
            ws.send(data)
            is_readable(ws.s, 0.005)
        return None
    return run


def ws_events(_target):
    bad = [b for b in bad_json() if len(b) < 65000]
    names = ["typing", "mark_read", "new_message", "", "x" * 5000, "typing\x00", "Typing", "resync", "error",
             "friend_added", "x.y.z"]
    datas = [None, 1, "x", [], {}, {"to": "bob"}, {"to": 1, "typing": True}, {"to": "nobody", "typing": True},
             {"to": "bob", "typing": "yes"}, {"peer": "bob"},
             {"peer": "bob", "msg_id": "x"}, {"peer": "bob", "msg_id": "'; DROP TABLE messages; --"},
             {"peer": "../../x", "msg_id": UUID}, {"to": "\u202e", "typing": False}]
    for i, body in enumerate(bad):
        yield f"json-{i}", ws_error(body)
    for name in names:
        for i, data in enumerate(datas):
            yield f"{name[:12]!r}-{i}", ws_error(json.dumps({"event": name, "data": data}).encode())
    yield "binary", ws_error(b"\x00\x01", BINARY)


def ws_error(data, opcode=TEXT):
    """Gets an error event (from a kithd), changes nothing, and the connection stays."""
    def run(target):
        with WebSocket(target.events, timeout=20) as ws:
            ws.send(frame(opcode, data) + frame(PING, b"end"))
            errors = 0
            while True:
                got, payload = ws.next()
                if got == CLOSE:
                    if payload[:2] == b"\x03\xef" and not is_utf8(data):
                        return None   # 1007: no text at all
                    return f"closed with {payload[:2].hex()}"
                if got == 10 and payload == b"end":
                    break
                errors += 1 if got == TEXT and b'"error"' in payload else 0
            if target.is_kithd and not errors:
                # An answer to what was asked may come after the pong.
                errors = wait_for_error(ws)
        return "no error event" if target.is_kithd and not errors else None
    return run


def is_utf8(data):
    try:
        return bool(data.decode() or True)
    except UnicodeDecodeError:
        return False


def wait_for_error(ws, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end and (ws.data or is_readable(ws.s, end - time.monotonic())):
        opcode, payload = ws.next()
        if opcode == TEXT and b'"error"' in payload:
            return 1
    return 0


# --- floods ---

def floods(_target):
    yield "fragments", ws_closes(frame(TEXT, b"", fin=False) + frame(0, b"", fin=False) * 3000, (1008,))
    yield "long-message", ws_closes(frame(TEXT, b"x" * 30000, fin=False) + frame(0, b"x" * 30000, fin=False) * 3,
                                    (1009,))
    yield "pings", ws_closes(frame(PING, b"x" * 125) * 3000, (1008,))
    yield "pongs", ws_closes(frame(10, b"x" * 125) * 3000, (1008,))
    yield "small-frames", ws_closes(frame(TEXT, b"{}") * 3000, (1008,))
    yield "zero-frames", ws_closes(frame(BINARY) * 3000, (1008,))
    for i in range(5):
        yield f"headers-{i}", http(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50000)
        yield f"endless-line-{i}", http(b"GET /" + b"a" * 2000000)
        yield f"endless-chunk-{i}", req("POST", "/messages", [JSON, ("Transfer-Encoding", "chunked")],
                                        b"10000\r\n" + b" " * 65536 + (b"\r\n10000\r\n" + b" " * 65536) * 60)


def connects(_target):
    for i in range(2000):
        yield f"{i}", touch(i % 5)


def touch(kind):
    def run(target):
        port = target.api if kind % 2 else target.events
        with connect(port) as s:
            if kind == 1:
                s.sendall(b"GET")
            elif kind == 2:
                s.sendall(handshake(port))
            elif kind == 3:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.sendall(request("GET", "/status", port))
        return None
    return run


def slow_ones(_target):
    """Thirty who write a byte now and then, thirty who never read: all at once, for some seconds."""
    yield "writers", hold(30, lambda t: (t.api, b"POST /messages HTTP/1.1\r\n"), b"X")
    yield "bodies", hold(30, lambda t: (t.api, request("POST", "/messages", t.api, [JSON, ("Content-Length",
                                                                                           "100000")])), b" ")
    yield "half-frames", hold(30, lambda t: (t.events, handshake(t.events) + frame(TEXT, b"x" * 60000)[:30000]), b"y")
    yield "mute-sockets", hold(30, lambda t: (t.events, handshake(t.events)), b"")
    yield "mute-readers", hold(30, lambda t: (t.api, request("GET", "/openapi.json", t.api)), b"",
                               receive_buffer=2048)


def hold(n, start, drip, receive_buffer=0, seconds=2.0):
    def run(target):
        port, first = start(target)
        held = []
        for _ in range(n):
            s = socket.socket()
            if receive_buffer:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            s.connect(("127.0.0.1", port))
            s.sendall(first)
            held.append(s)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for s in held:
                try:
                    if drip:
                        s.send(drip)
                except OSError:
                    pass
            time.sleep(0.1)
        for s in held:
            s.close()
        return None
    return run


ATTACKS = [malformed_http, smuggling, who, paths, sql, unicode_fields, texts, json_bodies, ws_handshakes, ws_frames,
           ws_events, floods, connects, slow_ones]
