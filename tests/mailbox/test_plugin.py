# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two daemons that only know the mailbox, on both of its servers: what is sent arrives once and in order, whatever happens on the way."""

import secrets
import time

import pytest
from faultproxy import spoil_ciphertexts
from kithtest import PATIENCE_S, wait_for
from relaytest import letter

RPC = '/rest/v1/rpc/kith_'
LONG_S = 8 * PATIENCE_S


def wait_texts(kith, peer, expected, patience_s=LONG_S):
    """The conversation is exactly this, and in this order."""
    def shown():
        return [text for text in kith.texts(peer.username) if text in wanted]

    wanted = set(expected)
    deadline = time.monotonic() + patience_s
    while len(shown()) < len(expected) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert shown() == list(expected), f'{len(shown())} of {len(expected)}'


def wait_uploaded(mail, since, count=1):
    wait_for(lambda: mail.proxy.count(f'{RPC}send', 200) >= since + count, 'the upload', LONG_S)


def from_the_start(kith):
    return kith.window('?since=0&epoch=' + kith.get('/status')['journal']['epoch'])


def wait_delivered(window, msg_id):
    window.wait('message_delivered', patience_s=LONG_S, msg_id=msg_id)


def test_away_and_back(mail):
    """Both directions; the receipt comes back by the same way."""
    alice, bob = mail.pair()
    for sender, receiver in ((alice, bob), (bob, alice)):
        text = f'while you were away {secrets.token_hex(4)}'
        receiver.stop()
        window, before = sender.window(), mail.proxy.count(f'{RPC}send', 200)
        answer = sender.post(receiver.username, text)
        assert answer.status == 202
        assert (answer.json['delivered'], answer.json['delivery_method']) == (False, 'offline')
        wait_uploaded(mail, before)
        assert not window.find('message_delivered', msg_id=answer.json['msg_id'])
        receiver.start()
        got = from_the_start(receiver).wait('new_message', patience_s=LONG_S, text=text)['data']
        assert (got['from'], got['delivery_method'], got['direction']) == (sender.username, 'offline', 'received')
        wait_delivered(window, answer.json['msg_id'])
        sent = next(m for m in sender.history(receiver.username)['messages'] if m['text'] == text)
        assert sent['delivered'] and sent['delivery_method'] == 'offline'


def test_added_by_name(mail):
    alice, bob = mail.person('alice'), mail.person('bob')
    alice.refused('POST', '/friends', {'username': 'nobody-' + mail.mark}, status=404)
    alice.ask('POST', '/friends', {'username': bob.username, 'note': 'it is me'}, status=201)
    alice.refused('POST', '/friends', {'username': bob.username}, status=409)
    request = wait_for(lambda: next((r for r in bob.get('/requests') if r['username'] == alice.username), None), 'the request', LONG_S)
    assert request['note'] == 'it is me' and request['fingerprint'] == alice.get('/status')['node_id']
    assert bob.friend(alice.username) is None
    bob.change('POST', f'/requests/{alice.username}/accept')
    bob.post(alice.username, 'who are you?')
    wait_texts(alice, bob, ['who are you?'])


def test_two_hundred_in_order(mail):
    """More than a fetch, more than the sender may upload at once; both daemons are stopped or killed in between."""
    alice, bob = mail.pair()
    bob.stop()
    texts = [f'{number} {mail.mark}' for number in range(200)]
    for text in texts[:100]:
        alice.post(bob.username, text)
    alice.kill()
    alice.start()
    for text in texts[100:]:
        alice.post(bob.username, text)
    bob.start()
    wait_for(lambda: len(bob.texts(alice.username)) >= 30, 'the first thirty', LONG_S)
    bob.kill()
    bob.start()
    wait_for(lambda: len(bob.texts(alice.username)) >= 90, 'the first ninety', LONG_S)
    alice.stop()
    bob.stop()
    alice.start()
    bob.start()
    wait_texts(bob, alice, texts, 300)
    wait_for(lambda: all(m['delivered'] for m in alice.history(bob.username, limit=500)['messages']), 'all receipts', LONG_S)


ON_THE_WAY = {
    '429': {'status': 429, 'headers': {'Retry-After': '1'}, 'body': '{"message":"slow down"}'},
    '502': {'status': 502, 'headers': {'Content-Type': 'text/html'}, 'body': '<html><h1>Bad Gateway</h1></html>'},
    'dropped before': {'drop': True},
    'dropped after': {'drop': True, 'after': True},
    '401': {'status': 401, 'body': '{"code":"PGRST301","message":"JWT expired"}'},
    'html with 200': {'status': 200, 'headers': {'Content-Type': 'text/html'}, 'body': '<html>Welcome to the hotel</html>'},
    'another shape': {'status': 200, 'body': '{"results":{},"messages":7,"more":"yes","deleted":null}'},
    'nothing with 200': {'status': 200, 'body': ''},
}


@pytest.mark.parametrize('function', ['send', 'fetch', 'ack'])
def test_faults(mail, function):
    """Each of them at each function, twice in a row: every message is shown once and in order."""
    alice, bob = mail.pair()
    texts = []
    for name, how in ON_THE_WAY.items():
        fault = mail.proxy.fault(f'{RPC}{function}', times=2, **how)
        texts += [f'{name} {part} {mail.mark}' for part in (1, 2)]
        for text in texts[-2:]:
            alice.post(bob.username, text)
        wait_texts(bob, alice, texts)
        assert fault.times < 2, f'{name} met nobody'
        fault.times = 0
    window = alice.window()
    last = alice.post(bob.username, f'last {mail.mark}').json
    wait_delivered(window, last['msg_id'])
    wait_texts(bob, alice, [*texts, f'last {mail.mark}'])


def test_failing_renewal(mail):
    """A token that is refused, and then a renewal that fails for a while."""
    alice, bob = mail.pair()
    mail.proxy.fault(f'{RPC}', times=6, status=401, body='{}')
    mail.proxy.fault('/auth/v1/token', times=2, status=500, body='{"message":"oops"}')
    mail.proxy.fault('/auth/v1/token', times=1, drop=True, after=True)
    texts = [f'{n} {mail.mark}' for n in range(5)]
    for text in texts:
        alice.post(bob.username, text)
    wait_texts(bob, alice, texts)
    for kith in (alice, bob):
        mail.wait_connected(kith)


def test_a_row_that_cannot_be_read(mail):
    """It is put aside and acknowledged: it neither blocks nor vanishes, and the next ones come."""
    alice, bob = mail.pair()
    stranger = mail.device()
    status, found = stranger.rpc('lookup', p_username=bob.username)
    assert status == 200 and len(found['devices']) == 1
    before = mail.proxy.count(f'{RPC}ack', 200)
    junk = [{**letter(stranger, size), 'to': found['devices'][0]['id']} for size in (1, 60, 4000, 65536)]
    assert {r['status'] for r in stranger.rpc('send', p_messages=junk)[1]['results']} == {'stored'}
    wait_for(lambda: mail.proxy.count(f'{RPC}ack', 200) > before, 'the junk to be acknowledged', LONG_S)
    text = f'after the junk {mail.mark}'
    alice.post(bob.username, text)
    wait_texts(bob, alice, [text])
    spoilt = mail.proxy.fault(f'{RPC}fetch', times=1000, change=spoil_ciphertexts)
    alice.post(bob.username, f'spoilt on its way {mail.mark}')
    wait_for(lambda: mail.proxy.count(f'{RPC}ack', 200) > before + 1, 'the spoilt one to be acknowledged', LONG_S)
    spoilt.times = 0
    text = f'after the spoilt one {mail.mark}'
    alice.post(bob.username, text)
    wait_texts(bob, alice, [text])
    assert bob.running()


def test_killed_between_fetch_and_ack(mail):
    """What was committed and not acknowledged comes again, and is shown once."""
    alice, bob = mail.pair()
    unheard = mail.proxy.fault(f'{RPC}ack', times=1000, status=503, body='')
    texts = [f'{n} {mail.mark}' for n in range(30)]
    for text in texts:
        alice.post(bob.username, text)
    wait_for(lambda: bob.texts(alice.username) and unheard.times < 1000, 'the first one to be stored and its ack to fail', LONG_S)
    bob.kill()
    unheard.times = 0
    bob.start()
    wait_texts(bob, alice, texts)


def test_killed_before_the_upload(mail):
    """202 means that it is on disk: the server may be away, and the daemon be killed."""
    alice, bob = mail.pair()
    mail.proxy.set_down(True)
    texts = [f'{n} {mail.mark}' for n in range(5)]
    for text in texts:
        answer = alice.post(bob.username, text)
        assert answer.status == 202
    wait_for(lambda: not alice.get('/status')['supabase_connected'], 'alice to notice', LONG_S)
    assert alice.texts(bob.username)[-5:] == texts, 'everything local works on'
    alice.kill()
    alice.start()
    mail.proxy.set_down(False)
    wait_texts(bob, alice, texts)
    for kith in (alice, bob):
        mail.wait_connected(kith)


def test_without_a_bell(mail):
    """It polls, and goes back to the bell when there is one."""
    mail.proxy.no_bell = True
    alice, bob = mail.pair()
    alice.post(bob.username, f'polled {mail.mark}')
    wait_texts(bob, alice, [f'polled {mail.mark}'])
    mail.proxy.no_bell = False


def test_link_and_mailbox_at_once(mail):
    """Direct or offline, or both: one message, in order."""
    alice, bob = mail.pair(links=True)
    texts = []
    for life in range(3):
        for n in range(5):
            texts.append(f'{life}.{n} {mail.mark}')
            alice.post(bob.username, texts[-1])
        bob.stop()
        for n in range(5, 10):
            texts.append(f'{life}.{n} {mail.mark}')
            alice.post(bob.username, texts[-1])
        bob.start()
    wait_texts(bob, alice, texts)
    wait_for(lambda: all(m['delivered'] for m in alice.history(bob.username, limit=500)['messages']), 'all receipts', LONG_S)
    seen = [e['data']['text'] for e in from_the_start(bob).settle() if e['event'] == 'new_message']
    assert [text for text in seen if text in texts] == texts, 'each was told once'
