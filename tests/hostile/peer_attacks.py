# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad inputs for the peer port (spec/peer-link.md §3): it faces the network. Nothing may be said to who cannot finish a
Noise handshake, nobody may hold a place for long."""
import random
import socket
import struct
import time

from doorlib import connect, is_readable, read_all


def peer(data, wait=0.0, half=False):
    """Sends this; the other end may answer a handshake that it cannot know to be worthless, but never more than that."""
    def run(target):
        with connect(target.peer) as s:
            try:
                s.sendall(data)
                if half:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                return None
            if is_readable(s, wait):
                try:
                    got = s.recv(65536)
                except OSError:
                    return None
                if len(got) > 4096:
                    return f"{len(got)} bytes for a stranger"
        return None
    return run


def garbage(_target):
    rng = random.Random(11)
    for i in range(100):
        yield f"noise-{i}", peer(rng.randbytes(rng.randint(1, 3000)), 0.002)
    for length in (0, 1, 47, 48, 49, 96, 4096, 65535):
        yield f"length16-{length}", peer(struct.pack(">H", length) + b"x" * min(length, 200), 0.002)
    for length in (0, 1, 0x7fffffff, 0xffffffff, 1 << 20):
        yield f"length32-{length}", peer(struct.pack(">I", length) + b"x" * 200, 0.002)
        yield f"length32le-{length}", peer(struct.pack("<I", length) + b"x" * 200, 0.002)
    for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x02\x00", b"\x00" * 3000, b"\xff" * 3000, b"KITH", b""):
        yield f"other-{text[:8]!r}", peer(text, 0.002)
        yield f"other-half-{text[:8]!r}", peer(text, 0.002, half=True)


def handshakes(_target):
    """First messages of the right size with a made-up key, sent in pieces, sent twice, stopped half-way."""
    rng = random.Random(12)
    for i in range(80):
        first = rng.randbytes(rng.choice((32, 48, 64, 80, 96)))
        frame2 = struct.pack(">H", len(first)) + first
        frame4 = struct.pack(">I", len(first)) + first
        kind = i % 4
        data = (frame2, frame4, frame2 * 2, frame4[:len(frame4) // 2])[kind]
        yield f"first-{i}", peer(data, 0.002)
    for i, point in enumerate((b"\x00" * 32, b"\x01" + b"\x00" * 31, b"\xff" * 32, bytes.fromhex(
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))):
        for n in (2, 4):
            head = struct.pack(">H" if n == 2 else ">I", 48)
            yield f"weak-point-{i}-{n}", peer(head + point + b"\x00" * 16, 0.002)


def silence(_target):
    """Who says nothing, or half of something, is closed by the daemon, and not before an honest client could have spoken."""
    def silent(data):
        def run(target):
            with connect(target.peer, timeout=40) as s:
                s.sendall(data)
                start = time.monotonic()
                read_all(s)
                took = time.monotonic() - start
            return None if 1 < took < 35 else f"closed after {took:.1f} s"
        return run
    yield "nothing", silent(b"")
    yield "half-a-length", silent(b"\x00")
    yield "half-a-handshake", silent(b"\x00\x30" + b"x" * 10)


def crowd(_target):
    """Many from one address, silent: the port stays open for the others, and they are gone after a while."""
    def run(target):
        held = []
        for _ in range(200):
            try:
                held.append(connect(target.peer, timeout=3))
            except OSError:
                break
        end = time.monotonic() + 2
        while time.monotonic() < end:
            time.sleep(0.1)
        for s in held:
            s.close()
        return None
    yield "silent-200", run

    def storm(target):
        for _ in range(1500):
            try:
                with connect(target.peer, timeout=3):
                    pass
            except OSError:
                pass
        return None
    yield "connect-1500", storm


ATTACKS = [silence, garbage, handshakes, crowd]
