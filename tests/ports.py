# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ports for the servers of the tests, below the ones that the kernel hands out to others.

A block of them belongs to one process at a time, by a lock that ends with the process: a port that was probed and not yet bound would
otherwise be found free by the next process, too."""

import errno
import fcntl
import os
import random
import socket
import tempfile

FIRST, BLOCK, BLOCKS = 20000, 100, 120


def is_free(port):
    for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
        try:
            with socket.socket(family) as probe:
                probe.bind((host, port))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # no IPv6 here
                return False
    return True


class Ports:
    """Free ports, each given out once by this process, for as long as there are unused blocks."""

    def __init__(self):
        self.folder = os.path.join(tempfile.gettempdir(), f'kith-ports-{os.getuid()}')
        self.locks = []
        self.mine = []
        self.left = []

    def lease(self):
        """Takes one more block; with none left, begins again with its own."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        for block in random.SystemRandom().sample(range(BLOCKS), BLOCKS):
            if block in self.mine:
                continue
            lock = os.open(os.path.join(self.folder, str(block)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self.locks.append(lock)
            self.mine.append(block)
            self.left = [FIRST + block * BLOCK + n for n in range(BLOCK)]
            return
        if not self.mine:
            raise AssertionError(f'every block of ports is taken; see {self.folder}')
        self.left = [FIRST + block * BLOCK + n for block in self.mine for n in range(BLOCK)]

    def take(self):
        return self.row(1)[0]

    def row(self, count):
        """So many ports, one after the other."""
        for _ in range(BLOCKS * BLOCK):
            if len(self.left) < count:
                self.lease()
            row = [self.left.pop(0) for _ in range(count)]
            if row[-1] - row[0] == count - 1 and all(is_free(port) for port in row):
                return row
        raise AssertionError('no free port')


PORTS = Ports()
