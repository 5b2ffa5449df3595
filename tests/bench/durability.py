# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a big history costs: start-up, replay of events, memory under a slow client, commit latency; then the store against its disk.

durability.py [COUNT]    KITH_BUILD: a build folder with tests/bench/store/{fill-store,bench-store} built.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'integration'))

from kithtest import BUILD, Kith, befriend, environment  # noqa: E402

TOOLS = BUILD / 'tests' / 'bench' / 'store'
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000


def row(what, value):
    print(f'{what:<64} {value:>28}', flush=True)


def memory(pid):
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith('RssAnon:'))) / 1024


def connect(port, query):
    """A raw client: what it does not read must not cost the daemon anything."""
    plug = socket.create_connection(('127.0.0.1', port), timeout=60)
    plug.sendall(f'GET /events{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
    return plug


def replay(kith, journal):
    since = time.monotonic()
    plug = connect(kith.events_port, f'?since={journal["oldest"] - 1}&epoch={journal["epoch"]}')
    end, seen = f'"seq":{journal["newest"]}'.encode(), b''
    size = 0
    while end not in seen:
        part = plug.recv(1 << 20)
        if not part:
            raise SystemExit('the window was closed during the replay')
        size += len(part)
        seen = seen[-200:] + part
    took = time.monotonic() - since
    plug.close()
    events = journal['newest'] - journal['oldest'] + 1
    row(f'?since= replay of {events:,} events', f'{events / took:,.0f} /s ({size / took / 1e6:.0f} MB/s)')


def slow_client(kith, journal):
    before = most = memory(kith.process.pid)
    plug = connect(kith.events_port, f'?since={journal["oldest"] - 1}&epoch={journal["epoch"]}')
    stop = time.monotonic() + 20
    while time.monotonic() < stop:
        if len(plug.recv(8192)) == 0:
            break
        most = max(most, memory(kith.process.pid))
        time.sleep(0.005)
    plug.close()
    row('own memory while replaying to a client that reads 1.6 MB/s', f'{before:.1f}, at most {most:.1f} MB')


def main():
    folder = tempfile.TemporaryDirectory(prefix='kith-durability-')
    alice = Kith(folder.name, 'alice', settings={'journal-length': 10000000})
    bob = Kith(folder.name, 'bob')
    alice.start()
    bob.start()
    befriend(alice, bob)
    bob.stop()
    alice.stop()
    done = subprocess.run([TOOLS / 'fill-store', alice.data, str(COUNT)], stdout=subprocess.PIPE, text=True, env=environment(), check=True)
    times = []
    for _ in range(5):
        since = time.monotonic()
        alice.start()
        times.append(time.monotonic() - since)
        alice.stop()
    row(f'start to ready with {COUNT:,} messages and events', f'{sorted(times)[2] * 1e3:.0f} ms')
    alice.start()
    alice.kill()
    since = time.monotonic()
    alice.start()
    size = (alice.data / 'kith.db').stat().st_size / 1e6
    row(f'the same after a kill: {size:,.0f} MB are checked', f'{(time.monotonic() - since) * 1e3:.0f} ms')
    journal = alice.get('/status')['journal']
    replay(alice, journal)
    slow_client(alice, journal)
    alice.end()
    for senders, got in json.loads(done.stdout).items():
        row(f'commit with {senders} senders in a big store: p50 / p99',
            f'{got["p50_us"] / 1e3:.2f} / {got["p99_us"] / 1e3:.2f} ms, {got["per_s"]:,}/s')
    subprocess.run([TOOLS / 'bench-store', folder.name], env=environment(), check=True)


if __name__ == '__main__':
    main()
