# SPDX-License-Identifier: LGPL-2.1-or-later
"""Figures of offline delivery: from POST at alice to /events at bob through each server of the contract, with the doorbell and by polling; calls
of an idle daemon; then what the relay holds and takes (relay.mjs).

mailbox.py [--fast]    KITH_BUILD: a build folder. PostgreSQL and relay.mjs need the npm packages of tests/mailbox.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'mailbox'), str(TOP / 'tests' / 'integration')]

from conftest import Mail, PostgresServer, RelayServer, why_no_postgres  # noqa: E402
from kithtest import BUILD, Kith, wait_for  # noqa: E402

FAST = '--fast' in sys.argv
ONE_BY_ONE, AT_ONCE, POLLED, IDLE_S = (20, 40, 6, 65) if FAST else (50, 100, 30, 300)


def row(what, value):
    print(f'{what:<60}  {value}', flush=True)


def percentiles(seconds):
    ordered = sorted(seconds)
    return ', '.join(f'{name} {ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1e3:,.1f} ms' for name, part in (('p50', .5), ('p99', .99)))


class Bench:
    def __init__(self, server, folder):
        self.people = []
        self.folder = folder
        self.mail = Mail(server, self.make)

    def make(self, name, start=True, **options):
        self.people.append(Kith(self.folder, name, **options))
        return self.people[-1]

    def __enter__(self):
        self.alice, self.bob = self.mail.pair()
        wait_for(lambda: self.bob.friend(self.alice.username), 'the friendship', 60)
        self.window = self.bob.window()
        self.warm_up()
        return self

    def warm_up(self):
        self.alice.post(self.bob.username, 'first')
        self.window.wait('new_message', patience_s=60, text='first')

    def __exit__(self, *_):
        for kith in self.people:
            kith.end()
        self.mail.proxy.close()

    def send(self, text):
        since = time.perf_counter()
        self.alice.post(self.bob.username, text)
        return since

    def one_by_one(self):
        took = []
        for n in range(ONE_BY_ONE):
            since = self.send(f'one {n}')
            self.window.wait('new_message', patience_s=60, text=f'one {n}')
            took.append(time.perf_counter() - since)
        return took

    def at_once(self):
        """Posted as fast as the API takes them; read on the side."""
        since = time.perf_counter()
        poster = threading.Thread(target=lambda: [self.send(f'many {n}') for n in range(AT_ONCE)])
        poster.start()
        for n in range(AT_ONCE):
            self.window.wait('new_message', patience_s=120, text=f'many {n}')
        poster.join()
        return AT_ONCE / (time.perf_counter() - since)

    def polled(self):
        """At random moments, each beginning after the one before was seen."""
        took = []
        for n in range(POLLED):
            time.sleep(random.uniform(0, 3))
            since = self.send(f'polled {n}')
            self.window.wait('new_message', patience_s=120, text=f'polled {n}')
            took.append(time.perf_counter() - since)
        return took

    def idle(self):
        """Calls an hour of one daemon, of the two that have nothing to do."""
        quiet = [0, time.monotonic()]

        def is_quiet():
            sent = sum(self.mail.proxy.count(f'/rest/v1/rpc/kith_{name}') for name in ('send', 'ack'))
            if sent != quiet[0]:
                quiet[:] = [sent, time.monotonic()]
            return time.monotonic() - quiet[1] > 10

        wait_for(is_quiet, 'the last receipts', 180)
        before = len(self.mail.proxy.calls)
        time.sleep(IDLE_S)
        calls = self.mail.proxy.calls[before:]
        paths = sorted({path.split('?')[0].rsplit('/', 1)[1] for _, _, path, _ in calls})
        counted = ', '.join(f'{name} {sum(name in path for _, _, path, _ in calls) * 1800 / IDLE_S:.0f}' for name in paths)
        return f'{len(calls) * 1800 / IDLE_S:.0f} ({counted})'


def measure(name, server, folder):
    with Bench(server, folder) as bench:
        row(f'{name}: POST to /events with the bell, one by one', percentiles(bench.one_by_one()))
    with Bench(server, folder) as bench:
        row(f'{name}: messages/s with the bell, a burst of {AT_ONCE}', f'{bench.at_once():.0f}')
        row(f'{name}: requests an hour when idle, with the bell', bench.idle())
    with Bench(server, folder) as bench:
        bench.mail.proxy.no_bell = True
        bench.mail.proxy.cut()
        row(f'{name}: POST to /events by polling', percentiles(bench.polled()))
        row(f'{name}: requests an hour when idle, polling', bench.idle())


def main():
    os.umask(0o077)
    servers = {'relay': RelayServer, 'PostgREST': PostgresServer}
    reason = why_no_postgres()
    if reason:
        print(f'skipped: {reason}')
        del servers['PostgREST']
    for name, make in servers.items():
        with tempfile.TemporaryDirectory(prefix='kith-bench-') as folder:
            server = make(Path(folder))
            try:
                measure(name, server, folder)
            finally:
                server.stop()
    if not reason:
        subprocess.run(['node', str(TOP / 'tests' / 'bench' / 'relay.mjs')], check=True, env={**os.environ, 'KITH_BUILD': str(BUILD)})


if __name__ == '__main__':
    main()
