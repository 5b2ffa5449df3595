#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The house linter: sizes, style, the rooms and what each may include and call. Prints FILE:LINE: RULE: what; exit status 1 if anything.

A line that has a good reason says it in a comment: "lint: RULE, because …".
--self-test runs it over the bait files in .ci/bait, each of which must be caught by the rule named in its first line, and by no other.
--wrap lets clang-format wrap the C lines that are too wide, and nothing else.
--wants also prints what is past the wished sizes (500 lines a file, 60 a function) without being a defect.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BAIT = '.ci/bait/'

FILE_LINES, FILE_LINES_WISHED = 800, 500
FUNCTION_LINES, FUNCTION_LINES_WISHED = 100, 60
NESTING = 4
COLUMNS, COLUMNS_SCRIPT = 120, 150

TOP_LEVEL = {'meson.build', 'core', 'plugins', 'include', 'data', 'tests', 'po', 'README.md'}

# Who may include whom, one step; what those include is allowed too. Everybody may include libkith and the public headers.
ARROWS = {
    'libkith': [], 'e2ee': [], 'store': [], 'keys': ['store', 'e2ee'], 'link': ['e2ee'],
    'chat': ['keys', 'link', 'store', 'e2ee'],
    'serve': [], 'loader': [], 'api': ['serve', 'chat', 'store', 'loader'], 'relay': ['serve', 'store', 'keys'],
    'daemon': ['loader', 'api', 'relay'], 'cli': ['keys', 'store', 'daemon'],
}

# Time, chance and threads come from KithWorld in these rooms, so that a test can make them repeat.
WORLD_ROOMS = {'store', 'keys', 'chat', 'link', 'loader'}
WORLD_CALLS = re.compile(
    r'(?<![>.])\b(g_get_monotonic_time|g_get_real_time|g_get_current_time|time|gettimeofday|clock_gettime|g_random_\w+|g_rand_\w+|'
    r'randombytes_\w+|getrandom|g_thread_new|g_thread_try_new|g_thread_pool_new\w*|pthread_create|g_timeout_\w+|g_usleep|usleep|nanosleep|sleep|'
    r'g_idle_add\w*|g_idle_source_new|g_timer_new|s?rand|s?random|[dl]rand48|arc4random\w*|clock|'
    r'g_date_time_new_now\w*|g_uuid_string_random) \(')
# What lies in a table by address comes out in another order in every run.
POINTER_TABLE = re.compile(r'\bg_hash_table_new(_full)? \((NULL|g_direct_hash)\b')
ITERATION = re.compile(r'\bg_hash_table_(iter_init|foreach\w*|get_keys\w*|get_values|find) \(')
PLUGIN_CALLS = re.compile(
    r'\b(g_get_monotonic_time|g_get_real_time|time|gettimeofday|clock_gettime|g_random_\w+|randombytes_\w+|g_timeout_\w+|g_usleep|'
    r'g_date_time_new_now\w*) \(')
NEVER_CALLS = re.compile(r'\b(g_error|abort|strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|g_alloca|system|popen) \(')

NO_MEMORY = re.compile(r'\bg_error \("No memory')

SPDX = 'SPDX-License-Identifier: LGPL-2.1-or-later'
COMMENTED = {'.c', '.h', '.py', '.sh', '.sql', '.md', '.xml', '.build', '.plugin', '.service', '.in', '.map', '.css', '.js', '.mjs',
             '.yml', '.yaml'}
CODE = {'.c', '.h', '.py', '.sh', '.build', '.sql'}
MACHINE_PATH = re.compile(r'(?<![A-Za-z0-9_.$}-])/(?:work|farm|root|home)/')
UNFINISHED = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')
WAIVER = re.compile(r'lint: ([a-z-]+), because \S')
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Findings:
    def __init__(self):
        self.found = []
        self.wished = []

    def add(self, path, line, rule, text):
        self.found.append((path, line, rule, text))

    def wish(self, path, line, text):
        self.wished.append((path, line, text))


def closure(room):
    allowed, todo = {room, 'libkith'}, [room]
    while todo:
        for other in ARROWS.get(todo.pop(), []):
            if other not in allowed:
                allowed.add(other)
                todo.append(other)
    return allowed


def blank(text):
    """C text with comments, strings and characters replaced by blanks of the same shape, so that only code is left."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text)


def is_test(path):
    return path.startswith('tests/') or Path(path).name.startswith('test') or '/tests/' in path


def check_bytes(out, path, data, lines):
    suffix = '.build' if path.endswith('meson.build') else Path(path).suffix
    if suffix in COMMENTED and not any(SPDX in line for line in lines[:3]):
        out.add(path, 1, 'spdx', f'no "{SPDX}" in its first lines')
    if suffix in COMMENTED and data and not data.endswith(b'\n'):
        out.add(path, len(lines), 'blanks', 'no newline at the end')
    if suffix in CODE and len(lines) > FILE_LINES:
        out.add(path, len(lines), 'file-length', f'{len(lines)} lines, {FILE_LINES} at most')
    elif suffix in CODE and len(lines) > FILE_LINES_WISHED:
        out.wish(path, len(lines), f'{len(lines)} lines, {FILE_LINES_WISHED} wished')
    for number, line in enumerate(lines, 1):
        if suffix in COMMENTED and '\t' in line:
            out.add(path, number, 'tab', 'a tab')
        if suffix in COMMENTED and line != line.rstrip():
            out.add(path, number, 'blanks', 'blanks at the end of the line')
        limit = COLUMNS if suffix in ('.c', '.h') else COLUMNS_SCRIPT
        if suffix in CODE and len(line) > limit:
            out.add(path, number, 'columns', f'{len(line)} columns, {limit} at most')
        if MACHINE_PATH.search(line):
            out.add(path, number, 'machine-path', 'a path of one machine')
        if suffix in COMMENTED - {'.md'} and path != '.ci/check-source.py' and UNFINISHED.search(line):
            out.add(path, number, 'unfinished', UNFINISHED.search(line).group(1))


def opens_block(code, at):
    """A brace opens a block when it is the first on its line and no initializer's; GNU style has no other blocks."""
    before = code[:at].rstrip(' ')
    if not before.endswith('\n'):
        return False
    before = before.rstrip()
    return not before.endswith(('=', ',', '(', '{')) or before.endswith('\n{')


def function_name(lines, number):
    for line in reversed(lines[max(0, number - 20):number]):
        match = re.match(r'([A-Za-z_]\w*) \(', line)
        if match:
            return match.group(1)
    return '?'


def check_functions(out, path, code):
    """Lengths and nesting; a function's braces stand in the first column."""
    lines = code.split('\n')
    start, depth, stack, reported = None, 0, [], False
    position = 0
    for number, line in enumerate(lines, 1):
        if line.startswith('{') and start is None:
            before = '\n'.join(lines[max(0, number - 4):number - 1]).rstrip()
            if before.endswith(')'):
                start, depth, stack, reported = number, 0, [], False
        if start is not None:
            for column, character in enumerate(line):
                if character == '{':
                    block = column == 0 or opens_block(code, position + column)
                    stack.append(block)
                    depth += block
                elif character == '}' and stack:
                    depth -= stack.pop()
                if depth - 1 > NESTING and not reported:
                    reported = True
                    out.add(path, number, 'nesting',
                            f'{function_name(lines, start - 1)}: {depth - 1} deep, {NESTING} at most')
            if line.startswith('}') and not stack:
                check_length(out, path, start, number - start + 1, function_name(lines, start - 1))
                start = None
        position += len(line) + 1


def check_length(out, path, start, length, name):
    if length > FUNCTION_LINES:
        out.add(path, start, 'function-length', f'{name}: {length} lines, {FUNCTION_LINES} at most')
    elif length > FUNCTION_LINES_WISHED:
        out.wish(path, start, f'{name}: {length} lines, {FUNCTION_LINES_WISHED} wished')


def place(path):
    """('core', room), ('plugins', id), ('include', '') or ('other', '')."""
    parts = path.split('/')
    if parts[0] == 'core' and len(parts) > 2:
        return 'core', parts[1]
    if parts[0] == 'plugins' and len(parts) > 2:
        return 'plugins', parts[1]
    return ('include', '') if parts[0] == 'include' else ('other', '')


def check_include(out, path, number, quote, name, owners):
    kind, room = place(path)
    base = name.rsplit('/', 1)[-1]
    if base in ('sqlite3.h', 'sqlcipher.h') and not path.startswith(('core/store/', 'tests/unit/store/', 'tests/bench/')):
        out.add(path, number, 'sqlite', 'only core/store knows the database library')
    if kind == 'core' and room == 'e2ee' and re.match(r'(glib|gio|gobject|json-glib|libsoup)', name):
        out.add(path, number, 'e2ee-plain', f'core/e2ee is plain C on libsodium: {name}')
    if name.startswith('kith/'):
        if kind == 'core' and room == 'e2ee':
            out.add(path, number, 'e2ee-plain', f'core/e2ee is plain C on libsodium: {name}')
        return
    homes = owners.get(name, set()) | owners.get(base, set())
    if not homes or is_test(path) or quote == '<':
        return
    if kind == 'plugins' and ('plugins', room) not in homes:
        out.add(path, number, 'plugin-arrow', f'a plugin knows include/kith and nothing else: {name}')
    if kind == 'include' and ('include', '') not in homes:
        out.add(path, number, 'public-arrow', f'a public header includes a private one: {name}')
    if kind == 'core' and not any(home[0] == 'include' or (home[0] == 'core' and home[1] in closure(room)) for home in homes):
        out.add(path, number, 'room-arrow', f'core/{room} must not know {"/".join(sorted(homes)[0])}: {name}')


def check_order(out, path, code):
    if not POINTER_TABLE.search(code):
        return
    for match in ITERATION.finditer(code):
        out.add(path, code.count('\n', 0, match.start()) + 1, 'order', 'no order of addresses: sort, or key the table by what it means')


def check_c(out, path, text, owners):
    code = blank(text)
    kind, room = place(path)
    if kind == 'core' and room in WORLD_ROOMS:
        check_order(out, path, code)
    if path.endswith('.h') and '#pragma once' not in text:
        out.add(path, 1, 'pragma-once', 'a header without #pragma once')
    for number, (line, bare) in enumerate(zip(text.split('\n'), code.split('\n')), 1):
        match = INCLUDE.match(line)
        if match:
            check_include(out, path, number, match.group(1), match.group(2), owners)
        if re.search(r'\bgoto\b', bare):
            out.add(path, number, 'goto', 'goto')
        if is_test(path):
            continue
        never = NEVER_CALLS.search(bare)
        if never and NO_MEMORY.search(line):
            never = None   # what g_malloc () does too
        if never and kind in ('core', 'plugins'):
            out.add(path, number, 'never', f'{never.group(1)} is never called')
        calls = WORLD_CALLS if kind == 'core' and room in WORLD_ROOMS else PLUGIN_CALLS if kind == 'plugins' else None
        called = calls and calls.search(bare)
        if called:
            out.add(path, number, 'world', f'{called.group(1)}: time, chance and threads come from KithWorld (a plugin: from its host)')
    check_functions(out, path, code)


def find_owners(files):
    owners = {}
    for path in files:
        if path.endswith('.h'):
            kind, room = place(path)
            owners.setdefault(path.rsplit('/', 1)[-1], set()).add((kind, room))
    return owners


def check_file(out, path, data, owners):
    if b'\0' in data:
        return
    text = data.decode('utf-8', 'replace')
    lines = text.split('\n')
    if lines and lines[-1] == '':
        lines.pop()
    local = Findings()
    check_bytes(local, path, data, lines)
    if path.endswith(('.c', '.h')):
        check_c(local, path, text, owners)
    for finding in local.found:
        waiver = WAIVER.search(lines[finding[1] - 1]) if 0 < finding[1] <= len(lines) else None
        if not waiver or waiver.group(1) != finding[2]:
            out.found.append(finding)
    out.wished += local.wished


def tracked():
    command = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    names = subprocess.run(command, cwd=TOP, capture_output=True, check=True)
    return sorted(name for name in names.stdout.decode().split('\0') if name and (TOP / name).is_file())


def check_tree():
    files = tracked()
    out = Findings()
    owners = find_owners(files)
    for path in files:
        first = path.split('/')[0]
        if first not in TOP_LEVEL and not first.startswith('.'):
            out.add(path, 1, 'top-level', f'{first}: the top level is fixed ({" ".join(sorted(TOP_LEVEL))})')
        if not path.startswith(BAIT):
            check_file(out, path, (TOP / path).read_bytes(), owners)
    return out


def self_test():
    """Each bait begins with "bait: RULE PATH": put at PATH it must be caught by RULE and by nothing else (RULE "none": by nothing)."""
    wrong = 0
    owners = find_owners(['core/store/kith-store.h', 'core/chat/kith-chat.h', 'core/api/kith-api.h', 'core/libkith/kith-world.h'])
    baits = sorted((TOP / BAIT).iterdir())
    rules = set()
    for bait in baits:
        text = bait.read_text()
        rule, path = re.match(r'.*bait: (\S+) (\S+)', text).groups()
        rules.add(rule)
        body = text.partition('\n')[2].replace('%SLASH%', '/').replace('%TAB%', '\t').replace('%BLANK%', ' ')
        body = re.sub(r'%(\d+) ([^%]*)%', lambda m: (m.group(2) + '\n') * int(m.group(1)), body)
        out = Findings()
        check_file(out, path, body.encode(), owners)
        if path.split('/')[0] not in TOP_LEVEL:
            out.add(path, 1, 'top-level', path)
        caught = {finding[2] for finding in out.found}
        if caught != ({rule} - {'none'}):
            wrong += 1
            print(f'{BAIT}{bait.name}: expected {rule}, caught {sorted(caught)}')
    known = set(re.findall(r"out\.add\([^\n]*?, '([a-z0-9-]+)',", Path(__file__).read_text()))
    for rule in sorted(known - rules):
        wrong += 1
        print(f'{BAIT}: no bait for the rule {rule}')
    print(f'{len(baits)} baits, {wrong} wrong')
    return wrong


def wrap_tree():
    """Wrapping a line can move another over the edge: three rounds, only over the lines that are too wide."""
    for path in tracked():
        for _ in range(3 if path.endswith(('.c', '.h')) else 0):
            lines = (TOP / path).read_text().split('\n')
            wide = [f'--lines={number}:{number}' for number, line in enumerate(lines, 1) if len(line) > COLUMNS]
            if not wide:
                break
            subprocess.run(['clang-format', '-i', '--style=file', *wide, path], cwd=TOP, check=True)


def main():
    if '--wrap' in sys.argv:
        wrap_tree()
    if '--self-test' in sys.argv:
        sys.exit(1 if self_test() else 0)
    out = check_tree()
    for path, line, rule, text in out.found:
        print(f'{path}:{line}: {rule}: {text}')
    if '--wants' in sys.argv:
        for path, line, text in out.wished:
            print(f'{path}:{line}: wish: {text}')
    print(f'{len(out.found)} findings, {len(out.wished)} wishes')
    sys.exit(1 if out.found else 0)


if __name__ == '__main__':
    main()
