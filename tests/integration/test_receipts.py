# SPDX-License-Identifier: LGPL-2.1-or-later
"""mark_read, unread counts and read receipts."""

from kithtest import wait_for


def test_unread_and_mark_read(pair):
    alice, bob = pair
    window, other = bob.window(), bob.window()
    ids = [alice.post('bob', f'{number}').json['msg_id'] for number in range(3)]
    for number in (1, 2, 3):
        assert window.wait('unread')['data'] == {'peer': 'alice', 'count': number}
    assert bob.friend('alice')['unread'] == 3
    theirs = alice.window()
    window.send('mark_read', peer='alice', msg_id=ids[1])
    assert other.wait('unread', count=1)['data'] == {'peer': 'alice', 'count': 1}
    assert theirs.wait('message_read')['data'] == {'msg_id': ids[1], 'peer': 'bob'}
    assert [message['read'] for message in alice.history('bob')['messages']] == [True, True, False]
    window.send('mark_read', peer='alice', msg_id=ids[2])
    other.wait('unread', count=0)
    theirs.wait('message_read', msg_id=ids[2])
    assert bob.friend('alice')['unread'] == 0


def test_only_forward(pair):
    alice, bob = pair
    window, theirs = bob.window(), alice.window()
    ids = [alice.post('bob', f'{number}').json['msg_id'] for number in range(3)]
    window.send('mark_read', peer='alice', msg_id=ids[2])
    theirs.wait('message_read', msg_id=ids[2])
    window.send('mark_read', peer='alice', msg_id=ids[0])
    window.settle()
    assert bob.friend('alice')['unread'] == 0
    bob.post('alice', 'after it')
    theirs.wait('new_message', text='after it')
    assert [event['data']['msg_id'] for event in theirs.find('message_read')] == [ids[2]]


def test_no_receipt_when_the_user_does_not_want_it(pair):
    alice, bob = pair
    bob.change('PATCH', '/friends/alice', {'receipts': False})
    window, theirs = bob.window(), alice.window()
    msg_id = alice.post('bob', 'did you read it?').json['msg_id']
    window.send('mark_read', peer='alice', msg_id=msg_id)
    window.wait('unread', count=0)
    bob.post('alice', 'I tell you nothing')
    theirs.wait('new_message', direction='received')
    assert not theirs.find('message_read')
    assert bob.friend('alice')['unread'] == 0


def test_a_receipt_waits_for_the_peer(pair):
    alice, bob = pair
    window = bob.window()
    msg_id = alice.post('bob', 'read me later').json['msg_id']
    alice.stop()
    window.wait('friend_offline', username='alice')
    window.send('mark_read', peer='alice', msg_id=msg_id)
    window.wait('unread', count=0)
    alice.start()
    alice.window().wait('message_read', msg_id=msg_id)


def test_unread_survives_a_restart(pair):
    alice, bob = pair
    for number in range(3):
        alice.post('bob', f'{number}')
    bob.restart()
    assert bob.friend('alice')['unread'] == 3


def test_deleted_messages_are_not_unread(pair):
    alice, bob = pair
    msg_id = alice.post('bob', 'oops').json['msg_id']
    wait_for(lambda: bob.friend('alice')['unread'] == 1, 'one unread')
    alice.ask('DELETE', f'/messages/{msg_id}?for=everyone', status=204)
    wait_for(lambda: bob.friend('alice')['unread'] == 0, 'none unread')
