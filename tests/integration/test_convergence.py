# SPDX-License-Identifier: LGPL-2.1-or-later
"""However things cross, both sides end alike, every window sees it, and what is missing is shown."""

import json
import re
import threading
import uuid
from urllib.parse import quote

from kithtest import befriend, wait_for, wait_online

EMOJI = ('👍', '🎉', '❤️', '😀')


def state(kith, peer):
    """What both sides must agree on."""
    return [(m['msg_id'], m['text'], m.get('deleted', False), sorted((r['emoji'], r['from']) for r in m.get('reactions', [])))
            for m in kith.history(peer, limit=500)['messages']]


def has_told_all(kith):
    """Nothing waits for its acknowledgement: what both sides agree on then is not a state that they pass through."""
    return re.search(r'^kith_outbox_rows (\d+)$', kith.call('GET', '/metrics').body.decode(), re.M).group(1) == '0'


def agree(alice, bob):
    """Whether everything has come to both, and they have the same."""
    return has_told_all(alice) and has_told_all(bob) and sorted(state(alice, bob.username)) == sorted(state(bob, alice.username))


def run_all(*jobs):
    """At once, each in its own thread; the first error is raised."""
    errors = []

    def guard(job):
        try:
            job()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guard, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def edit(kith, msg_id, texts):
    return lambda: [kith.ask('PATCH', f'/messages/{msg_id}', {'text': text}) for text in texts]


def react(kith, msg_id, emoji, rounds):
    """Ends with the reaction there after an odd number of rounds."""
    return lambda: [kith.change('PUT' if n % 2 == 0 else 'DELETE', f'/messages/{msg_id}/reactions/{quote(emoji)}') for n in range(rounds)]


def converge(alice, bob, ids, expected_reactions):
    wait_for(lambda: agree(alice, bob) and state(alice, 'bob') == state(bob, 'alice'), 'both sides to agree')
    for number, msg_id in enumerate(ids):
        one = next(m for m in state(bob, 'alice') if m[0] == msg_id)
        assert one[3] == sorted(expected_reactions[number]), one


def test_what_crosses_on_a_link_converges(pair):
    alice, bob = pair
    windows = [alice.window(), alice.window(), bob.window(), bob.window()]
    ids = [alice.post('bob', f'{n}').json['msg_id'] for n in range(2)]
    jobs = [edit(alice, ids[0], [f'client {client}, {n}' for n in range(8)]) for client in range(3)]
    for kith in pair:
        jobs += [react(kith, ids[0], emoji, 5 + index % 2) for index, emoji in enumerate(EMOJI)]
    jobs.append(lambda: [alice.post('bob', f'between {n}') for n in range(5)])
    jobs.append(lambda: [bob.post('alice', f'and back {n}') for n in range(5)])
    run_all(*jobs)
    kept = [(emoji, kith.username) for kith in pair for index, emoji in enumerate(EMOJI) if index % 2 == 0]
    wait_for(lambda: agree(alice, bob), 'both sides to agree')
    one = next(m for m in state(bob, 'alice') if m[0] == ids[0])
    assert one[3] == sorted(kept) and one[1].endswith(', 7')
    # Every window saw the same facts of that message, in the order of its daemon.
    told = []
    for window in windows:
        window.settle()
        told.append([(e['event'], json.dumps(e['data'], sort_keys=True)) for e in window.events if e['event'] in ('message_edited', 'reaction')])
    assert told[0] == told[1] and told[2] == told[3] and len(told[0]) > 20
    last = [json.loads(data) for name, data in told[2] if name == 'message_edited'][-1]
    assert last['text'] == one[1] and last['msg_id'] == ids[0]


def test_what_crosses_while_apart_converges(pair):
    alice, bob = pair
    ids = [alice.post('bob', 'one').json['msg_id'], bob.post('alice', 'two').json['msg_id']]
    alice.stop()
    for text in ('two, changed', 'two, changed twice'):
        bob.ask('PATCH', f'/messages/{ids[1]}', {'text': text})
    for _ in range(2):
        react(bob, ids[0], '👍', 3)()
        react(bob, ids[1], '🎉', 2)()
    bob.stop()
    alice.start()
    alice.ask('PATCH', f'/messages/{ids[0]}', {'text': 'one, changed'})
    react(alice, ids[1], '👍', 1)()
    react(alice, ids[0], '🎉', 4)()
    bob.start()
    wait_online(alice, bob)
    converge(alice, bob, ids, [[('👍', 'bob')], [('👍', 'alice')]])
    assert [m[1] for m in state(bob, 'alice')] == ['one, changed', 'two, changed twice']
    before = [kith.history(peer, limit=500) for kith, peer in ((alice, 'bob'), (bob, 'alice'))]
    alice.restart()
    wait_online(alice, bob)
    assert [kith.history(peer, limit=500) for kith, peer in ((alice, 'bob'), (bob, 'alice'))] == before, 'twice is once'


def test_what_was_deleted_before_it_left_is_no_gap(pair):
    alice, bob = pair
    bob.stop()
    unsent = alice.post('bob', 'never mind').json['msg_id']
    alice.change('DELETE', f'/messages/{unsent}?for=everyone')
    after = alice.post('bob', 'this one').json['msg_id']
    bob.start()
    wait_for(lambda: bob.texts('alice'), 'what is left')
    assert [(m['msg_id'], 'gap' in m) for m in bob.history('alice')['messages']] == [(after, False)]
    assert alice.texts('bob') == ['', 'this one']


def test_a_deletion_is_final(pair):
    alice, bob = pair
    msg_id = alice.post('bob', 'soon gone').json['msg_id']
    bob.stop()
    wait_for(lambda: not alice.friend('bob')['online'], 'bob to be away')
    alice.change('DELETE', f'/messages/{msg_id}?for=everyone')
    alice.stop()
    bob.start()
    bob.change('PUT', f'/messages/{msg_id}/reactions/x')
    alice.start()
    wait_online(alice, bob)
    wait_for(lambda: state(alice, 'bob') == state(bob, 'alice') == [(msg_id, '', True, [])], 'the deletion to hold')


def test_a_gap_is_shown_until_it_is_filled(kiths, tmp_path):
    alice, bob = kiths('alice'), kiths('bob')
    bobs = bob.window()
    alice.ask('POST', '/friends', {'invite': bob.identity()['invite']}, status=201)
    bobs.wait('friend_request')
    lost = alice.post('bob', 'you will drop this').json['msg_id']
    wait_for(lambda: bob.get('/requests')[0]['count'] == 1, 'it to wait')
    bob.ask('DELETE', '/requests/alice', status=204)
    kept = alice.post('bob', 'and this is what you see').json['msg_id']
    wait_for(lambda: bob.get('/requests'), 'another request')
    bob.change('POST', '/requests/alice/accept')
    assert bobs.wait('new_message', msg_id=kept)['data']['gap'] == lost
    after = alice.post('bob', 'nothing between').json['msg_id']
    shown = bob.history('alice')['messages']
    assert [m.get('gap') for m in shown] == [lost, None] and [m['msg_id'] for m in shown] == [kept, after]
    assert all('gap' not in m for m in alice.history('bob')['messages']), 'our own messages have none'
    assert bob.get('/messages/search?q=see')['messages'][0]['gap'] == lost
    history = bob.ctl('history', 'alice').stdout.splitlines()
    assert 'has not come' in history[0] and 'what you see' in history[1] and len(history) == 3
    text = bob.ctl('export', 'alice', '--format', 'text').stdout
    assert text.index('something is missing here') < text.index('what you see') and text.count('missing') == 1
    # It goes through an export, and is gone when the missing one comes.
    file = tmp_path / 'bob.jsonl'
    bob.ctl('export', '--output', str(file))
    carol = kiths('carol')
    carol.ctl('import', str(file))
    assert [m.get('gap') for m in carol.history('alice')['messages']] == [lost, None]
    line = json.loads(file.read_text().splitlines()[0])
    line.pop('gap')
    file.write_text(json.dumps(dict(line, msg_id=lost, text='here it is')) + '\n')
    for kith in (bob, carol):
        kith.ctl('import', str(file))
        messages = kith.history('alice')['messages']
        assert [m['msg_id'] for m in messages] == [lost, kept, after] and not any('gap' in m for m in messages)
    file.write_text(json.dumps(dict(line, msg_id=str(uuid.uuid4()), gap='nonsense')) + '\n')
    assert 'gap' in bob.ctl('import', str(file), status=1).stderr


def test_every_window_sees_each_of_these(kiths):
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    mine, other, theirs = alice.window(), alice.window(), [bob.window(), bob.window()]
    everyone = [mine, other]

    def seen(windows, event, **data):
        got = [window.wait(event, **data) for window in windows]
        assert all(one == got[0] for one in got), got
        return got[0]['data']

    msg_id = alice.post('bob', 'hello').json['msg_id']
    seen(everyone, 'new_message', msg_id=msg_id, direction='sent')
    seen(everyone, 'message_delivered', msg_id=msg_id, peer='bob')
    seen(theirs, 'new_message', msg_id=msg_id, direction='received')
    seen(theirs, 'unread', peer='alice', count=1)
    theirs[0].send('mark_read', peer='alice', msg_id=msg_id)
    seen(theirs, 'unread', peer='alice', count=0)
    seen(everyone, 'message_read', msg_id=msg_id, peer='bob')
    alice.ask('PATCH', f'/messages/{msg_id}', {'text': 'hello you'})
    seen(everyone, 'message_edited', msg_id=msg_id, text='hello you', peer='bob')
    seen(theirs, 'message_edited', msg_id=msg_id, text='hello you', peer='alice')
    bob.change('PUT', f'/messages/{msg_id}/reactions/{quote("👍")}')
    for windows, peer in ((everyone, 'bob'), (theirs, 'alice')):
        assert seen(windows, 'reaction', msg_id=msg_id, peer=peer)['from'] == 'bob'
    alice.change('DELETE', f'/messages/{msg_id}?for=everyone')
    seen(everyone, 'message_deleted', msg_id=msg_id, peer='bob')
    seen(theirs, 'message_deleted', msg_id=msg_id, peer='alice')
    theirs[1].send('typing', to='alice', typing=True)
    seen(everyone, 'typing', username='bob', typing=True)
    bob.change('PUT', '/presence', {'status': 'away'})
    seen(everyone, 'presence', username='bob', status='away')
    alice.ask('DELETE', '/friends/bob', status=204)
    seen(everyone, 'friend_removed', username='bob')
