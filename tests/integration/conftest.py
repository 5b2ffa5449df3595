# SPDX-License-Identifier: LGPL-2.1-or-later
"""Daemons for the tests: made on demand, ended after each test, their output checked and shown at a failure."""

import sys
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from kithtest import QUICK, Kith, befriend  # noqa: E402

# What waits for other programs, or for time to pass.
LONG = {'test_backup', 'test_changed_identity', 'test_cli_commands', 'test_cli_terminal', 'test_convergence', 'test_dbus', 'test_friends_invite',
        'test_keys', 'test_notify', 'test_offline', 'test_relay', 'test_settings_live', 'test_start', 'test_typing', 'test_walkthrough'}


def pytest_addoption(parser):
    parser.addoption('--shard', default='1/1', help='run part I of N of the tests: I/N')


def pytest_collection_modifyitems(config, items):
    part, of = (int(number) for number in config.getoption('--shard').split('/'))
    keep = [item for item in items if zlib.crc32(item.nodeid.encode()) % of == part - 1 and not (QUICK and item.path.stem in LONG)]
    config.hook.pytest_deselected(items=[item for item in items if item not in keep])
    items[:] = keep


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for kith in getattr(item, 'kiths', []):
            report.sections.append((f'kithd of {kith.username}', kith.log()))


@pytest.fixture
def kiths(request, tmp_path):
    """Makes daemons: kiths('alice'), kiths('bob', settings={...}, start=False)."""
    made = request.node.kiths = []

    def make(username, start=True, folder='', **options):
        kith = Kith(tmp_path / folder, username, **options)
        made.append(kith)
        return kith.start() if start else kith

    yield make
    for kith in made:
        kith.end()
    bad = [line for kith in made for line in kith.bad_output()]
    assert not bad, 'kithd complained:\n' + '\n'.join(bad)


@pytest.fixture
def alice(kiths):
    return kiths('alice')


@pytest.fixture
def pair(kiths):
    """alice and bob, running, friends, linked."""
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    return alice, bob
