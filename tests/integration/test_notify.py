# SPDX-License-Identifier: LGPL-2.1-or-later
"""Notifications, against a fake server (org.freedesktop.Notifications) and a fake portal."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kithtest import befriend, wait_for
from test_keys import names_on

HERE = Path(__file__).parent
BUS = shutil.which('dbus-daemon')
ABILITIES = ('actions', 'body', 'body-markup')

pytestmark = pytest.mark.skipif(not BUS, reason='skipped: no dbus-daemon')


class Desktop:
    """A session bus of its own, and on it somebody who takes notifications and writes them down."""

    def __init__(self, folder):
        self.folder = folder
        self.fake = None
        self.lives = 0
        read, write = os.pipe()
        self.bus = subprocess.Popen([BUS, '--session', '--nofork', f'--print-address={write}'], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        self.address = os.read(read, 4096).decode().strip()
        os.close(read)

    def start(self, kind='server', inhibited='-', abilities=ABILITIES):
        self.lives += 1
        self.log = self.folder / f'notify-{self.lives}.log'
        with open(self.log, 'wb') as out:
            self.fake = subprocess.Popen([sys.executable, str(HERE / 'fake_notify.py'), kind, inhibited, *abilities], stdin=subprocess.PIPE,
                                         stdout=out, env={**os.environ, 'DBUS_SESSION_BUS_ADDRESS': self.address})
        wait_for(lambda: self.calls('there'), 'the fake desktop')
        return self

    def say(self, line):
        """The signal has come to the daemon when this returns, and is dealt with before the next call to its API is."""
        said = len(self.calls('said'))
        self.fake.stdin.write(f'{line}\n'.encode())
        self.fake.stdin.flush()
        wait_for(lambda: len(self.calls('said')) > said, f'“{line}” to arrive')

    def calls(self, method):
        lines = self.log.read_bytes().split(b'\n')[:-1]
        return [call for call in map(json.loads, lines) if call['method'] == method]

    def shown(self, title=None):
        """Each Notify: its number, what it replaces, title, body, actions, hints."""
        shown = [{'id': call['answer'], 'replaces': call['arguments'][1], 'title': call['arguments'][3], 'body': call['arguments'][4],
                  'actions': call['arguments'][5], 'hints': call['arguments'][6]} for call in self.calls('Notify')]
        return [one for one in shown if title in (None, one['title'])]

    def wait(self, condition, what):
        """The newest notification, when it is like this."""
        return wait_for(lambda: next((one for one in self.shown()[-1:] if condition(one)), None), what)

    def closed(self):
        return [call['arguments'][0] for call in self.calls('CloseNotification')]

    def kill(self):
        if self.fake and self.fake.poll() is None:
            self.fake.kill()
            self.fake.wait()

    def kill_and_wait(self):
        """The bus knows it, too: what is asked before that is not answered."""
        self.kill()
        wait_for(lambda: 'org.freedesktop.Notifications' not in names_on(self.address), 'its name to be free')

    def end(self):
        self.kill()
        self.bus.terminate()
        self.bus.wait()


@pytest.fixture
def desktop(tmp_path):
    made = Desktop(tmp_path)
    yield made
    made.end()


@pytest.fixture
def friends(kiths, desktop):
    """bob and alice, friends; alice has a desktop with a notification server."""
    desktop.start()
    alice, bob = kiths('alice', start=False).start(DBUS_SESSION_BUS_ADDRESS=desktop.address), kiths('bob')
    befriend(alice, bob)
    return alice, bob


def complaints(kith):
    return [line for line in kith.err_path.read_text().splitlines() if 'kith-notify' in line]


def stranger(kiths, alice, name, note):
    """Adds alice, who has not added them."""
    made = kiths(name)
    made.ask('POST', '/friends', {'invite': alice.identity()['invite'], 'note': note}, status=201)
    return made


def test_one_for_each_conversation_until_it_is_read(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'is 1 < 2?\n\tno & yes')
    first = desktop.wait(lambda one: one['title'] == 'bob', 'the notification')
    assert first['body'] == 'is 1 &lt; 2? no &amp; yes' and first['replaces'] == 0
    assert first['actions'] == ['default', 'Open', 'mark-read', 'Mark as Read']
    assert first['hints']['desktop-entry'] == 'im.kith.Kith' and first['hints']['category'] == 'im.received'
    assert first['hints']['urgency'] == 1
    bob.post('alice', 'second')
    last = bob.post('alice', 'third').json['msg_id']
    now = desktop.wait(lambda one: one['body'].startswith('3 new messages'), 'one that says 3')
    assert now['id'] == first['id'] and now['body'] == '3 new messages\nthird'
    assert {one['id'] for one in desktop.shown()} == {first['id']}
    window = alice.window()
    window.send('mark_read', peer='bob', msg_id=last)
    wait_for(lambda: desktop.closed() == [first['id']], 'the notification to go')
    bob.post('alice', 'fourth')
    anew = desktop.wait(lambda one: one['body'] == 'fourth', 'a new one')
    assert anew['replaces'] == 0
    fourth = bob.history('alice')['messages'][-1]['msg_id']
    bob.ask('DELETE', f'/messages/{fourth}?for=everyone', status=204)
    wait_for(lambda: anew['id'] in desktop.closed(), 'the notification of a deleted message to go')
    assert not complaints(alice)


def test_a_server_that_can_do_little(desktop, kiths):
    desktop.start(abilities=())
    alice, bob = kiths('alice', start=False).start(DBUS_SESSION_BUS_ADDRESS=desktop.address), kiths('bob')
    befriend(alice, bob)
    bob.post('alice', 'a & b')
    shown = desktop.wait(lambda one: one, 'the notification')
    assert shown['title'] == 'bob: a & b' and shown['body'] == '' and shown['actions'] == []


def test_settings_take_effect_at_once(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'a secret')
    shown = desktop.wait(lambda one: one['body'] == 'a secret', 'the notification')
    alice.ctl('config', 'set', 'notify.show-preview', 'false')
    hidden = desktop.wait(lambda one: one['body'] == '1 new message', 'the text to go')
    assert hidden['id'] == shown['id']
    bob.post('alice', 'another secret')
    desktop.wait(lambda one: one['body'] == '2 new messages', 'the next, without its text')
    edited = bob.history('alice')['messages'][-1]['msg_id']
    alice.ctl('config', 'reset', 'notify.show-preview')
    desktop.wait(lambda one: one['body'].endswith('another secret'), 'the text to come back')
    bob.ask('PATCH', f'/messages/{edited}', {'text': 'no secret'})
    desktop.wait(lambda one: one['body'] == '2 new messages\nno secret', 'the edited text')


def test_what_follows_soon_makes_no_sound(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'first')
    first = desktop.wait(lambda one: one['body'] == 'first', 'the notification')
    assert 'suppress-sound' not in first['hints']

    def follows():
        bob.post('alice', 'next')
        return desktop.shown()[-1]['hints'].get('suppress-sound') is True

    wait_for(follows, 'one without a sound')


def test_nothing_of_what_is_in_front(desktop, friends, kiths):
    alice, bob = friends
    carol = kiths('carol')
    befriend(alice, carol)
    window, other = alice.window(), alice.window()
    window.send('conversation_in_front', username='bob')
    window.settle()
    bob.post('alice', 'you are looking at me')
    carol.post('alice', 'and not at me')
    desktop.wait(lambda one: one['title'] == 'carol', "carol's notification")
    assert not desktop.shown('bob')
    other.send('conversation_in_front', username='carol')
    wait_for(lambda: desktop.closed(), "carol's to go, now that she is in front")
    other.send('conversation_in_front', username=None)
    other.send('conversation_in_front', username='nobody')
    assert 'nobody' in other.wait('error')['data']['message']
    carol.post('alice', 'not any more')
    desktop.wait(lambda one: one['title'] == 'carol' and 'not any more' in one['body'], "carol's again")
    window.close()
    wait_for(lambda: bob.post('alice', 'still there?') and desktop.shown('bob'), 'bob, whose window has closed')


def test_the_buttons(desktop, friends):
    alice, bob = friends
    window, theirs = alice.window(), bob.window()
    sent = bob.post('alice', 'one').json['msg_id']
    shown = desktop.wait(lambda one: one, 'the notification')
    desktop.say(f'action {shown["id"]} mark-read')
    window.wait('unread', peer='bob', count=0)
    theirs.wait('message_read', msg_id=sent)
    wait_for(lambda: alice.friend('bob')['unread'] == 0, 'nothing unread')
    bob.post('alice', 'two')
    shown = desktop.wait(lambda one: one['body'] == 'two', 'the second')
    desktop.say(f'closed {shown["id"]} 2')   # the user does not want it
    alice.get('/status')
    bob.post('alice', 'three')
    again = desktop.wait(lambda one: one['body'].startswith('2 new'), 'the third')
    assert again['replaces'] == 0
    desktop.say('action 4711 mark-read')   # somebody else's
    desktop.say(f'action {again["id"]} default')
    assert window.wait('open_chat')['data']['username'] == 'bob'
    assert not complaints(alice)


def test_message_requests(desktop, friends, kiths):
    alice, _ = friends
    carol = stranger(kiths, alice, 'carol', 'may I?')
    asked = desktop.wait(lambda one: one['title'] == 'Message request from carol', 'the request')
    assert asked['body'] == 'may I?'
    assert asked['actions'] == ['default', 'Open', 'accept-request', 'Accept', 'refuse-request', 'Refuse']
    desktop.say(f'action {asked["id"]} accept-request')
    wait_for(lambda: alice.friend('carol'), 'carol among the friends')
    wait_for(lambda: asked['id'] in desktop.closed(), 'the request to go')
    stranger(kiths, alice, 'dave', 'me too?')
    asked = desktop.wait(lambda one: one['title'] == 'Message request from dave', 'the next request')
    desktop.say(f'action {asked["id"]} refuse-request')
    wait_for(lambda: alice.get('/requests') == [], 'no request any more')
    assert alice.friend('dave') is None
    alice.ctl('config', 'set', 'notify.only-friends', 'true')
    stranger(kiths, alice, 'erin', 'hello?')
    wait_for(lambda: alice.get('/requests'), 'the request')
    carol.post('alice', 'thank you')
    desktop.wait(lambda one: one['title'] == 'carol', "a friend's message")
    assert not desktop.shown('Message request from erin')
    assert not complaints(alice)


@pytest.mark.parametrize('by', ['desktop', 'status'])
def test_do_not_disturb(kiths, desktop, by):
    desktop.start(inhibited='1' if by == 'desktop' else '0')
    alice, bob = kiths('alice', start=False).start(DBUS_SESSION_BUS_ADDRESS=desktop.address), kiths('bob')
    befriend(alice, bob)
    if by == 'status':
        alice.ask('PUT', '/presence', {'status': 'busy'})
    window = alice.window()
    bob.post('alice', 'psst')
    bob.post('alice', 'are you there?')
    window.wait('unread', peer='bob', count=2)
    assert not desktop.shown()
    if by == 'desktop':
        desktop.say('inhibited 0')
    else:
        alice.ask('PUT', '/presence', {'status': 'online'})
    shown = desktop.wait(lambda one: one, 'the notification after the silence')
    assert shown['body'] == '2 new messages\nare you there?' and len(desktop.shown()) == 1


def test_a_flood_is_one_notification(desktop, friends):
    alice, bob = friends
    since = time.monotonic()

    def pour(part):
        for n in range(250):
            bob.post('alice', f'{part} {n}')

    threads = [threading.Thread(target=pour, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desktop.wait(lambda one: one['body'].startswith('1000 new messages'), 'the one that says 1000')
    took = time.monotonic() - since
    shown = desktop.shown()
    assert len({one['id'] for one in shown}) == 1
    assert len(shown) <= took + 2, f'{len(shown)} in {took:.1f} s'


def test_many_conversations_share_one(desktop, friends, kiths):
    alice, bob = friends
    others = [kiths(f'friend{n}') for n in range(9)] + [bob]
    for other in others[:-1]:
        befriend(alice, other)
    for other in others:
        other.post('alice', 'hello')
    more = wait_for(lambda: [one for one in desktop.shown('Kith') if one['body'] == 'New messages in 2 more conversations'], 'the common one')
    assert more[-1]['actions'] == []
    assert len({one['id'] for one in desktop.shown()}) == 9
    window = alice.window()
    for other in others:
        window.send('mark_read', peer=other.username, msg_id=alice.history(other.username)['messages'][-1]['msg_id'])
    wait_for(lambda: more[-1]['id'] in desktop.closed(), 'the common one to go')


def test_a_folded_request_goes(desktop, friends, kiths):
    """It is the last one that the common notification speaks of, and goes with it."""
    alice, bob = friends
    others = [kiths(f'friend{n}') for n in range(8)] + [bob]
    for other in others[:-1]:
        befriend(alice, other)
    for other in others:
        other.post('alice', 'hello')
    wait_for(lambda: [one for one in desktop.shown('Kith') if one['body'] == 'New messages in 1 more conversation'], 'the common one')
    stranger(kiths, alice, 'dave', 'may I?')
    wait_for(lambda: [one for one in desktop.shown('Kith') if one['body'] == 'New messages in 2 more conversations'], 'the request in it')
    window = alice.window()
    for other in others:
        window.send('mark_read', peer=other.username, msg_id=alice.history(other.username)['messages'][-1]['msg_id'])
    common = desktop.wait(lambda one: one['body'] == 'New messages in 1 more conversation', 'the request alone in it')
    alice.ctl('config', 'set', 'notify.only-friends', 'true')
    wait_for(lambda: common['id'] in desktop.closed(), 'the common one to go')
    # With a server that has forgotten all of them there is room again.
    alice.ctl('config', 'reset', 'notify.only-friends')
    for other in others:
        other.post('alice', 'again')
    common = wait_for(lambda: [one for one in desktop.shown('Kith') if one['id'] != common['id']], 'another common one')[0]
    assert common['body'] == 'New messages in 1 more conversation'

    def alone():
        return {one['title'] for one in desktop.shown() if one['body'] == 'again'}

    wait_for(lambda: len(alone()) == 8, 'the others to have one of their own')
    folded = next(other for other in others if other.username not in alone())
    assert not complaints(alice)
    desktop.kill()
    desktop.start()
    folded.post('alice', 'and again')
    wait_for(lambda: desktop.shown(folded.username), 'the one that had none of its own')


def test_a_server_that_never_answers(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'first')
    desktop.wait(lambda one: one['body'] == 'first', 'the notification')
    desktop.fake.send_signal(signal.SIGSTOP)
    try:
        bob.post('alice', 'second')
        wait_for(lambda: complaints(alice), 'the complaint')
        assert 'org.freedesktop.Notifications did not answer within 5 s' in complaints(alice)[0]
        assert bob.post('alice', 'third').json['delivered']
        alice.get('/status')
    finally:
        desktop.fake.send_signal(signal.SIGCONT)

    def comes_through():
        bob.post('alice', 'again')
        return desktop.shown() and desktop.shown()[-1]['body'].endswith('again')

    wait_for(comes_through, 'a notification of a server that has come to itself')
    assert len(complaints(alice)) <= 2


def test_the_end_does_not_wait_for_a_mute_server(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'first')
    desktop.wait(lambda one: one['body'] == 'first', 'the notification')
    desktop.fake.send_signal(signal.SIGSTOP)
    bob.post('alice', 'second')
    alice.stop()
    desktop.fake.send_signal(signal.SIGCONT)


def test_nothing_is_left_behind(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'first')
    shown = desktop.wait(lambda one: one['body'] == 'first', 'the notification')
    alice.ask('PUT', '/plugins/notify', {'enabled': False})
    wait_for(lambda: desktop.closed() == [shown['id']], 'the notification to go with the plugin')
    bob.post('alice', 'second')
    alice.ask('PUT', '/plugins/notify', {'enabled': True})
    bob.post('alice', 'third')
    again = desktop.wait(lambda one: one['body'].endswith('third'), 'one again')
    assert 'second' not in json.dumps(desktop.shown())
    alice.stop()
    wait_for(lambda: again['id'] in desktop.closed(), 'the notification to go with the daemon')


def test_a_server_that_dies_and_comes_back(desktop, friends):
    alice, bob = friends
    bob.post('alice', 'first')
    desktop.wait(lambda one: one['body'] == 'first', 'the notification')
    desktop.kill_and_wait()
    bob.post('alice', 'second')
    wait_for(lambda: complaints(alice), 'the complaint')
    bob.post('alice', 'third')
    desktop.start()
    shown = desktop.wait(lambda one: one['body'] == '3 new messages\nthird', 'what was missed')
    assert shown['replaces'] == 0
    assert len(complaints(alice)) == 1 and 'There is no notification server' in complaints(alice)[0]


def test_without_a_session_bus(kiths):
    alice, bob = kiths('alice', start=False).start(DBUS_SESSION_BUS_ADDRESS='disabled:'), kiths('bob')
    befriend(alice, bob)
    assert not complaints(alice)
    for text in ('one', 'two', 'three'):
        bob.post('alice', text)
    wait_for(lambda: complaints(alice), 'what is missing')
    window = alice.window()
    window.send('conversation_in_front', username='bob')
    window.settle()
    bob.post('alice', 'four')
    assert alice.get('/status')['status'] == 'ok'
    assert len(complaints(alice)) == 1 and 'no session bus' in complaints(alice)[0]


def test_the_portal(desktop, kiths):
    desktop.start(kind='portal')
    alice, bob = kiths('alice', start=False).start(DBUS_SESSION_BUS_ADDRESS=desktop.address, GTK_USE_PORTAL='1'), kiths('bob')
    befriend(alice, bob)
    sent = bob.post('alice', 'hello <you>').json['msg_id']
    added = wait_for(lambda: desktop.calls('AddNotification'), 'the notification')[-1]['arguments']
    assert added[0] == 'chat-bob' and added[1]['title'] == 'bob' and added[1]['body'] == 'hello <you>' and added[1]['priority'] == 'normal'
    assert added[1]['default-action'] == 'app.open-chat' and added[1]['default-action-target'] == 'bob'
    assert added[1]['buttons'] == [{'label': 'Mark as Read', 'action': 'app.mark-read', 'target': ['bob', sent]}]
    alice.window().send('mark_read', peer='bob', msg_id=sent)
    wait_for(lambda: ['chat-bob'] in [call['arguments'] for call in desktop.calls('RemoveNotification')], 'the notification to go')
    stranger(kiths, alice, 'carol', 'may I?')
    added = wait_for(lambda: [call for call in desktop.calls('AddNotification') if call['arguments'][0] == 'request-carol'], 'the request')
    assert 'default-action' not in added[-1]['arguments'][1]   # the application is activated
    buttons = added[-1]['arguments'][1]['buttons']
    assert [(button['action'], button['target']) for button in buttons] == [('app.accept-request', 'carol'), ('refuse-request', 'carol')]
    desktop.say('portal-action request-carol refuse-request')
    wait_for(lambda: alice.get('/requests') == [], 'no request any more')
    bob.post('alice', 'stays')
    wait_for(lambda: desktop.calls('AddNotification')[-1]['arguments'][1]['body'] == 'stays', 'another')
    removed = len(desktop.calls('RemoveNotification'))
    alice.stop()   # the portal starts the application when it is clicked
    assert len(desktop.calls('RemoveNotification')) == removed
    assert not complaints(alice)
