# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lies about after use: dumps, files that others can read, plain text on the disk (spec: security, hygiene)."""

import contextlib
import os
import re
import stat
import time
from pathlib import Path

from kithtest import SANITIZED, befriend, without_slowness

SECRET = 'the quick brown fox hides under the porch'


def test_no_core_dumps_and_a_tight_umask(alice):
    limits = Path(f'/proc/{alice.process.pid}/limits').read_text()
    assert re.search(r'Max core file size\s+0\s+0', limits)
    status = Path(f'/proc/{alice.process.pid}/status').read_text()
    assert re.search(r'^Umask:\s*0077$', status, re.M)
    if os.geteuid() != 0:  # who may not be traced belongs to root in /proc; root sees no difference
        assert Path(f'/proc/{alice.process.pid}/mem').stat().st_uid == 0


def test_files_are_ours_alone(pair):
    alice, bob = pair
    alice.post('bob', SECRET)
    for kith in pair:
        assert stat.S_IMODE(kith.data.stat().st_mode) & 0o077 == 0
        for path in kith.data.rglob('*'):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


def test_nothing_readable_is_written(pair):
    """Neither the database nor its log, nor what the daemon says, holds a text, a key or a token."""
    alice, bob = pair
    alice.post('bob', SECRET)
    token = alice.ask('GET', '/admin/token', unix=True)['token']
    alice.call('GET', f'/status?token={token}')
    for kith in pair:
        kith.stop()
        for path in [*kith.data.rglob('*'), *kith.folder.glob('*.out'), *kith.folder.glob('*.err')]:
            if path.is_file() and path.name != 'api-token':
                content = path.read_bytes()
                assert SECRET.encode() not in content, path
                assert token.encode() not in content, path
    assert not (alice.data / 'kith.db').read_bytes().startswith(b'SQLite format 3')


def test_a_folder_that_others_can_write_is_refused(kiths):
    carol = kiths('carol', start=False)
    carol.data.chmod(0o770)
    carol.spawn()
    assert carol.process.wait(timeout=60 if SANITIZED else 20) == 1
    lines = without_slowness(carol.err_path.read_text()).splitlines()
    assert len(lines) == 1 and 'chmod' in lines[0]


def switches(pid):
    """How often each of its threads has gone to sleep since it began."""
    counts = {}
    for task in Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(OSError):   # it has ended since
            counts[task.name] = int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', (task / 'status').read_text(), re.M).group(1))
    return counts


def test_it_sleeps_when_nothing_happens(alice):
    """Five seconds in which it wakes twice at most: nothing in it looks around every second."""
    for _ in range(12):
        before = switches(alice.process.pid)
        time.sleep(5)
        after = switches(alice.process.pid)
        woken = sum(count - before[task] for task, count in after.items() if task in before)
        if woken <= 2 and after.keys() == before.keys():
            return
    raise AssertionError(f'it woke {woken} times in 5 s')
