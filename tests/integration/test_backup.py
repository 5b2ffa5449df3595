# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back up, lose everything, restore, and go on talking."""

import os
import pty
import shutil
import subprocess

from kithtest import PATIENCE_S, befriend, is_readable, program, wait_for

PASSPHRASE = 'correct horse battery staple'


def on_terminal(kith, *arguments, answers=()):
    """kithctl with a terminal of its own, answering each question for a passphrase."""
    master, slave = pty.openpty()
    child = subprocess.Popen([program('kithctl'), '--config', str(kith.config), '--data', str(kith.data), *arguments],
                             stdin=slave, stdout=slave, stderr=slave, env=kith.environment(), start_new_session=True)
    os.close(slave)
    out, pending = b'', list(answers)
    try:
        while True:
            if not is_readable(master, PATIENCE_S):
                raise AssertionError(f'{arguments} hangs: {out!r}')
            try:
                part = os.read(master, 4096)
            except OSError:  # the other end was closed
                break
            if not part:
                break
            out += part
            if pending and out.rstrip(b' ').endswith(b':'):
                os.write(master, pending.pop(0).encode() + b'\n')
    finally:
        os.close(master)
        if child.poll() is None:
            child.wait(timeout=PATIENCE_S)
    return child.returncode, out.decode(errors='replace')


def test_restore_goes_on_talking(kiths, tmp_path):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    alice.post('bob', 'before')
    before = alice.identity()
    backup = tmp_path / 'alice.kithbackup'
    status, out = on_terminal(alice, 'backup', str(backup), answers=[PASSPHRASE, PASSPHRASE])
    assert status == 0, out
    assert backup.stat().st_mode & 0o777 == 0o600 and PASSPHRASE.encode() not in backup.read_bytes()
    alice.stop()
    shutil.rmtree(alice.data)
    alice.data.mkdir(mode=0o700)
    status, out = on_terminal(alice, 'restore', str(backup), answers=['wrong passphrase'])
    assert status != 0 and 'passphrase' in out.lower(), out
    status, out = on_terminal(alice, 'restore', str(backup), answers=[PASSPHRASE])
    assert status == 0, out
    bob.post('alice', 'while you were away')
    alice.start()
    after = alice.identity()
    assert after['fingerprint'] == before['fingerprint'] and after['public_key'] == before['public_key']
    if alice.friend('bob') is None:  # a backup of the identity alone knows no friends
        alice.ask('POST', '/friends', {'invite': bob.identity()['invite']}, status=201)
    wait_for(lambda: alice.friend('bob')['online'] and bob.friend('alice')['online'], 'both online')
    wait_for(lambda: 'while you were away' in alice.texts('bob'), 'what was sent meanwhile')
    assert alice.post('bob', 'I am back').status == 200
    assert bob.post('alice', 'welcome back').status == 200
    assert bob.texts('alice')[-2:] == ['I am back', 'welcome back']
    assert 'welcome back' in alice.texts('bob')


def test_restoring_needs_a_stopped_daemon(kiths, tmp_path):
    alice = kiths('alice')
    backup = tmp_path / 'alice.kithbackup'
    status, out = on_terminal(alice, 'backup', str(backup), answers=[PASSPHRASE, PASSPHRASE])
    assert status == 0, out
    status, out = on_terminal(alice, 'restore', str(backup), answers=[PASSPHRASE])
    assert status != 0 and alice.get('/status')['status'] == 'ok'
