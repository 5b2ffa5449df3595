# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile.py as pytest runs it in tests/run.sh: one kithd for all attacks, one test an attack, and the bounds at the end.
KITH_BUILD names the build folder."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import attacks  # noqa: E402
import hostile  # noqa: E402
import peer_attacks  # noqa: E402
from doorlib import count_fds, rss_kb, wait_until  # noqa: E402

BUILD = Path(os.environ.get('KITH_BUILD', Path(__file__).resolve().parents[2] / '_build'))
SANITIZED = bool(os.environ.get('KITH_SANITIZED'))
# They hold connections for a while by design: not in a quick run.
LONG = {'slow_ones', 'silence', 'crowd', 'smuggling'}
CHOSEN = [attack for attack in attacks.ATTACKS + peer_attacks.ATTACKS
          if not os.environ.get('KITH_QUICK') or attack.__name__ not in LONG]


def read_environment():
    """What `meson devenv` would set: where schemas and plugins of this build are."""
    out = subprocess.run(['meson', 'devenv', '-C', str(BUILD), sys.executable, '-c',
                          'import json, os; print(json.dumps(dict(os.environ)))'], capture_output=True, text=True, check=True)
    found = json.loads(out.stdout.splitlines()[-1])
    for name in ('DBUS_SESSION_BUS_ADDRESS', 'DISPLAY', 'WAYLAND_DISPLAY', 'NOTIFY_SOCKET', 'G_MESSAGES_DEBUG'):
        found.pop(name, None)   # nobody's keyring, nobody's screen
    return found


class Run:
    def __init__(self):
        program, environment = str(BUILD / 'core/daemon/kithd'), read_environment()
        self.target = hostile.start_kithd(program, environment)
        hostile.befriend(self.target, program, environment)
        hostile.warm_up(self.target)
        self.fds, self.rss, self.state = count_fds(self.target.pid), rss_kb(self.target.pid), self.target.state()
        self.sums = hostile.Sums()


@pytest.fixture(scope='module')
def run():
    made = Run()
    yield made
    code = made.target.stop()
    assert code == 0, f'kithd ended with {code}'


@pytest.mark.parametrize('attack', CHOSEN, ids=lambda attack: attack.__name__)
def test_attack(run, attack):
    wrong = run.sums.wrong
    assert hostile.run_attack(run.target, attack, run.sums, True, run.rss), 'kithd died'
    assert run.sums.wrong == wrong, 'see what was printed'


def test_bounds(run):
    """After all of them: nothing changed, the descriptors are back, memory and patience within bounds."""
    sums = run.sums
    print(f'tried {sums.tried}, survived {sums.survived}, wrong {sums.wrong}; memory +{sums.rss} KiB; '
          f'slowest good request {sums.slowest * 1000:.1f} ms')
    assert sums.survived == sums.tried
    assert run.target.state() == run.state
    assert wait_until(lambda: count_fds(run.target.pid) <= run.fds, 15), 'descriptors'
    if not SANITIZED:
        assert sums.rss < hostile.MOST_GROWTH_KB
        assert sums.slowest < hostile.MOST_SECONDS
