#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does the strict JSON of the house agree with Python's parser? Over some 50,000 mutated documents, with a fixed seed, every
disagreement must fall into a named class, and what both accept must be the same value.

usage: agreement.py PROGRAM CORPUS
"""
import json
import math
import os
import random
import subprocess
import sys
import threading

DOCUMENTS = 50_000
TOKENS = [b'{', b'}', b'[', b']', b',', b':', b'"', b'\\', b'\\u', b'\\u0000', b'\\ud800', b'\\udc00', b'\\ud83d\\ude00', b'null',
          b'true', b'false', b'NaN', b'Infinity', b'-Infinity', b'0', b'-', b'1', b'01', b'1e5', b'1e999', b'-0.0', b'.5', b'5.',
          b'9223372036854775808', b'-9223372036854775809', b'1E+400', b'1e-400', b'\x00', b'\x1f', b'\x7f', b'\xff', b'\xc3\xa9',
          b'\xed\xa0\x80', b'\xf0\x9f\x98\x80', b'\xf4\x90\x80\x80', b'\xef\xbb\xbf', b' ', b'\n', b'\t', b'\r', b'\x0b', b'\xc2\xa0',
          b'"a":1', b'"a":1,', b'"a":2', b'/*', b'//', b"'", b'[' * 40, b'[' * 33 + b']' * 33, b'1' * 70, b'0.' + b'1' * 70]


class Refused(ValueError):
    """What Python takes and RFC 8259 leaves to us."""


def no_duplicates(pairs):
    names = [name for name, value in pairs]
    if len(set(names)) != len(names):
        raise Refused('duplicate key')
    return dict(pairs)


def no_constant(name):
    raise Refused('NaN or Infinity')


def whole(text):
    if len(text) > 64:
        raise Refused('number too long')
    value = int(text)
    if not -2 ** 63 <= value < 2 ** 63:
        raise Refused('integer beyond 64 bits')
    return value


def real(text):
    if len(text) > 64:
        raise Refused('number too long')
    value = float(text)
    if not math.isfinite(value):
        raise Refused('number beyond a double')
    return value


def depth_of(value):
    level, current = 0, [value]
    while current:
        current = [inner for one in current if isinstance(one, (dict, list))
                   for inner in ([one.values()] if isinstance(one, dict) else [one]) for inner in [*inner, 0]]
        level += 1
    return level - 1


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from strings_of(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from strings_of(one)


def verdict(text):
    """(Python's plain verdict, the class of what we refuse on top of it, the value)"""
    try:
        decoded = text.decode('utf-8')
    except UnicodeDecodeError:
        return False, None, None
    try:
        json.loads(decoded)
    except (ValueError, RecursionError):
        return False, None, None
    try:
        value = json.loads(decoded, object_pairs_hook=no_duplicates, parse_constant=no_constant, parse_int=whole,
                           parse_float=real)
    except Refused as why:
        return True, str(why), None
    if depth_of(value) > 32:
        return True, 'depth', None
    if any('\0' in one for one in strings_of(value)):
        return True, '\\u0000', None
    if any(0xd800 <= ord(c) <= 0xdfff for one in strings_of(value) for c in one):
        return True, 'lone surrogate', None
    return True, None, value


def generate(chance, depth=0):
    kind = chance.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return chance.choice([True, False, None])
    if kind == 1:
        return chance.choice([0, -1, 2 ** 63 - 1, -2 ** 63, chance.randrange(10 ** 6)])
    if kind == 2:
        return chance.choice([0.5, -1e-7, 1e300, chance.random() * 10 ** chance.randrange(-5, 20)])
    if kind < 6:
        return ''.join(chance.choice('abé😀"\\/\n\t\x7f xyz\u2028') for _ in range(chance.randrange(6)))
    if kind == 6:
        return [generate(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice('abcdefgh') + str(i if chance.random() < 0.9 else 0): generate(chance, depth + 1)
            for i in range(chance.randrange(4))}


def mutate(chance, text, others):
    text = bytearray(text)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(text) + 1)
        what = chance.randrange(6)
        if what == 0:
            del text[at:at + chance.randrange(1, 4)]
        elif what == 1 and at < len(text):
            text[at] = chance.randrange(256)
        elif what == 2:
            text[at:at] = chance.choice(TOKENS)
        elif what == 3:
            to = at + chance.randrange(1, 20)
            text[at:at] = text[at:to]
        elif what == 4:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            text[at:at] = other[start:start + chance.randrange(1, 12)]
        else:
            text[at:at + 2] = chance.choice(TOKENS)
    return bytes(text)


def documents(corpus):
    chance = random.Random(8259)
    seeds = []
    for name in sorted(os.listdir(corpus)):
        with open(os.path.join(corpus, name), 'rb') as file:
            seeds.append(file.read())
    seeds += [json.dumps(generate(chance), ensure_ascii=chance.random() < 0.5).encode('utf-8') for _ in range(400)]
    yield from seeds
    yield from TOKENS
    for _ in range(DOCUMENTS - len(seeds) - len(TOKENS)):
        yield mutate(chance, chance.choice(seeds), seeds)


def answers(program, texts):
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        with process.stdin as pipe:
            for text in texts:
                pipe.write(b'%d\n%s' % (len(text), text))

    feeder = threading.Thread(target=feed)
    feeder.start()
    for _ in texts:
        line = process.stdout.readline()
        if not line:
            raise SystemExit('the program died')
        if line[:1] == b'+':
            yield True, process.stdout.read(int(line[1:]))
        else:
            yield False, line[1:-1].decode()
    feeder.join()
    if process.wait() != 0:
        raise SystemExit('the program failed')


def same(ours, theirs):
    if isinstance(theirs, float) and isinstance(ours, (int, float)):
        # Printed with 17 digits or fewer.
        return math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=5e-324)
    if type(ours) is not type(theirs):
        return False
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[name], theirs[name]) for name in theirs)
    return ours == theirs


def main():
    program, corpus = sys.argv[1:]
    texts = list(documents(corpus))
    classes, wrong = {'both accept': 0, 'both refuse': 0}, 0
    for text, (accepted, detail) in zip(texts, answers(program, texts)):
        theirs, why, value = verdict(text)
        good = accepted == (theirs and why is None)
        if good and accepted:
            good = same(json.loads(detail), value)
        if not good:
            wrong += 1
            if wrong <= 20:
                print('unexplained: %r: ours %s, Python %s %s' % (text, (accepted, detail), theirs, why))
        name = 'both accept' if accepted else why if theirs else 'both refuse'
        classes[name] = classes.get(name, 0) + 1
    for name in sorted(classes, key=str):
        print('%6d %s' % (classes[name], name))
    if len(texts) < DOCUMENTS or len(classes) < 8 or classes['both accept'] < 1000:
        print('the mutations do not reach what they should')
        return 1
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
