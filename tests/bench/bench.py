# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of the whole daemon: measured beside a bare write loop (and the guide's own server, where its bench lies beside the project)."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'integration'))

from kithtest import BUILD, PORTS, Kith, befriend, environment, wait_for  # noqa: E402
from chart import draw  # noqa: E402

FIGURES = TOP / 'data' / 'docs' / 'figures'
LOAD = BUILD / 'tests' / 'bench' / 'kith-load'
WRITE_LOOP = BUILD / 'tests' / 'bench' / 'kith-write-loop'
PLUGIN = BUILD / 'tests' / 'bench' / 'plugin'
PEERS = TOP.parent / 'shared' / 'bench'
ROUNDS = 3


def load(*arguments):
    done = subprocess.run([str(LOAD), *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f'kith-load {arguments}: {done.stderr}{done.stdout}')
    return json.loads(done.stdout)


def status_of(pid, name):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(name + ':'):
            return int(line.split()[1])
    return 0


def switches_of(pid):
    """By thread: one that ends in between takes its count with it."""
    return {task.name: int(line.split()[1]) for task in Path(f'/proc/{pid}/task').iterdir()
            for line in (task / 'status').read_text().splitlines() if line.startswith('voluntary_ctxt_switches:')}


class Bench:
    def __init__(self, fast):
        self.fast = fast
        self.rows = []
        self.folder = Path(tempfile.mkdtemp(prefix='kith-bench-'))
        self.kiths = []
        self.made = 0

    def kith(self, name, bench=False, start=True):
        settings = {'max-connections': 2000, 'max-websockets': 1500, 'frames-per-second': 1000000, 'frames-burst': 1000000}
        if bench:
            settings['enabled-plugins'] = "['bench']"
        self.made += 1
        kith = Kith(self.folder / f'{self.made}', name, settings=settings)
        self.kiths.append(kith)
        if start:
            self.start(kith)
        return kith

    def start(self, kith):
        kith.start(KITH_PLUGIN_PATH=f"{environment().get('KITH_PLUGIN_PATH', '')}:{PLUGIN}")

    def pair(self, bench=False):
        alice, bob = self.kith('alice', bench), self.kith('bob', bench)
        befriend(alice, bob)
        return alice, bob

    def row(self, what, value, goal='', ratio=''):
        self.rows.append((what, value, goal, ratio))
        print(f'{what:<58} {value:>24} {ratio:>24}  {goal}', flush=True)

    def end(self):
        for kith in self.kiths:
            kith.end()
        self.kiths = []

    # --- the groups

    def start_group(self):
        kith = self.kith('alice')
        kith.stop()
        times = []
        for _ in range(5 if self.fast else 10):
            since = time.monotonic()
            self.start(kith)
            times.append((time.monotonic() - since) * 1e3)
            kith.stop()
        self.row('start to ready, existing profile', f'{statistics.median(times):.0f} ms')

    def idle_group(self):
        alice, bob = self.pair()
        pid = alice.process.pid
        quiet, window = (10, 20) if self.fast else (75, 60)
        time.sleep(quiet)   # the first minute is not what idle means: PING stretches after it
        before, since = switches_of(pid), time.monotonic()
        time.sleep(window)
        woken = sum(count - before.get(task, 0) for task, count in switches_of(pid).items())
        woken *= 60 / (time.monotonic() - since)
        self.row('idle, one friend linked: wake-ups a minute', f'{woken:.0f}', 'goal <= 12')
        rss, anon = status_of(pid, 'VmRSS') / 1024, status_of(pid, 'RssAnon') / 1024
        self.row('idle: RSS', f'{rss:.1f} MB ({anon:.1f} own)', 'goal <= 20 MB')

    def latency_group(self):
        alice, bob = self.pair()
        count = 400 if self.fast else 2000
        for rate in (0, 200):
            got = load('latency', alice.api_port, bob.events_port, 'bob', rate, count, 300)
            what = 'one at a time' if rate == 0 else f'{rate} a second'
            self.row(f"POST to bob's /events, {what}: p50 / p99", f"{got['p50_us'] / 1e3:.2f} / {got['p99_us'] / 1e3:.2f} ms",
                     'goal p99 <= 3 ms')

    def flood_group(self):
        alice, bob = self.pair(bench=True)
        count = 5000 if self.fast else 30000
        got = load('flood', alice.events_port, 'bob', 500 if self.fast else 5000, 1, 300)
        self.row('message to receipt, one at a time, durable: p50 / p99', f"{got['p50_us'] / 1e3:.2f} / {got['p99_us'] / 1e3:.2f} ms",
                 'goal <= 0.7 / 3 ms')
        load('flood', alice.events_port, 'bob', 1000, 256, 300)
        speeds = [load('flood', alice.events_port, 'bob', count, 256, 300)['per_s'] for _ in range(ROUNDS)]
        self.row('300 bytes alice to bob over TCP, durable at both, 256 in flight', f'{statistics.median(speeds):.0f} /s',
                 'goal >= 15,000/s', f'{statistics.median(speeds) / 15000:.2f} of the goal')

    def history_group(self):
        """Pages, search and export over so many messages of a database of their own."""
        self.program('history', BUILD / 'tests' / 'bench' / 'chat' / 'kith-bench-history', *(['100000'] if self.fast else []))

    def validation_group(self):
        """What a debug build checks in every event and answer costs, and what every build checks in a command."""
        self.program('validation', BUILD / 'tests' / 'bench' / 'api' / 'bench-validation')

    def mailbox_group(self):
        """Offline delivery through both servers, and what the relay holds and takes (three quarters of an hour: it waits for polls)."""
        self.program('mailbox', sys.executable, str(TOP / 'tests' / 'bench' / 'mailbox.py'), *(['--fast'] if self.fast else []))

    def program(self, group, path, *arguments):
        done = subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=3600)
        if done.returncode:
            raise SystemExit(f'{path}: {done.stderr}{done.stdout}')
        for line in done.stdout.splitlines():
            what, _, value = line.partition('  ')
            self.row(f'{group}: {what}', ' '.join(value.split()))

    def fanout_group(self):
        kith = self.kith('alice', bench=True)
        port = PORTS.take()
        loop = subprocess.Popen([str(WRITE_LOOP), str(port)])
        servers = {'kith': (kith.events_port, 'x.bench.broadcast', kith.process.pid), 'write loop': (port, 'bench_broadcast', loop.pid)}
        beast = self.beast()
        if beast:
            servers['Beast'] = (beast[1], 'bench_broadcast', beast[0].pid)
        try:
            wait_for(lambda: listens(port), 'the write loop')
            self.fan_out(servers)
        finally:
            for process in (loop, *([beast[0]] if beast else [])):
                process.kill()
                process.wait()

    def fan_out(self, servers):
        chart = {name: [] for name in servers}
        for window in (1, 16):
            for clients in (1, 10, 100, 1000):
                events = max(100, min(4000, (60000 if self.fast else 300000) * (4 if window > 1 else 1) // clients))
                rounds = [{name: load('fanout', *server[:2], clients, window, events, 300, server[2]) for name, server in servers.items()}
                          for _ in range(1 if self.fast else ROUNDS)]
                median = {name: {key: statistics.median(r[name][key] for r in rounds) for key in rounds[0][name]} for name in servers}
                own = median['kith']
                ratios = ', '.join(f"{own['per_s'] / median[name]['per_s']:.2f}x {name}" for name in servers if name != 'kith')
                self.row(f'fan-out, {clients} clients, {window} in flight: deliveries/s', f"{own['per_s']:,.0f}", '', ratios)
                cpu = f"{own['cpu_us'] / median['write loop']['cpu_us']:.2f}x write loop"
                self.row('    p99, CPU a delivery', f"{own['p99_us'] / 1e3:.2f} ms, {own['cpu_us']:.2f} us", '', cpu)
                if window == 1 and clients == 1000:
                    self.row('    memory a client', f"{rounds[0]['kith']['bytes_per_client']:,.0f} bytes", 'goal <= 7 KB')
                for name in servers:
                    chart[name].append((f'{clients} x {window}', median[name]['per_s']))
        draw(FIGURES / 'fanout.svg', 'Fan-out of one 300-byte event: deliveries a second (clients x events in flight)', chart)

    def beast(self):
        """The guide's own server, built from the guide's text; None where it or what it needs is not there."""
        guide = PEERS.parent / 'seeds' / '002-websocket-events-guide.md'
        if not (PEERS / 'src' / 'beast_main.cpp').exists() or not guide.exists() or not shutil.which('g++'):
            return None
        out = BUILD / 'tests' / 'bench' / 'beast'
        if not (out / 'server').exists():
            subprocess.run([sys.executable, str(PEERS / 'src' / 'extract_seed.py'), str(guide), str(out)], check=True)
            sources = [str(path) for path in (out / 'src' / 'network').glob('*.cpp')]
            built = subprocess.run(['g++', '-std=c++17', '-O2', f'-I{out}/include', '-o', str(out / 'server'), *sources,
                                    str(PEERS / 'src' / 'beast_main.cpp'), '-lspdlog', '-lfmt', '-lpthread'], capture_output=True)
            if built.returncode:
                print("(the guide's server does not build here: no Boost, nlohmann-json or spdlog)")
                return None
        port = PORTS.take()
        process = subprocess.Popen([str(out / 'server'), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(port), "the guide's server")
        return process, port


def listens(port):
    import socket
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def main():
    fast = '--fast' in sys.argv
    groups = [word for word in sys.argv[1:] if not word.startswith('-')] or ['start', 'latency', 'flood', 'fanout', 'history', 'validation', 'idle']
    print(f'{os.cpu_count()} cores, {os.uname().sysname} {os.uname().release}; medians of {1 if fast else ROUNDS} rounds')
    bench = Bench(fast)
    try:
        for group in groups:
            try:
                getattr(bench, f'{group}_group')()
            finally:
                bench.end()
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)


if __name__ == '__main__':
    main()
