# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the README promises: the show runs to its end and every expected event is seen."""

import os
import subprocess
import sys
from pathlib import Path

from kithtest import BUILD, PORTS

SHOW = Path(__file__).resolve().parents[2] / 'data' / 'quickstart.py'


def run(*arguments):
    return subprocess.run([sys.executable, str(SHOW), '--once', *arguments], capture_output=True, text=True, timeout=120,
                          env={**os.environ, 'KITH_BUILD': str(BUILD)})


def test_the_show():
    done = run('--ports', str(PORTS.row(6)[0]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'expected events were seen' in done.stdout
    for word in ('typing', 'presence', 'message_read', 'message_delivered', 'new_message', 'friend_online'):
        assert f'"event":"{word}"' in done.stdout


def test_the_offline_show():
    """The message comes from the relay: its sender has stopped before its receiver starts."""
    done = run('--offline', '--ports', str(PORTS.row(7)[0]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'expected events were seen' in done.stdout
    came = [line for line in done.stdout.splitlines() if line.startswith('bob ') and '"delivery_method":"offline"' in line]
    assert len(came) == 1 and '"event":"new_message"' in came[0] and 'Read this when you are back' in came[0]


def test_a_taken_port_is_named():
    import socket
    row = PORTS.row(6)[0]
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', row))
        taken.listen()
        done = run('--ports', str(row))
    assert done.returncode == 1 and str(row) in done.stderr and len(done.stderr.strip().splitlines()) == 1
