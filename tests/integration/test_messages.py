# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST /messages and what it promises; history and paging; edit, delete, reactions."""

import threading
import uuid

import pytest

from kithtest import TIME, UUID, wait_for, wait_online


def test_direct(pair):
    alice, bob = pair
    window = bob.window()
    answer = alice.post('bob', 'Hey there! Ünï🎉')
    assert answer.status == 200
    assert answer.json['delivered'] is True and answer.json['delivery_method'] == 'direct'
    assert UUID.fullmatch(answer.json['msg_id']) and TIME.fullmatch(answer.json['timestamp'])
    event = window.wait('new_message')
    assert event['data'].items() >= {'msg_id': answer.json['msg_id'], 'from': 'alice', 'to': 'bob', 'text': 'Hey there! Ünï🎉',
                                     'direction': 'received', 'delivered': True, 'delivery_method': 'direct'}.items()
    sent, = alice.history('bob')['messages']
    assert sent['direction'] == 'sent' and sent['delivered'] is True and sent['from'] == 'alice' and sent['to'] == 'bob'


def test_offline_is_delivered_later_once_and_in_order(pair):
    alice, bob = pair
    bob.stop()
    window = alice.window()
    ids = []
    for number in range(20):
        answer = alice.post('bob', f'message {number}')
        assert answer.status == 202, answer
        assert answer.json['delivered'] is False and answer.json['delivery_method'] == 'offline'
        ids.append(answer.json['msg_id'])
    bob.start()
    for msg_id in ids:
        window.wait('message_delivered', msg_id=msg_id, peer='bob')
    got = bob.history('alice', limit=500)
    assert [message['msg_id'] for message in got['messages']] == ids
    assert got['total'] == 20 and got['has_more'] is False
    assert all(message['delivered'] for message in alice.history('bob')['messages'])


def test_the_outbox_survives_a_restart_of_the_sender(pair):
    alice, bob = pair
    bob.stop()
    ids = [alice.post('bob', f'kept {number}').json['msg_id'] for number in range(5)]
    alice.restart()
    bob.start()
    wait_for(lambda: [m['msg_id'] for m in bob.history('alice')['messages']] == ids, 'everything at bob')


def test_messages_cross(pair):
    alice, bob = pair
    count = 50

    def send(one, other):
        for number in range(count):
            one.post(other.username, f'{one.username} {number}')

    threads = [threading.Thread(target=send, args=args) for args in ((alice, bob), (bob, alice))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in ((alice, bob), (bob, alice)):
        wait_for(lambda: one.history(other.username)['total'] == 2 * count, 'all messages')
        texts = one.texts(other.username)
        for name in ('alice', 'bob'):
            assert [text for text in texts if text.startswith(name)] == [f'{name} {number}' for number in range(count)]


BAD = [
    ({}, 400, 'to'), ({'to': 'bob'}, 400, 'text'), ({'text': 'x'}, 400, 'to'), ({'to': 7, 'text': 'x'}, 400, 'to'),
    ({'to': 'bob', 'text': 7}, 400, 'text'), ({'to': 'bob', 'text': None}, 400, 'text'), ({'to': 'bob', 'text': ['x']}, 400, 'text'),
    ({'to': 'bob', 'text': ''}, 400, 'text'), ({'to': 'bob', 'text': 'x' * 10001}, 400, 'text'), ({'to': 'bob', 'text': 'a\x07b'}, 400, 'text'),
    ({'to': 'bob', 'text': 'a\rb'}, 400, 'text'), ({'to': 'bob', 'text': 'a\x7fb'}, 400, 'text'), ({'to': 'bob', 'text': 'a\x00b'}, 400, None),
    ({'to': 'bob', 'text': '\x1b[31m'}, 400, 'text'), ({'to': '', 'text': 'x'}, 400, 'to'), ({'to': 'Bob', 'text': 'x'}, None, 'to'),
    ({'to': 'carol', 'text': 'x'}, 404, 'carol'), ({'to': 'bob', 'text': 'x', 'reply_to': 'no-id'}, 400, 'reply_to'),
    ({'to': 'bob', 'text': 'x', 'client_id': 7}, 400, 'client_id'), ([], 400, None), ('text', 400, None), (7, 400, None), (None, 400, None),
]


def test_bad_bodies_change_nothing(pair):
    alice, bob = pair
    for body, status, names in BAD:
        if status is None:
            answer = alice.call('POST', '/messages', body)
            assert answer.status in (400, 404) and answer.json['error'], (body, answer)
        elif body is None:
            alice.refused('POST', '/messages', status=400, raw=b'')
        else:
            alice.refused('POST', '/messages', body, status=status, names=names)
    assert alice.history('bob')['total'] == 0


@pytest.mark.parametrize('raw', [b'{', b'{"to":"bob","text":"x"', b"{'to':'bob','text':'x'}", b'{"to":"bob","text":"x"}{}', b'\xff\xfe',
                                 b'{"to":"bob","text":"x","text":"y"}', b'{"to":"bob","text":"\xff"}', b'{"to":"bob","text":"\\ud800"}',
                                 b'[' * 5000, b'{"to":"bob","text":"x",}', b'// x\n{}', b'nul'])
def test_what_is_no_json_is_400(alice, raw):
    alice.refused('POST', '/messages', status=400, raw=raw)


def test_not_json_is_415_and_too_much_413(alice):
    alice.refused('POST', '/messages', status=415, raw=b'{"to":"bob","text":"x"}', headers={'Content-Type': 'text/plain'})
    alice.refused('POST', '/messages', status=413, raw=b'{"to":"bob","text":"' + b'x' * (300 * 1024) + b'"}')


def test_the_longest_text(pair):
    alice, bob = pair
    text = '🎉' * 10000
    assert alice.post('bob', text).status == 200
    assert alice.post('bob', 'line one\n\tline two').status == 200
    assert bob.texts('alice') == [text, 'line one\n\tline two']


def test_client_id_is_idempotent(pair):
    alice, bob = pair
    client_id = str(uuid.uuid4())
    answers = [alice.post('bob', 'once', client_id=client_id) for _ in range(3)]
    assert len({answer.json['msg_id'] for answer in answers}) == 1
    alice.restart()
    wait_online(alice, bob)
    again = alice.post('bob', 'once', client_id=client_id)
    assert again.json['msg_id'] == answers[0].json['msg_id']
    assert bob.texts('alice') == ['once'] and alice.texts('bob') == ['once']


def test_paging(pair):
    alice, bob = pair
    ids = [alice.post('bob', f'{number}').json['msg_id'] for number in range(25)]
    page = alice.history('bob')
    assert [m['msg_id'] for m in page['messages']] == ids and page['total'] == 25 and page['has_more'] is False
    page = alice.history('bob', limit=10)
    assert [m['msg_id'] for m in page['messages']] == ids[15:] and page['has_more'] is True and page['total'] == 25
    page = alice.history('bob', limit=10, offset=10)
    assert [m['msg_id'] for m in page['messages']] == ids[5:15] and page['has_more'] is True
    page = alice.history('bob', limit=10, offset=20)
    assert [m['msg_id'] for m in page['messages']] == ids[:5] and page['has_more'] is False
    assert alice.history('bob', offset=100)['messages'] == []
    walked, before = [], None
    while True:
        page = alice.history('bob', limit=7, **({'before': before} if before else {}))
        walked = [m['msg_id'] for m in page['messages']] + walked
        if not page['has_more']:
            break
        before = walked[0]
    assert walked == ids


@pytest.mark.parametrize('query', ['', 'peer=', 'peer=bob&limit=0', 'peer=bob&limit=501', 'peer=bob&limit=x', 'peer=bob&offset=-1',
                                   'peer=bob&limit=1e2', 'peer=bob&before=x', 'peer=bob&offset=99999999999999999999'])
def test_bad_queries(pair, query):
    alice, bob = pair
    alice.refused('GET', f'/messages?{query}', status=400)


def test_reply(pair):
    alice, bob = pair
    first = alice.post('bob', 'question').json['msg_id']
    bob.post('alice', 'answer', reply_to=first)
    assert alice.history('bob')['messages'][1]['reply_to'] == first


def test_delete_here(pair):
    alice, bob = pair
    window = alice.window()
    msg_id = alice.post('bob', 'only here').json['msg_id']
    alice.ask('DELETE', f'/messages/{msg_id}', status=204)
    window.wait('message_deleted', msg_id=msg_id)
    gone, = alice.history('bob')['messages']
    assert gone['deleted'] is True and gone['text'] == ''
    assert bob.texts('alice') == ['only here']
    alice.refused('DELETE', f'/messages/{uuid.uuid4()}', status=404)


def test_delete_for_everyone(pair):
    alice, bob = pair
    window = bob.window()
    msg_id = alice.post('bob', 'a secret slip').json['msg_id']
    window.wait('new_message')
    bob.refused('DELETE', f'/messages/{msg_id}?for=everyone', status=403)
    alice.ask('DELETE', f'/messages/{msg_id}?for=everyone', status=204)
    window.wait('message_deleted', msg_id=msg_id)
    for one, other in ((alice, 'bob'), (bob, 'alice')):
        gone, = one.history(other)['messages']
        assert gone['deleted'] is True and gone['text'] == ''
    replay = bob.window('?since=0&epoch=' + bob.get('/status')['journal']['epoch'])
    replay.settle()
    assert 'a secret slip' not in str(replay.events)


def test_edit(pair):
    alice, bob = pair
    window = bob.window()
    msg_id = alice.post('bob', 'frist').json['msg_id']
    bob.refused('PATCH', f'/messages/{msg_id}', {'text': 'mine now'}, status=403)
    alice.refused('PATCH', f'/messages/{msg_id}', {'text': ''}, names='text')
    alice.change('PATCH', f'/messages/{msg_id}', {'text': 'first'})
    event = window.wait('message_edited', msg_id=msg_id)
    assert event['data']['text'] == 'first' and TIME.fullmatch(event['data']['edited_at']) and event['data']['peer'] == 'alice'
    alice.change('PATCH', f'/messages/{msg_id}', {'text': 'first!'})
    window.wait('message_edited', text='first!')
    for one, other in ((alice, 'bob'), (bob, 'alice')):
        message, = one.history(other)['messages']
        assert message['text'] == 'first!' and TIME.fullmatch(message['edited_at'])


def test_reactions(pair):
    alice, bob = pair
    window = alice.window()
    msg_id = alice.post('bob', 'news').json['msg_id']
    emoji = '%F0%9F%91%8D'
    bob.change('PUT', f'/messages/{msg_id}/reactions/{emoji}')
    event = window.wait('reaction', msg_id=msg_id)
    assert event['data'].items() >= {'from': 'bob', 'emoji': '👍', 'removed': False, 'peer': 'bob'}.items()
    assert alice.history('bob')['messages'][0]['reactions'] == [{'emoji': '👍', 'from': 'bob'}]
    bob.change('DELETE', f'/messages/{msg_id}/reactions/{emoji}')
    window.wait('reaction', msg_id=msg_id, removed=True)
    assert not alice.history('bob')['messages'][0].get('reactions')
    bob.refused('PUT', f'/messages/{uuid.uuid4()}/reactions/{emoji}', status=404)
    bob.refused('PUT', f'/messages/{msg_id}/reactions/two%20words', status=400)


def test_resend_knows_only_failed_ones(pair):
    alice, bob = pair
    msg_id = alice.post('bob', 'fine').json['msg_id']
    alice.refused('POST', f'/messages/{msg_id}/resend', status=409)
    alice.refused('POST', f'/messages/{uuid.uuid4()}/resend', status=404)
