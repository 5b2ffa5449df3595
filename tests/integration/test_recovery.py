# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stands where the database should be: each case is said in /status, by kithctl doctor and in the log; nothing is begun anew unasked."""

import shutil

import pytest

from kithtest import Window, befriend, wait_for


def fill(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    for number in range(5):
        assert alice.post('bob', f'text {number}').status == 200
    return alice, bob


def log_of_life(kith):
    return kith.err_path.read_text(errors='replace')


def tell(kith, state, words, log=True):
    """The same said in all three places."""
    store = kith.get('/status')['store']
    assert store['state'] == state, store
    assert words in store['message'], store
    doctor = kith.ctl('doctor', status=1).stdout
    assert 'BAD' in doctor and words in doctor, doctor
    if log:
        wait_for(lambda: words in log_of_life(kith), f'{words} in the log')
    return store


def overwrite(path, at, what):
    with open(path, 'r+b') as file:
        file.seek(at)
        file.write(what)


def make_empty(path):
    path.write_bytes(b'')


def make_foreign(path):
    path.write_bytes(b'SQLite format 3\0' + bytes(4080))


def make_other(path):
    path.write_bytes(b'This is my diary.\n' * 100)


def spoil_header(path):
    overwrite(path, 20, b'spoilt' * 100)


def spoil_page(path):
    overwrite(path, 5 * 4096 + 100, b'spoilt' * 100)


@pytest.mark.parametrize('spoil, state', [(make_empty, 'empty'), (make_foreign, 'foreign'), (make_other, 'foreign'),
                                          (spoil_header, 'damaged')])
def test_unreadable_is_moved_aside_and_decided_by_the_user(kiths, spoil, state):
    alice, bob = fill(kiths)
    before = alice.identity()
    alice.stop()
    database = alice.data / 'kith.db'
    good = alice.folder / 'good'
    shutil.copy(database, good)
    spoil(database)
    alice.start()
    tell(alice, state, 'moved to')
    assert not database.exists()
    aside = [path for path in alice.data.glob('kith.db.aside-*') if not path.name.endswith(('-wal', '-shm'))]
    assert len(aside) == 1 and aside[0].name.endswith('-' + state)
    alice.refused('POST', '/messages', {'to': 'bob', 'text': 'x'}, status=503)
    alice.refused('GET', '/messages?peer=bob', status=503)
    assert Window(alice.events_port, '?since=3&epoch=x').status == 503, 'it keeps its place for when there is a journal again'
    alice.restart()   # asked again: still nothing is begun anew
    tell(alice, 'aside', 'aside')
    assert not database.exists()
    shutil.copy(good, aside[0])   # mended by other means
    alice.ask('POST', '/admin/store', {'action': 'restore', 'copy': 'nothing'}, status=404, unix=True)
    alice.ask('POST', '/admin/store', {'action': 'restore', 'copy': aside[0].name}, unix=True)
    assert alice.get('/status')['store']['state'] == 'open'
    assert alice.identity()['public_key'] == before['public_key']
    assert len(alice.texts('bob')) == 5
    assert alice.post('bob', 'and on').status in (200, 202)
    wait_for(lambda: 'and on' in bob.texts('alice'), 'the next message')


def test_begin_anew_is_a_decision(kiths):
    alice, _ = fill(kiths)
    key = alice.identity()['public_key']
    alice.stop()
    make_empty(alice.data / 'kith.db')
    alice.start()
    tell(alice, 'empty', 'kithctl store')
    assert 'open' in alice.ctl('store', 'anew').stdout
    assert alice.get('/status')['store']['state'] == 'open'
    assert alice.identity()['public_key'] != key and alice.get('/friends') == []
    alice.restart()
    store = alice.get('/status')['store']
    assert store['state'] == 'open' and not store['rolled_back'], store
    alice.refused('POST', '/admin/store', {'action': 'anew'}, status=409, unix=True)


def test_database_that_is_gone_is_not_begun_anew(kiths):
    alice, _ = fill(kiths)
    alice.stop()
    for path in alice.data.glob('kith.db*'):
        path.rename(alice.folder / path.name)
    alice.start()
    tell(alice, 'missing', 'in use before')
    assert not (alice.data / 'kith.db').exists()
    shutil.copy(alice.folder / 'kith.db', alice.data / 'kith.db')
    alice.ask('POST', '/admin/store', {'action': 'retry'}, unix=True)
    assert len(alice.texts('bob')) == 5


def test_killed_says_that_it_was_checked(kiths):
    alice, _ = fill(kiths)
    alice.kill()
    alice.start()
    store = alice.get('/status')['store']
    assert store['state'] == 'open' and 'checked' in store['message'], store
    assert 'checked' in alice.ctl('doctor').stdout


def test_page_damaged_after_a_kill(kiths):
    alice, _ = fill(kiths)
    alice.stop()
    alice.start()
    alice.kill()
    spoil_page(alice.data / 'kith.db')
    alice.start()
    tell(alice, 'damaged', 'moved to')


@pytest.mark.parametrize('when', ['of the run before', 'of the same run', 'of the same run, killed'])
def test_older_copy_is_noticed(kiths, when):
    alice, bob = fill(kiths)
    if when == 'of the run before':
        alice.stop()
        shutil.copy(alice.data / 'kith.db', alice.folder / 'old')
        alice.start()
        wait_for(lambda: (alice.data / 'kith.key.starts').read_text().strip() == '2', 'the start to be noted')
    else:
        alice.stop()
        shutil.copy(alice.data / 'kith.db', alice.folder / 'old')
        (alice.data / 'kith.key.starts').unlink()   # only the mark can tell
        alice.start()
        (alice.data / 'kith.key.starts').unlink(missing_ok=True)
    wait_for(lambda: alice.friend('bob')['online'], 'bob')
    assert alice.post('bob', 'forgotten').status == 200
    journal = alice.get('/status')['journal']
    if when.endswith('killed'):
        mark = alice.data / 'kith.key.mark'
        wait_for(lambda: int(mark.read_text().split()[1]) >= journal['newest'], 'the newest event to be noted')
        alice.kill()
    else:
        alice.stop()
    if when != 'of the run before':
        (alice.data / 'kith.key.starts').unlink(missing_ok=True)
    for name in ('kith.db-wal', 'kith.db-shm'):
        (alice.data / name).unlink(missing_ok=True)
    shutil.copy(alice.folder / 'old', alice.data / 'kith.db')
    alice.start()
    store = tell(alice, 'open', 'older copy')
    assert store['rolled_back'] is True
    after = alice.get('/status')['journal']
    assert after['epoch'] != journal['epoch']
    window = alice.window(f'?since={journal["newest"]}&epoch={journal["epoch"]}')
    assert window.wait(None)['event'] == 'resync'
    # The sessions heal: both sides talk on.
    alice.post('bob', 'after')
    wait_for(lambda: 'after' in bob.texts('alice'), 'alice to be read again')
    bob.post('alice', 'back')
    wait_for(lambda: 'back' in alice.texts('bob'), 'bob to be read again')
    alice.restart()
    store = alice.get('/status')['store']
    assert store['rolled_back'] is False and store['message'] is None, store
    assert alice.get('/status')['journal']['epoch'] == after['epoch']


def test_copy_from_before_the_identity_gets_no_new_one(kiths):
    """What a database without its log can be: all that ever happened was in the log."""
    alice, _ = fill(kiths)
    key = alice.identity()['public_key']
    alice.kill()
    log = alice.data / 'kith.db-wal'
    log.rename(alice.folder / 'log')
    alice.start()
    tell(alice, 'closed', 'nothing was begun anew', log=False)
    alice.refused('GET', '/messages?peer=bob', status=503)
    alice.restart()
    tell(alice, 'closed', 'nothing was begun anew', log=False)
    alice.ask('POST', '/admin/store', {'action': 'anew'}, unix=True)
    assert alice.get('/status')['store']['state'] == 'open'
    assert alice.identity()['public_key'] != key
