# SPDX-License-Identifier: LGPL-2.1-or-later
"""kithd --relay as a program: killed under load, stopped, started again, crowded."""

import os
import resource
import threading
import time
import uuid

import pytest
from kithtest import PATIENCE_S, QUICK, SANITIZED, Window, wait_for
from relaytest import NO_ANSWER, Device, Relay, letter

SENDERS, EACH = (3, 40) if QUICK or SANITIZED else (6, 100)
CROWD = 200 if QUICK or SANITIZED else 1000
STOP_S = 8 if SANITIZED else 2


@pytest.fixture
def relay(tmp_path):
    relay = Relay(tmp_path).start()
    yield relay
    relay.end()
    assert not relay.bad_output(), relay.log()


class Load:
    """Senders that repeat the same bytes until they are told that they are stored, and one reader that acknowledges."""

    def __init__(self, relay):
        self.relay = relay
        self.reader = Device(relay)
        self.senders = [Device(relay) for _ in range(SENDERS)]
        for sender in self.senders:
            assert self.reader.rpc('grant', p_peer=sender.user)[0] == 204
        self.lock = threading.Lock()
        self.stored, self.read, self.acked, self.twice, self.wrong = [], {}, set(), [], []
        self.repeated = 0
        self.unsure = set()
        self.sending = SENDERS

    def count(self):
        with self.lock:
            return len(self.stored)

    def send(self, sender):
        for _ in range(EACH):
            message = letter(self.reader)
            while True:
                try:
                    status, value = sender.rpc('send', p_messages=[message])
                except NO_ANSWER:
                    self.repeated += 1
                    # Stored, read and acknowledged before it is sent again, it is new to the relay: the daemon knows such a one.
                    self.unsure.add(message['id'])
                    continue
                said = value['results'][0]['status'] if status == 200 else str((status, value))
                if said in ('stored', 'duplicate'):
                    break
                if said != 'rate_limited':
                    self.wrong.append(said)
                    return
                time.sleep(value['retry_after'])
            with self.lock:
                self.stored.append(message)
        with self.lock:
            self.sending -= 1

    def take(self):
        """One consumer's life: it reads and acknowledges until all is read."""
        consumer = self.consumer = str(uuid.uuid4())
        while not self.wrong:
            try:
                status, value = self.reader.fetch(consumer, p_lease=5)
                if status != 200:
                    self.wrong.append(str((status, value)))
                    return
                got = [m['id'] for m in value['messages']]
                self.twice += [i for i in got if i in self.acked and i not in self.unsure]
                self.read.update({m['id']: m['ct'] for m in value['messages']})
                if got:
                    status, value = self.reader.rpc('ack', p_consumer=consumer, p_ids=got)
                    if status == 200:
                        self.acked.update(got)
                with self.lock:
                    if not got and self.sending == 0:
                        return
            except NO_ANSWER:
                continue

    def run(self, until):
        threads = [threading.Thread(target=self.send, args=(sender,), daemon=True) for sender in self.senders]
        threads.append(threading.Thread(target=self.take, daemon=True))
        for thread in threads:
            thread.start()
        until()
        for thread in threads:
            thread.join(timeout=120)
            assert not thread.is_alive(), self.relay.log()


def test_killed_under_load(relay):
    load = Load(relay)
    kills = [SENDERS * EACH * part // 6 for part in (1, 2, 3, 4, 5)]

    def kill_again_and_again():
        for at in kills:
            wait_for(lambda: load.count() >= at or load.wrong, f'{at} stored messages', 60)
            relay.kill()
            relay.start()
            for device in (load.reader, *load.senders):
                device.renew()

    load.run(kill_again_and_again)
    assert (load.wrong, load.twice) == ([], [])
    assert len(load.stored) == SENDERS * EACH
    assert {m['id']: m['ct'] for m in load.stored} == load.read
    assert load.repeated > 0, 'no kill hit a request'
    assert load.reader.fetch(load.consumer)[1]['messages'] == [], 'all that was read is gone, whether the answer to ack came or not'


def test_what_was_stored_or_acknowledged_when_it_was_killed(relay):
    """Each answer is taken at its word at once."""
    a, b = Device(relay), Device(relay)
    assert b.rpc('grant', p_peer=a.user)[0] == 204
    kept = []
    for _ in range(5):
        sent = [letter(b) for _ in range(4)]
        assert {r['status'] for r in a.rpc('send', p_messages=sent)[1]['results']} == {'stored'}
        relay.kill()
        relay.start()
        consumer = str(uuid.uuid4())
        kept += [m['id'] for m in sent]
        assert [m['id'] for m in b.fetch(consumer)[1]['messages']] == kept
        assert b.rpc('ack', p_consumer=consumer, p_ids=kept[:3])[1] == {'deleted': kept[:3]}
        relay.kill()
        relay.start()
        kept = kept[3:]
        assert [m['id'] for m in b.fetch(consumer)[1]['messages']] == kept
        assert b.rpc('release', p_consumer=consumer)[0] == 204
        relay.kill()
        relay.start()


def test_a_dead_consumers_lease_expires(relay):
    a, b = Device(relay), Device(relay)
    a.rpc('send', p_messages=[letter(b)])
    second = str(uuid.uuid4())
    for lease_s in (5, 30, 120):   # longer, where it was over before the relay was back
        began = time.monotonic()
        assert b.fetch(str(uuid.uuid4()), p_lease=lease_s)[0] == 200
        relay.kill()
        relay.start()
        status, value = b.fetch(second)
        if status == 409:
            break
        assert time.monotonic() - began >= lease_s, 'the lease did not outlive the relay'
        assert b.rpc('release', p_consumer=second)[0] == 204
    assert value['code'] == 'kith_leased'
    status, value = wait_for(lambda: (lambda got: got if got[0] != 409 else None)(b.fetch(second)), 'the lease of the dead one to end',
                             lease_s + PATIENCE_S)
    assert status == 200 and len(value['messages']) == 1


def test_a_session_outlives_it(relay):
    device = Device(relay)
    before = relay.key, relay.url
    for end in (relay.stop, relay.kill):
        old = device.refresh
        end()
        relay.start()
        assert (relay.key, relay.url) == before
        assert device.rpc('marks') == (200, [])
        device.renew()
        assert device.refresh != old and device.rpc('marks') == (200, [])


def test_sigterm_in_the_middle(relay):
    device = Device(relay)
    bells = [Window(relay.port, f'?apikey={relay.key}&vsn=2.0.0', path='/realtime/v1/websocket') for _ in range(20)]
    silent = [Window(relay.port, path='/signal') for _ in range(20)]
    assert {w.status for w in bells + silent} == {101}
    going, answers = threading.Event(), []

    def ask():
        while True:
            try:
                answers.append(device.rpc('beat')[0])
                going.set()
            except NO_ANSWER:
                return

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert going.wait(20)
    assert relay.stop() < STOP_S
    for thread in threads:
        thread.join(timeout=30)
    assert set(answers) <= {200, 503}, set(answers)
    for window in bells:
        wait_for(lambda: not window.read(1), 'the relay to close')
        assert window.closed == 1001
    for window in bells + silent:
        window.close()


def test_one_folder_one_relay(relay):
    second = Relay(relay.folder / 'second')
    second.data.rmdir()
    second.data.symlink_to(relay.data)
    second.spawn()
    try:
        assert second.process.wait(timeout=30) == 1
        assert 'another kithd uses the data folder' in (second.folder / 'relay-1.err').read_text()
    finally:
        if second.running():
            second.kill()
    assert Device(relay).rpc('marks') == (200, [])


def rss_kb(process):
    with open(f'/proc/{process.pid}/status', encoding='ascii') as f:
        return int(next(line for line in f if line.startswith('VmRSS')).split()[1])


def fds(process):
    return len(os.listdir(f'/proc/{process.pid}/fd'))


def crowd(relay, device):
    """Everybody comes, joins their bell, hears it, and goes."""
    windows = [Window(relay.port, f'?apikey={relay.key}&vsn=2.0.0', path='/realtime/v1/websocket') for _ in range(CROWD)]
    change = {'event': 'UPDATE', 'schema': 'public', 'table': 'bells', 'filter': f'device=eq.{device.id}'}
    for window in windows:
        assert window.status == 101
        window.send_text('["1","1","realtime:inbox","phx_join",{"access_token":"%s","config":{"postgres_changes":[%s]}}]'
                         % (device.token, str(change).replace("'", '"')))
    for window in windows:
        wait_for(lambda: window.read(1) and len(window.events) >= 2, 'the subscription')
        assert window.events[1][3] == 'system'
    most = rss_kb(relay.process)
    for window in windows:
        window.close()
    return most


def test_a_crowd_leaves_nothing_behind(relay):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, CROWD + 200)), hard))
    device = Device(relay)
    before = fds(relay.process)
    crowd(relay, device)
    wait_for(lambda: fds(relay.process) <= before, 'the descriptors to be back')
    first = rss_kb(relay.process)
    for _ in range(2):
        crowd(relay, device)
        wait_for(lambda: fds(relay.process) <= before, 'the descriptors to be back')
    assert device.rpc('marks') == (200, [])
    if not SANITIZED:
        assert rss_kb(relay.process) < first + 4096, f'{first} KiB after the first crowd, {rss_kb(relay.process)} after the third'
