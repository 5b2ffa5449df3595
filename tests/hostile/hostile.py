# SPDX-License-Identifier: LGPL-2.1-or-later
"""More than a thousand bad inputs, from a fixed seed, against a running door. Standard library only.

  hostile.py --kithd PROGRAM [--env NAME=VALUE]…        starts one itself, in a folder of its own
  hostile.py --door PROGRAM                             the door's own test server (no peer port, no store)
  hostile.py --api-port N --events-port N --pid N [--peer-port N]    one that runs
  also: --only ATTACK…   --verbose   --sanitized (no bounds on memory and time)

Prints for each attack: tried, survived, wrong, the slowest good request meanwhile, memory and descriptors; at the end the sums.
Exit status 0: nothing was wrong, memory grew by less than 32 MB, the descriptors are back, no good request took 250 ms."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import attacks  # noqa: E402
import peer_attacks  # noqa: E402
from doorlib import WebSocket, count_fds, get, post, rss_kb, wait_until  # noqa: E402
from ports import PORTS  # noqa: E402

MOST_GROWTH_KB = 32 * 1024
MOST_SECONDS = 0.25


class Target:
    """Where the attacks go, and what a good request is there."""

    def __init__(self):
        self.api = self.events = self.peer = 0
        self.pid = 0
        self.process = None
        self.folder = None
        self.is_kithd = False
        self.good_path = "/status"
        self.friend = None     # a name in the list of friends
        self.sent = 0          # messages to them so far

    def good(self):
        answer = get(self.api, self.good_path, timeout=20)
        if answer.status != 200:
            raise AssertionError(f"a good request got {answer.status} {answer.error}")

    def alive(self):
        if self.process is not None and self.process.poll() is not None:
            return False
        try:
            self.good()
            return True
        except (OSError, AssertionError):
            return False

    def state(self):
        """What an attack may not change."""
        if not self.is_kithd:
            return None
        state = {path: get(self.api, path).body for path in ("/friends", "/requests", "/presence")}
        if self.friend is not None:
            total = get(self.api, f"/messages?peer={self.friend}&limit=1").json()["total"]
            state["messages"] = str(total - self.sent).encode()
        return state

    def stop(self):
        code = 0
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                code = self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        return code


def start_door(program):
    target = Target()
    target.process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, "G_DEBUG": "fatal-criticals"})
    line = target.process.stdout.readline().split()
    target.api, target.events = int(line[1]), int(line[2])
    target.pid = target.process.pid
    target.good_path = "/echo"
    return target


def befriend(target, program, extra_env):
    """Somebody who exists and is not there: what is written to them is stored and waits."""
    other = start_kithd(program, extra_env, "bob")
    invite = get(other.api, "/identity").json()["invite"]
    other.stop()
    answer = post(target.api, "/friends", {"invite": invite})
    if answer.status != 201:
        sys.exit(f"bob could not be added: {answer.status} {answer.error}")
    target.friend = "bob"


def start_kithd(program, extra_env, name="alice"):
    target = Target()
    target.is_kithd = True
    target.folder = tempfile.mkdtemp(prefix="kith-hostile-")
    target.api, target.events, target.peer = PORTS.row(3)
    config = os.path.join(target.folder, "config")
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"[kith]\nusername='{name}'\napi-port={target.api}\nevents-port={target.events}\npeer-port={target.peer}\n")
    log = open(os.path.join(target.folder, "log"), "w", encoding="utf-8")
    target.process = subprocess.Popen([program, "--config", config, "--data", os.path.join(target.folder, "data")],
                                      stdout=subprocess.PIPE, stderr=log, text=True, env=extra_env or dict(os.environ))
    line = target.process.stdout.readline()
    if not line.startswith("ready"):
        with open(log.name, encoding="utf-8") as f:
            sys.exit(f"{program} did not start: {line.strip()} {f.read()[-1000:]}")
    threading.Thread(target=target.process.stdout.read, daemon=True).start()
    target.pid = target.process.pid
    return target


class Machine(threading.Thread):
    """Sleeps for a moment again and again: how much longer that took is time for which the machine, and not the daemon, stood still."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late = 0.0
        self.start()

    def run(self):
        while True:
            start = time.monotonic()
            time.sleep(0.005)
            self.late += max(0.0, time.monotonic() - start - 0.01)


class Good(threading.Thread):
    """An ordinary client: asks again and again, one at a time."""

    machine = None

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target = target
        Good.machine = Good.machine or Machine()
        self.slowest = 0.0
        self.done = 0
        self.wrong = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            start, late = time.monotonic(), self.machine.late
            try:
                self.target.good()
            except (OSError, AssertionError) as e:
                self.wrong.append(str(e))
            took = time.monotonic() - start
            if took > MOST_SECONDS:
                time.sleep(0.02)   # for the machine's own measure of it
                took -= self.machine.late - late
            self.slowest = max(self.slowest, took)
            self.done += 1
            self.over.wait(0.02)


class Sums:
    def __init__(self):
        self.tried = self.survived = self.wrong = 0
        self.slowest = 0.0
        self.rss = 0
        self.lines = []


def run_attack(target, attack, sums, verbose, rss_before):
    good = Good(target)
    good.start()
    tried = survived = 0
    wrong = []
    start = time.monotonic()
    for name, function in attack(target):
        tried += 1
        try:
            text = function(target)
        except Exception as e:  # whatever it was, the server did not do what it should
            text = f"{type(e).__name__}: {e}"
        if text:
            wrong.append(f"{attack.__name__}/{name}: {text}")
        if target.process is None or target.process.poll() is None:
            survived += 1
        else:
            break
    if not target.alive():
        survived -= 1
        wrong.append(f"{attack.__name__}: no answer afterwards")
    good.over.set()
    good.join()
    wrong += [f"{attack.__name__}: {text}" for text in good.wrong]
    rss = rss_kb(target.pid)
    sums.tried += tried
    sums.survived += survived
    sums.wrong += len(wrong)
    sums.slowest = max(sums.slowest, good.slowest)
    sums.rss = max(sums.rss, rss - rss_before)
    print(f"{attack.__name__:16} {tried:6} {survived:9} {len(wrong):6} {good.slowest * 1000:9.1f} {good.done:6} {rss - rss_before:+9} "
          f"{count_fds(target.pid):5} {time.monotonic() - start:7.1f}", flush=True)
    for text in wrong[:None if verbose else 5]:
        print(f"    {text}"[:200], flush=True)
    return not (target.process is not None and target.process.poll() is not None)


def warm_up(target):
    """Whatever is made once is made now: buffers, caches, the pages of the allocator."""
    for _ in range(200):
        target.good()
        if target.is_kithd:
            post(target.api, "/friends", {"username": "nobody-at-all"})
    for _ in range(20):
        with WebSocket(target.events) as ws:
            ws.text("x" * 60000)


def choose(arguments):
    if arguments.kithd:
        env = {**os.environ, **dict(pair.split("=", 1) for pair in arguments.env)}
        target = start_kithd(arguments.kithd, env)
        befriend(target, arguments.kithd, env)
        return target
    if arguments.door:
        return start_door(arguments.door)
    target = Target()
    target.api, target.events, target.peer, target.pid = (arguments.api_port, arguments.events_port, arguments.peer_port,
                                                          arguments.pid)
    target.is_kithd = True
    return target


def report(target, sums, before, sanitized):
    fds, state = before
    back = wait_until(lambda: count_fds(target.pid) <= fds, 15)
    after = target.state()
    changed = [path for path in (state or {}) if state[path] != after[path]]
    print(f"tried {sums.tried}, survived {sums.survived}, wrong {sums.wrong + len(changed)}")
    print(f"largest growth of memory {sums.rss} KiB; descriptors {fds} before, {count_fds(target.pid)} after; "
          f"slowest good request {sums.slowest * 1000:.1f} ms")
    for path in changed:
        print(f"    {path} was {state[path][:200]} and is {after[path][:200]}")
    bounded = sanitized or (sums.rss < MOST_GROWTH_KB and sums.slowest < MOST_SECONDS)
    return sums.wrong == 0 and not changed and sums.survived == sums.tried and back and bounded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kithd")
    parser.add_argument("--door")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument("--events-port", type=int, default=0)
    parser.add_argument("--peer-port", type=int, default=0)
    parser.add_argument("--pid", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.kithd or arguments.door or arguments.pid):
        parser.error("one of --kithd, --door or --pid is needed")
    target = choose(arguments)
    chosen = attacks.ATTACKS + (peer_attacks.ATTACKS if target.peer else [])
    sums = Sums()
    ok = False
    try:
        warm_up(target)
        before, rss = (count_fds(target.pid), target.state()), rss_kb(target.pid)
        print(f"{'attack':16} {'tried':>6} {'survived':>9} {'wrong':>6} {'slow ms':>9} {'good':>6} {'KiB':>9} {'fds':>5} {'s':>7}")
        for attack in chosen:
            if arguments.only and attack.__name__ not in arguments.only:
                continue
            if not run_attack(target, attack, sums, arguments.verbose, rss):
                print(f"DEAD: it ended with {target.process.returncode}")
                break
        else:
            ok = report(target, sums, before, arguments.sanitized)
    finally:
        code = target.stop()
    if code != 0:
        print(f"it ended with {code}")
    sys.exit(0 if ok and code == 0 else 1)


if __name__ == "__main__":
    main()
