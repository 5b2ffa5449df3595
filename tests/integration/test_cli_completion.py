# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion: what each shell offers, asked of the shells themselves."""

import json
import os
import shutil
import subprocess

import pytest

from kithtest import program


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f'SKIPPED: {shell} is not installed')


def write_script(kith, shell, folder):
    script = folder / f'kithctl.{shell}'
    script.write_text(kith.ctl('completion', shell).stdout)
    return script


@pytest.mark.parametrize('shell', [pytest.param(shell, marks=needs(shell)) for shell in ('bash', 'zsh', 'fish')])
def test_the_script_can_be_read(kiths, tmp_path, shell):
    script = write_script(kiths('alice', start=False), shell, tmp_path)
    done = subprocess.run([shell, '-n', script], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ''
    for word in 'accept-identity', 'restore', 'invisible', 'everyone', 'reply-to', 'no-pager':
        assert word in script.read_text()


def shell_environment(kith, folder):
    """With kithctl itself first in the path."""
    (folder / 'bin').mkdir(exist_ok=True)
    if not (folder / 'bin' / 'kithctl').exists():
        (folder / 'bin' / 'kithctl').symlink_to(program('kithctl'))
    return kith.environment(PATH=f'{folder}/bin:{os.environ["PATH"]}')


def options_of(kith):
    return ['--config', str(kith.config), '--data', str(kith.data)]


@pytest.fixture
def bash(tmp_path):
    def complete(kith, *words):
        script = write_script(kith, 'bash', tmp_path)
        line = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kithctl; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(['bash', '-c', line, 'bash', script, 'kithctl', *words], capture_output=True, text=True, check=True,
                              env=shell_environment(kith, tmp_path), cwd=tmp_path)
        assert done.stderr == ''
        return done.stdout.split()
    return complete


def test_bash_offers_commands_words_and_options(kiths, bash):
    alice = kiths('alice', start=False)
    assert bash(alice, 'acc') == ['accept', 'accept-identity']
    assert bash(alice, '--config', 'x', 'plugins', 'en') == ['enable']
    assert bash(alice, 'delete', '--ev') == ['--everyone']
    assert bash(alice, '--ver') == ['--version']
    assert set(bash(alice, 'config', '')) == {'list', 'get', 'set', 'reset'}
    assert bash(alice, 'nonsense', '') == []


def test_bash_offers_files(kiths, bash, tmp_path):
    alice = kiths('alice', start=False)
    (tmp_path / 'history.jsonl').touch()
    assert bash(alice, 'import', 'hist') == ['history.jsonl']


def test_bash_offers_friends(pair, bash):
    alice, bob = pair
    for command in 'send', 'history', 'block', 'remove', 'verify', 'read', 'allow', 'export':
        assert bash(alice, *options_of(alice), command, 'b') == ['bob'], command
    assert bash(bob, *options_of(bob), 'send', '') == ['alice']
    assert bash(alice, *options_of(alice), 'send', 'bob', '') == []


@needs('fish')
def test_fish_offers_them_too(pair, tmp_path):
    alice, bob = pair
    script = write_script(alice, 'fish', tmp_path)

    def complete(line):
        done = subprocess.run(['fish', '--no-config', '-c', f'source {script}; complete -C "{line}"'], capture_output=True, text=True,
                              check=True, env=shell_environment(alice, tmp_path))
        return [offer.split('\t')[0] for offer in done.stdout.splitlines()]

    assert complete('kithctl acc') == ['accept', 'accept-identity']
    assert '--everyone' in complete('kithctl delete --ev')
    assert 'enable' in complete('kithctl plugins e')
    assert complete(f'kithctl {" ".join(options_of(alice))} send b') == ['bob']


ZSH = r'''
compadd () { shift; offered+=("$@") }
_describe () { offered+=("${(@)${(P)2}%%:*}") }
_files () { offered+=(FILES) }
offered=()
script=$1; shift
words=("$@"); CURRENT=$#
source $script
print -l -- "${offered[@]}"
'''


@needs('zsh')
def test_zsh_offers_them_too(pair, tmp_path):
    """The completion system of zsh needs a terminal; here its three functions say what they were given."""
    alice, bob = pair
    script = write_script(alice, 'zsh', tmp_path)

    def complete(*words):
        done = subprocess.run(['zsh', '-f', '-c', ZSH, 'zsh', script, 'kithctl', *words], capture_output=True, text=True, check=True,
                              env=shell_environment(alice, tmp_path))
        assert done.stderr == ''
        return done.stdout.split()

    assert {'accept', 'accept-identity', 'restore', '--version'} <= set(complete(''))
    assert 'restore' in complete('--data', '/nowhere', '')
    assert {'enable', 'disable', '--json'} <= set(complete('plugins', ''))
    assert '--everyone' in complete('delete', '')
    assert 'bob' in complete(*options_of(alice), 'send', '')
    assert 'bob' not in complete(*options_of(alice), 'config', '')
    assert 'FILES' in complete('import', '')


def test_names_as_json(pair):
    assert [friend['username'] for friend in json.loads(pair[0].ctl('--json', 'completion', 'names').stdout)] == ['bob']


def test_an_unknown_shell_is_refused(kiths):
    alice = kiths('alice', start=False)
    assert 'csh' in alice.ctl('completion', 'csh', status=2).stderr
