# SPDX-License-Identifier: LGPL-2.1-or-later
"""The API describes itself: what it prints is valid for public validators, fits the examples of the guide and of the specification, and is what
it really says."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kithtest import BUILD, QUICK, environment, without_slowness

TOP = Path(__file__).resolve().parents[2]
HERE = TOP / 'tests' / 'describe'
GUIDE = json.loads((HERE / 'examples' / 'guide.json').read_text())
SPEC = json.loads((HERE / 'examples' / 'local-api.json').read_text())


def describe(what):
    done = subprocess.run([BUILD / 'core' / 'daemon' / 'kithd', '--describe', what], capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 0 and not without_slowness(done.stderr), done.stderr
    return done.stdout


@pytest.fixture(scope='session')
def modules():
    """node_modules of the lock file, installed once into the build folder."""
    if QUICK:
        pytest.skip('skipped: not in --quick')
    if not shutil.which('npm') or not shutil.which('node'):
        pytest.skip('skipped: there is no npm here')
    lock = HERE / 'package-lock.json'
    cache = BUILD / 'npm' / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    cache.parent.mkdir(parents=True, exist_ok=True)
    with open(cache.parent / 'lock', 'w') as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (cache / 'node_modules' / '.package-lock.json').exists():
            shutil.rmtree(cache, ignore_errors=True)
            cache.mkdir()
            for name in ('package.json', 'package-lock.json'):
                shutil.copy(HERE / name, cache)
            done = subprocess.run(['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'], cwd=cache, capture_output=True, text=True,
                                  timeout=150)
            if done.returncode != 0:
                shutil.rmtree(cache, ignore_errors=True)
                pytest.skip(f'skipped: npm could not install: {done.stderr[-300:]}')
    return cache


def check(modules, what, *files):
    done = subprocess.run(['node', HERE / 'check.mjs', modules, what, *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def described(tmp_path):
    """Files of what the daemon prints."""
    paths = {}
    for what, name in (('openapi', 'openapi.json'), ('schema', 'schema.json'), ('typescript', 'kith.d.ts')):
        paths[what] = tmp_path / name
        paths[what].write_text(describe(what))
    return paths


def test_openapi_is_valid(modules, described):
    assert check(modules, 'openapi', described['openapi']) == []


def test_examples_fit_the_schema(modules, described, tmp_path):
    cases = GUIDE['examples'] + SPEC['examples']
    assert len(cases) > 25
    (tmp_path / 'cases.json').write_text(json.dumps(cases))
    assert check(modules, 'events', described['schema'], tmp_path / 'cases.json') == []


def test_a_sample_client_compiles(modules, described, tmp_path):
    shutil.copy(HERE / 'sample.ts', tmp_path)
    done = subprocess.run([modules / 'node_modules' / '.bin' / 'tsc', '--strict', '--noEmit', '--target', 'es2022', '--lib',
                           'es2022,dom', '--typeRoots', '.', 'kith.d.ts', 'sample.ts'], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def parse_shape(shape):
    names = re.findall(r'(\w+)(\??)', shape)
    return {name for name, _ in names}, {name for name, maybe in names if not maybe}


def resolve(document, schema):
    while '$ref' in schema:
        at = document
        for part in schema['$ref'][2:].split('/'):
            at = at[part]
        schema = at
    return schema


def test_events_are_as_the_tables_of_the_specification_say():
    schema = json.loads(describe('schema'))
    for direction, events in SPEC['events'].items():
        known = {ref['$ref'].rpartition(f'{direction}.')[2] for ref in schema['$defs'][direction]['oneOf']}
        assert set(events) <= known, 'what is ours beyond them stands in the page, see below'
        for name, shape in events.items():
            data = resolve(schema, schema['$defs'][f'{direction}.{name}']['properties']['data'])
            members, needed = parse_shape(shape)
            assert set(data['properties']) == members, name
            assert set(data.get('required', [])) - {'read'} == needed - {'read'}, name


def get_content(api, what):
    content = resolve(api, what)['content']['application/json']['schema']
    content = resolve(api, content)
    return resolve(api, content['items']) if content.get('type') == 'array' else content


def test_routes_are_as_the_tables_of_the_specification_say():
    api = json.loads(describe('openapi'))
    find = lambda route: api['paths'][route.split(' ')[1]][route.split(' ')[0].lower()]  # noqa: E731
    for route, shape in SPEC['answers'].items():
        answer = get_content(api, next(what for status, what in find(route)['responses'].items() if status.startswith('2')))
        members, needed = parse_shape(shape)
        assert members <= set(answer['properties']), route
        assert needed <= set(answer['required']), route
        assert not (members - needed) & set(answer['required']), route
    for route, shape in SPEC['bodies'].items():
        body = get_content(api, find(route)['requestBody'])
        members, needed = parse_shape(shape)
        assert set(body['properties']) == members and set(body.get('required', [])) == needed, route
    for route, statuses in SPEC['statuses'].items():
        assert {str(status) for status in statuses} <= set(find(route)['responses']), route


def test_every_route_says_what_it_answers():
    api = json.loads(describe('openapi'))
    for path, methods in api['paths'].items():
        for method, operation in methods.items():
            where = f'{method.upper()} {path}'
            assert operation.get('summary') and operation['tags'], where
            for parameter in operation.get('parameters', []):
                assert parameter.get('description'), (where, parameter['name'])
            good = [status for status in operation['responses'] if status < '300']
            assert good and '503' in operation['responses'], where
            for status in good:
                answer = operation['responses'][status]
                assert answer['description'], where
                assert status in ('101', '204') or answer['content'], where
            for status in operation['responses']:
                if status >= '400':
                    schema = resolve(api, operation['responses'][status])['content']['application/json']['schema']
                    assert schema == {'$ref': '#/components/schemas/Error'}, where


def test_the_websocket_and_the_texts_are_described():
    paths = json.loads(describe('openapi'))['paths']
    events = paths['/events']['get']
    assert {'101', '400', '403', '426', '503'} <= set(events['responses']) and 'content' not in events['responses']['101']
    assert {one['name']: one['required'] for one in events['parameters']} == {'since': False, 'epoch': False}
    assert events['servers'][0]['url'].startswith('ws://')
    assert set(paths['/admin/export']['get']['responses']['200']['content']) == {'application/x-ndjson', 'text/plain'}
    assert set(paths['/metrics']['get']['responses']['200']['content']) == {'text/plain'}


# --- data/docs/local-api.md

PAGE = (TOP / 'data' / 'docs' / 'local-api.md').read_text()


def cells(text):
    """Rows of its tables: what stands in backticks in the first cell, and the rest."""
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(' | ')]
        if line.startswith('| `') and len(parts) >= 2:
            yield re.findall(r'`([^`]*)`', parts[0]), parts[1:]


def get_shape(text):
    """The first `{a, b?}` or `[{a, b?}]` of a cell, without what its members hold."""
    found = re.search(r'`\[?\{(.*?)\}\]?`', text)
    return parse_shape(re.sub(r': *(\[[^]]*\]|\{[^}]*\})', '', found.group(1))) if found else None


def test_the_pages_events_are_the_schemas():
    schema = json.loads(describe('schema'))
    for direction, title in (('server', 'What the daemon says'), ('client', 'What a client says')):
        section = PAGE.partition(f'### {title}')[2].partition('\n### ')[0]
        shapes = {name: get_shape(rest[0]) for names, rest in cells(section) for name in names}
        known = {name.partition('.')[2] for name in schema['$defs'] if name.startswith(direction + '.')}
        assert set(shapes) == known
        for name, shape in shapes.items():
            data = resolve(schema, schema['$defs'][f'{direction}.{name}']['properties']['data'])
            assert shape == (set(data['properties']), set(data.get('required', []))) or name == 'new_message', name
    message = resolve(schema, schema['$defs']['server.new_message']['properties']['data'])
    members, needed = parse_shape(re.search(r'A Message is `\{(.*?)\}`', PAGE).group(1))
    assert members == set(message['properties']) and needed - {'read'} == set(message['required']) - {'read'}


def test_the_pages_calls_are_the_routes():
    api = json.loads(describe('openapi'))
    paths = {re.sub(r'\{\w+\}', ':', path): methods for path, methods in api['paths'].items()}
    text = re.sub(r':\w+', ':', PAGE)
    for path in paths:
        parts = path.split('/')
        assert path.startswith(('/admin', '/plugins/')) or path in text or '…/' + parts[-1] in text, f'the page does not have {path}'
    for names, rest in cells(PAGE):
        for name in names:
            found = re.match(r'(GET|POST|PUT|PATCH|DELETE) (/[^ ?]*)', name)
            what = paths.get(re.sub(r':\w+', ':', found.group(2)), {}).get(found.group(1).lower()) if found else None
            if what is None:
                assert not found or '*' in name, f'{name} is no route'
                continue
            body = re.search(r' \{(.*)\}$', name)
            if body:
                asked = get_content(api, what['requestBody'])
                members, needed = parse_shape(body.group(1))
                assert members <= set(asked['properties']) and set(asked.get('required', [])) <= needed | members, name
            good = next(answer for status, answer in what['responses'].items() if status < '300')
            shape = get_shape(rest[0])
            if shape and 'application/json' in good.get('content', {}) and rest[0].startswith('`'):
                answer = get_content(api, good | {'content': good['content']})
                assert shape[0] == set(answer['properties']), name
                assert not (shape[0] - shape[1]) & set(answer['required']), name


def test_the_pages_curls_fit_the_routes(modules, tmp_path):
    """The bodies of its examples, as examples of the OpenAPI document."""
    cases = []
    for method, body, url in re.findall(r"\$ curl -X (\w+) .*?-d '(.*?)' http://127.0.0.1:8080(\S+)", PAGE):
        cases.append({'route': f"{method} {re.sub(r'/friends/bob', '/friends/{username}', url)}", 'body': json.loads(body)})
    assert len(cases) >= 4
    (tmp_path / 'openapi.json').write_text(describe('openapi'))
    (tmp_path / 'bodies.json').write_text(json.dumps(cases))
    assert check(modules, 'bodies', tmp_path / 'openapi.json', tmp_path / 'bodies.json') == []


def test_what_is_answered_is_what_is_described(modules, pair, tmp_path):
    alice, bob = pair
    window = alice.window()
    msg_id = bob.post('alice', 'Grüße 👋').json['msg_id']
    window.wait('new_message', msg_id=msg_id)
    window.send('typing', to='nobody', typing=True)
    window.wait('error')
    window.settle()
    (tmp_path / 'openapi.json').write_text(json.dumps(alice.get('/openapi.json')))
    (tmp_path / 'schema.json').write_text(json.dumps(alice.get('/events/schema.json')))
    (tmp_path / 'events.json').write_text(json.dumps([{'direction': 'server', 'frame': event, 'good': True} for event in window.events]))
    assert check(modules, 'openapi', tmp_path / 'openapi.json') == []
    assert check(modules, 'events', tmp_path / 'schema.json', tmp_path / 'events.json') == []
    asked = {path: path for path in ('/status', '/friends', '/identity', '/requests', '/presence', '/connection', '/plugins', '/healthz',
                                     '/events/catalog', '/openapi.json', '/events/schema.json')}
    asked |= {'/messages': '/messages?peer=bob', '/messages/search': '/messages/search?q=Gr', '/friends/{username}/safety-number':
              '/friends/bob/safety-number', '/messages/{id}/trace': f'/messages/{msg_id}/trace'}
    cases = []
    for path, url in asked.items():
        answer = alice.call('GET', url)
        cases.append({'route': f'GET {path}', 'status': str(answer.status), 'body': answer.json})
    refused = alice.call('GET', '/messages?peer=nobody')
    cases.append({'route': 'GET /messages', 'status': str(refused.status), 'body': refused.json})
    (tmp_path / 'answers.json').write_text(json.dumps(cases))
    assert check(modules, 'answers', tmp_path / 'openapi.json', tmp_path / 'answers.json') == []


def test_the_declarations_are_installed_as_they_are_printed():
    built = BUILD / 'data' / 'types' / 'kith.d.ts'
    assert built.exists() and 'export interface TypingEvent' in built.read_text()


def test_the_reference_is_up_to_date():
    done = subprocess.run(['/usr/bin/python3', TOP / 'data' / 'api-reference.py', '--check', BUILD / 'core' / 'daemon' / 'kithd'],
                          capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_cannot_be_described_is_said():
    done = subprocess.run([BUILD / 'core' / 'daemon' / 'kithd', '--describe', 'weather'], capture_output=True, text=True, env=environment(),
                          timeout=60)
    assert done.returncode == 1 and 'weather' in done.stderr and os.linesep in done.stderr
