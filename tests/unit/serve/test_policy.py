# SPDX-License-Identifier: LGPL-2.1-or-later
"""spec/security.md §1 from outside: each row allowed and refused, with its status, JSON error and counter; other users, other
namespaces, the Unix socket, ports that are taken.
usage: test_policy.py SERVER"""
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../hostile"))
from doorlib import (TEXT, Gone, Server, Tap, WebSocket, close_frame, connect, equal, exchange, get, post, read_all,  # noqa: E402
                     request, send, wait_until)

PROGRAM = sys.argv[1]
ORIGIN = "http://localhost:1420"
JSON = ("Content-Type", "application/json")
tap = Tap("policy")

CLIENT = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
data = b""
try:
    s.sendall(b"GET /echo HTTP/1.1\\r\\nHost: 127.0.0.1:" + sys.argv[1].encode() + b"\\r\\n\\r\\n")
except ConnectionError:
    pass   # refused before anything was read: the answer is there all the same
try:
    while True:
        more = s.recv(65536)
        if not more:
            break
        data += more
except ConnectionError:
    pass
sys.stdout.write(data.split(b" ")[1].decode() if b" " in data else "0")
"""


def refusal(server, reason):
    return server.counters().get(f"kith_door_refused_total:{reason}", -1)


def rows(port):
    """name, bytes, status, reason of the refusal (None: allowed)"""
    def r(method="GET", headers=(), body=b"", path="/echo", **more):
        return request(method, path, port, headers, body, **more)
    host = f"127.0.0.1:{port}"
    yield "plain", r(), 200, None
    yield "two-hosts", r(headers=[("Host", host), ("Host", host)]), 400, "host-count"
    yield "no-host", r(host=""), 400, "malformed"
    yield "bare-line-feeds", f"GET /echo HTTP/1.1\nHost: {host}\n\n".encode(), 400, "malformed"
    yield "folded", r(headers=[("X", "a\r\n b")]), 400, "malformed"
    yield "space-before-colon", r(headers=[("Content-Length ", "2")]), 400, "malformed"
    yield "1.0-hides-origin", r(headers=[("Origin", "null"), ("Connection", "Origin")], version="1.0"), 400, "malformed"
    yield "1.0", r(version="1.0"), 200, None
    yield "2.0", r(version="2.0"), 400, "malformed"
    yield "no-host-1.0", r(host="", version="1.0"), 400, "host-count"
    yield "two-lengths", r("POST", [JSON, ("Content-Length", "2"), ("Content-Length", "2")], b"{}"), 400, "length"
    yield "length-sign", r("POST", [JSON, ("Content-Length", "+2")], b"{}"), 400, "length"
    yield "length-and-chunked", r("POST", [JSON, ("Content-Length", "2"), ("Transfer-Encoding", "chunked")],
                                  b"2\r\n{}\r\n0\r\n\r\n"), 400, "transfer"
    yield "two-chunked", r("POST", [JSON, ("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
                           b"2\r\n{}\r\n0\r\n\r\n"), 400, "transfer"
    yield "gzip", r("POST", [JSON, ("Transfer-Encoding", "gzip")], b"x"), 400, "transfer"
    yield "chunked", r("POST", [JSON, ("Transfer-Encoding", "chunked")], b"2\r\n{}\r\n0\r\n\r\n"), 200, None
    yield "64-headers", r(headers=[(f"x-{i}", "1") for i in range(63)]), 200, None
    yield "65-headers", r(headers=[(f"x-{i}", "1") for i in range(64)]), 431, "header-count"
    yield "16-kib-headers", r(headers=[("x", "y" * 15000)]), 200, None
    yield "20-kib-headers", r(headers=[("x", "y" * 20000)]), 0, None
    yield "rebound", r(host=f"evil.example:{port}"), 421, "host"
    yield "no-port", r(host="127.0.0.1"), 421, "host"
    yield "absolute-form", r(path=f"http://evil.example:{port}/echo"), 421, "host"
    yield "absolute-form-own", r(path=f"http://{host}/echo"), 200, None
    yield "absolute-userinfo", r(path=f"http://a:b@{host}/echo"), 421, "host"
    yield "https-form", r(path=f"https://{host}/echo"), 400, "malformed"
    yield "connect", r("CONNECT", path=host), 405, "method"
    for origin in (ORIGIN, "http://127.0.0.1:1420", "tauri://localhost", "http://tauri.localhost",
                   "https://tauri.localhost", f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        yield f"origin-{origin}", r(headers=[("Origin", origin)]), 200, None
    for origin in ("https://evil.example", "null", "file://", "http://localhost:1421", "TAURI://localhost",
                   "http://localhost:1420/", ""):
        yield f"origin-{origin}", r(headers=[("Origin", origin)]), 403, "origin"
    yield "two-origins", r(headers=[("Origin", ORIGIN), ("Origin", ORIGIN)]), 403, "origin"
    for site, status in (("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403), ("x", 403)):
        yield f"site-{site}", r(headers=[("Sec-Fetch-Site", site)]), status, "cross-site" if status == 403 else None
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield f"method-{method}", r(method), 200, None
    for method in ("TRACE", "PROPFIND", "get", "X"):
        yield f"method-{method}", r(method), 405, "method"
    yield "json-body", r("POST", [JSON], b"{}"), 200, None
    yield "no-type", r("POST", [], b"{}"), 415, "type"
    yield "form", r("POST", [("Content-Type", "application/x-www-form-urlencoded")], b"a=b"), 415, "type"
    yield "plain-text", r("PUT", [("Content-Type", "text/plain")], b"{}"), 415, "type"
    yield "body-on-get", r("GET", [JSON], b"{}"), 400, "body-unexpected"
    yield "body-256k", r("POST", [JSON], b" " * (256 << 10)), 200, None
    yield "body-over", r("POST", [JSON], b" " * ((256 << 10) + 1)), 413, "body-size"
    yield "body-over-unsent", r("POST", [JSON, ("Content-Length", "999999999")], b"x"), 413, "body-size"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    yield "body-over-chunked", r("POST", [JSON, ("Transfer-Encoding", "chunked")], chunk * 5 + b"0\r\n\r\n"), 413, "body-size"
    for path in ("//", "/a//b", "/..", "/a/../b", "/%2e%2e/x", "/a%2fb", "/%00", "/%ff", "/%0d%0a"):
        yield f"path-{path}", r(path=path), 400, "path"
    for path in ("/%zz", "/%", "/a b"):
        yield f"path-{path}", r(path=path), 400, None
    yield "query-twice", r(path="/echo?a=1&a=2"), 400, "query"
    yield "query-utf8", r(path="/echo?a=%ff"), 400, "query"
    yield "star", r("OPTIONS", path="*"), 400, "path"
    yield "events-on-api", r(path="/events"), 404, "way"
    yield "events-catalog-on-api", r(path="/events/catalog"), 200, None
    yield "admin-on-api", r(path="/admin/identity"), 404, "way"
    yield "admin-encoded", r(path="/%61dmin/identity"), 404, "way"
    yield "garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n", 400, "malformed"
    yield "no-version", f"GET /echo\r\nHost: {host}\r\n\r\n".encode(), 400, "malformed"
    yield "nul", f"GET /echo HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\n\r\n".encode(), 400, "malformed"


def check_row(server, data, status, reason):
    before = refusal(server, reason) if reason else 0
    answer = exchange(server.api, data)
    equal(answer.status, status, "status")
    if reason:
        equal(refusal(server, reason), before + 1, f"counter {reason}")
    if status >= 400 and not data.startswith(b"HEAD"):
        assert answer.error, f"no JSON error: {answer.raw[:200]}"
    if status:
        equal(answer.headers.get("connection"), "close")
        equal(answer.headers.get("vary"), "Origin")


def cors(server):
    answer = get(server.api, "/echo", ("Origin", ORIGIN))
    equal(answer.headers.get("access-control-allow-origin"), ORIGIN)
    assert "access-control-allow-credentials" not in answer.headers
    answer = get(server.api, "/echo")
    assert "access-control-allow-origin" not in answer.headers
    for refused, status in ((send("BREW", "/echo", server.api, [("Origin", ORIGIN)]), 405),
                            (send("POST", "/echo", server.api, [("Origin", ORIGIN)], b"x"), 415)):
        equal(refused.status, status)
        equal(refused.headers.get("access-control-allow-origin"), ORIGIN)
    answer = get(server.api, "/echo", ("Origin", "https://evil.example"))
    assert "access-control-allow-origin" not in answer.headers
    equal(send("BREW", "/echo", server.api).headers.get("allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")


def preflight(server):
    asked = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PATCH"), ("Access-Control-Request-Headers", "content-type")]
    answer = send("OPTIONS", "/messages/1", server.api, asked)
    equal(answer.status, 204)
    equal(answer.headers["access-control-allow-origin"], ORIGIN)
    equal(answer.headers["access-control-allow-headers"], "Content-Type, Authorization")
    equal(answer.headers["access-control-max-age"], "600")
    equal(answer.headers["vary"], "Origin")
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-private-network" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers
    answer = send("OPTIONS", "/x", server.api, [*asked, ("Access-Control-Request-Private-Network", "true")])
    equal(answer.headers["access-control-allow-private-network"], "true")
    equal(send("OPTIONS", "/x", server.api, [("Origin", "https://evil.example"), asked[1]]).status, 403)


def head_request(server):
    plain, head = get(server.api, "/echo"), send("HEAD", "/echo", server.api)
    equal(head.body, b"")
    assert int(head.headers["content-length"]) == len(plain.body) + 1, "HEAD for GET"
    equal(get(server.api, "/missing").error, 'there is no "such" thing')


def events_port(server):
    equal(get(server.events, "/echo").status, 404)
    equal(get(server.events, "/").status, 404)
    equal(get(server.events, "/events").status, 426)
    for origin in (ORIGIN, "tauri://localhost", None):
        headers = [("Origin", origin)] if origin else []
        with WebSocket(server.events, headers=headers) as ws:
            ws.text("hi")
            equal(ws.next(), (TEXT, b"hi"))
            ws.send(close_frame(1000)).end()
    for headers in ([("Origin", "https://evil.example")], [("Origin", "null")], [("Sec-Fetch-Site", "cross-site")]):
        try:
            WebSocket(server.events, headers=headers).shut()
            raise AssertionError(f"{headers} was let in")
        except Gone as e:
            assert "403" in str(e), e


def both_addresses(server):
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        return "no IPv6 here"
    for port in (server.api, server.events):
        answer = exchange(port, request("GET", "/events", port, host=f"[::1]:{port}"), host="::1")
        assert answer.status in (404, 426), answer.status
    equal(get(server.api, "/echo", host=f"[::1]:{server.api}").status, 200)
    return None


def other_uid(server):
    if os.geteuid() != 0:
        return "needs root to become somebody else"
    before = refusal(server, "uid-other")
    out = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "/usr/bin/python3", "-c", CLIENT,
                          str(server.api)], capture_output=True, text=True, timeout=20, check=False)
    equal(out.stdout, "403", out.stderr[-300:])
    equal(refusal(server, "uid-other"), before + 1)
    return None


def server_of_other_uid(_server):
    """As an ordinary user: root is refused as everybody else is, there is no rule that lets uid 0 in."""
    if os.geteuid() != 0:
        return "needs root to start a server as somebody else"
    user = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = os.path.join(folder, "server")
        with open(PROGRAM, "rb") as f, open(program, "wb") as t:
            t.write(f.read())
        os.chmod(program, 0o755)
        process = subprocess.Popen([*user, program], stdout=subprocess.PIPE, text=True)
        try:
            api = int(process.stdout.readline().split()[1])
            equal(get(api, "/echo").status, 403)
            out = subprocess.run([*user, "/usr/bin/python3", "-c", CLIENT, str(api)], capture_output=True, text=True,
                                 timeout=20, check=False)
            equal(out.stdout, "200", out.stderr[-300:])
        finally:
            process.terminate()
        equal(process.wait(20), 0)
    return None


def overflow_uid(_server):
    if os.geteuid() != 0:
        return "needs root to become the overflow uid"
    with open("/proc/sys/kernel/overflowuid", encoding="ascii") as f:
        uid = f.read().strip()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = os.path.join(folder, "server")
        with open(PROGRAM, "rb") as f, open(program, "wb") as t:
            t.write(f.read())
        os.chmod(program, 0o755)
        out = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", program],
                             capture_output=True, text=True, timeout=20, check=False)
    equal(out.returncode, 1)
    assert "does not run as uid" in out.stderr, out.stderr
    return None


def gone_before_look_up(server):
    """A client that has closed already: the kernel says uid 0 for it, which is our own uid when root runs this."""
    process = server.process
    before = server.counters()
    process.send_signal(19)   # SIGSTOP
    try:
        for _ in range(20):
            s = connect(server.api)
            s.sendall(request("GET", "/echo", server.api))
            s.close()
    finally:
        process.send_signal(18)
    after = server.counters()
    equal(after["kith_door_refused_total:uid-unknown"], before["kith_door_refused_total:uid-unknown"] + 20)
    equal(after["kith_door_requests_total"], before["kith_door_requests_total"] + 1)


def namespaces(server):
    """The same user in a child namespace of users is the same user; a sub-uid that is mapped there is not."""
    base = ["unshare", "--user"]
    probe = subprocess.run([*base, "--map-current-user", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        return "user namespaces are not available"
    command = ["/usr/bin/python3", "-c", CLIENT, str(server.api)]
    out = subprocess.run([*base, "--map-current-user", *command], capture_output=True, text=True, timeout=20, check=False)
    equal(out.stdout, "200", out.stderr[-300:])
    if os.geteuid() != 0:
        return None
    # As root any map may be written: uid 1 in there is 100001 out here.
    script = """
import ctypes, os, sys
read, write = os.pipe()
back, done = os.pipe()
child = os.fork()
if child == 0:
    ctypes.CDLL(None).unshare(0x10000000)
    os.write(write, b"x")
    os.read(back, 1)
    os.setresgid(1, 1, 1)
    os.setresuid(1, 1, 1)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", "-c", *sys.argv[1:]])
os.read(read, 1)
for name in ("uid_map", "gid_map"):
    with open(f"/proc/{child}/{name}", "w") as f:
        f.write("0 100000 65536")
os.write(done, b"x")
sys.exit(os.waitpid(child, 0)[1] >> 8)
"""
    out = subprocess.run(["/usr/bin/python3", "-c", script, CLIENT, str(server.api)], capture_output=True, text=True,
                         timeout=20, check=False)
    if "Operation not permitted" in out.stderr:
        return "no map may be written here"
    equal(out.stdout, "403", out.stderr[-300:])
    return None


def unix_socket(_server):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "kith", "api.sock")
        with Server(PROGRAM, "--unix", path, "--token", "s3cret"):
            equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
            equal(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700, "folder")
            equal(get(path, "/admin/doctor").json()["way"], 2)
            equal(get(path, "/echo", ("Origin", "https://evil.example")).status, 403)
            with WebSocket(path, "/events?hello=1") as ws:
                equal(ws.next(), (TEXT, b"hello"))
                ws.send(close_frame(1000)).end()
            second = subprocess.run([PROGRAM, "--unix", path], capture_output=True, text=True, timeout=20, check=False)
            equal(second.returncode, 1)
            assert "another kithd answers" in second.stderr, second.stderr
            equal(get(path, "/echo").status, 200, "still ours")
            if os.geteuid() == 0:
                os.chmod(folder, 0o755)
                os.chmod(os.path.dirname(path), 0o755)
                os.chmod(path, 0o666)
                script = CLIENT.replace('socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)',
                                        "socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])")
                out = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "/usr/bin/python3",
                                      "-c", script, path], capture_output=True, text=True, timeout=20, check=False)
                equal(out.stdout, "403", out.stderr[-300:])
        assert not os.path.exists(path), "the socket file stayed"
        left = socket.socket(socket.AF_UNIX)
        left.bind(path)
        left.close()
        with Server(PROGRAM, "--unix", path):
            equal(get(path, "/echo").status, 200, "a stale file is replaced")
        with open(path, "w", encoding="ascii") as f:
            f.write("mine")
        third = subprocess.run([PROGRAM, "--unix", path], capture_output=True, text=True, timeout=20, check=False)
        equal(third.returncode, 1)
        assert "is no socket" in third.stderr, third.stderr


def taken_port(server):
    for option in ("--api-port", "--events-port"):
        out = subprocess.run([PROGRAM, option, str(server.api)], capture_output=True, text=True, timeout=20, check=False)
        equal(out.returncode, 1)
        assert option[2:] in out.stderr and "taken by another program" in out.stderr, out.stderr


def token(_server):
    bearer = ("Authorization", "Bearer s3cret")
    with Server(PROGRAM, "--token", "s3cret") as own:
        answer = get(own.api, "/echo")
        equal(answer.status, 401)
        equal(answer.headers["www-authenticate"], "Bearer")
        equal(get(own.api, "/echo", bearer).status, 200)
        equal(get(own.api, "/echo", ("Authorization", "Bearer s3creT")).status, 401)
        equal(get(own.api, "/echo?token=s3cret").status, 401)
        equal(get(own.api, "/echo?token=s3cret", bearer).json()["query"], {})
        equal(get(own.events, "/events").status, 401)
        equal(get(own.events, "/events?token=wrong").status, 401)
        with WebSocket(own.events, "/events?token=s3cret") as ws:
            ws.send(close_frame(1000)).end()
        with WebSocket(own.events, headers=[bearer]) as ws:
            ws.send(close_frame(1000)).end()
        asked = [("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")]
        equal(send("OPTIONS", "/echo", own.api, asked).status, 204, "preflight before the token")
        answer = get(own.api, "/echo", ("Origin", ORIGIN))
        equal((answer.status, answer.headers.get("access-control-allow-origin")), (401, ORIGIN))
        assert own.process.send_signal(0) is None
        own.counters = lambda: None


def other_origins(_server):
    with Server(PROGRAM, "--origin", "https://app.example", "--origin", "null") as own:
        equal(get(own.api, "/echo", ("Origin", "https://app.example")).status, 200)
        equal(get(own.api, "/echo", ("Origin", ORIGIN)).status, 403)
        equal(get(own.api, "/echo", ("Origin", "null")).status, 403)


def connection_limit(_server):
    with Server(PROGRAM, "--set", "max-connections=8", "--set", "max-websockets=3") as own:
        held = [WebSocket(own.events) for _ in range(3)]
        try:
            WebSocket(own.events).shut()
            raise AssertionError("a fourth WebSocket")
        except Gone as e:
            assert "503" in str(e), e
        idle = [connect(own.api) for _ in range(5)]
        assert wait_until(lambda: read_status(own.api) == 503), "a ninth connection"
        for s in idle:
            s.close()
        assert wait_until(lambda: read_status(own.api) == 200), "room again"
        for ws in held:
            ws.shut()


def read_status(port):
    return exchange(port, request("GET", "/echo", port)).status


def late_answers(server):
    """An answer may come later; a client that goes first is noticed, one that only half-closed is not taken for gone."""
    before = server.counters()["cancelled"]
    equal(get(server.api, "/slow?ms=30").status, 204)
    with connect(server.api) as s:
        s.sendall(request("GET", "/slow?ms=100", server.api))
        s.shutdown(socket.SHUT_WR)
        assert read_all(s).startswith(b"HTTP/1.1 204"), "half-closed"
    equal(server.counters()["cancelled"], before)
    s = connect(server.api)
    s.sendall(request("GET", "/slow?ms=60000", server.api))
    assert wait_until(lambda: server.counters()["kith_door_connections"] >= 2)
    s.close()
    assert wait_until(lambda: server.counters()["cancelled"] == before + 1), "closed"
    s = connect(server.api)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(request("GET", "/slow?ms=60000", server.api))
    assert wait_until(lambda: server.counters()["kith_door_connections"] >= 2)
    s.close()
    assert wait_until(lambda: server.counters()["cancelled"] == before + 2), "reset"


def bodies(server):
    equal(post(server.api, "/echo", {"a": 1}).json()["body"], 8)
    with connect(server.api) as s:   # the client waits for leave to send
        s.sendall(request("POST", "/echo", server.api, [JSON, ("Content-Length", "2"), ("Expect", "100-continue")]))
        equal(s.recv(1000).split(b"\r\n")[0], b"HTTP/1.1 100 Continue")
        s.sendall(b"{}")
        assert b'"body":2' in read_all(s)
    refused = exchange(server.api, request("POST", "/echo", server.api, [("Content-Length", "2"), ("Expect", "100-continue")]))
    equal(refused.status, 415, "no 100 before a refusal")
    for data in (b"zz\r\n{}\r\n", b"-1\r\n{}\r\n", b"2\r\n{}0\r\n\r\n", b"0x2\r\n{}\r\n", b"2;x=y\r\n{}\r\n", b"fffffffff\r\n{}", b"\r\n"):
        broken = exchange(server.api, request("POST", "/echo", server.api, [JSON, ("Transfer-Encoding", "chunked")], data))
        equal(broken.status, 400, data)
    good = b"1\r\n{\r\n0001\r\n}\r\n0\r\n\r\n"
    with connect(server.api) as s:   # in any pieces
        for byte in request("POST", "/echo", server.api, [JSON, ("Transfer-Encoding", "chunked")], good):
            s.sendall(bytes([byte]))
        assert b'"body":2' in read_all(s)
    two = request("GET", "/echo?n=1", server.api) + request("GET", "/echo?n=2", server.api)
    answer = exchange(server.api, two)
    assert answer.raw.count(b"HTTP/1.1 ") == 1 and b'"n":"1"' in answer.raw, "one request a connection"


def main():
    with Server(PROGRAM) as server:
        for name, data, status, reason in rows(server.api):
            tap.run("row/" + name.replace("#", ""), check_row, server, data, status, reason)
        for check in (cors, preflight, head_request, events_port, both_addresses, other_uid, server_of_other_uid, overflow_uid,
                      gone_before_look_up, namespaces, unix_socket, taken_port, token, other_origins, connection_limit,
                      late_answers, bodies):
            tap.run(check.__name__, check, server)
    tap.finish()


main()
