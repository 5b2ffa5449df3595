# SPDX-License-Identifier: LGPL-2.1-or-later
"""presence: one's own status, what friends see of it, edges only."""

import pytest

from kithtest import wait_for, wait_online


def test_own_status(alice):
    assert alice.get('/presence')['status'] == 'online'
    for status in ('away', 'busy', 'invisible', 'online'):
        alice.change('PUT', '/presence', {'status': status})
        assert alice.get('/presence')['status'] == status


@pytest.mark.parametrize('body', [{}, {'status': 'asleep'}, {'status': 7}, {'status': None}, [], {'status': 'ONLINE'}])
def test_bad_status(alice, body):
    alice.refused('PUT', '/presence', body, names='status' if body == {} else None)
    assert alice.get('/presence')['status'] == 'online'


def test_friends_see_it_once_each(pair):
    alice, bob = pair
    window = alice.window()
    window.settle()
    window.seen = len(window.events)
    for status in ('away', 'busy', 'online'):
        bob.change('PUT', '/presence', {'status': status})
        assert window.wait('presence')['data'] == {'username': 'bob', 'status': status}
        assert alice.friend('bob')['status'] == status and alice.friend('bob')['online'] is True
    bob.change('PUT', '/presence', {'status': 'online'})
    bob.post('alice', 'nothing changed')
    window.wait('new_message')
    statuses = [event['data']['status'] for event in window.find('presence', username='bob')][-3:]
    assert statuses == ['away', 'busy', 'online']


def test_invisible_shows_as_offline_but_mail_works(pair):
    alice, bob = pair
    window = alice.window()
    bob.change('PUT', '/presence', {'status': 'invisible'})
    window.wait('friend_offline', username='bob')
    assert alice.friend('bob')['online'] is False and alice.friend('bob')['status'] == 'offline'
    assert alice.post('bob', 'I know you are there').status == 200
    assert bob.post('alice', 'ssh').status == 200
    assert alice.friend('bob')['online'] is False
    bob.change('PUT', '/presence', {'status': 'online'})
    window.wait('friend_online', username='bob')
    assert not window.find('presence', status='invisible')


def test_offline_has_no_links(pair):
    alice, bob = pair
    bob.change('PUT', '/presence', {'status': 'offline'})
    wait_for(lambda: not alice.friend('bob')['online'], 'bob offline')
    assert alice.post('bob', 'wait for you').status == 202
    assert bob.texts('alice') == []
    bob.change('PUT', '/presence', {'status': 'online'})
    wait_for(lambda: bob.texts('alice') == ['wait for you'], 'the message')
    wait_online(alice, bob)


def test_kept_over_a_restart(pair):
    alice, bob = pair
    bob.change('PUT', '/presence', {'status': 'busy'})
    bob.restart()
    assert bob.get('/presence')['status'] == 'busy'
    wait_for(lambda: alice.friend('bob')['status'] == 'busy', 'busy again')


def test_hidden_from_one_friend(pair):
    alice, bob = pair
    window = alice.window()
    bob.change('PATCH', '/friends/alice', {'presence': False})
    window.wait('friend_offline', username='bob')
    bob.change('PATCH', '/friends/alice', {'presence': None})
    window.wait('friend_online', username='bob')


def test_a_friend_that_dies_goes_offline(pair):
    alice, bob = pair
    window = alice.window()
    bob.kill()
    window.wait('friend_offline', username='bob')
    friend = alice.friend('bob')
    assert friend['online'] is False and friend['last_seen']
    bob.start()
    window.wait('friend_online', username='bob')


def test_no_flicker_over_a_quick_restart(pair):
    """Edges only: whatever happened in between, online and offline alternate."""
    alice, bob = pair
    window = alice.window()
    for _ in range(3):
        bob.restart()
        wait_online(alice, bob)
    window.settle()
    edges = [event['event'] for event in window.events if event['event'] in ('friend_online', 'friend_offline')]
    assert all(one != other for one, other in zip(edges, edges[1:])), edges
