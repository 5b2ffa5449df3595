# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGTERM with work in flight: gone within two seconds, nothing that was promised is lost."""

import signal
import threading

from kithtest import SANITIZED, wait_for

LIMIT_S = 6 if SANITIZED else 2


def test_idle(alice):
    assert alice.stop() < LIMIT_S


def test_sigint_is_the_same(alice):
    alice.signal(signal.SIGINT)
    assert alice.process.wait(timeout=LIMIT_S) == 0


def test_windows_are_told(pair):
    alice, bob = pair
    windows = [alice.window() for _ in range(10)]
    alice.signal(signal.SIGTERM)
    assert alice.process.wait(timeout=LIMIT_S) == 0
    for window in windows:
        while window.read(5):
            pass
        assert window.closed in (1001, 1012), window.closed


def test_with_posts_in_flight(pair):
    alice, bob = pair
    promised, done = [], threading.Event()

    def send(worker):
        number = 0
        while not done.is_set():
            try:
                answer = alice.call('POST', '/messages', {'to': 'bob', 'text': f'{worker}-{number}'})
            except OSError:
                return
            except Exception:  # cut off in the middle of an answer
                return
            if answer.status in (200, 202):
                promised.append(answer.json['msg_id'])
            number += 1

    workers = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    wait_for(lambda: len(promised) > 100, 'some messages under way')
    assert alice.stop() < LIMIT_S
    done.set()
    for worker in workers:
        worker.join()
    alice.start()
    wait_for(lambda: {m['msg_id'] for m in everything(bob, 'alice')} >= set(promised), 'every promised message at bob')
    received = [m['msg_id'] for m in everything(bob, 'alice')]
    assert len(received) == len(set(received))


def everything(kith, peer):
    messages, before = [], None
    while True:
        page = kith.history(peer, limit=500, **({'before': before} if before else {}))
        messages = page['messages'] + messages
        if not page['has_more'] or not page['messages']:
            return messages
        before = messages[0]['msg_id']


def test_while_a_peer_is_silent(pair):
    """A peer that is stopped in the middle does not keep us."""
    alice, bob = pair
    bob.signal(signal.SIGSTOP)
    poster = threading.Thread(target=lambda: alice.call('POST', '/messages', {'to': 'bob', 'text': 'hello?'}))
    poster.start()
    wait_for(lambda: alice.history('bob')['total'] == 1, 'the message to be under way')
    try:
        assert alice.stop() < LIMIT_S
    finally:
        bob.signal(signal.SIGCONT)
        poster.join()
