# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at random moments while two people talk: no message lost, duplicated or unreadable; order kept per sender."""

import os
import random
import threading
import time
import uuid

from kithtest import QUICK, SANITIZED, wait_for
from test_shutdown import everything

MESSAGES = int(os.environ.get('KITH_KILL_MESSAGES', 200 if SANITIZED else 400 if QUICK else 2000))


class Talker(threading.Thread):
    """Sends its half of the messages, each until it is promised, with one client_id per message."""

    def __init__(self, one, other, count):
        super().__init__()
        self.one, self.other, self.count = one, other, count
        self.promised = []
        self.trouble = None

    def send(self, number):
        body = {'to': self.other.username, 'text': f'{self.one.username} {number}', 'client_id': str(uuid.uuid4())}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = self.one.call('POST', '/messages', body, timeout_s=10)
            except Exception:  # killed before, while or after it answered
                time.sleep(0.02)
                continue
            if answer.status in (200, 202):
                self.promised.append(answer.json['msg_id'])
                return
            if answer.status != 503:
                raise AssertionError(f'{body}: {answer}')
            time.sleep(0.02)
        raise AssertionError(f'{body}: never answered')

    def run(self):
        try:
            for number in range(self.count):
                self.send(number)
        except AssertionError as trouble:
            self.trouble = trouble


def test_ping_pong_under_sigkill(pair):
    seed = int(os.environ.get('KITH_SEED', time.time()))
    chance = random.Random(seed)
    print(f'KITH_SEED={seed}')
    people = pair
    talkers = [Talker(one, other, MESSAGES // 2) for one, other in (people, people[::-1])]
    for talker in talkers:
        talker.start()
    # The kills follow the messages, not the clock: a fast machine is done before many seconds have passed.
    kills = sorted(chance.sample(range(MESSAGES), MESSAGES // 40))
    for promises in kills:
        while any(talker.is_alive() for talker in talkers) and sum(len(talker.promised) for talker in talkers) < promises:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.05))
        victim = chance.choice(people)
        victim.kill()
        victim.start()
    for talker in talkers:
        talker.join()
    for talker in talkers:
        assert talker.trouble is None, talker.trouble
    print(f'{len(kills)} kills during {MESSAGES} messages')
    alice, bob = people
    for one, other in (people, people[::-1]):
        wait_for(lambda: one.history(other.username, limit=1)['total'] >= MESSAGES, f'everything at {one.username}', 120)
    wait_for(lambda: all(m['delivered'] for m in everything(alice, 'bob')), 'everything of alice delivered', 60)
    wait_for(lambda: all(m['delivered'] for m in everything(bob, 'alice')), 'everything of bob delivered', 60)
    for one, other in (people, people[::-1]):
        messages = everything(one, other.username)
        assert len(messages) == MESSAGES
        assert len({m['msg_id'] for m in messages}) == MESSAGES
        assert not any(m.get('failed') for m in messages)
        for talker in talkers:
            sent = [m for m in messages if m['from'] == talker.one.username]
            assert [m['text'] for m in sent] == [f'{talker.one.username} {number}' for number in range(MESSAGES // 2)]
            assert [m['msg_id'] for m in sent] == talker.promised
