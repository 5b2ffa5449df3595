# SPDX-License-Identifier: LGPL-2.1-or-later
"""RFC 6455 case by case: handshake, framing, ping, reserved bits, opcodes, fragmentation, UTF-8, close, limits.
usage: test_rfc6455.py SERVER"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../hostile"))
from doorlib import (BINARY, CLOSE, PING, PONG, TEXT, Server, Tap, WebSocket, close_frame, equal, exchange, frame,  # noqa: E402
                     handshake, request)

tap = Tap("rfc6455")


def echoes(port, data, wanted):
    """Sends frames, expects these texts (or (opcode, payload)) back, then an orderly end."""
    with WebSocket(port) as ws:
        ws.send(data)
        for item in wanted:
            opcode, payload = item if isinstance(item, tuple) else (TEXT, item)
            equal(ws.next(), (opcode, payload), "echo")
        ws.send(close_frame(1000))
        equal(ws.end(), (1000, []), "orderly end")


def fails(port, data, code, pieces=1):
    with WebSocket(port) as ws:
        step = max(1, len(data) // pieces)
        for at in range(0, len(data), step):
            ws.send(data[at:at + step])
        got, frames = ws.end()
        equal(got, code, "close code")
        equal([f for f in frames if f[0] == TEXT], [], "what came before")


def closes(port, data, code):
    with WebSocket(port) as ws:
        ws.send(data)
        equal(ws.end()[0], code, "close code")


def refused(port, data, status):
    answer = exchange(port, data)
    equal(answer.status, status, "status")
    assert answer.error, "no JSON error"


def upgrade(port, changes=(), method="GET", path="/events", version="1.1"):
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    headers.update(changes)
    return request(method, path, port, [(n, v) for n, v in headers.items() if v is not None], version=version)


def sizes():
    return [0, 1, 125, 126, 127, 128, 65535, 65536]


def cases_framing(port):
    for n in sizes():
        yield f"text-{n}", echoes, (frame(TEXT, b"*" * n), [b"*" * n])
    for n in (0, 1, 126, 65536):
        yield f"binary-{n}", echoes, (frame(BINARY, b"\xfe" * n), [f"binary {n}".encode()])
    yield "over-limit", closes, (frame(TEXT, b"*" * 65537), 1009)
    yield "huge-length", closes, (frame(TEXT, b"", length=1 << 40, form=64), 1009)
    yield "length-top-bit", closes, (frame(TEXT, b"", length=(1 << 63) + 5, form=64), 1009)
    yield "long-form-16", fails, (frame(TEXT, b"hi", form=16), 1002)
    yield "long-form-64", fails, (frame(TEXT, b"*" * 300, form=64), 1002)
    yield "unmasked", fails, (frame(TEXT, b"hi", masked=False), 1002)
    for bits in (0x40, 0x20, 0x10, 0x70):
        yield f"reserved-bits-{bits:02x}", fails, (frame(TEXT, b"hi", bits=bits), 1002)
        yield f"reserved-bits-{bits:02x}-ping", fails, (frame(PING, b"hi", bits=bits), 1002)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"opcode-{opcode}", fails, (frame(opcode, b"hi"), 1002)
        yield f"opcode-{opcode}-empty", fails, (frame(opcode), 1002)
    two = frame(TEXT, b"one") + frame(TEXT, b"two")
    yield "two-in-one-write", echoes, (two, [b"one", b"two"])


def cases_control(port):
    yield "ping", echoes, (frame(PING, b"x"), [(PONG, b"x")])
    yield "ping-empty", echoes, (frame(PING), [(PONG, b"")])
    yield "ping-125", echoes, (frame(PING, b"\xff" * 125), [(PONG, b"\xff" * 125)])
    yield "ping-126", fails, (frame(PING, b"x" * 126), 1002)
    yield "pong-126", fails, (frame(PONG, b"x" * 126), 1002)
    yield "ping-fragmented", fails, (frame(PING, b"x", fin=False), 1002)
    yield "pong-fragmented", fails, (frame(PONG, b"x", fin=False), 1002)
    yield "pong-unasked", echoes, (frame(PONG, b"x") + frame(TEXT, b"hi"), [b"hi"])
    yield "ten-pings", echoes, (b"".join(frame(PING, b"%d" % i) for i in range(10)),
                                [(PONG, b"%d" % i) for i in range(10)])


def cases_fragments(port):
    yield "two", echoes, (frame(TEXT, b"a", fin=False) + frame(0, b"b"), [b"ab"])
    yield "three-empty", echoes, (frame(TEXT, fin=False) + frame(0, fin=False) + frame(0), [b""])
    yield "ping-between", echoes, (frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(0, b"b"), [(PONG, b"p"), b"ab"])
    yield "binary", echoes, (frame(BINARY, b"a", fin=False) + frame(0, b"b"), [b"binary 2"])
    yield "continuation-alone", fails, (frame(0, b"x"), 1002)
    yield "continuation-alone-open", fails, (frame(0, b"x", fin=False), 1002)
    yield "text-inside", fails, (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002)
    yield "binary-inside", fails, (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b", fin=False), 1002)
    many = frame(TEXT, b"x", fin=False) + frame(0, b"x", fin=False) * 200 + frame(0, b"x")
    yield "two-hundred", echoes, (many, [b"x" * 202])
    parts = frame(TEXT, b"x" * 30000, fin=False) + frame(0, b"x" * 30000, fin=False) + frame(0, b"x" * 30000, fin=False)
    yield "sum-over-limit", fails, (parts, 1009)
    yield "after-error-nothing", fails, (frame(0, b"x") + frame(TEXT, b"hi"), 1002)


def cases_utf8(port):
    good = ["κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\u0000", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd",
            "\uffff", "\U00010000", "\U0010ffff", "a\u0000b"]
    for i, text in enumerate(good):
        yield f"good-{i}", echoes, (frame(TEXT, text.encode()), [text.encode()])
    bad = ["ff", "fe", "80", "bf", "c0af", "c080", "c1bf", "e080af", "e09fbf", "f08080af", "f08fbfbf", "f4908080", "f8888080",
           "fc8480808080", "eda080", "edadbf", "edaebf", "edb080", "edbfbf", "eda080edb080", "c3", "e282", "f09f98",
           "cebae1bdb9cf83cebcceb5eda080656469746564", "2020c328", "2020e228a1", "2020f0288cbc", "f7bfbfbf"]
    for i, text in enumerate(bad):
        yield f"bad-{i}-{text[:12]}", fails, (frame(TEXT, bytes.fromhex(text)), 1007)
    euro = "€".encode()
    yield "split-character", echoes, (frame(TEXT, euro[:1], fin=False) + frame(0, euro[1:]), [euro])
    yield "split-bad", fails, (frame(TEXT, b"\xf4", fin=False) + frame(0, b"\x90\x80\x80"), 1007)
    yield "byte-by-byte", echoes, (b"".join([frame(TEXT, euro[:1], fin=False), frame(0, euro[1:2], fin=False),
                                             frame(0, euro[2:])]), [euro])
    yield "binary-is-free", echoes, (frame(BINARY, b"\xff\xfe"), [b"binary 2"])


def cases_close(port):
    yield "empty", closes, (frame(CLOSE), 1000)
    yield "one-byte", closes, (frame(CLOSE, b"x"), 1002)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 3000, 3999, 4000, 4999):
        yield f"code-{code}", closes, (close_frame(code), code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield f"bad-code-{code}", closes, (close_frame(code), 1002)
    yield "reason", closes, (close_frame(1000, b"bye"), 1000)
    yield "reason-123", closes, (close_frame(1000, b"*" * 123), 1000)
    yield "reason-124", closes, (close_frame(1000, b"*" * 124), 1002)
    yield "reason-not-utf8", closes, (close_frame(1000, b"\xce\xba\xff"), 1002)
    yield "fragmented", closes, (frame(CLOSE, struct.pack(">H", 1000), fin=False), 1002)
    yield "text-after", closes, (close_frame(1000) + frame(TEXT, b"hi"), 1000)
    yield "ping-after", closes, (close_frame(1000) + frame(PING, b"hi"), 1000)
    yield "twice", closes, (close_frame(1000) * 2, 1000)
    yield "fragment-before", closes, (frame(TEXT, b"x", fin=False) + close_frame(1000), 1000)


def cases_handshake(port):
    yield "no-version", refused, (upgrade(port, {"Sec-WebSocket-Version": None}), 400)
    yield "version-12", refused, (upgrade(port, {"Sec-WebSocket-Version": "12"}), 400)
    yield "no-key", refused, (upgrade(port, {"Sec-WebSocket-Key": None}), 400)
    yield "short-key", refused, (upgrade(port, {"Sec-WebSocket-Key": "YWJj"}), 400)
    yield "key-no-base64", refused, (upgrade(port, {"Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!!!"}), 400)
    yield "no-connection", refused, (upgrade(port, {"Connection": None}), 400)
    yield "connection-close", refused, (upgrade(port, {"Connection": "close"}), 400)
    yield "post", refused, (upgrade(port, method="POST"), 405)
    yield "no-upgrade", refused, (upgrade(port, {"Upgrade": None}), 426)
    yield "other-upgrade", refused, (upgrade(port, {"Upgrade": "h2c"}), 426)
    yield "http-1.0", refused, (upgrade(port, version="1.0"), 400)
    yield "prefix-path", refused, (upgrade(port, path="/events/x"), 404)
    yield "slash-path", refused, (upgrade(port, path="/events/"), 404)
    yield "other-path", refused, (upgrade(port, path="/"), 404)


def split_writes(port):
    """Byte by byte, and the first frame in the same write as the handshake: nothing that was read ahead is lost."""
    with WebSocket(port) as ws:
        for byte in frame(TEXT, b"slowly"):
            ws.send(bytes([byte]))
        equal(ws.next(), (TEXT, b"slowly"))
    answer = exchange(port, handshake(port) + frame(TEXT, b"eager") + close_frame(1000))
    assert answer.status == 101 and b"\x81\x05eager" in answer.raw, answer.raw


def no_extensions(port):
    """No permessage-deflate, whatever is offered; no subprotocol either."""
    offer = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"), ("Sec-WebSocket-Protocol", "chat")]
    with WebSocket(port, headers=offer) as ws:
        assert "sec-websocket-extensions" not in ws.answer.headers, ws.answer.headers
        assert "sec-websocket-protocol" not in ws.answer.headers, ws.answer.headers
        equal(ws.answer.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        ws.send(frame(TEXT, b"hi", bits=0x40))
        equal(ws.end()[0], 1002)


def server_closes(port):
    """Every code that a server may send, 1013 too, which libsoup cannot say; and it waits for the client's half."""
    for code in (1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 4000, 4999):
        with WebSocket(port) as ws:
            ws.text(f"close {code}")
            equal(ws.next(), (CLOSE, struct.pack(">H", code) + b"as you wish"))
            ws.text("ignored").send(close_frame(code))
            equal(ws.end(), (None, []), "after the close")


def main():
    with Server(sys.argv[1]) as server:
        groups = [cases_framing, cases_control, cases_fragments, cases_utf8, cases_close, cases_handshake]
        for group in groups:
            for name, check, arguments in group(server.events):
                tap.run(f"{group.__name__[6:]}/{name}", check, server.events, *arguments)
        for check in (split_writes, no_extensions, server_closes):
            tap.run(check.__name__, check, server.events)
        server.counters()
    tap.finish()


main()
