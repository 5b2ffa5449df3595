# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two people under load, what each was promised and what each window saw, and the comparison of it all when the fault is over."""

import sys
import threading
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'integration'))

from kithtest import Window, wait_for  # noqa: E402

BUSY = (500, 503, 507)   # a refusal is no promise: tried again under the same client_id


class Talker(threading.Thread):
    """Says numbered texts to the other, each again and again until it is promised, under one client_id."""

    def __init__(self, one, other, pause_s=0.0):
        super().__init__(daemon=True)
        self.one, self.other, self.pause_s = one, other, pause_s
        self.promised = []          # (text, msg_id), in order
        self.refused = {}
        self.trouble = None
        self.over = threading.Event()

    def say(self, text):
        body = {'to': self.other.username, 'text': text, 'client_id': str(uuid.uuid4())}
        give_up = None
        while True:
            try:
                answer = self.one.call('POST', '/messages', body, timeout_s=8)
            except Exception as why:  # killed or frozen before, while or after it answered
                status = type(why).__name__
            else:
                status = answer.status
                if status in (200, 202):
                    self.promised.append((text, answer.json['msg_id']))
                    return
                if status not in BUSY:
                    raise AssertionError(f'{body}: {answer}')
            self.refused[status] = self.refused.get(status, 0) + 1
            give_up = give_up or (time.monotonic() + 60 if self.over.is_set() else None)
            if give_up and time.monotonic() > give_up:
                raise AssertionError(f'{body}: still {status} a minute after the fault was over')
            time.sleep(0.02)

    def run(self):
        try:
            number = 0
            while not self.over.is_set():
                self.say(f'{self.one.username} {number}')
                number += 1
                if self.pause_s:
                    time.sleep(self.pause_s)
        except AssertionError as trouble:
            self.trouble = trouble

    def end(self):
        self.over.set()
        self.join(90)
        assert not self.is_alive(), 'a talker hangs'


class Watcher(threading.Thread):
    """A window that comes and goes: whenever it ends, the next one goes on with ?since=. All numbered events, in order."""

    def __init__(self, one, chance):
        super().__init__(daemon=True)
        self.one, self.chance = one, chance
        self.journal = []           # [seq, event, data]
        self.resyncs = []
        self.faults = []            # gaps, repetitions
        self.windows = 0
        self.epoch = None
        self.over = threading.Event()

    def take(self, window):
        for frame in window.events:
            if frame['event'] == 'resync':
                self.resyncs.append(frame['data'])
            elif 'seq' in frame:
                last = self.journal[-1][0] if self.journal else 0
                if frame['seq'] != last + 1:
                    self.faults.append(f'{frame["seq"]} after {last}')
                if frame['seq'] > last:
                    self.journal.append([frame['seq'], frame['event'], frame['data']])
        window.events.clear()
        window.seen = 0

    def look(self, until_s):
        last = self.journal[-1][0] if self.journal else 0
        window = Window(self.one.events_port, f'?since={last}&epoch={self.epoch}')
        try:
            if window.status != 101:
                return False
            self.windows += 1
            deadline = time.monotonic() + until_s
            open_ = True
            while open_ and time.monotonic() < deadline:
                open_ = window.read(0.1)
                self.take(window)
        finally:
            window.close()
        return True

    def run(self):
        while not self.over.is_set():
            try:
                if self.epoch is None:
                    self.epoch = self.one.call('GET', '/status', timeout_s=5).json['journal']['epoch'] or None
                    continue
                self.look(self.chance.uniform(0.05, 1.5))
            except (OSError, AssertionError, ValueError, KeyError, IndexError):
                time.sleep(0.05)

    def end(self):
        """The rest, and then exactly what the journal holds, read anew from its beginning."""
        self.over.set()
        self.join(60)
        newest = self.one.get('/status')['journal']['newest']
        wait_for(lambda: self.look(0.2) and self.journal and self.journal[-1][0] >= newest, 'the rest of the events', 30)
        whole = Watcher(self.one, self.chance)
        whole.epoch = self.epoch
        wait_for(lambda: whole.look(0.5) and whole.journal and whole.journal[-1][0] >= self.journal[-1][0], 'the journal', 60)
        again = whole.journal[:len(self.journal)]
        if again != self.journal:
            odd = next((pair for pair in zip(again, self.journal) if pair[0] != pair[1]), (len(again), len(self.journal)))
            self.faults.append(f'the journal says otherwise: {odd}')
        return self.faults + [f'resync {data}' for data in self.resyncs]


def everything(one, peer):
    messages, before = [], ''
    while True:
        page = one.get(f'/messages?peer={peer}&limit=500{before}')
        messages = page['messages'] + messages
        if not page['has_more']:
            return messages
        before = f'&before={page["messages"][0]["msg_id"]}'


class Ledger:
    """One pair under load; the numbers of one line of the table."""

    def __init__(self, alice, bob, chance, pause_s=0.0):
        self.people = (alice, bob)
        self.talkers = [Talker(alice, bob, pause_s), Talker(bob, alice, pause_s)]
        self.watchers = [Watcher(alice, chance), Watcher(bob, chance)]
        self.acknowledged = self.lost = self.duplicated = self.undecryptable = 0
        self.notes = []
        for thread in self.watchers + self.talkers:
            thread.start()

    def count(self):
        return sum(len(talker.promised) for talker in self.talkers)

    def moves(self, more=5, patience_s=60):
        """Both sides get promises again."""
        aims = [(talker, len(talker.promised) + more) for talker in self.talkers]
        for talker, aim in aims:
            wait_for(lambda: len(talker.promised) >= aim or talker.trouble, f'{talker.one.username} to be served', patience_s)

    def converge(self, patience_s):
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if all(self.arrived(talker) for talker in self.talkers):
                return
            time.sleep(0.2)
        self.notes.append(f'not together after {patience_s} s')

    def arrived(self, talker):
        theirs = talker.other.get(f'/messages?peer={talker.one.username}&limit=1')['total']
        ours = talker.one.get(f'/messages?peer={talker.other.username}&limit=500')
        return theirs >= self.count() and ours['total'] >= self.count() and \
            all(m['delivered'] for m in ours['messages'] if m['direction'] == 'sent')

    def compare(self, talker):
        for one, other, side in ((talker.one, talker.other, 'sent'), (talker.other, talker.one, 'received')):
            messages = [m for m in everything(one, other.username) if m['direction'] == side]
            ids = [m['msg_id'] for m in messages]
            promised = [msg_id for _, msg_id in talker.promised]
            lost = set(promised) - set(ids)
            self.lost += len(lost)
            self.duplicated += len(ids) - len(set(ids)) + len(messages) - len({m['text'] for m in messages})
            self.undecryptable += sum(1 for m in messages if m.get('failed'))
            if lost:
                self.notes.append(f'{one.username}: {len(lost)} {side} are missing, e.g. {[p for p in talker.promised if p[1] in lost][:3]}')
            elif ids != promised:
                self.notes.append(f'{one.username}: {side} in another order, or others: {len(ids)} for {len(promised)}')
            if side == 'sent' and not all(m['delivered'] for m in messages):
                self.notes.append(f'{one.username}: {sum(1 for m in messages if not m["delivered"])} not called delivered')

    def close(self, patience_s=90):
        """Ends the load and compares. The list of what is wrong."""
        for talker in self.talkers:
            talker.end()
            if talker.trouble:
                self.notes.append(str(talker.trouble))
        self.acknowledged = self.count()
        self.converge(patience_s)
        for talker in self.talkers:
            self.compare(talker)
        for watcher in self.watchers:
            self.notes += [f'events of {watcher.one.username}: {fault}' for fault in watcher.end()[:5]]
        for one in self.people:
            self.notes += [f'{one.username}: {line}' for line in one.bad_output()[:5]]
        return self.notes
