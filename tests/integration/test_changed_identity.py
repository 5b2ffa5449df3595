# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory gives another identity key for a name that we know: nothing is delivered until the user has decided."""

import json

import pytest

from kithtest import BUILD, environment, wait_for

PLUGINS = f"{environment().get('KITH_PLUGIN_PATH', '')}:{BUILD / 'tests' / 'fixtures'}"


class Book:
    def __init__(self, path):
        self.path = path
        self.names = {}

    def list(self, username, kith):
        self.names[username] = kith.identity()['signing_key']
        new = self.path.with_suffix('.new')
        new.write_text(json.dumps(self.names))
        new.replace(self.path)


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path / 'book.json')


@pytest.fixture
def people(kiths, book):
    """alice, who asks the directory; bob, listed there; another bob, with a key of his own, who is not listed."""
    alice = kiths('alice', start=False, settings={'enabled-plugins': "['directory']"})
    alice.start(KITH_PLUGIN_PATH=PLUGINS, KITH_TEST_DIRECTORY=str(book.path))
    bob, other = kiths('bob'), kiths('bob', folder='elsewhere')
    book.list('bob', bob)
    return alice, bob, other


def add_by_name(alice, bob):
    alice.change('POST', '/friends', {'username': 'bob'})
    bob.change('POST', '/friends', {'invite': alice.invite})
    assert alice.friend('bob')['signing_key'] == bob.identity()['signing_key']
    wait_for(lambda: alice.friend('bob')['online'], 'the link')


def test_add_by_the_directory(people):
    alice, bob, _ = people
    add_by_name(alice, bob)
    assert alice.post('bob', 'found you').status == 200
    alice.refused('POST', '/friends', {'username': 'bob'}, status=409)
    alice.refused('POST', '/friends', {'username': 'nobody'}, status=404)
    assert 'changed_fingerprint' not in alice.friend('bob')


def change_key(alice, book, other, window):
    book.list('bob', other)
    alice.refused('POST', '/friends', {'username': 'bob'}, status=409)
    fingerprint = other.identity()['fingerprint']
    window.wait('identity_changed', username='bob', fingerprint=fingerprint)
    assert alice.friend('bob')['changed_fingerprint'] == fingerprint
    return fingerprint


@pytest.mark.parametrize('how', ['fingerprint', 'invite'])
def test_a_changed_key_waits_for_the_user(people, book, how):
    alice, bob, other = people
    add_by_name(alice, bob)
    assert alice.post('bob', 'before').status == 200
    window = alice.window()
    fingerprint = change_key(alice, book, other, window)
    alice.refused('POST', '/friends', {'username': 'bob'}, status=409)
    waiting = alice.post('bob', 'for whom?')
    assert waiting.status == 202
    other.change('POST', '/friends', {'invite': alice.invite})
    alice.refused('PUT', '/friends/bob/identity', {'fingerprint': '0' * 32}, status=409)
    alice.refused('PUT', '/friends/bob/identity', {'invite': alice.invite}, status=409)
    alice.refused('PUT', '/friends/bob/identity', {})
    assert bob.texts('alice') == ['before'] and other.get('/requests') == []
    assert len(window.settle()) and len(window.find('identity_changed')) == 1

    alice.change('PUT', '/friends/bob/identity', {'fingerprint': fingerprint} if how == 'fingerprint' else {'invite': other.invite})
    friend = alice.friend('bob')
    assert friend['signing_key'] == other.identity()['signing_key'] and 'changed_fingerprint' not in friend
    assert not friend['verified']
    window.wait('message_failed', msg_id=waiting.json['msg_id'])
    wait_for(lambda: alice.post('bob', 'hello again').status == 200, 'a message to the new key')
    assert other.post('alice', 'hello to you').status == 200
    texts = wait_for(lambda: other.texts('alice'), 'the conversation')
    assert texts[0] == 'hello again' and 'for whom?' not in texts and 'before' not in texts
    assert bob.texts('alice') == ['before']


def test_the_user_may_stay_with_the_known_key(people, book):
    alice, bob, other = people
    add_by_name(alice, bob)
    with alice.window() as window:
        change_key(alice, book, other, window)
    assert alice.post('bob', 'it is you').status == 202
    alice.change('PUT', '/friends/bob/identity', {'fingerprint': bob.identity()['fingerprint']})
    assert 'changed_fingerprint' not in alice.friend('bob')
    wait_for(lambda: bob.texts('alice') == ['it is you'], 'what waited')


def test_a_directory_that_takes_it_back(people, book):
    alice, bob, other = people
    add_by_name(alice, bob)
    with alice.window() as window:
        change_key(alice, book, other, window)
    assert alice.post('bob', 'still there?').status == 202
    book.list('bob', bob)
    alice.refused('POST', '/friends', {'username': 'bob'}, status=409)
    assert 'changed_fingerprint' not in alice.friend('bob')
    wait_for(lambda: bob.texts('alice') == ['still there?'], 'what waited')


def test_a_changed_key_outlasts_a_restart(people, book):
    alice, bob, other = people
    add_by_name(alice, bob)
    with alice.window() as window:
        fingerprint = change_key(alice, book, other, window)
    alice.stop()
    alice.start(KITH_PLUGIN_PATH=PLUGINS, KITH_TEST_DIRECTORY=str(book.path))
    assert alice.friend('bob')['changed_fingerprint'] == fingerprint
    assert alice.post('bob', 'not now').status == 202
    assert bob.texts('alice') == [] and other.get('/friends') == []
