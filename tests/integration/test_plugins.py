# SPDX-License-Identifier: LGPL-2.1-or-later
"""/plugins: what is loaded; switched off and on live."""

import pytest

from kithtest import wait_for


def plugins(kith):
    return {plugin['id']: plugin for plugin in kith.get('/plugins')}


def test_list(alice):
    found = plugins(alice)
    assert {'tcp', 'typing', 'presence', 'receipts'} <= set(found)
    for name in ('tcp', 'typing', 'presence', 'receipts'):
        assert found[name]['state'] == 'active' and found[name]['version'] and not found[name].get('error'), found[name]


def test_an_unknown_plugin_is_404(alice):
    alice.refused('PUT', '/plugins/nothing', {'enabled': True}, status=404)


@pytest.mark.parametrize('body', [{}, {'enabled': 1}, {'enabled': None}, [], {'enabled': 'yes'}])
def test_bad_bodies(alice, body):
    alice.refused('PUT', '/plugins/typing', body)
    assert plugins(alice)['typing']['state'] == 'active'


def test_typing_off_and_on(pair):
    alice, bob = pair
    window, theirs = alice.window(), bob.window()
    for _ in range(3):
        alice.change('PUT', '/plugins/typing', {'enabled': False})
        wait_for(lambda: plugins(alice)['typing']['state'] != 'active', 'typing to stop')
        window.send('typing', to='bob', typing=True)
        assert 'typing' in window.wait('error')['data']['message']
        alice.change('PUT', '/plugins/typing', {'enabled': True})
        wait_for(lambda: plugins(alice)['typing']['state'] == 'active', 'typing to run')
        window.send('typing', to='bob', typing=True)
        theirs.wait('typing', typing=True)
        window.send('typing', to='bob', typing=False)
        theirs.wait('typing', typing=False)


def test_tcp_off_and_on(pair):
    alice, bob = pair
    alice.change('PUT', '/plugins/tcp', {'enabled': False})
    wait_for(lambda: not bob.friend('alice')['online'], 'the link to end')
    assert alice.post('bob', 'by no way').status == 202
    alice.change('PUT', '/plugins/tcp', {'enabled': True})
    wait_for(lambda: bob.texts('alice') == ['by no way'], 'the message over tcp')


def test_off_is_kept_over_a_restart(alice):
    alice.change('PUT', '/plugins/receipts', {'enabled': False})
    wait_for(lambda: plugins(alice)['receipts']['state'] != 'active', 'receipts to stop')
    alice.restart()
    assert plugins(alice)['receipts']['state'] != 'active'
    alice.change('PUT', '/plugins/receipts', {'enabled': True})
    wait_for(lambda: plugins(alice)['receipts']['state'] == 'active', 'receipts to run')


def test_a_broken_plugin_is_named_and_the_rest_runs(kiths, tmp_path):
    folder = tmp_path / 'plugins'
    folder.mkdir()
    (folder / 'broken.plugin').write_text('[Plugin]\nId=broken\nName=Broken\nVersion=1\nABI=1\n')
    (folder / 'broken.so').write_bytes(b'\x7fELF but not for long')
    (folder / 'half.plugin').write_text('[Plugin\nId=half')
    from kithtest import environment
    alice = kiths('alice', start=False, settings={'enabled-plugins': "['broken', 'half']"})
    alice.start(KITH_PLUGIN_PATH=f"{environment().get('KITH_PLUGIN_PATH', '')}:{folder}")
    found = plugins(alice)
    assert found['broken']['state'] != 'active' and found['broken']['error']
    assert found['typing']['state'] == 'active'
