# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program on a terminal of its own: what it printed, bytes and all."""

import errno
import fcntl
import os
import struct
import subprocess
import termios
import time

from kithtest import PATIENCE_S, is_readable


def run_on_terminal(command, environment, columns=80, answer=None):
    """answer: (what is waited for, what is typed then). Gives (exit status, output)."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
    os.close(slave)
    output, deadline = b'', time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            if not is_readable(master, 1):
                continue
            try:
                part = os.read(master, 65536)
            except OSError as error:
                assert error.errno == errno.EIO
                break
            if not part:
                break
            output += part
            if answer is not None and answer[0].encode() in output:
                os.write(master, answer[1].encode())
                answer = None
        else:
            raise AssertionError(f'{command} did not end: {output!r}')
        return process.wait(timeout=PATIENCE_S), output.decode()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


def ctl_on_terminal(kith, *arguments, columns=80, answer=None, **variables):
    from kithtest import program
    command = [program('kithctl'), '--config', str(kith.config), '--data', str(kith.data), *arguments]
    environment = {'TERM': 'xterm', **kith.environment(), **variables}
    environment.pop('NO_COLOR', None)
    if 'PAGER' not in variables:
        environment['PAGER'] = ''
    return run_on_terminal(command, environment, columns, answer)
