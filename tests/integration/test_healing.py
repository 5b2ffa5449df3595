# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lost sessions heal by themselves (e2ee.md §8.6): a rolled-back database, a restored device. Nothing is lost, nothing
is shown twice."""

import shutil

from kithtest import befriend, wait_for
from test_backup import on_terminal


def copy_data(kith, to):
    """A copy of everything that a stopped daemon keeps."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(kith.data, to, ignore=shutil.ignore_patterns('*.sock'))


def roll_back(kith, copy):
    """An older copy of the database alone comes back, as after a bad restore of a disk."""
    for path in kith.data.iterdir():
        if path.name.startswith('kith.db'):
            path.unlink()
    for path in copy.iterdir():
        if path.name.startswith('kith.db'):
            shutil.copy2(path, kith.data / path.name)


def talk(alice, bob, *texts):
    for text in texts:
        wait_for(lambda text=text: alice.post('bob', text).status == 200, text)


def test_a_rolled_back_database_before_any_session(kiths, tmp_path):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    bob.stop()
    copy_data(bob, tmp_path / 'old')
    bob.start()
    wait_for(lambda: alice.post('bob', 'one').status == 200, 'one')
    assert bob.post('alice', 'two').status == 200
    assert alice.post('bob', 'three').status == 200
    bob.stop()
    roll_back(bob, tmp_path / 'old')
    waiting = [alice.post('bob', f'waits {n}').json['msg_id'] for n in range(5)]
    bob.start()
    window = bob.window('?since=0')
    wait_for(lambda: bob.texts('alice')[-5:] == [f'waits {n}' for n in range(5)], 'what waited')
    assert alice.post('bob', 'and now').status == 200
    assert bob.post('alice', 'fine').status == 200
    window.settle()
    seen = [got['data']['msg_id'] for got in window.find('new_message')]
    assert len(seen) == len(set(seen)) and set(waiting) <= set(seen)
    assert alice.texts('bob')[-2:] == ['and now', 'fine']


def test_a_restored_device_gets_what_waited(kiths, tmp_path):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    talk(alice, bob, 'before')
    assert bob.post('alice', 'yes').status == 200
    backup = tmp_path / 'bob.kithbackup'
    status, out = on_terminal(bob, 'backup', str(backup), answers=['correct horse battery'] * 2)
    assert status == 0, out
    bob.stop()
    waiting = [alice.post('bob', f'waits {n}') for n in range(12)]
    assert {answer.status for answer in waiting} == {202}
    shutil.rmtree(bob.data)
    bob.data.mkdir(mode=0o700)
    status, out = on_terminal(bob, 'restore', str(backup), answers=['correct horse battery'])
    assert status == 0, out
    bob.start()
    wait_for(lambda: bob.texts('alice')[-12:] == [f'waits {n}' for n in range(12)], 'what waited')
    assert bob.post('alice', 'all here').status == 200
    assert alice.post('bob', 'good').status == 200
    window = bob.window('?since=0')
    window.settle()
    seen = [got['data']['msg_id'] for got in window.find('new_message')]
    assert len(seen) == len(set(seen)) and {answer.json['msg_id'] for answer in waiting} <= set(seen)
    assert alice.texts('bob')[-2:] == ['all here', 'good']
