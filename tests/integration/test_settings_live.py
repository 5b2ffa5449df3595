# SPDX-License-Identifier: LGPL-2.1-or-later
"""Settings of every plugin and of the daemon: what they say of themselves, what is refused, and changes from other processes with dconf
and with a key file."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as Tree
from pathlib import Path

import pytest

from kithtest import BUILD, program, wait_for

ROOT = Path(__file__).resolve().parents[2]
DCONF = bool(shutil.which('dbus-daemon')) and any(Path('/usr').glob('lib/*/gio/modules/libdconfsettings.so'))
SCHEMAS = [*ROOT.glob('data/schemas/*.gschema.xml'), *ROOT.glob('plugins/*/*.gschema.xml')]
WHEN = re.compile(r'[Aa]t once|restart|at the first start|after the next login|is passed on|passes on')
PATH = '/im/kith/Kith/'
SET_VARIANT = '''
import sys
from gi.repository import Gio, GLib
source = Gio.SettingsSchemaSource.new_from_directory(sys.argv[1], None, False)
settings = Gio.Settings.new_full(source.lookup('im.kith.test.Wrong', False), None, '/im/kith/Kith/')
settings.set_string('api-port', 'eighty')
settings.set_uint('max-websockets', 4000000000)
Gio.Settings.sync()
'''
WRONG_SCHEMA = '''<schemalist><schema id="im.kith.test.Wrong">
<key name="api-port" type="s"><default>''</default></key><key name="max-websockets" type="u"><default>0</default></key>
</schema></schemalist>'''


def keys_of(path):
    for schema in Tree.parse(path).getroot().iter('schema'):
        for key in schema.iter('key'):
            yield schema, key


@pytest.mark.parametrize('path', SCHEMAS, ids=lambda path: path.name)
def test_every_key_says_what_it_is_and_when_it_takes_effect(path):
    for schema, key in keys_of(path):
        name = f'{schema.get("id")} {key.get("name")}'
        assert schema.get('path') is None, f'{name}: not relocatable'
        assert (key.findtext('summary') or '').strip(), f'{name}: no summary'
        described = (key.findtext('description') or '').strip()
        assert described, f'{name}: no description'
        assert WHEN.search(described), f'{name} does not say when it takes effect: {described}'
        if key.get('type') in 'ynqiuxtd':
            assert key.find('range') is not None, f'{name}: no range'


def test_the_documentation_has_every_key():
    text = (ROOT / 'data/docs/configuration.md').read_text()
    for path in SCHEMAS:
        for schema, key in keys_of(path):
            assert f'`{key.get("name")}`' in text, f'{key.get("name")} of {schema.get("id")} is not in configuration.md'


def another(setting):
    """A good value that is not the present one, as text; None: it is not tried here."""
    kind, value, name = setting['type'], setting['value'], setting['name']
    if name.split('.')[-1] in ('api-port', 'events-port', 'peer-port', 'key-store', 'listen-address', 'enabled-plugins', 'disabled-plugins',
                               'autostart', 'require-token', 'server', 'api-key', 'url'):
        return None   # have tests of their own, or move the daemon away from under this one
    if kind == 'b':
        return 'false' if value == 'true' else 'true'
    if kind in 'ynqiuxt':
        return str(int(value.split()[-1]) + 1)
    if kind == 'as':
        return "['http://a.example']" if name == 'allowed-origins' else "['a.example:9']"
    return 'bob' if name == 'username' else None


def test_every_key_goes_round(kiths):
    """kithctl config set, get, list and reset, for the plugins' keys, too; the key file has them, and nothing is refused."""
    # Where the sources of the schemas lie, too: summaries are read from those.
    alice = kiths('alice', start=False).start(GSETTINGS_SCHEMA_DIR=str(BUILD / 'data/schemas'))
    listed = {setting['name']: setting for setting in alice.get('/admin/settings', unix=True)}
    assert {'username', 'tcp.advertise', 'notify.show-preview', 'presence.offline-delay'} <= set(listed)
    assert 'tcp.peer-port' not in listed
    alice.ctl('config', 'set', 'tcp.peer-port', '9', status=None)
    tried = 0
    for name, setting in listed.items():
        assert setting['summary'] and setting['description'], name
        value = another(setting)
        if value is None:
            continue
        tried += 1
        alice.ctl('config', 'set', name, value)
        assert alice.ctl('config', 'get', name).stdout.strip().strip("'") == value
        assert re.search(rf'^{re.escape(name)}\b', alice.ctl('config', 'list').stdout, re.M), name
        group = 'kith' if '.' not in name else 'plugins/' + name.split('.')[0]
        written = alice.config.read_text().split(f'[{group}]')[1].split('\n[')[0]
        assert re.search(rf'^{name.split(".")[-1]}=.*{re.escape(value)}', written, re.M), written
        alice.ctl('config', 'reset', name)
        assert alice.get(f'/admin/settings/{name}', unix=True)['value'] == listed[name]['default'], name
    assert tried >= 20
    assert 'is refused' not in alice.err_path.read_text()


def test_wrong_values_in_the_file_change_nothing(kiths):
    alice = kiths('alice', settings={'max-websockets': 9, 'window-budget-kib': "'a lot'"}, plugins={'presence': {'offline-delay': 7}})

    def value(name):
        return alice.get(f'/admin/settings/{name}', unix=True)['value'].split()[-1]

    def said(name):
        return [line for line in alice.err_path.read_text().splitlines() if f'the setting {name}=' in line and 'is refused' in line]

    assert value('window-budget-kib') == '1024' and len(said('window-budget-kib')) == 1   # at the start: the default
    alice.settings.update({'max-websockets': 0, 'username': "'Not A Name'", 'journal-length': '[]'})
    alice.plugins['presence']['offline-delay'] = 9999
    alice.write_settings()
    for name in ('max-websockets', 'username', 'journal-length', 'presence.offline-delay'):
        wait_for(lambda name=name: said(name), f'what is said of {name}')
    alice.settings['frames-burst'] = 401   # another change, on which nothing is said again
    alice.write_settings()
    wait_for(lambda: value('frames-burst') == '401', 'the good value')
    assert value('max-websockets') == '9' and value('presence.offline-delay') == '7' and value('username') == "'alice'"
    assert alice.identity()['username'] == 'alice'
    windows = [alice.window() for _ in range(9)]   # the limit in force is the old one
    for name in ('max-websockets', 'username', 'journal-length', 'presence.offline-delay', 'window-budget-kib'):
        assert len(said(name)) == 1, said(name)
    assert len(windows) == 9
    alice.settings['max-websockets'] = 11
    alice.write_settings()
    wait_for(lambda: value('max-websockets') == '11', 'a good value after the bad one')


def test_a_file_full_of_nonsense_survives(kiths):
    alice = kiths('alice')
    good = alice.config.read_text()
    nonsense = '[kith]\nthis is no line of a key file\n\0\1\2{]\n'
    alice.config.with_suffix('.new').write_text(nonsense)
    alice.config.with_suffix('.new').replace(alice.config)
    wait_for(lambda: 'is no key file' in alice.err_path.read_text(), 'what is said of it')
    assert alice.identity()['username'] == 'alice' and alice.get('/status')['peer_port'] == alice.peer_port
    refused = alice.call('PUT', '/admin/settings/max-websockets', {'value': '10'}, unix=True)
    assert refused.status == 403 and 'repair it' in refused.json['error']
    assert alice.config.read_text() == nonsense
    assert alice.err_path.read_text().count('is no key file') == 1
    alice.config.with_suffix('.new').write_text(good.replace("'alice'", "'alicia'"))
    alice.config.with_suffix('.new').replace(alice.config)
    wait_for(lambda: alice.identity()['username'] == 'alicia', 'the repaired file')


def test_a_file_with_nonsense_at_the_start(kiths):
    """What stands before the nonsense counts, else the defaults."""
    alice = kiths('alice', start=False)
    with open(alice.config, 'a') as file:
        file.write('nonsense without a key\n')
    before = alice.config.read_text()
    alice.start()
    assert alice.identity()['username'] == 'alice'
    assert alice.err_path.read_text().count('is no key file') == 1
    assert alice.config.read_text() == before


def test_plugins_are_switched_by_the_file(kiths):
    alice = kiths('alice')

    def state():
        return next(plugin['state'] for plugin in alice.get('/plugins') if plugin['id'] == 'typing')

    assert state() == 'active'
    alice.settings['disabled-plugins'] = "['typing']"
    alice.write_settings()
    wait_for(lambda: state() == 'off', 'the plugin to stop')
    del alice.settings['disabled-plugins']
    alice.write_settings()
    wait_for(lambda: state() == 'active', 'the plugin to start')


def test_an_address_that_is_none_changes_nothing(pair):
    alice, bob = pair
    bob.plugins['tcp']['listen-address'] = "'everywhere'"
    bob.write_settings()
    wait_for(lambda: 'tcp.listen-address' in bob.err_path.read_text(), 'what is said of it')
    assert str(bob.peer_port) in bob.identity()['invite']
    alice.restart()
    wait_for(lambda: alice.post('bob', 'still there?').json['delivered'], 'a message over a new link')
    assert bob.err_path.read_text().count('tcp.listen-address') == 1


# --- dconf, as a desktop has it

@pytest.fixture
def session(kiths, tmp_path):
    """alice as a desktop would start her: settings in dconf, a session bus, and gsettings beside her."""
    if not DCONF:
        pytest.skip('skipped: no dbus-daemon or no dconf for GSettings')
    alice = kiths('alice', start=False)
    services = tmp_path / 'share/dbus-1/services'
    services.mkdir(parents=True)
    for service in Path('/usr/share/dbus-1/services').glob('ca.desrt.dconf*'):
        shutil.copy(service, services)
    read, write = os.pipe()
    settings = alice.environment(GSETTINGS_BACKEND='dconf', XDG_DATA_DIRS=f'{tmp_path}/share:/usr/share')
    settings.pop('GIO_MODULE_DIR', None)
    bus = subprocess.Popen(['dbus-daemon', '--session', '--nofork', f'--print-address={write}'], pass_fds=[write], stderr=subprocess.DEVNULL,
                           env=settings)
    os.close(write)
    settings['DBUS_SESSION_BUS_ADDRESS'] = os.read(read, 4096).decode().strip()
    os.close(read)
    alice.desktop = settings

    def gsettings(*arguments):
        done = subprocess.run(['gsettings', *arguments], env=settings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, f'{arguments}: {done}'
        return done.stdout.strip()

    alice.gsettings = gsettings
    yield alice
    bus.terminate()
    bus.wait()


def start_on_the_desktop(alice):
    """Without --config, and so with the desktop's settings."""
    for key in ('username', 'api-port', 'events-port', 'peer-port'):
        alice.gsettings('set', f'im.kith.Kith:{PATH}', key, str(alice.settings[key]))
    alice.gsettings('set', f'im.kith.Kith.Plugin.tcp:{PATH}plugins/tcp/', 'listen-address', '127.0.0.1')
    alice.lives += 1
    alice.out_path, alice.err_path = alice.folder / f'{alice.lives}.out', alice.folder / f'{alice.lives}.err'
    with open(alice.out_path, 'wb') as out, open(alice.err_path, 'wb') as err:
        alice.process = subprocess.Popen([program('kithd'), '--data', str(alice.data)], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                         env=alice.desktop)
    wait_for(lambda: alice.out_path.read_text().startswith('ready') or not alice.running(), '"ready"')
    assert alice.running(), alice.log()
    return alice


def test_dconf_live_from_another_process(session, tmp_path):
    alice = start_on_the_desktop(session)
    assert alice.identity()['username'] == 'alice'

    def value(name):
        return alice.get(f'/admin/settings/{name}', unix=True)['value'].split()[-1]

    alice.gsettings('set', f'im.kith.Kith:{PATH}', 'username', 'alice.home')
    wait_for(lambda: alice.identity()['username'] == 'alice.home', 'the name from gsettings')
    alice.gsettings('set', f'im.kith.Kith.Plugin.presence:{PATH}plugins/presence/', 'offline-delay', '9')
    wait_for(lambda: value('presence.offline-delay') == '9', "a plugin's setting from gsettings")
    alice.ask('PUT', '/admin/settings/max-websockets', {'value': '33'}, unix=True)
    wait_for(lambda: alice.gsettings('get', f'im.kith.Kith:{PATH}', 'max-websockets') == 'uint32 33', 'what the daemon writes')
    alice.gsettings('set', f'im.kith.Kith:{PATH}', 'username', 'Alice Cooper')   # in range for GSettings, and no username
    wait_for(lambda: 'the setting username=' in alice.err_path.read_text(), 'what is said of it')
    assert alice.identity()['username'] == 'alice.home'
    alice.gsettings('reset', f'im.kith.Kith:{PATH}', 'max-websockets')
    wait_for(lambda: value('max-websockets') == '64', 'the reset')
    alice.gsettings('set', f'im.kith.Kith:{PATH}', 'max-websockets', '31')
    wait_for(lambda: value('max-websockets') == '31', 'a value before the wrong one')

    (tmp_path / 'wrong').mkdir()
    (tmp_path / 'wrong/im.kith.test.Wrong.gschema.xml').write_text(WRONG_SCHEMA)
    subprocess.run(['glib-compile-schemas', str(tmp_path / 'wrong')], check=True)
    subprocess.run([sys.executable, '-c', SET_VARIANT, str(tmp_path / 'wrong')], env=alice.desktop, check=True)
    wait_for(lambda: 'the setting max-websockets=' in alice.err_path.read_text(), 'what is said of the range')
    wait_for(lambda: 'the setting api-port=' in alice.err_path.read_text(), 'what is said of the type')
    assert value('max-websockets') == '31' and value('api-port') == str(alice.api_port)
    assert alice.get('/status')['status'] == 'ok'
    refused = [line for line in alice.err_path.read_text().splitlines() if 'is refused' in line]
    assert len(refused) == 3, refused
    alice.stop()
    assert any((Path(alice.desktop['XDG_CONFIG_HOME'])).rglob('dconf/user'))


def test_the_documented_lines(session):
    """Every line with gsettings in the documentation does what it says."""
    text = (ROOT / 'data/docs/configuration.md').read_text()
    lines = [line for block in re.findall(r'```sh\n(.*?)```', text, re.S) for line in block.splitlines() if line.startswith('gsettings')]
    assert len(lines) >= 3
    for line in lines:
        assert ':/im/kith/Kith/' in line, f'{line}: without the path'
        done = subprocess.run(line, shell=True, env=session.desktop, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, f'{line}: {done}'
        words = line.split()
        if words[1] == 'set':
            assert words[4].strip('"').strip("'") in session.gsettings('get', words[2], words[3])
