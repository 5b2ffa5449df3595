#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns the table files into C: embed-sql.py OUTPUT NAME VERSION:FILE..."""
import json
import pathlib
import sys


def literal(text):
    # Comments and blank lines are for readers of the file; JSON's escapes are C's for plain ASCII.
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for line in lines if line and not line.lstrip().startswith('--')]
    return '\n'.join('    ' + json.dumps(line + '\n') for line in kept) or '    ""'


def main():
    output, name, entries = sys.argv[1], sys.argv[2], sys.argv[3:]
    parts = ['/* SPDX-License-Identifier: LGPL-2.1-or-later */', '#include "kith-schema.h"', '',
             'static const KithSchemaPart parts[] = {']
    for entry in entries:
        version, path = entry.split(':', 1)
        file = pathlib.Path(path)
        parts.append('  { %s, "%s",\n%s },' % (version, file.name, literal(file.read_text(encoding='ascii'))))
    parts += ['};', '', 'extern const KithSchema %s;' % name, 'const KithSchema %s = { parts, G_N_ELEMENTS (parts) };' % name, '']
    pathlib.Path(output).write_text('\n'.join(parts), encoding='ascii')


main()
