# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages say what the programs do: every command, every option, nothing else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kithtest import environment, program

MANUALS = Path(__file__).resolve().parents[2] / 'data' / 'man'
PAGES = sorted(MANUALS.glob('*.[0-9]'))


def help_of(name, *command):
    done = subprocess.run([program(name), *command, '--help'], capture_output=True, text=True, check=True,
                          env={**environment(), 'LC_ALL': 'C.UTF-8'})
    return done.stdout


def commands():
    return re.findall(r'^  ([a-z-]+) +\S', help_of('kithctl').split('Commands:')[1], re.M)


def options(text):
    return set(re.findall(r'^  (?:-\w, )?--([a-z-]+)', text, re.M))


def flags(text):
    return set(re.findall(r'Fl Fl ([a-z-]+)', text))


def items():
    """What the page says of each command."""
    text = (MANUALS / 'kithctl.1').read_text().split('.Sh COMMANDS')[1].split('.Sh OPTIONS')[0]
    parts = re.split(r'^[.]It Cm ([a-z-]+)', text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def test_every_command_in_its_order():
    assert len(commands()) > 30
    assert list(items()) == commands()


def test_every_command_has_an_example():
    for command, text in items().items():
        assert re.search(rf'^[.]Dl kithctl (--\S+ )*{command}( |$)', text, re.M), command


def test_the_common_options():
    text = (MANUALS / 'kithctl.1').read_text().split('.Sh OPTIONS')[1].split('.Sh ENVIRONMENT')[0]
    assert flags(text) == options(help_of('kithctl'))


def test_the_options_of_each_command():
    common = options(help_of('kithctl'))
    told = {command: flags(text) for command, text in items().items()}
    assert told == {command: options(help_of('kithctl', command)) - common for command in commands()}


def test_the_arguments_of_each_command():
    for command, text in items().items():
        usage = help_of('kithctl', command).split('\n', 2)[1]
        wanted = usage.split(f' {command}', 1)[1].strip().replace('…', ' ...').replace('  ', ' ')
        got = re.match(r' Ar "?([^"\n]*)"?\n|\n', text)
        assert got and (got.group(1) or '') == wanted, (command, usage)


def test_the_options_of_the_daemon():
    assert flags((MANUALS / 'kithd.8').read_text().split('.Sh OPTIONS')[1].split('.Sh SIGNALS')[0]) == options(help_of('kithd'))
    synopsis = (MANUALS / 'kithd.8').read_text().split('.Sh SYNOPSIS')[1].split('.Sh DESCRIPTION')[0]
    assert flags(synopsis) == options(help_of('kithd')) - {'help', 'version'}


def test_the_keys_of_a_manifest():
    source = (MANUALS.parents[1] / 'core' / 'loader' / 'kith-manifest.c').read_text()
    keys = set(re.findall(r'"([A-Z][A-Za-z]*)", (?:NULL|self->path)', source))
    page = (MANUALS / 'kith-plugin.5').read_text().split('.Sh MANIFEST')[1].split('.Sh FILES')[0]
    told = {key for line in re.findall(r'^[.]It Li (.*)', page, re.M) for key in line.split(' , ')}
    assert len(keys) > 5 and told == keys


@pytest.mark.skipif(not shutil.which('man'), reason='SKIPPED: man is not installed')
@pytest.mark.parametrize('manual', PAGES, ids=lambda manual: manual.name)
def test_man_has_no_warnings(manual):
    done = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', manual], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ''


@pytest.mark.skipif(not shutil.which('mandoc'), reason='SKIPPED: mandoc is not installed')
@pytest.mark.parametrize('manual', PAGES, ids=lambda manual: manual.name)
def test_mandoc_has_no_complaint(manual):
    done = subprocess.run(['mandoc', '-T', 'lint', manual], capture_output=True, text=True)
    # The pages name each other, and are not installed where the test runs.
    assert [line for line in done.stdout.splitlines() if 'referenced manual not found' not in line] == []
