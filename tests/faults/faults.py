# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every fault that one machine can make, on real daemons under load, against a ledger of what was promised.

faults.py [NAME…]    KITH_BUILD: the build folder. KITH_SEED: replays the chances. KITH_FAULT_ROUNDS: SIGKILL rounds (100).
"""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

from ledger import Ledger, Watcher
from proxy import Proxy
from kithtest import BUILD, PORTS, Kith, befriend, wait_for

ROUNDS = int(os.environ.get('KITH_FAULT_ROUNDS', 100))
SEED = int(os.environ.get('KITH_SEED', time.time()))
SHIM = BUILD / 'tests' / 'faults' / 'kith-fault.so'
FAKETIME = next(Path('/usr/lib').glob('*/faketime/libfaketime.so.1'), None)


class Skip(Exception):
    pass


class Faulty(Kith):
    """A daemon with an environment of its own."""

    preload = ()
    more = {}

    def environment(self, **more):
        preload = {'LD_PRELOAD': ':'.join(str(path) for path in self.preload)} if self.preload else {}
        return super().environment(**preload, **self.more, **more)


class Stand:
    """One fault's own pair, folder and chances."""

    def __init__(self, name, folder):
        self.chance = random.Random(SEED + zlib.crc32(name.encode()))
        self.folder = folder / name
        self.folder.mkdir()
        self.mounts = []
        self.people = []
        self.ledger = None
        self.rounds = 0
        self.extra = []

    def person(self, username, data=None, **options):
        kith = Faulty(self.folder, username, **options)
        if data:
            kith.data = data
        self.people.append(kith)
        return kith

    def pair(self, pause_s=0.0, setup=None):
        alice, bob = self.person('alice'), self.person('bob')
        if setup:
            setup(alice, bob)
        return self.begin(alice, bob, pause_s)

    def begin(self, alice, bob, pause_s=0.0):
        alice.start()
        bob.start()
        befriend(alice, bob)
        self.ledger = Ledger(alice, bob, self.chance, pause_s)
        self.ledger.moves()
        return alice, bob

    def mount(self, path, *arguments):
        path.mkdir(parents=True, exist_ok=True)
        if subprocess.run(['mount', *arguments, str(path)], capture_output=True).returncode != 0:
            raise Skip('no mounting here')
        self.mounts.append(path)

    def nap(self, low, high):
        time.sleep(self.chance.uniform(low, high))

    def end(self):
        if self.ledger:
            for thread in self.ledger.talkers + self.ledger.watchers:
                thread.over.set()
        for kith in self.people:
            try:
                kith.end()
            except AssertionError as why:
                self.extra.append(str(why)[:300])
                kith.kill()
        for path in reversed(self.mounts):
            subprocess.run(['umount', '-l', str(path)], capture_output=True)


# --- the faults: each puts its pair under load and returns when the fault is over


def sigkill(stand):
    pair = stand.pair()
    for _ in range(ROUNDS):
        stand.nap(0.02, 0.5)
        victim = stand.chance.choice(pair)
        victim.kill()
        stand.nap(0, 0.1)
        victim.start()
        stand.rounds += 1


def sigkill_both(stand):
    pair = stand.pair()
    for _ in range(max(3, ROUNDS // 5)):
        stand.nap(0.02, 0.6)
        for victim in pair:
            victim.process.kill()
        for victim in pair:
            victim.process.wait()
        for victim in stand.chance.sample(pair, 2):
            victim.start()
        stand.rounds += 1


def refused(stand, who, status):
    """The talker of this daemon was refused like this more often than at the beginning."""
    talker = next(t for t in stand.ledger.talkers if t.one is who)
    before = talker.refused.get(status, 0)
    wait_for(lambda: talker.refused.get(status, 0) > before or talker.trouble, f'{status} at {who.username}', 60)


def give_room(place, mib):
    """So much more than what is there already may be stored in this tmpfs."""
    def remounted():   # refused if meanwhile more than that is there
        now = os.statvfs(place)
        size = (now.f_blocks - now.f_bfree) * now.f_frsize + (mib << 20)
        return subprocess.run(['mount', '-o', f'remount,size={size}', str(place)], stderr=subprocess.DEVNULL).returncode == 0

    wait_for(remounted, f'{mib} MiB of room')


def tmpfs_full(stand):
    if os.geteuid() != 0:
        raise Skip('not root')
    place = stand.folder / 'small'
    stand.mount(place, '-t', 'tmpfs', '-o', 'size=64m,mode=700', 'none')
    alice, bob = stand.person('alice', data=place), stand.person('bob')
    stand.begin(alice, bob, 0.002)
    for step in range(1, 4):
        give_room(place, 1)
        refused(stand, alice, 507)
        # It comes and goes while small things still find room.
        wait_for(lambda: alice.get('/status')['store']['disk_full'], 'the full disk in /status')
        wait_for(lambda: 'full' in alice.ctl('doctor', status=None).stdout, 'the full disk in doctor')
        assert alice.history('bob')['messages'], 'what is stored can be read'
        if step == 2:   # the same over a start
            alice.kill()
            alice.start()
        give_room(place, 64)   # enough for all that bob has waiting too
        stand.ledger.moves()
        wait_for(lambda: not alice.get('/status')['store']['disk_full'], 'the disk to have room')
        stand.rounds += 1


def file_size_limit(stand):
    alice, _ = stand.pair()
    for _ in range(3):
        size = max((alice.data / name).stat().st_size for name in ('kith.db', 'kith.db-wal'))
        resource.prlimit(alice.process.pid, resource.RLIMIT_FSIZE, (size + 8192, resource.RLIM_INFINITY))
        refused(stand, alice, 507)
        assert alice.running(), 'SIGXFSZ is survived'
        assert alice.history('bob')['messages']
        resource.prlimit(alice.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        stand.ledger.moves()
        stand.rounds += 1


def read_only(stand):
    if os.geteuid() != 0:
        raise Skip('not root')
    place = stand.folder / 'frozen'
    stand.mount(place, '-t', 'tmpfs', '-o', 'size=256m,mode=700', 'none')
    alice, bob = stand.person('alice', data=place), stand.person('bob')
    stand.begin(alice, bob, 0.002)
    for _ in range(2):
        alice.kill()
        subprocess.run(['mount', '-o', 'remount,ro', str(place)], check=True)
        alice.start()
        store = alice.get('/status')['store']
        assert store['state'] == 'read-only' and store['message'], store
        alice.refused('POST', '/messages', {'to': 'bob', 'text': 'x'}, status=503)
        assert 'read-only' in alice.err_path.read_text()
        subprocess.run(['mount', '-o', 'remount,rw', str(place)], check=True)
        alice.stop()
        alice.start()
        stand.ledger.moves()
        stand.rounds += 1


def write_errors(stand):
    if not SHIM.exists():
        raise Skip(f'{SHIM} is not built')
    control = stand.folder / 'control'

    def setup(alice, bob):
        alice.preload = (SHIM,)
        alice.more = {'KITH_FAULT_DB': str(alice.data / 'kith.db'), 'KITH_FAULT_CONTROL': str(control)}

    alice, bob = stand.pair(setup=setup)
    for number, percent, calls in ((5, 10, 'w'), (28, 10, 'w'), (5, 20, 's'), (28, 100, 'w'), (5, 100, 's'), (5, 30, 'wst'),
                                   (28, 30, 'wst'), (5, 50, 'ws')):
        control.write_text(f'{number} {percent} {calls}\n')
        stand.nap(0.7, 1.2)
        if stand.chance.random() < 0.5:
            alice.kill()
            control.unlink()
            alice.start()
        else:
            control.unlink()
        stand.ledger.moves(3)
        stand.rounds += 1


def frozen_peer(stand):
    pair = stand.pair()
    for number in range(4):
        victim = pair[number % 2]
        victim.signal(signal.SIGSTOP)
        stand.nap(0.5, 3)
        if number == 3:
            pair[0].kill()
            pair[0].start()
        victim.signal(signal.SIGCONT)
        stand.ledger.moves()
        stand.rounds += 1


def bad_network(stand):
    if not SHIM.exists():
        raise Skip(f'{SHIM} is not built')
    doors = []

    def setup(alice, bob):
        doors.extend([PORTS.take(), PORTS.take()])
        ways = f'{alice.peer_port}:{doors[0]},{bob.peer_port}:{doors[1]}'
        stand.proxy = Proxy({doors[0]: alice.peer_port, doors[1]: bob.peer_port}, stand.chance)
        for kith in (alice, bob):
            kith.preload = (SHIM,)
            kith.more = {'KITH_FAULT_CONNECT': ways}

    pair = stand.pair(setup=setup)
    proxy = stand.proxy
    for mode in ('chopped', 'late', 'frozen', 'whole', 'refuse', 'chopped', 'late', 'whole'):
        proxy.mode = mode
        for _ in range(3):
            stand.nap(0.1, 0.8)
            proxy.cut()
            stand.rounds += 1
        if mode == 'late':
            stand.chance.choice(pair).restart()
    proxy.mode = 'whole'
    proxy.cut()
    assert proxy.connections > 3, 'the links go through the proxy'


def clock_jumps(stand):
    if FAKETIME is None:
        raise Skip('no libfaketime')
    clock = stand.folder / 'clock'
    clock.write_text('+0\n')

    def setup(alice, bob):
        alice.preload = (FAKETIME,)
        alice.more = {'FAKETIME_DONT_FAKE_MONOTONIC': '1', 'FAKETIME_TIMESTAMP_FILE': str(clock), 'FAKETIME_NO_CACHE': '1'}

    alice, bob = stand.pair(setup=setup)
    for jump in ('+1h', '-3d', '+45d', '-400d', '+2y', '-1s', '+0'):
        clock.write_text(jump + '\n')
        stand.nap(0.4, 0.8)
        if jump in ('+45d', '-400d'):
            alice.restart() if stand.chance.random() < 0.5 else (alice.kill(), alice.start())
        stand.ledger.moves(3)
        stand.rounds += 1


def no_descriptors(stand):
    alice, _ = stand.pair()
    soft, hard = resource.prlimit(alice.process.pid, resource.RLIMIT_NOFILE)
    for spare in (0, 1, 3):
        used = len(os.listdir(f'/proc/{alice.process.pid}/fd'))
        resource.prlimit(alice.process.pid, resource.RLIMIT_NOFILE, (used + spare, hard))
        stand.nap(1, 2)
        assert alice.running()
        resource.prlimit(alice.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        stand.ledger.moves()
        stand.rounds += 1


def corrupt(stand):
    """What was damaged is moved aside; mended by other means and put back by the user's decision, nothing is missing."""
    alice, _ = stand.pair(0.002)
    for where in ('page', 'header', 'empty'):
        alice.stop()
        if where != 'header':
            alice.start()
            alice.kill()
        database = alice.data / 'kith.db'
        saved = stand.folder / f'saved-{where}'
        saved.mkdir()
        for path in alice.data.glob('kith.db*'):
            if '.aside-' not in path.name:
                shutil.copy(path, saved / path.name)
        if where == 'empty':
            database.write_bytes(b'')
        else:
            with open(database, 'r+b') as file:
                # Of the pages so many that some have no newer copy in the log, which would mend them.
                for at in ([20] if where == 'header' else range(2 * 4096 + 50, database.stat().st_size, 4096)):
                    file.seek(at)
                    file.write(b'spoilt' * 50)
        alice.start()
        store = alice.get('/status')['store']
        assert store['state'] == ('empty' if where == 'empty' else 'damaged'), store
        assert 'moved' in alice.ctl('doctor', status=1).stdout
        aside = sorted(alice.data.glob(f'kith.db.aside-*-{store["state"]}'))[-1]
        for path in saved.iterdir():
            shutil.copy(path, str(aside) + path.name[len('kith.db'):])
        time.sleep(1)   # the name of what is moved aside carries the second
        alice.ask('POST', '/admin/store', {'action': 'restore', 'copy': aside.name}, unix=True)
        store = alice.get('/status')['store']
        assert store['state'] == 'open' and not store['rolled_back'], store
        stand.ledger.moves()
        stand.rounds += 1


def bare_clients(stand):
    """Without a client events pend; the next one without ?since= gets them, in order, whatever was killed between."""
    alice, bob = stand.person('alice'), stand.person('bob')
    alice.start()
    bob.start()
    befriend(alice, bob)
    stand.ledger = Ledger(alice, bob, stand.chance, 0.005)
    watcher = stand.ledger.watchers[1]
    watcher.over.set()
    watcher.join(10)
    last = None   # the watcher may have begun
    for turn in range(7):
        stand.ledger.moves(8)
        if turn % 2:
            bob.kill()
            bob.start()
        newest = bob.get('/status')['journal']['newest']
        bare = Watcher(bob, stand.chance)
        window = bob.window()
        wait_for(lambda: window.read(0.1) and any(f.get('seq', 0) >= newest for f in window.events), 'what pended', 20)
        window.frame(8, b'\x03\xe8')   # what is written counts as seen, so it is read to its end
        while window.read(5):
            continue
        first = next(f['seq'] for f in window.events if 'seq' in f)
        bare.journal = [[first - 1, '', {}]]
        seen = max(f['seq'] for f in window.events if 'seq' in f)
        bare.take(window)
        stand.extra += bare.faults
        if last is not None and first > last + 1:
            stand.extra.append(f'a bare window began at {first}, though {last} was the last seen')
        if last is not None and first < last + 1 and turn % 2 == 0:   # a kill may repeat some
            stand.extra.append(f'a bare window got {first} to {last} again')
        last = seen
        window.close()
        stand.rounds += 1


FAULTS = [('a sigkill', sigkill), ('b sigkill both', sigkill_both), ('c tmpfs full', tmpfs_full), ('d file size limit', file_size_limit),
          ('e read-only', read_only), ('f write errors', write_errors), ('g frozen peer', frozen_peer), ('h bad network', bad_network),
          ('i clock jumps', clock_jumps), ('j no descriptors', no_descriptors), ('k corrupt', corrupt), ('l bare clients', bare_clients)]


def run(name, fault, folder):
    """One line of the table. TRUE when nothing is wrong."""
    stand = Stand(name.split(' ')[0], folder)
    since = time.monotonic()
    wrong, ledger = [], None
    try:
        fault(stand)
        wrong = stand.ledger.close()
    except Skip as why:
        print(f'{name:<20} SKIPPED: {why}', flush=True)
        stand.end()
        return None
    except Exception:
        wrong = [traceback.format_exc()]
    ledger = stand.ledger
    stand.end()
    wrong = [*wrong, *stand.extra]
    count = (ledger.acknowledged or ledger.count(), ledger.lost, ledger.duplicated, ledger.undecryptable) if ledger else (0, 0, 0, 0)
    took = time.monotonic() - since
    windows = sum(watcher.windows for watcher in ledger.watchers) if ledger else 0
    good = not wrong and not any(count[1:])
    print(f'{name:<20} {stand.rounds:>6} / {count[0]:>7} / {count[1]:>4} / {count[2]:>4} / {count[3]:>4}   {windows:>4} windows '
          f'{took:5.0f} s  {"" if good else "FAIL"}', flush=True)
    if not good:
        print('\n'.join(f'    {line}' for note in wrong for line in str(note).splitlines()), flush=True)
        for talker in ledger.talkers if ledger else ():
            print(f'    {talker.one.username} was refused: {talker.refused}')
        for kith in stand.people:
            print('\n'.join('    ' + line for line in kith.log().splitlines()[-25:]), flush=True)
    return good


def main():
    if os.geteuid() == 0 and os.environ.get('KITH_OWN_MOUNTS') != '1' and shutil.which('unshare'):
        if subprocess.run(['unshare', '--mount', '--propagation', 'private', 'true'], capture_output=True).returncode == 0:
            os.environ['KITH_OWN_MOUNTS'] = '1'
            os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', sys.executable, __file__, *sys.argv[1:]])
    wanted = sys.argv[1:]
    print(f'KITH_SEED={SEED}', flush=True)
    print(f'{"fault":<20} rounds / acknowledged / lost / duplicated / undecryptable', flush=True)
    results = []
    with tempfile.TemporaryDirectory(prefix='kith-faults-') as folder:
        for name, fault in FAULTS:
            if not wanted or name.split(' ')[0] in wanted:
                results.append(run(name, fault, Path(folder)))
    failed, skipped = results.count(False), results.count(None)
    print(f'{results.count(True)} passed, {failed} failed, {skipped} skipped', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
