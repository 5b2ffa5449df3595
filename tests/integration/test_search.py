# SPDX-License-Identifier: LGPL-2.1-or-later
"""Search over a history of years: by time, by friend, in scripts with and without words, with excerpts; what is gone is not found."""

import base64
import secrets
import uuid
from urllib.parse import quote

import pytest
from kithtest import wait_for

KEYS = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in ('bob', 'carol')}


def put(kith, *said):
    """(peer, time, text)… become history."""
    messages = [{'msg_id': str(uuid.uuid4()), 'peer': peer, 'signing_key': KEYS[peer], 'text': text, 'direction': 'received',
                 'timestamp': time, 'delivered': True, 'delivery_method': 'direct'} for peer, time, text in said]
    assert kith.ask('POST', '/admin/import', {'messages': messages}, unix=True)['imported'] == len(messages)
    return [message['msg_id'] for message in messages]


def search(kith, words, **query):
    extra = ''.join(f'&{key}={quote(str(value))}' for key, value in query.items())
    return kith.get(f'/messages/search?q={quote(words)}{extra}')['messages']


def found(kith, words, **query):
    return [message['text'] for message in search(kith, words, **query)]


def test_by_time_and_friend(alice):
    years = range(2018, 2026)
    ids = put(alice, *((('bob', 'carol')[year % 2], f'{year}-06-01T12:00:00Z', f'anchor {year}') for year in years))
    assert found(alice, 'anchor') == [f'anchor {year}' for year in reversed(years)]
    assert found(alice, 'anchor', before='2021-06-01T12:00:00Z') == ['anchor 2020', 'anchor 2019', 'anchor 2018'], 'before is not at'
    assert found(alice, 'anchor', before='2021-06-01T12:00:01Z', limit=1) == ['anchor 2021']
    assert found(alice, 'anchor', before='2022-01-01T00:00:00Z', peer='bob') == ['anchor 2020', 'anchor 2018']
    assert found(alice, 'anchor', before=ids[3], peer='carol') == ['anchor 2019']
    page = alice.get('/messages/search?q=anchor&peer=carol&limit=3')
    assert page['has_more'] and [m['text'] for m in page['messages']] == ['anchor 2025', 'anchor 2023', 'anchor 2021']
    for query in ('before=yesterday', 'before=2021', f'before={uuid.uuid4()}', 'limit=0', 'limit=101', 'limit=x'):
        assert alice.call('GET', f'/messages/search?q=anchor&{query}').status in (400, 404), query


@pytest.mark.parametrize('text,good,bad', [
    ('Tiếng Việt có dấu', ('tieng', 'VIET', 'Việt', 'dau'), ('tiengviet', 'iet')),
    ('Žluťoučký kůň', ('zlutoucky', 'KUN', 'kůň'), ('un',)),
    ('Ёлка и ёж', ('елка', 'ЁЖ'), ('лка',)),
    ('مُحَمَّد', ('محمد',), ('حمد',)),
    ('นี่คือข้อความภาษาไทยที่ไม่มีช่องว่าง', ('ข้อความ', 'ภาษาไทย', 'ไม่มี'), ('ไทยภาษา',)),
    ('東京タワーへ行きましょう', ('東京', 'タワー', '行き', '京タ'), ('京東',)),
    ('서울에서 만나요', ('서울', '만나요'), ('울서',)),
    ('Treffen um 18:30 in Raum B-42', ('18:30', 'b-42', 'raum 42'), ('30:18x',)),
    ('မြန်မာစာ', ('မြန်မာ', 'စာ'), ('စာမြန်',)),
])
def test_scripts(alice, text, good, bad):
    put(alice, ('bob', '2024-01-01T00:00:00Z', text), ('bob', '2024-01-02T00:00:00Z', 'something else'))
    for words in good:
        assert found(alice, words) == [text], words
    for words in bad:
        assert found(alice, words) == [], words


def test_excerpts(alice):
    for needle, filler in (('북극곰', '가나다라 '), ('大熊猫', '天地玄黄宇宙洪荒'), ('ไดโนเสาร์', 'กขคงจฉชซ'), ('walrus', 'lorem ipsum ')):
        put(alice, ('carol', '2024-01-01T00:00:00Z', filler * 60 + needle + ' ' + filler * 60))
        message, = search(alice, needle)
        assert needle in message['snippet'] and len(message['snippet']) <= 122, message['snippet']
        assert message['snippet'][0] == message['snippet'][-1] == '…' and message['text'].count(needle) == 1
    put(alice, ('carol', '2024-01-01T00:00:00Z', 'narwhal first, ' + 'then a lot ' * 50))
    assert search(alice, 'narwhal')[0]['snippet'].startswith('narwhal first')


def test_what_changes_is_found_as_it_is(pair):
    alice, bob = pair
    msg_id = alice.post('bob', 'the first draft').json['msg_id']
    assert found(alice, 'draft') and wait_for(lambda: found(bob, 'draft'), 'it')
    alice.ask('PATCH', f'/messages/{msg_id}', {'text': 'the final text'})
    wait_for(lambda: found(bob, 'final') and not found(bob, 'draft'), 'the edit in the index of the other side')
    assert found(alice, 'final') and not found(alice, 'draft')
    bob.restart()
    assert found(bob, 'final text') == ['the final text']
    alice.change('DELETE', f'/messages/{msg_id}')
    assert not found(alice, 'final') and found(bob, 'final'), 'only here'
