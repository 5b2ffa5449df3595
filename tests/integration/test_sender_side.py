# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must not leave the daemon does not: a spy plugin at the friend's side sees every ephemeral that really came."""

import json

import pytest
from kithtest import BUILD, befriend, environment, wait_for

PLUGINS = f"{environment().get('KITH_PLUGIN_PATH', '')}:{BUILD / 'tests' / 'fixtures'}"


@pytest.fixture
def spied(kiths):
    """alice, who spies, and bob, who is spied on; a window of alice's, and one of bob's."""
    alice = kiths('alice', start=False, settings={'enabled-plugins': "['spy']"}).start(KITH_PLUGIN_PATH=PLUGINS)
    bob = kiths('bob')
    befriend(alice, bob)
    return alice, bob, alice.window(), bob.window()


def heard(window, kind):
    window.settle()
    said = [json.loads(got['data']['said']) for got in window.find('x.spy.heard', username='bob', kind=kind)]
    assert all(one.pop('kind') == kind for one in said)
    return said


def mark(bob, window, text):
    """Everything that bob's daemon sent before this message has come."""
    assert bob.post('alice', text).status == 200
    window.wait('new_message', text=text)


def test_the_spy_sees(spied):
    alice, bob, window, bobs = spied
    bob.change('PUT', '/presence', {'status': 'busy'})
    bobs.send('typing', to='alice', typing=True)
    bobs.settle()
    mark(bob, window, 'now')
    assert heard(window, 'presence')[-1] == {'status': 'busy'} and heard(window, 'typing') == [{'typing': True}]


def test_invisible_is_never_said(spied):
    alice, bob, window, bobs = spied
    bob.change('PUT', '/presence', {'status': 'invisible'})
    window.wait('friend_offline', username='bob')
    before = len(heard(window, 'presence'))
    bobs.send('typing', to='alice', typing=True)
    bobs.settle()
    mark(bob, window, 'I am not here')
    bob.change('PUT', '/presence', {'status': 'invisible'})
    bob.restart()
    wait_for(lambda: alice.post('bob', 'are you?').status == 200, 'a link again')
    mark(bob, window, 'no')
    said = heard(window, 'presence')
    assert len(said) > before, 'the new link says something'
    assert {one['status'] for one in said[before - 1:]} == {'offline'}, said
    assert 'invisible' not in json.dumps(said) and heard(window, 'typing') == []
    assert bob.get('/presence')['status'] == 'invisible', 'kept over the restart'


@pytest.mark.parametrize('switch', ['presence', 'typing'])
def test_a_switch_for_one_friend(spied, switch):
    alice, bob, window, bobs = spied
    bob.change('PATCH', '/friends/alice', {switch: False})
    mark(bob, window, 'switched')
    known = {kind: len(heard(window, kind)) for kind in ('presence', 'typing')}
    bob.change('PUT', '/presence', {'status': 'busy'})
    bobs.send('typing', to='alice', typing=True)
    bobs.settle()
    mark(bob, window, 'done')
    said = {kind: heard(window, kind)[known[kind]:] for kind in known}
    assert said == {'presence': [] if switch == 'presence' else [{'status': 'busy'}],
                    'typing': [] if switch == 'typing' else [{'typing': True}]}
    bob.change('PATCH', '/friends/alice', {switch: None})
    mark(bob, window, 'back')
    assert heard(window, 'presence')[-1] == {'status': 'busy'}


def test_the_global_switch_and_its_exception(kiths):
    alice = kiths('alice', start=False, settings={'enabled-plugins': "['spy']"}).start(KITH_PLUGIN_PATH=PLUGINS)
    bob = kiths('bob', settings={'allow-presence': 'false', 'allow-typing': 'false', 'allow-receipts': 'false'})
    alice.ask('POST', '/friends', {'invite': bob.identity()['invite']}, status=201)
    bob.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
    window, bobs = alice.window(), bob.window()
    wait_for(lambda: bob.post('alice', 'hello').status == 200, 'a link')
    msg_id = alice.post('bob', 'read this').json['msg_id']
    bobs.wait('new_message', msg_id=msg_id)
    bobs.send('typing', to='alice', typing=True)
    bobs.send('mark_read', peer='alice', msg_id=msg_id)
    bobs.wait('unread', count=0)
    mark(bob, window, 'read it')
    assert {one['status'] for one in heard(window, 'presence')} <= {'offline'} and heard(window, 'typing') == []
    assert not window.find('message_read') and alice.friend('bob')['online'] is False
    bob.change('PATCH', '/friends/alice', {'presence': True, 'typing': True, 'receipts': True})
    window.wait('friend_online', username='bob')
    bobs.send('typing', to='alice', typing=True)
    second = alice.post('bob', 'and this').json['msg_id']
    bobs.wait('new_message', msg_id=second)
    bobs.send('mark_read', peer='alice', msg_id=second)
    window.wait('message_read', msg_id=second)
    assert heard(window, 'typing') == [{'typing': True}]


def test_a_blocked_friend_hears_nothing(spied):
    alice, bob, window, bobs = spied
    msg_id = alice.post('bob', 'before').json['msg_id']
    bobs.wait('new_message', msg_id=msg_id)
    mine = bob.post('alice', 'mine').json['msg_id']
    bob.change('PUT', '/friends/alice/blocked')
    window.wait('friend_offline', username='bob')
    window.settle()
    told = len(window.events)
    bobs.send('typing', to='alice', typing=True)
    bobs.send('mark_read', peer='alice', msg_id=msg_id)
    bob.change('PUT', '/presence', {'status': 'away'})
    bob.change('DELETE', f'/messages/{msg_id}')
    for call in (('PATCH', f'/messages/{mine}', {'text': 'changed'}), ('DELETE', f'/messages/{mine}?for=everyone', None),
                 ('PUT', f'/messages/{mine}/reactions/x', None), ('POST', '/messages', {'to': 'alice', 'text': 'no'})):
        bob.refused(*call, status=409)
    while_blocked = alice.post('bob', 'hello? anybody?').json['msg_id']
    bobs.settle()
    window.settle()
    new = [got for got in window.events[told:] if got['event'] != 'connection' and got['data'].get('msg_id') != while_blocked]
    assert not new, f'a blocked friend was told of {new}'
    assert not bobs.find('new_message', msg_id=while_blocked)
    bob.change('DELETE', '/friends/alice/blocked')
    window.wait('friend_online', username='bob')
    assert alice.post('bob', 'again').status == 200
