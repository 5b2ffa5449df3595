# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people expect of a conversation: edit, delete, react, reply, unread, search, history, trace."""

import ctypes
import ctypes.util
import json
import re
import uuid
from urllib.parse import quote

import pytest
from kithtest import befriend, wait_for


def search(kith, words, **query):
    extra = ''.join(f'&{key}={quote(str(value))}' for key, value in query.items())
    return kith.get(f'/messages/search?q={quote(words)}{extra}')


def found(kith, words, **query):
    return [message['text'] for message in search(kith, words, **query)['messages']]


def message(kith, peer, msg_id):
    return next(m for m in kith.history(peer, limit=500)['messages'] if m['msg_id'] == msg_id)


# --- edit, delete, react, reply

def test_edit_reaches_the_peer_and_every_window(pair):
    alice, bob = pair
    here, there = alice.window(), bob.window()
    msg_id = alice.post('bob', 'first').json['msg_id']
    there.wait('new_message', msg_id=msg_id)
    alice.ask('PATCH', f'/messages/{msg_id}', {'text': 'second'})
    for window, peer in ((here, 'bob'), (there, 'alice')):
        event = window.wait('message_edited', msg_id=msg_id)
        assert event['data']['text'] == 'second' and event['data']['peer'] == peer and event['data']['edited_at']
    for kith, peer in ((alice, 'bob'), (bob, 'alice')):
        kept = message(kith, peer, msg_id)
        assert kept['text'] == 'second' and kept['edited_at']
    bob.refused('PATCH', f'/messages/{msg_id}', {'text': 'not mine'}, status=403)
    assert message(alice, 'bob', msg_id)['text'] == 'second'


def test_reactions_converge_and_reply_is_kept(pair):
    alice, bob = pair
    there = bob.window()
    msg_id = alice.post('bob', 'question').json['msg_id']
    there.wait('new_message', msg_id=msg_id)
    reply = bob.post('alice', 'answer', reply_to=msg_id).json['msg_id']
    wait_for(lambda: any(m['msg_id'] == reply for m in alice.history('bob')['messages']), 'the answer')
    assert message(alice, 'bob', reply)['reply_to'] == msg_id
    here = alice.window()
    for kith, peer in ((alice, 'bob'), (bob, 'alice')):
        kith.change('PUT', f'/messages/{msg_id}/reactions/{quote("👍")}')
        kith.change('PUT', f'/messages/{msg_id}/reactions/{quote("👍")}')
    there.wait('reaction', msg_id=msg_id, **{'from': 'alice'}, emoji='👍', removed=False)
    here.wait('reaction', msg_id=msg_id, **{'from': 'bob'}, emoji='👍', removed=False)
    both = {('👍', 'alice'), ('👍', 'bob')}
    assert {(r['emoji'], r['from']) for r in message(alice, 'bob', msg_id)['reactions']} == both
    assert {(r['emoji'], r['from']) for r in message(bob, 'alice', msg_id)['reactions']} == both
    alice.change('DELETE', f'/messages/{msg_id}/reactions/{quote("👍")}')
    there.wait('reaction', msg_id=msg_id, **{'from': 'alice'}, emoji='👍', removed=True)
    for kith, peer in ((alice, 'bob'), (bob, 'alice')):
        assert [(r['emoji'], r['from']) for r in message(kith, peer, msg_id)['reactions']] == [('👍', 'bob')]
    settled = [e for e in there.settle() if e['event'] == 'reaction' and e['data']['from'] == 'alice']
    assert len(settled) == 2, 'a reaction that is there already was told again'


def test_changes_go_through_the_queue(pair):
    alice, bob = pair
    first = alice.post('bob', 'will change').json['msg_id']
    second = alice.post('bob', 'will go').json['msg_id']
    wait_for(lambda: len(bob.texts('alice')) == 2, 'both messages')
    bob.stop()
    alice.ask('PATCH', f'/messages/{first}', {'text': 'changed twice'})
    alice.ask('PATCH', f'/messages/{first}', {'text': 'changed'})
    alice.change('PUT', f'/messages/{first}/reactions/{quote("🎉")}')
    alice.change('DELETE', f'/messages/{second}?for=everyone')
    late = alice.post('bob', 'sent and changed while away').json['msg_id']
    alice.ask('PATCH', f'/messages/{late}', {'text': 'changed before it came'})
    bob.start()
    wait_for(lambda: bob.texts('alice') == ['changed', '', 'changed before it came'], 'what happened meanwhile')
    assert message(bob, 'alice', first)['reactions'] == [{'emoji': '🎉', 'from': 'alice'}]
    gone = message(bob, 'alice', second)
    assert gone['deleted'] and gone['text'] == '' and 'reactions' not in gone


def test_delete_here_leaves_the_peer(pair):
    alice, bob = pair
    there, here = bob.window(), alice.window()
    msg_id = alice.post('bob', 'only here').json['msg_id']
    there.wait('new_message', msg_id=msg_id)
    bob.change('DELETE', f'/messages/{msg_id}')
    there.wait('message_deleted', msg_id=msg_id)
    bob.refused('DELETE', f'/messages/{msg_id}?for=everyone', status=403)
    assert message(alice, 'bob', msg_id)['text'] == 'only here'
    alice.change('DELETE', f'/messages/{msg_id}?for=everyone')
    here.wait('message_deleted', msg_id=msg_id)
    alice.refused('PATCH', f'/messages/{msg_id}', {'text': 'again'}, status=409)
    alice.refused('PUT', f'/messages/{msg_id}/reactions/x', status=409)


# --- what is gone is gone

class Pages:
    """The decrypted pages of a database and its log, read past SQLite: SQLCipher 4, AES-256-CBC, 80 bytes of reserve."""

    def __init__(self, path, key):
        self.crypto = ctypes.CDLL(ctypes.util.find_library('crypto'))
        for name in ('EVP_CIPHER_CTX_new', 'EVP_aes_256_cbc'):
            getattr(self.crypto, name).restype = ctypes.c_void_p
        self.path, self.key = path, key

    def decrypt(self, page, first):
        plain = ctypes.create_string_buffer(4096)
        n = ctypes.c_int()
        context = ctypes.c_void_p(self.crypto.EVP_CIPHER_CTX_new())
        body = page[16 if first else 0:4096 - 80]
        self.crypto.EVP_DecryptInit_ex(context, ctypes.c_void_p(self.crypto.EVP_aes_256_cbc()), None, self.key,
                                       page[4096 - 80:4096 - 64])
        self.crypto.EVP_CIPHER_CTX_set_padding(context, 0)
        self.crypto.EVP_DecryptUpdate(context, plain, ctypes.byref(n), body, len(body))
        self.crypto.EVP_CIPHER_CTX_free(context)
        return plain.raw[:len(body)]

    def all(self):
        data = self.path.read_bytes()
        for at in range(0, len(data) - 4095, 4096):
            yield self.decrypt(data[at:at + 4096], at == 0)
        log = self.path.with_name(self.path.name + '-wal')
        data = log.read_bytes() if log.exists() else b''
        for at in range(32, len(data) - 4119, 24 + 4096):
            number = int.from_bytes(data[at:at + 4], 'big')
            yield self.decrypt(data[at + 24:at + 24 + 4096], number == 1)

    def holds(self, needle):
        return any(needle in page for page in self.all())


def find_pages(kith):
    """With the key that stands in the file beside it; None: it is kept elsewhere."""
    raw = (kith.data / 'kith.key').read_bytes() if (kith.data / 'kith.key').exists() else b''
    first = (kith.data / 'kith.db').read_bytes()[:4096]
    for at in range(0, len(raw) - 31):
        pages = Pages(kith.data / 'kith.db', raw[at:at + 32])
        if pages.decrypt(first, True)[5:8] == b'\x40\x20\x20':     # payload fractions of every SQLite file
            return pages
    return None


def test_a_deleted_text_leaves_the_file(pair):
    alice, bob = pair
    secret, before = 'quetzalcoatlus', 'hippopotamusse'
    there = bob.window()
    msg_id = alice.post('bob', f'the {before} sleeps').json['msg_id']
    there.wait('new_message', msg_id=msg_id)
    assert found(alice, before) and found(bob, before)
    alice.ask('PATCH', f'/messages/{msg_id}', {'text': f'the {secret} sleeps'})
    there.wait('message_edited', msg_id=msg_id)
    assert found(alice, secret) and found(bob, secret)
    assert not found(alice, before) and not found(bob, before)
    for kith in pair:
        kith.stop()
    pages = [find_pages(kith) for kith in pair]
    if None in pages:
        pytest.skip('the key of the database is not in a file here')
    for one in pages:
        assert one.holds(secret.encode()), 'a text that is there must be seen by this test'
    for kith in pair:
        kith.start()
    wait_for(lambda: alice.friend('bob')['online'], 'the link')
    there = bob.window()
    alice.change('DELETE', f'/messages/{msg_id}?for=everyone')
    wait_for(lambda: bob.texts('alice') == [''], 'the deletion')
    wait_for(lambda: json.dumps(search(bob, secret)['messages']) == '[]', 'the index')
    for kith in pair:
        kith.stop()
    for one, kith in zip(pages, pair):
        for word in (secret, before):
            assert not one.holds(word[4:].encode()), f'{word} is still in the file of {kith.username}'


# --- search

def test_search_any_script(pair):
    alice, bob = pair
    texts = ['Das Café am Fluß öffnet', 'مرحبا بالعالم', '我们明天去北京大学', 'ภาษาไทยไม่มีช่องว่าง', 'नमस्ते दुनिया', 'Γειά σου Κόσμε',
             'こんにちは世界', 'party 🎉🎈 tonight', 'he said "AND" OR NOT near* (col:umn)']
    for text in texts:
        alice.post('bob', text)
    for words, index in (('cafe', 0), ('CAFÉ oeffnet', None), ('öff', 0), ('offnet CAFÉ', 0), ('بالعالم', 1), ('北京', 2), ('京大', 2),
                         ('大', 2), ('ไทย', 3), ('दुनिया', 4), ('κοσμε', 5), ('ΓΕΙΑ', 5), ('世界', 6), ('🎈', 7), ('🎉🎈', 7), ('toni', 7), ('tonigh', 7),
                         ('"AND" OR', 8), ('near* (', 8), ('col:umn', 8), ('fluss', None), ('京北', None), ('zzz', None), ('"', None)):
        assert found(alice, words) == ([] if index is None else [texts[index]]), words
    wait_for(lambda: len(bob.texts('alice')) == len(texts), 'all of them')
    assert found(bob, '北京', peer='alice') == [texts[2]]
    assert alice.refused('GET', '/messages/search?q=x&peer=nobody', status=404)
    assert alice.refused('GET', '/messages/search', status=400)


def test_search_pages_by_friend_and_time(kiths):
    alice, bob, carol = kiths('alice'), kiths('bob'), kiths('carol')
    befriend(alice, bob)
    befriend(alice, carol)
    for number in range(7):
        alice.post('bob' if number % 2 else 'carol', f'needle {number}')
    assert found(alice, 'needle') == [f'needle {n}' for n in range(6, -1, -1)]
    assert found(alice, 'needle', peer='bob') == ['needle 5', 'needle 3', 'needle 1']
    page = search(alice, 'needle', limit=3)
    assert page['has_more'] and [m['text'] for m in page['messages']] == ['needle 6', 'needle 5', 'needle 4']
    assert all(m['snippet'] == m['text'] for m in page['messages'])
    rest = search(alice, 'needle', before=page['messages'][-1]['msg_id'])
    assert not rest['has_more'] and len(rest['messages']) == 4
    assert found(alice, 'needle', before='2001-01-01T00:00:00Z') == []
    assert len(found(alice, 'needle', before='2999-01-01T00:00:00Z')) == 7
    alice.post('bob', 'x ' * 300 + 'haystack ' + 'y ' * 300)
    snippet = search(alice, 'haystack')['messages'][0]['snippet']
    assert 'haystack' in snippet and len(snippet) <= 122 and snippet[0] == snippet[-1] == '…'
    done = alice.ctl('search', 'needle', '--peer', 'bob')
    assert 'needle 5' in done.stdout and 'needle 4' not in done.stdout


# --- unread

def test_unread_moves_forward_only(pair):
    alice, bob = pair
    there, other = bob.window(), bob.window()
    ids = [alice.post('bob', f'm{n}').json['msg_id'] for n in range(3)]
    there.wait('unread', peer='alice', count=3)
    there.send('mark_read', peer='alice', msg_id=ids[1])
    wait_for(lambda: bob.friend('alice')['unread'] == 1, 'what was marked')
    assert other.settle()[-1]['data'] == {'peer': 'alice', 'count': 1}
    there.send('mark_read', peer='alice', msg_id=ids[0])
    there.settle()
    alice.post('bob', 'm3')
    wait_for(lambda: bob.friend('alice')['unread'] == 2, 'one more, and nothing less')
    other.send('mark_read', peer='alice', msg_id=ids[2])
    wait_for(lambda: bob.friend('alice')['unread'] == 1, 'what was marked elsewhere')
    assert [m['read'] for m in bob.history('alice')['messages']] == [True, True, True, False]
    wait_for(lambda: [m['read'] for m in alice.history('bob')['messages']] == [True, True, True, False], 'the receipt')


# --- trace

def test_trace_tells_the_life_of_a_message(pair):
    alice, bob = pair
    # The first one may come before the session, and is queued then.
    wait_for(lambda: alice.post('bob', 'session').json['delivered'], 'a session')
    msg_id = alice.post('bob', 'direct').json['msg_id']
    steps = alice.get(f'/messages/{msg_id}/trace')['steps']
    assert [step['what'] for step in steps] == ['encrypted', 'sent', 'acknowledged'], steps
    assert steps[1]['transport'] == steps[2]['transport'] == 'tcp'
    assert [step['what'] for step in bob.get(f'/messages/{msg_id}/trace')['steps']] == ['received']
    bob.stop()
    late = alice.post('bob', 'queued').json['msg_id']

    def tried():
        steps = alice.get(f'/messages/{late}/trace')['steps']
        return [step for step in steps if step['what'] == 'tried']

    step = wait_for(lambda: tried(), 'a dial that is refused')[0]
    assert step['transport'] == 'tcp' and re.search(r'refused after \d+ ms', step['detail']), step
    bob.start()
    wait_for(lambda: alice.get(f'/messages/{late}/trace')['steps'][-1]['what'] == 'acknowledged', 'the end')
    what = [step['what'] for step in alice.get(f'/messages/{late}/trace')['steps']]
    assert what[0] == 'encrypted' and 'linked' in what and what[-2:] == ['sent', 'acknowledged'], what
    assert 'acknowledged' in alice.ctl('trace', late).stdout
    alice.refused('GET', f'/messages/{uuid.uuid4()}/trace', status=404)


# --- export and import

def test_export_import_round_trip(kiths, tmp_path):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    ids = [alice.post('bob', f'line {n}\nmore "text" ü {n}').json['msg_id'] for n in range(12)]
    alice.ask('PATCH', f'/messages/{ids[1]}', {'text': 'edited'})
    alice.change('PUT', f'/messages/{ids[2]}/reactions/{quote("👍")}')
    alice.change('DELETE', f'/messages/{ids[3]}')
    wait_for(lambda: len(bob.texts('alice')) == 12, 'all of them')
    file = tmp_path / 'all.jsonl'
    alice.ctl('export', '--output', str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line['msg_id'] for line in lines] == ids and all(line['peer'] == 'bob' for line in lines)
    page = alice.call('GET', '/admin/export?limit=5', unix=True)
    assert page.headers['kith-total'] == '12' and page.headers['kith-done'] == '5' and page.headers['kith-next']
    assert alice.call('GET', '/admin/export').status == 404, 'only on the socket'
    text = alice.ctl('export', 'bob', '--format', 'text').stdout
    assert '=== bob ===' in text and 'alice: edited (edited)' in text and '(deleted)' in text and '👍 alice' in text
    # Elsewhere: an own conversation is there already, the history goes before it.
    carol = kiths('carol')
    done = json.loads(carol.ctl('--json', 'import', str(file)).stdout)
    assert done == {'imported': 12, 'known': 0}
    assert json.loads(carol.ctl('--json', 'import', str(file)).stdout) == {'imported': 0, 'known': 12}
    kept = carol.history('bob', limit=500)
    assert [m['msg_id'] for m in kept['messages']] == ids and kept['total'] == 12 and not kept['has_more']
    assert kept['messages'][1]['edited_at'] and kept['messages'][3]['deleted'] and kept['messages'][2]['reactions']
    assert carol.get('/friends') == [], 'somebody who is only in the history is no friend'
    assert len(found(carol, 'line 11')) == 1
    befriend(carol, bob)
    carol.post('bob', 'new')
    assert carol.texts('bob')[-2:] == [lines[-1]['text'], 'new'] and len(carol.texts('bob')) == 13
    page = carol.history('bob', limit=2, before=ids[1])
    assert [m['msg_id'] for m in page['messages']] == ids[:1] and not page['has_more']
    # What is wrong is named by its line.
    nobody = dict(lines[0], peer='dave', msg_id=str(uuid.uuid4()))
    nobody.pop('signing_key')
    file.write_text(json.dumps(lines[0]) + '\n' + json.dumps(nobody) + '\n')
    assert 'line 2' in carol.ctl('import', str(file), status=1).stderr
    file.write_text(json.dumps(lines[0]) + '\nnonsense\n')
    assert 'line 2' in carol.ctl('import', str(file), status=1).stderr


# --- metrics

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+]+|\+Inf|NaN)$')


def parse_metrics(text):
    """What promtool checks: every family once and in one piece, a TYPE before it, histograms that add up."""
    types, samples, closed, family = {}, {}, set(), None
    assert text.endswith('\n')
    for line in text.splitlines():
        head = re.match(r'^# (TYPE|HELP) (\S+) (.+)$', line)
        name = head.group(2) if head else SAMPLE.match(line).group(1)
        if not head:
            for suffix in ('_bucket', '_sum', '_count'):
                if types.get(name.removesuffix(suffix)) == 'histogram':
                    name = name.removesuffix(suffix)
        if name != family:
            assert name not in closed, f'{name} comes in two pieces'
            closed.add(family)
            family = name
        if head and head.group(1) == 'TYPE':
            assert name not in types and head.group(3) in ('counter', 'gauge', 'histogram')
            types[name] = head.group(3)
        elif not head:
            match = SAMPLE.match(line)
            assert match and name in types, line
            assert types[name] != 'counter' or name.endswith('_total'), name
            key = match.group(1) + (match.group(2) or '')
            assert key not in samples, key
            samples[key] = float(match.group(3))
    for name, kind in types.items():
        if kind == 'histogram':
            buckets = [value for key, value in samples.items() if key.startswith(name + '_bucket')]
            assert buckets == sorted(buckets) and buckets[-1] == samples[name + '_count']
    return samples


def test_metrics(pair):
    alice, bob = pair
    window = alice.window()
    alice.post('bob', 'counted')
    answer = alice.call('GET', '/metrics')
    assert answer.status == 200 and answer.headers['content-type'].startswith('text/plain')
    samples = parse_metrics(answer.body.decode())
    assert samples['kith_store_commit_seconds_count'] > 0 and samples['kith_windows'] == 1 and samples['kith_friends'] == 1
    for name in ('received_bytes', 'sent_bytes', 'received_frames', 'sent_frames'):
        assert samples[f'kith_link_{name}_total{{transport="tcp"}}'] > 0, name
    assert samples['kith_plugin_handler_calls_total{plugin="presence"}'] > 0
    assert samples['kith_plugin_handler_seconds_total{plugin="presence"}'] > 0
    assert samples['kith_outbox_rows'] == 0 and samples['kith_journal_newest'] > 0
    bob.stop()
    alice.post('bob', 'waits')
    later = parse_metrics(alice.call('GET', '/metrics').body.decode())
    assert later['kith_outbox_rows'] == 1 and later['kith_journal_newest'] > samples['kith_journal_newest']
    window.close()


def test_metrics_count_refusals_and_clients(alice):
    before = parse_metrics(alice.call('GET', '/metrics').body.decode())
    windows = [alice.window() for _ in range(3)]
    windows[0].send('typing', to='nobody', typing=True)
    windows[0].wait('error')
    assert alice.call('GET', '/status', headers={'Host': 'elsewhere.example'}).status == 421
    assert alice.call('GET', '/status', headers={'Origin': 'https://elsewhere.example'}).status == 403
    assert alice.call('POST', '/messages', raw=b'{}', headers={'Content-Type': 'text/plain'}).status == 415
    after = parse_metrics(alice.call('GET', '/metrics').body.decode())
    for reason in ('host', 'origin', 'type'):
        name = f'kith_door_refused_total{{reason="{reason}"}}'
        assert after[name] == before[name] + 1, name
    assert after['kith_windows'] == after['kith_door_websockets'] == 3 and before['kith_windows'] == 0
    wanted = {'kith_store_queued_jobs', 'kith_store_queued_bytes', 'kith_outbox_rows', 'kith_outbox_plain_rows', 'kith_outbox_mailbox_rows',
              'kith_inbox_rows', 'kith_pending_rows', 'kith_request_rows', 'kith_search_behind_rows', 'kith_journal_oldest', 'kith_journal_shown'}
    assert wanted <= set(after)
