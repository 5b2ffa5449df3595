# SPDX-License-Identifier: LGPL-2.1-or-later
"""The show of data/quickstart.sh: two daemons, two windows on /events, and what happens between them."""

import argparse
import errno
import json
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tests' / 'integration'))

from kithtest import Kith, wait_for  # noqa: E402  (the daemon and window classes of the black-box tests)
from relaytest import Relay  # noqa: E402

COLOURS = {'alice': '\x1b[36m', 'bob': '\x1b[33m'}
DEFAULT_PORTS = ((8080, 8081, 9100), (18080, 18081, 19100))
RELAY_PORT = 8765
PATIENCE_S = 20


def say(text):
    print(f'\n\x1b[1m{text}\x1b[0m' if sys.stdout.isatty() else f'\n# {text}', flush=True)


class Show:
    def __init__(self, folder, ports, relay_port):
        self.relay = Relay(Path(folder) / 'relay', port=relay_port) if relay_port else None
        self.people = [Kith(folder, name) for name in ('alice', 'bob')]
        for person, (api, events, peer) in zip(self.people, ports):
            person.api_port, person.events_port, person.peer_port = api, events, peer
            person.settings.update({'api-port': api, 'events-port': events, 'peer-port': peer})
            person.write_settings()
        self.windows = {}
        self.shown = {}
        self.missing = []
        self.expected = 0

    def begin(self, person, query=''):
        person.start()
        print(f'{person.username:5} {person.ready_line}', flush=True)
        self.windows[person.username] = person.window(query)
        self.shown[person.username] = 0

    def leave(self, person):
        del self.windows[person.username]
        person.stop()

    def print_new(self, person):
        window = self.windows[person.username]
        for event in window.events[self.shown[person.username]:]:
            line = json.dumps(event, ensure_ascii=False, separators=(',', ':'))
            name = f'{person.username:5}'
            print(f'{COLOURS[person.username]}{name}\x1b[0m {line}' if sys.stdout.isatty() else f'{name} {line}', flush=True)
        self.shown[person.username] = len(window.events)

    def pump(self):
        for person in [person for person in self.people if person.username in self.windows]:
            alive = self.windows[person.username].read(0.02)
            self.print_new(person)
            if not alive:
                raise SystemExit(f'{person.username} has gone:\n{person.log()}')

    def expect(self, person, event, **data):
        """Shows everything that comes until this one has come."""
        self.expected += 1
        deadline = time.monotonic() + PATIENCE_S
        while not self.windows[person.username].find(event, **data):
            if time.monotonic() > deadline:
                self.missing.append(f'{person.username}: {event} {data}')
                return
            self.pump()

    def play(self):
        alice, bob = self.people
        if self.relay:
            say('A relay starts (kithd --relay); what it prints goes into the settings of both')
            self.relay.start()
            print(self.relay.out_path.read_text().rstrip(), flush=True)
            for person in self.people:
                person.plugins['supabase'] = self.relay.settings
                person.write_settings()
        say('alice and bob start, each with a profile of their own')
        for person in self.people:
            self.begin(person)

        say("Each adds the other by invite; bob's is a key and an address, no server knows of it")
        alice.ask('POST', '/friends', {'invite': bob.identity()['invite']}, status=201)
        bob.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
        self.expect(alice, 'friend_added', username='bob')
        self.expect(bob, 'friend_added', username='alice')
        self.expect(alice, 'friend_online', username='bob')
        self.expect(bob, 'friend_online', username='alice')

        say('alice writes; bob sees it; alice learns that his daemon has it')
        first = alice.post('bob', 'Hello bob, can you read this?').json
        self.expect(bob, 'new_message', msg_id=first['msg_id'], text='Hello bob, can you read this?')
        self.expect(alice, 'message_delivered', msg_id=first['msg_id'])

        say('bob reads it and types an answer')
        self.windows['bob'].send('mark_read', peer='alice', msg_id=first['msg_id'])
        self.expect(alice, 'message_read', msg_id=first['msg_id'], peer='bob')
        self.windows['bob'].send('typing', to='alice', typing=True)
        self.expect(alice, 'typing', username='bob', typing=True)
        second = bob.post('alice', 'Yes. Nobody else could.').json
        self.windows['bob'].send('typing', to='alice', typing=False)
        self.expect(alice, 'new_message', msg_id=second['msg_id'])
        self.expect(alice, 'typing', username='bob', typing=False)
        self.expect(bob, 'message_delivered', msg_id=second['msg_id'])

        say('bob goes away for a moment')
        bob.change('PUT', '/presence', {'status': 'away'})
        self.expect(alice, 'presence', username='bob', status='away')
        bob.change('PUT', '/presence', {'status': 'online'})
        self.expect(alice, 'presence', username='bob', status='online')

    def play_offline(self):
        """Nobody but the relay can have it when bob comes back: alice has gone by then."""
        alice, bob = self.people
        for person in self.people:
            wait_for(lambda: person.get('/status')['supabase_connected'], f'{person.username} to be known to the relay', PATIENCE_S)
        say('bob stops; alice writes to him: 202, offline')
        seen = bob.get('/status')['journal']
        self.leave(bob)
        text = 'Where are you? Read this when you are back.'
        answer = alice.post('bob', text)
        print(f'alice {answer.status} {json.dumps(answer.json, ensure_ascii=False)}', flush=True)
        self.expected += 1
        if answer.status != 202 or answer.json['delivery_method'] != 'offline':
            self.missing.append('alice: 202 with delivery_method offline')
        msg_id = answer.json['msg_id']
        wait_for(lambda: any(step['what'] == 'uploaded' for step in alice.get(f'/messages/{msg_id}/trace')['steps']),
                 'the message to reach the relay', PATIENCE_S)

        say('It lies at the relay, sealed; alice stops, too')
        mark = alice.get('/status')['journal']
        self.leave(alice)

        say('bob starts: the relay has a message for him')
        self.begin(bob, f"?since={seen['newest']}&epoch={seen['epoch']}")
        self.expect(bob, 'new_message', msg_id=msg_id, text=text, delivery_method='offline')

        say('alice starts and learns that bob has it')
        self.begin(alice, f"?since={mark['newest']}&epoch={mark['epoch']}")
        self.expect(alice, 'message_delivered', msg_id=msg_id)

    def invite_to_try(self):
        alice, bob = self.people
        say('Both stay up until Ctrl-C. To try, in other terminals:')
        print(f'''
  wscat -c ws://127.0.0.1:{alice.events_port}/events          # what alice sees (npm install -g wscat)
  wscat -c ws://127.0.0.1:{bob.events_port}/events         # what bob sees; there, type:
    {{"event": "typing", "data": {{"to": "alice", "typing": true}}}}

  curl http://127.0.0.1:{alice.api_port}/status
  curl http://127.0.0.1:{alice.api_port}/friends
  curl 'http://127.0.0.1:{alice.api_port}/messages?peer=bob'
  curl -H 'Content-Type: application/json' -d '{{"to":"bob","text":"hi"}}' http://127.0.0.1:{alice.api_port}/messages

  meson devenv -C _build kithctl --config {alice.config} --data {alice.data} friends
''', flush=True)
        while True:
            self.pump()

    def end(self):
        for person in self.people:
            if person.running():
                person.signal(signal.SIGTERM)
        for person in self.people:
            if person.process:
                person.process.wait(timeout=PATIENCE_S)
        if self.relay:
            self.relay.end()


def check_ports(ports):
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
            except OSError as error:
                why = 'is taken (is another kithd running?)' if error.errno == errno.EADDRINUSE else error.strerror
                raise SystemExit(f'Port {port} {why}. End what uses it, or take others: sh data/quickstart.sh --ports 28080') from None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--once', action='store_true')
    parser.add_argument('--offline', action='store_true')
    parser.add_argument('--ports', type=int)
    options = parser.parse_args()
    at = options.ports
    ports = DEFAULT_PORTS if at is None else ((at, at + 1, at + 2), (at + 3, at + 4, at + 5))
    relay_port = (RELAY_PORT if at is None else at + 6) if options.offline else None
    check_ports([port for three in ports for port in three] + ([relay_port] if relay_port else []))
    folder = tempfile.mkdtemp(prefix='kith-')
    show = Show(folder, ports, relay_port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        show.play()
        if options.offline:
            show.play_offline()
        if show.missing:
            print('\nNot seen:\n  ' + '\n  '.join(show.missing), flush=True)
        else:
            print(f'\nAll {show.expected} expected events were seen.', flush=True)
        if not options.once:
            show.invite_to_try()
    except KeyboardInterrupt:
        print()
    except AssertionError as trouble:
        print(f'\n{trouble}', file=sys.stderr)
        show.missing.append('the rest')
    finally:
        show.end()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if show.missing else 0)


if __name__ == '__main__':
    main()
