# SPDX-License-Identifier: LGPL-2.1-or-later
"""Becoming friends: invites, requests, accepting, refusing, blocking, removing."""

import base64
import secrets

import pytest

from kithtest import TIME, befriend, wait_for, wait_online


def test_invites_both_ways(pair):
    alice, bob = pair
    for one, other in ((alice, bob), (bob, alice)):
        friend = one.friend(other.username)
        identity = other.identity()
        assert friend['public_key'] == identity['public_key']
        assert friend['signing_key'] == identity['signing_key']
        assert friend['fingerprint'] == identity['fingerprint']
        assert friend['online'] is True and friend['status'] == 'online'
        assert friend['unread'] == 0 and friend['verified'] is False and friend['blocked'] is False
        assert TIME.fullmatch(friend['added_at'])
        assert {'last_seen', 'last_ip'} <= set(friend)


def test_adding_twice_is_a_conflict(pair):
    alice, bob = pair
    alice.refused('POST', '/friends', {'invite': bob.identity()['invite']}, status=409)
    alice.refused('POST', '/friends', {'username': 'bob'}, status=409)


def test_adding_oneself_is_refused(alice):
    answer = alice.call('POST', '/friends', {'invite': alice.identity()['invite']})
    assert answer.status in (400, 409) and answer.json['error']


def key():
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')


@pytest.mark.parametrize('body,names', [
    ({}, 'username'), ({'username': ''}, 'username'), ({'username': 'Bob'}, 'username'), ({'username': 'a' * 33}, 'username'),
    ({'username': '.bob'}, 'username'), ({'username': 'bo b'}, 'username'), ({'username': 7}, 'username'), ({'username': None}, 'username'),
    ({'username': 'böb'}, 'username'), ({'invite': 7}, 'invite'), ({'invite': ''}, 'invite'), ({'invite': 'kith:'}, 'invite'),
    ({'invite': 'http://example.org/'}, 'invite'), ({'invite': 'kith:bob'}, 'invite'), ({'invite': 'kith:bob?ik=AAAA'}, 'invite'),
    ({'invite': 'kith:Bob?ik=' + key()}, 'invite'), ({'invite': 'kith:bob?ik=' + 'A' * 43}, 'invite'), ([], None), ('bob', None),
])
def test_malformed_adds_are_400(alice, body, names):
    alice.refused('POST', '/friends', body, status=400, names=names)
    assert alice.get('/friends') == []


def test_without_a_directory_a_name_is_unknown(alice):
    answer = alice.call('POST', '/friends', {'username': 'nobody'})
    assert answer.status in (404, 503) and answer.json['error']


def test_note_length(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    alice.refused('POST', '/friends', {'invite': bob.invite, 'note': 'x' * 301}, names='note')
    alice.refused('POST', '/friends', {'invite': bob.invite, 'note': 'ring \u0007'}, names='note')
    alice.ask('POST', '/friends', {'invite': bob.invite, 'note': 'ü' * 300}, status=201)


def ask_to_be_friends(kiths, note='It is me, alice'):
    """alice adds bob, who does not know her."""
    alice, bob = kiths('alice'), kiths('bob')
    window = bob.window()
    alice.ask('POST', '/friends', {'invite': bob.identity()['invite'], 'note': note}, status=201)
    event = window.wait('friend_request')
    return alice, bob, window, event


def test_a_stranger_makes_a_request(kiths):
    alice, bob, window, event = ask_to_be_friends(kiths)
    fingerprint = alice.identity()['fingerprint']
    assert event['data']['username'] == 'alice' and event['data']['fingerprint'] == fingerprint
    assert event['data']['message'] == 'It is me, alice'
    assert 'seq' in event
    request, = bob.get('/requests')
    assert request['username'] == 'alice' and request['fingerprint'] == fingerprint and request['note'] == 'It is me, alice'
    assert TIME.fullmatch(request['received_at'])
    assert bob.get('/friends') == []


def test_accepting_a_request(kiths):
    alice, bob, window, _ = ask_to_be_friends(kiths)
    theirs = alice.window()
    posted = alice.post('bob', 'before you said yes')
    assert posted.status == 202
    second = alice.post('bob', 'and one more')
    wait_for(lambda: bob.get('/requests')[0]['count'] == 2, 'both messages in the request')
    assert bob.call('GET', '/messages?peer=alice').status in (200, 404)
    bob.change('POST', '/requests/alice/accept')
    first = window.wait('new_message')
    assert first['data']['msg_id'] == posted.json['msg_id'] and first['data']['text'] == 'before you said yes'
    assert window.wait('new_message')['data']['msg_id'] == second.json['msg_id']
    assert window.find('friend_added', username='alice')
    for answer in (posted, second):
        theirs.wait('message_delivered', msg_id=answer.json['msg_id'])
    wait_online(alice, bob)
    assert bob.get('/requests') == []
    assert bob.post('alice', 'welcome').status == 200
    assert theirs.wait('new_message', direction='received')['data']['text'] == 'welcome'


def test_adding_the_requester_accepts(kiths):
    alice, bob, window, _ = ask_to_be_friends(kiths)
    posted = alice.post('bob', 'waiting')
    wait_for(lambda: bob.get('/requests')[0]['count'] == 1, 'the message in the request')
    bob.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
    assert window.wait('new_message')['data']['msg_id'] == posted.json['msg_id']
    assert bob.get('/requests') == []
    wait_online(alice, bob)


def test_refusing_a_request(kiths):
    alice, bob, window, _ = ask_to_be_friends(kiths)
    bob.ask('DELETE', '/requests/alice', status=204)
    assert bob.get('/requests') == [] and bob.get('/friends') == []
    bob.refused('POST', '/requests/alice/accept', status=404)
    bob.refused('DELETE', '/requests/alice', status=404)


def test_one_friend_request_event_a_requester(kiths):
    alice, bob, window, _ = ask_to_be_friends(kiths)
    for number in range(3):
        alice.post('bob', f'knock {number}')
    wait_for(lambda: bob.get('/requests')[0]['count'] == 3 or bob.get('/requests')[0]['count'] == 2, 'messages in the request')
    window.settle()
    assert len(window.find('friend_request')) == 1
    assert not window.find('new_message')


def test_blocking_a_requester(kiths):
    alice, bob, window, _ = ask_to_be_friends(kiths)
    bob.change('PUT', '/friends/alice/blocked')
    assert bob.get('/requests') == []
    assert alice.post('bob', 'are you there?').status == 202
    window.settle()
    assert not window.find('new_message')


def test_blocking_a_friend_is_silent(pair):
    alice, bob = pair
    alices, bobs = alice.window(), bob.window()
    assert alice.post('bob', 'before').status == 200
    bobs.wait('new_message')
    bob.change('PUT', '/friends/alice/blocked')
    assert bob.friend('alice')['blocked'] is True
    assert alice.post('bob', 'while blocked').status == 202
    alices.wait('friend_offline', username='bob')
    bobs.settle()
    assert len(bobs.find('new_message')) == 1
    bob.change('DELETE', '/friends/alice/blocked')
    assert bob.friend('alice')['blocked'] is False
    wait_online(alice, bob)


def test_blocking_unknown_people_is_404(alice):
    alice.refused('PUT', '/friends/nobody/blocked', status=404)
    alice.refused('DELETE', '/friends/nobody/blocked', status=404)
    alice.refused('DELETE', '/friends/nobody', status=404)


def test_removing_keeps_the_conversation(pair):
    alice, bob = pair
    window = alice.window()
    alice.post('bob', 'stay')
    alice.ask('DELETE', '/friends/bob', status=204)
    window.wait('friend_removed', username='bob')
    assert alice.get('/friends') == []
    assert alice.texts('bob') == ['stay']
    alice.refused('POST', '/messages', {'to': 'bob', 'text': 'gone'}, status=404)


def test_removing_and_adding_again(pair):
    alice, bob = pair
    alice.post('bob', 'one')
    alice.ask('DELETE', '/friends/bob', status=204)
    alice.ask('POST', '/friends', {'invite': bob.identity()['invite']}, status=201)
    wait_online(alice, bob)
    assert alice.post('bob', 'two').status == 200
    assert bob.texts('alice') == ['one', 'two']


def test_events_tell_of_friends(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    window = alice.window()
    befriend(alice, bob)
    assert window.wait('friend_added')['data'] == {'username': 'bob'}
    assert window.wait('friend_online')['data'] == {'username': 'bob'}
    bob.stop()
    assert window.wait('friend_offline')['data'] == {'username': 'bob'}
    window.settle()
    assert len(window.find('friend_online')) == 1 and len(window.find('friend_offline')) == 1


def test_friends_survive_a_restart(pair):
    alice, bob = pair
    before = alice.friend('bob')
    alice.restart()
    after = alice.friend('bob')
    for key_ in ('username', 'public_key', 'signing_key', 'fingerprint', 'added_at'):
        assert before[key_] == after[key_]
    wait_online(alice, bob)
