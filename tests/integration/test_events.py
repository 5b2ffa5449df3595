# SPDX-License-Identifier: LGPL-2.1-or-later
"""/events: the guide's examples, broadcast, pending delivery, resume, and what a bad frame gets."""

import json
import uuid

import pytest

from kithtest import wait_for, wait_online


def test_the_guides_two_client_events(pair):
    """Section 5.3 to the letter."""
    alice, bob = pair
    theirs, ours = alice.window(), bob.window()
    msg_id = alice.post('bob', 'Hey there!').json['msg_id']
    ours.wait('new_message', msg_id=msg_id)
    ours.send_text('{"event": "typing", "data": {"to": "alice", "typing": true}}')
    assert theirs.wait('typing') == {'event': 'typing', 'data': {'username': 'bob', 'typing': True}}
    ours.send_text('{"event": "mark_read", "data": {"peer": "alice", "msg_id": "%s"}}' % msg_id)
    assert theirs.wait('message_read')['data'] == {'msg_id': msg_id, 'peer': 'bob'}
    assert not ours.find('error')


def test_both_terminals_see_it(pair):
    """Section 5.5: every client gets every event."""
    alice, bob = pair
    windows = [bob.window() for _ in range(5)]
    alice.post('bob', 'to all of you')
    events = [window.wait('new_message') for window in windows]
    assert all(event == events[0] for event in events)
    assert events[0]['seq'] > 0


def test_own_messages_are_shown_to_all_windows(pair):
    alice, bob = pair
    window = alice.window()
    msg_id = alice.post('bob', 'from here').json['msg_id']
    event = window.wait('new_message', msg_id=msg_id)
    assert event['data']['direction'] == 'sent' and event['data']['to'] == 'bob'
    assert window.wait('message_delivered', msg_id=msg_id)['data']['peer'] == 'bob'


def test_what_happened_while_nobody_watched(pair):
    """A bare client gets it first, in order, without asking."""
    alice, bob = pair
    first = bob.window()
    alice.post('bob', 'seen')
    first.wait('new_message')
    first.settle()
    first.close()
    for number in range(10):
        alice.post('bob', f'unseen {number}')
    window = bob.window()
    for number in range(10):
        assert window.wait('new_message')['data']['text'] == f'unseen {number}'
    window.settle()
    assert not window.find('new_message', text='seen')
    third = bob.window()
    third.settle()
    assert not third.find('new_message'), 'what one window has seen is not pending any more'


def test_resume_is_without_gap_or_repetition(pair):
    alice, bob = pair
    epoch = bob.get('/status')['journal']['epoch']
    window = bob.window()
    for number in range(5):
        alice.post('bob', f'{number}')
    seqs = []
    while len(window.find('new_message')) < 5:
        window.wait('new_message')
    window.settle()
    seqs = [event['seq'] for event in window.events if 'seq' in event]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    window.close()
    alice.post('bob', 'later')
    cut = window.find('new_message', text='2')[0]['seq']
    again = bob.window(f'?since={cut}&epoch={epoch}')
    again.wait('new_message', text='later')
    again.settle()
    got = [event['seq'] for event in again.events if 'seq' in event]
    assert got == list(range(cut + 1, bob.get('/status')['journal']['newest'] + 1))
    assert [event['data']['text'] for event in again.find('new_message')] == ['3', '4', 'later']
    alice.post('bob', 'live')
    assert again.wait('new_message')['data']['text'] == 'live'


def test_the_journal_survives_a_restart(pair):
    alice, bob = pair
    alice.post('bob', 'before the restart')
    before = bob.get('/status')['journal']
    bob.restart()
    after = bob.get('/status')['journal']
    assert after['epoch'] == before['epoch'] and after['newest'] >= before['newest']
    window = bob.window(f"?since=0&epoch={before['epoch']}")
    window.wait('new_message', text='before the restart')


@pytest.mark.parametrize('query', ['?since={after}&epoch={epoch}', '?since=0&epoch=00000000-0000-4000-8000-000000000000'])
def test_resync(pair, query):
    alice, bob = pair
    alice.post('bob', 'something')
    journal = bob.get('/status')['journal']
    window = bob.window(query.format(after=journal['newest'] + 1000, epoch=journal['epoch']))
    first = window.wait(None)
    assert first['event'] == 'resync'
    assert first['data']['epoch'] == journal['epoch'] and first['data']['newest'] >= journal['newest']
    alice.post('bob', 'still live')
    window.wait('new_message', text='still live')


@pytest.mark.parametrize('query', ['?since=x', '?since=-1', '?since=1.5', '?since=99999999999999999999999'])
def test_bad_positions_are_refused(alice, query):
    from kithtest import Window
    window = Window(alice.events_port, query)
    assert window.status == 400


def test_latest_values_are_given_to_who_comes(pair):
    alice, bob = pair
    window = bob.window('?since=0&epoch=' + bob.get('/status')['journal']['epoch'])
    window.wait('friend_online', username='alice')
    bob.change('PUT', '/presence', {'status': 'away'})
    wait_for(lambda: alice.friend('bob')['status'] == 'away', 'away')
    later = alice.window('?since=0&epoch=' + alice.get('/status')['journal']['epoch'])
    later.settle()
    assert [event['data']['status'] for event in later.find('presence', username='bob')] == ['away']
    assert all('seq' not in event for event in later.events if event['event'] in ('presence', 'friend_online', 'connection', 'unread'))


BAD = [
    ('{', None), ('', None), ('[]', None), ('7', None), ('"typing"', None), ('null', None), ('{}', 'event'), ('{"event":7,"data":{}}', 'event'),
    ('{"event":"typing"}', 'data'), ('{"event":"typing","data":[]}', 'data'), ('{"event":"nothing","data":{}}', 'nothing'),
    ('{"event":"typing","data":{}}', 'to'), ('{"event":"typing","data":{"to":"bob"}}', 'typing'),
    ('{"event":"typing","data":{"to":"bob","typing":1}}', 'typing'), ('{"event":"typing","data":{"to":7,"typing":true}}', 'to'),
    ('{"event":"typing","data":{"to":"carol","typing":true}}', 'carol'), ('{"event":"mark_read","data":{"peer":"bob"}}', 'msg_id'),
    ('{"event":"mark_read","data":{"peer":"bob","msg_id":"test-id-123"}}', 'msg_id'), ('{"event":"new_message","data":{}}', 'new_message'),
    ('{"event":"mark_read","data":{"peer":"carol","msg_id":"%s"}}' % uuid.uuid4(), 'carol'),
    ('{"event":"mark_read","data":{"peer":"bob","msg_id":"%s"}}' % uuid.uuid4(), None),
    ('{"event":"typing","event":"typing","data":{"to":"bob","typing":true}}', None), ('{"event":"typing","data":{"to":"bob","typing":true}}x', None),
    ('[' * 1000, None), ('{"event":"typing","data":{"to":"bob","typing":true},}', None), ("{'event':'typing'}", None),
]


def test_bad_frames_get_an_error_and_the_connection_stays(pair):
    alice, bob = pair
    window, other = alice.window(), alice.window()
    bobs = bob.window()
    for text, names in BAD:
        window.send_text(text)
        error = window.wait('error')
        assert set(error['data']) <= {'code', 'message', 'event'} and error['data']['code'] and error['data']['message'], text
        assert names is None or names in json.dumps(error['data']), (text, error)
    window.send('typing', to='bob', typing=True)
    bobs.wait('typing')
    other.settle()
    assert not other.find('error'), "an error is for who caused it"
    assert len(bobs.find('typing')) == 1


def test_unknown_members_are_ignored(pair):
    alice, bob = pair
    window, bobs = alice.window(), bob.window()
    window.send_text('{"id":1,"event":"typing","data":{"to":"bob","typing":true,"more":{"a":[1]}},"seq":9}')
    assert bobs.wait('typing')['data'] == {'username': 'alice', 'typing': True}
    window.settle()
    assert not window.find('error')


def test_a_message_while_reconnecting(pair):
    """Each of many short windows in a row gets what came in between; together they have everything once."""
    alice, bob = pair
    epoch, position = bob.get('/status')['journal']['epoch'], bob.get('/status')['journal']['newest']
    texts = []
    for number in range(20):
        alice.post('bob', f'{number}')
        window = bob.window(f'?since={position}&epoch={epoch}')
        window.settle()
        texts += [event['data']['text'] for event in window.find('new_message')]
        position = max([position, *(event['seq'] for event in window.events if 'seq' in event)])
        window.close()
    assert texts == [f'{number}' for number in range(20)]


def test_a_silent_client_is_a_good_client(pair):
    alice, bob = pair
    window = bob.window()
    for number in range(300):
        alice.post('bob', f'{number}')
    for number in range(300):
        assert window.wait('new_message')['data']['text'] == f'{number}'
    wait_online(alice, bob)
