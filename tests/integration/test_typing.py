# SPDX-License-Identifier: LGPL-2.1-or-later
"""typing: forwarded while there is a link, never stored, ended by itself."""

import time

from kithtest import wait_for, wait_online

EXPIRY_S = 5   # as kith-typing-plugin.c has it


def test_forwarded(pair):
    alice, bob = pair
    theirs, ours = bob.window(), alice.window()
    ours.send('typing', to='bob', typing=True)
    assert theirs.wait('typing') == {'event': 'typing', 'data': {'username': 'alice', 'typing': True}}
    ours.send('typing', to='bob', typing=False)
    assert theirs.wait('typing') == {'event': 'typing', 'data': {'username': 'alice', 'typing': False}}


def test_never_stored(pair):
    alice, bob = pair
    newest = bob.get('/status')['journal']['newest']
    first, ours = bob.window(), alice.window()
    ours.send('typing', to='bob', typing=True)
    first.wait('typing')
    second = bob.window('?since=0&epoch=' + bob.get('/status')['journal']['epoch'])
    second.settle()
    assert not second.find('typing', typing=True)
    assert bob.get('/status')['journal']['newest'] == newest


def test_ends_by_itself_after_five_seconds(pair):
    alice, bob = pair
    theirs, ours = bob.window(), alice.window()
    since = time.monotonic()
    ours.send('typing', to='bob', typing=True)
    theirs.wait('typing', typing=True)
    theirs.wait('typing', typing=False)
    assert time.monotonic() - since > EXPIRY_S - 0.1


def test_true_at_most_once_a_second_false_always(pair):
    alice, bob = pair
    theirs, ours = bob.window(), alice.window()
    since = time.monotonic()
    for _ in range(20):
        ours.send('typing', to='bob', typing=True)
    ours.send('typing', to='bob', typing=False)
    theirs.wait('typing', typing=False)
    allowed = 1 + int(time.monotonic() - since)
    assert 1 <= len(theirs.find('typing', typing=True)) <= allowed


def ends_before_it_would(alice, bob, go):
    """Whether the typing ended with go(window), and not by itself."""
    theirs, ours = bob.window(), alice.window()
    since = time.monotonic()
    ours.send('typing', to='bob', typing=True)
    theirs.wait('typing', typing=True)
    go(ours)
    theirs.wait('typing', typing=False)
    return time.monotonic() - since < EXPIRY_S - 0.1


def test_a_window_that_goes_counts_as_false(pair):
    alice, bob = pair
    # More than one try: a machine may stand still for as long.
    assert any(ends_before_it_would(alice, bob, lambda window: window.close()) for _ in range(3))


def test_a_friend_that_goes_counts_as_false(pair):
    alice, bob = pair

    def once():
        if not alice.running():
            alice.start()
        wait_online(alice, bob)
        return ends_before_it_would(alice, bob, lambda _: alice.kill())

    assert any(once() for _ in range(3))


def test_no_link_is_no_error(pair):
    alice, bob = pair
    bob.stop()
    ours = alice.window()
    ours.wait('friend_offline', username='bob')
    ours.send('typing', to='bob', typing=True)
    ours.settle()
    assert not ours.find('error')


def test_not_shown_to_who_may_not_see_it(pair):
    alice, bob = pair
    alice.change('PATCH', '/friends/bob', {'typing': False})
    theirs, ours = bob.window(), alice.window()
    ours.send('typing', to='bob', typing=True)
    alice.post('bob', 'after it')
    theirs.wait('new_message')
    assert not theirs.find('typing', typing=True)
    alice.change('PATCH', '/friends/bob', {'typing': None})
    ours.send('typing', to='bob', typing=True)
    theirs.wait('typing', typing=True)


def test_from_a_blocked_friend_nothing_is_seen(pair):
    alice, bob = pair
    bob.change('PUT', '/friends/alice/blocked')
    wait_for(lambda: not alice.friend('bob')['online'], 'the link to end')
    theirs, ours = bob.window(), alice.window()
    ours.send('typing', to='bob', typing=True)
    ours.settle()
    theirs.settle()
    assert not theirs.find('typing')
