# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every row of the tables of data/docs/local-api.md, tried between daemons: each call with each status that it says of itself. A call that is
added must be added here, or to ELSEWHERE with the test that tries it (None: none does). In debug builds an answer that is off its schema is a
critical, which fails every test."""

import uuid
from urllib.parse import quote

from kithtest import befriend, wait_for, wait_online

# Need a directory, a damaged store, another key store, a message that failed, or a setting that an administrator locked.
ELSEWHERE = {
    'POST /friends': {'404': 'test_changed_identity', '502': 'test_changed_identity', '503': 'test_friends_invite'},
    'PUT /friends/{username}/identity': {'200': 'test_changed_identity', '409': 'test_changed_identity'},
    'POST /messages/{id}/resend': {'200': 'test_chat'},
    'PUT /admin/settings/{name}': {'403': None},
    'DELETE /admin/settings/{name}': {'403': None},
    'PUT /plugins/{name}': {'409': 'test_plugins', '502': 'test_plugins'},
}
WHOLE = ('/admin/store', '/admin/key', '/admin/doctor', '/admin/command', '/windows/open', '/signaling', '/link', '/plugins/', '/admin/relay')


class Walk:
    def __init__(self, kith):
        self.kith = kith
        self.tried = set()

    def __call__(self, method, path, status=200, body=None, query='', **params):
        url = path.format(**{name: quote(value, safe='') for name, value in params.items()}) + query
        answer = self.kith.call(method, url, body, unix=path.startswith('/admin/'))
        assert answer.status == status, f'{method} {url} {body}: {answer}, expected {status}'
        if status >= 400:
            assert answer.json['error'], answer
        self.tried.add((f'{method} {path}', str(status)))
        return answer.json if answer.body and answer.headers.get('content-type', '').startswith('application/json') else answer.body

    def left(self):
        """What the daemon says that it does, and nobody tried."""
        for path, methods in self.kith.get('/openapi.json')['paths'].items():
            for method, what in methods.items():
                route = f'{method.upper()} {path}'
                for status, answer in what['responses'].items():
                    if '$ref' not in answer and status not in ELSEWHERE.get(route, {}) and not path.startswith(WHOLE) and path != '/events':
                        yield route, status


def walk_alone(walk):
    for path in ('/status', '/connection', '/healthz', '/friends', '/requests', '/identity', '/presence', '/plugins', '/events/catalog',
                 '/events/schema.json', '/openapi.json', '/metrics', '/admin/keys', '/admin/settings', '/admin/token', '/admin/export'):
        walk('GET', path)
    walk('PUT', '/presence', body={'status': 'busy'})
    walk('PUT', '/presence', body={'status': 'online'})
    walk('PUT', '/plugins/{name}', body={'enabled': False}, name='typing')
    walk('PUT', '/plugins/{name}', body={'enabled': True}, name='typing')
    walk('PUT', '/plugins/{name}', 404, {'enabled': True}, name='nothing')
    walk('POST', '/admin/backup', body={'passphrase': 'correct horse battery staple'})
    walk('POST', '/admin/token')
    walk('GET', '/admin/settings/{name}', name='journal-length')
    walk('GET', '/admin/settings/{name}', 404, name='nothing')
    for method in ('PUT', 'DELETE'):
        body = {'value': '5000'} if method == 'PUT' else None
        walk(method, '/admin/settings/{name}', body=body, name='journal-length')
        walk(method, '/admin/settings/{name}', 404, body, name='nothing')
    walk('POST', '/admin/import', 404, {'messages': [{'msg_id': str(uuid.uuid4()), 'peer': 'nobody', 'text': 'x', 'direction': 'sent',
                                                      'timestamp': '2026-01-15T10:30:00Z'}]})
    walk('GET', '/admin/export', 404, query='?peer=nobody')


def walk_friends(walk, alice, bob, carol, dave):
    walk('POST', '/friends', 201, {'invite': bob.identity()['invite'], 'note': 'me'})
    walk('POST', '/friends', 409, {'invite': bob.identity()['invite']})
    befriend(bob, alice)
    for allowed in (False, None):
        walk('PATCH', '/friends/{username}', body={'presence': allowed, 'typing': allowed, 'receipts': allowed}, username='bob')
    walk('PATCH', '/friends/{username}', 404, {'typing': True}, username='nobody')
    walk('PUT', '/friends/{username}/identity', 404, {'fingerprint': '0' * 32}, username='nobody')
    assert walk('GET', '/friends/{username}/safety-number', username='bob') == bob.get('/friends/alice/safety-number')
    walk('GET', '/friends/{username}/safety-number', 404, username='nobody')
    for method, state in (('PUT', True), ('DELETE', False)):
        assert walk(method, '/friends/{username}/verified', username='bob')['verified'] is state
        assert walk(method, '/friends/{username}/blocked', username='bob')['blocked'] is state
        for what in ('verified', 'blocked'):
            walk(method, '/friends/{username}/' + what, 404, username='nobody')
    wait_online(alice, bob)
    # One request is refused and comes again, to be accepted; another one's author is blocked.
    for requester, method, path in ((carol, 'DELETE', '/requests/{username}'), (dave, 'PUT', '/friends/{username}/blocked'),
                                    (carol, 'POST', '/requests/{username}/accept')):
        requester.call('DELETE', '/friends/alice')
        requester.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
        wait_for(lambda: alice.get('/requests'), 'a request')
        walk(method, path, 204, username=requester.username)
    walk('DELETE', '/friends/{username}/blocked', 204, username='dave')
    walk('POST', '/requests/{username}/accept', 404, username='nobody')
    walk('DELETE', '/requests/{username}', 404, username='nobody')
    walk('DELETE', '/friends/{username}', 204, username='carol')
    walk('DELETE', '/friends/{username}', 404, username='carol')


def walk_messages(walk, alice, bob):
    nobody = str(uuid.uuid4())
    posted = walk('POST', '/messages', body={'to': 'bob', 'text': 'one', 'client_id': 'c1'})['msg_id']
    assert walk('POST', '/messages', body={'to': 'bob', 'text': 'one', 'client_id': 'c1'})['msg_id'] == posted
    walk('POST', '/messages', 409, {'to': 'bob', 'text': 'other', 'client_id': 'c1'})
    walk('POST', '/messages', 404, {'to': 'nobody', 'text': 'x'})
    theirs = bob.post('alice', 'theirs', reply_to=posted).json['msg_id']
    for path in ('/messages', '/messages/search'):
        assert walk('GET', path, query='?peer=bob' if path == '/messages' else '?q=theirs')['messages']
        walk('GET', path, 404, query='?peer=nobody&q=x' if 'search' in path else '?peer=nobody')
    assert walk('GET', '/messages/{id}/trace', id=posted)['steps']
    walk('GET', '/messages/{id}/trace', 404, id=nobody)
    walk('PATCH', '/messages/{id}', body={'text': 'edited'}, id=posted)
    walk('PATCH', '/messages/{id}', 403, {'text': 'x'}, id=theirs)
    walk('PATCH', '/messages/{id}', 404, {'text': 'x'}, id=nobody)
    for method in ('PUT', 'DELETE'):
        walk(method, '/messages/{id}/reactions/{emoji}', 204, id=theirs, emoji='👍')
        walk(method, '/messages/{id}/reactions/{emoji}', 404, id=nobody, emoji='👍')
    for status, msg_id in ((403, theirs), (404, nobody), (409, posted)):
        walk('POST', '/messages/{id}/resend', status, id=msg_id)
    walk('DELETE', '/messages/{id}', 403, query='?for=everyone', id=theirs)
    walk('DELETE', '/messages/{id}', 404, id=nobody)
    walk('DELETE', '/messages/{id}', 204, query='?for=everyone', id=posted)
    walk('PATCH', '/messages/{id}', 409, {'text': 'x'}, id=posted)
    for method in ('PUT', 'DELETE'):
        walk(method, '/messages/{id}/reactions/{emoji}', 409, id=posted, emoji='👍')
    last = walk('POST', '/messages', body={'to': 'bob', 'text': 'last'})['msg_id']
    walk('PUT', '/friends/{username}/blocked', username='bob')
    walk('DELETE', '/messages/{id}', 409, query='?for=everyone', id=last)
    walk('DELETE', '/friends/{username}/blocked', username='bob')
    exported = walk('GET', '/admin/export').decode().splitlines()
    assert len(exported) == len(alice.texts('bob'))
    bob.stop()
    walk('POST', '/messages', 202, {'to': 'bob', 'text': 'later'})


def test_every_call_with_every_status(kiths):
    alice, bob, carol, dave = (kiths(name) for name in ('alice', 'bob', 'carol', 'dave'))
    walk = Walk(alice)
    walk_alone(walk)
    walk_friends(walk, alice, bob, carol, dave)
    walk_messages(walk, alice, bob)
    line = {'msg_id': str(uuid.uuid4()), 'peer': 'bob', 'text': 'x', 'direction': 'sent', 'timestamp': '2026-01-15T10:30:00Z'}
    assert walk('POST', '/admin/import', body={'messages': [line]}) == {'imported': 1, 'known': 0}
    left = sorted(set(walk.left()) - walk.tried)
    assert not left, f'nobody tried {left}'
