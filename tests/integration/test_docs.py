# SPDX-License-Identifier: LGPL-2.1-or-later
"""The samples in the documents are taken out of them, built and run."""

import json
import re
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kithtest import BUILD, SANITIZED, environment, wait_for

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / 'data' / 'docs'
PAGES = sorted(DOCS.glob('*.md')) + [TOP / 'README.md']


def blocks(page, language):
    return re.findall(rf'^```{language}\n(.*?)^```', page.read_text(), re.S | re.M)


def compile_flags():
    found = subprocess.run(['pkg-config', '--cflags', '--libs', 'gio-2.0', 'json-glib-1.0'], capture_output=True, text=True, check=True)
    return [f'-I{TOP / "include"}', *found.stdout.split()]


def test_the_plugin_of_the_guide(kiths, tmp_path):
    page = DOCS / 'writing-a-plugin.md'
    code, = blocks(page, 'c')
    manifest, = blocks(page, 'ini')
    folder = tmp_path / 'plugins'
    folder.mkdir(mode=0o700)
    (folder / 'greet.c').write_text(code)
    (folder / 'greet.plugin').write_text(manifest)
    sanitize = ['-fsanitize=address,undefined'] if SANITIZED else []
    subprocess.run(['gcc', '-shared', '-fPIC', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror', *sanitize,
                    '-Wno-missing-field-initializers', '-o', str(folder / 'greet.so'), str(folder / 'greet.c'), *compile_flags(),
                    f'-L{BUILD / "core" / "libkith"}', '-lkith'], check=True)
    alice, bob = kiths('alice', start=False), kiths('bob')
    alice.start(KITH_PLUGIN_PATH=f"{environment().get('KITH_PLUGIN_PATH', '')}:{folder}")
    greet = next(plugin for plugin in alice.get('/plugins') if plugin['id'] == 'greet')
    assert greet['state'] == 'off' and greet['enabled'] is False, 'what is newly found is off until the user says otherwise'
    alice.refused('GET', '/plugins/greet/hello/bob', status=404)
    alice.change('PUT', '/plugins/greet', {'enabled': True})
    assert alice.get('/plugins/greet/hello/bob') == {'greeting': 'Hello bob'}
    alice.refused('GET', '/plugins/greet/hello/Not%20A%20Name', names='name')
    assert 'x.greet.arrived' in str(alice.get('/events/catalog'))
    window = alice.window()
    alice.ask('POST', '/friends', {'invite': bob.identity()['invite']}, status=201)
    bob.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
    assert window.wait('x.greet.arrived')['data'] == {'username': 'bob', 'count': 1}
    alice.change('PUT', '/plugins/greet', {'enabled': False})
    alice.refused('GET', '/plugins/greet/hello/bob', status=404)
    assert 'x.greet.arrived' not in str(alice.get('/events/catalog'))


def test_the_readmes_plugin_is_a_part_of_one(tmp_path):
    """What the README shows compiles once what it leaves out is added."""
    code, = blocks(TOP / 'README.md', 'c')
    around = ('#include <kith/kith.h>\n'
              'struct _MyPlugin { KithPlugin parent_instance; };\n'
              'G_DECLARE_FINAL_TYPE (MyPlugin, my_plugin, MY, PLUGIN, KithPlugin)\n'
              'G_DEFINE_FINAL_TYPE (MyPlugin, my_plugin, KITH_TYPE_PLUGIN)\n'
              'static const KithEventSpec my_event = { .name = "x.mine.event" };\n'
              'static void on_message (KithBus *bus, KithEvent *event, gpointer self) { (void) bus; (void) event; (void) self; }\n')
    rest = ('static void my_plugin_init (MyPlugin *self) { (void) self; }\n'
            'static void my_plugin_class_init (MyPluginClass *klass) { KITH_PLUGIN_CLASS (klass)->activate = my_plugin_activate; }\n')
    (tmp_path / 'mine.c').write_text(around + code + rest)
    subprocess.run(['gcc', '-fsyntax-only', '-Wall', '-Werror', str(tmp_path / 'mine.c'), *compile_flags()], check=True)


@pytest.mark.skipif(not shutil.which('curl'), reason='no curl')
def test_every_call_of_the_api_page(pair):
    alice, bob = pair
    bob.post('alice', 'so that there is something')
    lines = [line[2:] for block in blocks(DOCS / 'local-api.md', 'console') for line in block.splitlines() if line.startswith('$ ')]
    assert len(lines) > 10
    for line in lines:
        if 'INVITE' in line:   # they are friends already
            expected, line = {409}, line.replace('INVITE', bob.identity()['invite'])
        else:
            expected = {200, 201, 202, 204}
        words = shlex.split(line.replace('127.0.0.1:8080', f'127.0.0.1:{alice.api_port}'))
        done = subprocess.run([*words, '-s', '-o', '/dev/null', '-w', '%{http_code}'], capture_output=True, text=True, timeout=20)
        assert int(done.stdout) in expected, (line, done)


def schemas():
    for path in sorted([*TOP.glob('data/schemas/*.gschema.xml'), *TOP.glob('plugins/*/*.gschema.xml')]):
        for schema in ET.parse(path).getroot().iter('schema'):
            yield path, schema


def test_every_setting_is_described():
    page = (DOCS / 'configuration.md').read_text()
    found = 0
    for path, schema in schemas():
        for key in schema.iter('key'):
            found += 1
            assert f"`{key.get('name')}`" in page, f"{path.name}: {key.get('name')} is not on the page"
            assert key.find('summary') is not None and key.find('description') is not None, key.get('name')
    assert found > 5


def test_no_described_setting_is_missing():
    known = {key.get('name') for _, schema in schemas() for key in schema.iter('key')}
    described = set(re.findall(r'^\| `([a-z][a-z0-9-]*)` \|', (DOCS / 'configuration.md').read_text(), re.M))
    assert described and described <= known, described - known


def test_every_step_of_a_trace_is_listed():
    steps = re.findall(r'#define KITH_TRACE_[A-Z]+ "(\w+)"', (TOP / 'core' / 'store' / 'kith-table-trace.h').read_text())
    line, = (line for line in (DOCS / 'local-api.md').read_text().splitlines() if 'GET /messages/:id/trace' in line)
    assert len(steps) > 10 and set(steps) <= set(re.findall(r'`(\w+)`', line)), line


def test_the_test_that_is_run_alone_is_one():
    known = {test['name'] for test in json.loads((BUILD / 'meson-info' / 'intro-tests.json').read_text())}
    names = re.findall(r'meson test -C _build ([a-z][\w-]*)', (DOCS / 'debugging.md').read_text())
    assert names and set(names) <= known, names


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r'\]\(([^)#:]+)\)', page.read_text()):
            assert (page.parent / target).exists(), f'{page.name}: {target}'


def test_paths_that_the_documents_name_exist():
    for page in PAGES:
        for path in re.findall(r'`((?:core|plugins|include|data|tests|po|\.ci)/[A-Za-z0-9_./-]+)`', page.read_text()):
            assert (TOP / path).exists() or path.endswith(('/ID', '/ROOM')), f'{page.name}: {path}'


def test_the_daemon_speaks_of_itself_as_the_catalog_says(pair):
    """Every event that was seen in a short conversation has exactly the members that the catalog promises."""
    alice, bob = pair
    window = bob.window()
    msg_id = alice.post('bob', 'hello').json['msg_id']
    window.wait('new_message', msg_id=msg_id)
    catalog = {(entry['event'], entry['direction']): entry for entry in bob.get('/events/catalog')['events']}
    wait_for(lambda: bob.friend('alice')['unread'] == 1, 'one unread')
    window.settle()
    for event in window.events:
        fields = {field['name']: field for field in catalog[event['event'], 'server']['fields']}
        assert set(event['data']) <= set(fields), event
        assert {name for name, field in fields.items() if field['required']} <= set(event['data']), event
