# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes data/docs/api-reference.md from what kithd says of itself:
    meson devenv -C _build python3 data/api-reference.py [--check] KITHD"""

import json
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent / 'docs' / 'api-reference.md'
HEAD = """<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
# Reference of the local API

Printed by `data/api-reference.py` from the daemon's own tables, which are also what it checks by: do not edit. [local-api.md](local-api.md) explains
it. For machines: `GET /openapi.json`, `GET /events/schema.json`, `GET /events/catalog`, and the TypeScript declarations in `share/kith/kith.d.ts`.

A member with `?` may be missing.
"""


def describe(kithd, what):
    return json.loads(subprocess.run([kithd, '--describe', what], check=True, capture_output=True, text=True).stdout)


def cell(text):
    return text.replace('|', '\\|')


def resolve(document, schema):
    while '$ref' in schema:
        at = document
        for part in schema['$ref'][2:].split('/'):
            at = at[part]
        schema = at
    return schema


def type_of(schema):
    if '$ref' in schema:
        name = schema['$ref'].rpartition('/')[2]
        return f'[{name}](#{name.lower()})'
    kind = schema.get('type', 'anything')
    null = isinstance(kind, list)
    kind = kind[0] if null else kind
    if 'enum' in schema:
        kind = ', '.join(f'`{value}`' for value in schema['enum'] if value is not None)
    elif kind == 'array':
        kind = f"array of {type_of(schema['items'])}" if 'items' in schema else 'array'
    elif schema.get('format'):
        kind = {'date-time': 'time', 'uuid': 'id'}[schema['format']]
    elif 'pattern' in schema:
        kind = 'username'
    if 'maxLength' in schema:
        kind += f", at most {schema['maxLength']} characters"
    if 'maximum' in schema:
        kind += f", at most {schema['maximum']}"
    return kind + (' or null' if null else '')


def rows(schema, prefix=''):
    """Members, and those of what they hold, as `a.b`."""
    needed = schema.get('required', [])
    for name, member in schema.get('properties', {}).items():
        yield f"| `{prefix}{name}`{'' if name in needed else '?'} | {type_of(member)} | {cell(member.get('description', ''))} |"
        inner = member.get('items', member)
        if 'properties' in inner:
            yield from rows(inner, f'{prefix}{name}{"[]" if "items" in member else ""}.')


def table(schema):
    lines = list(rows(schema))
    return ['| member | what | meaning |', '|---|---|---|', *lines, ''] if lines else []


def body_of(api, content, word):
    kind, inner = next(iter(content.items()))
    schema = inner['schema']
    if kind != 'application/json':
        return [f"{word}: {' or '.join(f'`{kind}`' for kind in content)}.", '']
    if schema.get('type') == 'array':
        items = schema['items']
        return [f'{word}: an array of {type_of(items)}.', ''] if '$ref' in items else [f'{word}: an array of objects.', '', *table(items)]
    return [f'{word}: {type_of(schema)}.', ''] if '$ref' in schema else [f'{word}:', '', *table(schema)]


def operation(api, method, path, what):
    yield from (f'### `{method.upper()} {path}`', '', f"{what['summary']}.", '')
    if 'parameters' in what:
        yield from ('| parameter | in | what | meaning |', '|---|---|---|---|')
        for one in what['parameters']:
            name = f"`{one['name']}`{'' if one['required'] else '?'}"
            yield f"| {name} | {one['in']} | {type_of(one['schema'])} | {cell(one.get('description', ''))} |"
        yield ''
    if 'requestBody' in what:
        yield from body_of(api, what['requestBody']['content'], 'Body')
    for status, answer in what['responses'].items():
        if status < '300' and 'content' in answer:
            yield from body_of(api, answer['content'], 'Answer')
            break
    yield from ('| status | when |', '|---|---|')
    for status, answer in what['responses'].items():
        if '$ref' not in answer:
            yield f"| {status} | {cell(answer['description'])} |"
    yield ''


def page(kithd):
    api, schema = describe(kithd, 'openapi'), describe(kithd, 'schema')
    for methods in api['paths'].values():
        methods.pop('servers', None)  # /events has another port
    yield HEAD
    for direction, title in (('server', 'Events that the daemon says'), ('client', 'Events that a client says')):
        yield from (f'## {title}', '')
        for ref in schema['$defs'][direction]['oneOf']:
            event = resolve(schema, ref)
            data = event['properties']['data']
            name = event['properties']['event']['const']
            kept = ' In the journal: it has a `seq`.' if 'seq' in event['properties'] else ''
            yield from (f'### `{name}`', '', f"{event.get('description', '').capitalize()}.{kept}", '')
            yield from ([f'`data`: {type_of(data)}.', ''] if '$ref' in data else table(data))
    yield from ('## Calls', '', 'Any call may also answer, always with `{"error": "a sentence"}`:', '', '| status | when |', '|---|---|')
    names = {answer['$ref'].rpartition('/')[2]: status for path in api['paths'].values() for what in path.values()
             for status, answer in what['responses'].items() if '$ref' in answer}
    for name, answer in api['components']['responses'].items():
        yield f"| {names.get(name, '')} | {cell(answer['description'])} |"
    yield ''
    for path, methods in api['paths'].items():
        for method, what in methods.items():
            yield from operation(api, method, path, what)
    yield from ('## Objects', '')
    for name, what in api['components']['schemas'].items():
        yield from (f'### {name}', '', *table(what))


def main():
    check = '--check' in sys.argv
    text = '\n'.join(page(sys.argv[-1])).rstrip() + '\n'
    if not check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit(f'{PAGE} is out of date: meson devenv -C _build python3 data/api-reference.py kithd')


main()
