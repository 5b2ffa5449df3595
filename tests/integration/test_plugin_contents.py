# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contents of a plugin's own kind are never lost: they wait while the plugin is not (yet) running."""

from kithtest import BUILD, befriend, environment, wait_for

PLUGINS = f"{environment().get('KITH_PLUGIN_PATH', '')}:{BUILD / 'plugins' / 'example'}"
ENABLED = {'enabled-plugins': "['example']"}


def start_pair(kiths):
    alice, bob = (kiths(name, start=False, settings=dict(ENABLED)) for name in ('alice', 'bob'))
    for kith in (alice, bob):
        kith.start(KITH_PLUGIN_PATH=PLUGINS)
    befriend(alice, bob)
    return alice, bob


def ask(alice, question):
    return alice.change('POST', '/plugins/example/polls', {'to': 'bob', 'question': question})['poll']


def questions(window):
    return [got['data']['question'] for got in window.find('x.example.asked')]


def wait_questions(bob, wanted):
    with bob.window('?since=0') as window:
        wait_for(lambda: window.read(0.05) and len(set(questions(window))) >= len(wanted), f'{len(wanted)} polls')
        window.settle()
        assert sorted(questions(window)) == sorted(wanted)


def test_the_receiver_restarts_while_contents_come(kiths):
    alice, bob = start_pair(kiths)
    wanted = []
    for life in range(4):
        for number in range(15):
            wanted.append(f'{life}.{number}')
            ask(alice, wanted[-1])
            if number == 7:
                bob.stop()
        bob.start(KITH_PLUGIN_PATH=PLUGINS)
    wait_questions(bob, wanted)


def test_a_plugin_that_cannot_start_misses_nothing(kiths, tmp_path):
    alice, bob = start_pair(kiths)
    ask(alice, 'first')
    wait_questions(bob, ['first'])
    bob.stop()
    broken = tmp_path / 'broken'
    broken.mkdir()
    (broken / 'example.plugin').write_text((BUILD / 'plugins' / 'example' / 'example.plugin').read_text())
    (broken / 'example.so').write_bytes(b'\x7fELF but not for long')
    bob.start(KITH_PLUGIN_PATH=f"{environment().get('KITH_PLUGIN_PATH', '').replace(str(BUILD / 'plugins' / 'example'), '')}:{broken}")
    assert next(plugin for plugin in bob.get('/plugins') if plugin['id'] == 'example')['state'] == 'failed'
    wait_for(lambda: alice.friend('bob')['online'], 'the link')
    ask(alice, 'second')
    assert alice.post('bob', 'after it').status == 200
    bob.stop()
    bob.start(KITH_PLUGIN_PATH=PLUGINS)
    wait_questions(bob, ['first', 'second'])


def test_what_comes_while_it_is_switched_off_is_nobodys(kiths):
    alice, bob = start_pair(kiths)
    bob.change('PUT', '/plugins/example', {'enabled': False})
    ask(alice, 'to nobody')
    assert alice.post('bob', 'after it').status == 200
    bob.change('PUT', '/plugins/example', {'enabled': True})
    ask(alice, 'to the plugin')
    wait_questions(bob, ['to the plugin'])
