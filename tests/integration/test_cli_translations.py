# SPDX-License-Identifier: LGPL-2.1-or-later
"""Translations: whole, correct, of every text that is marked, and in use."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kithtest import environment, program, wait_for
from terminal import ctl_on_terminal

TOP = Path(__file__).resolve().parents[2]
PO = TOP / 'po'
LANGUAGES = [line for line in (PO / 'LINGUAS').read_text().split('\n') if line and not line.startswith('#')]
MARKED = re.compile(r'\b(?:_|N_|C_|NC_|Q_|ngettext|g_dgettext|g_dngettext|g_dpgettext2)\s*\(\s*(?:[A-Z_]+,\s*)?"')
# As meson's preset "glib" has them.
KEYWORDS = ['--from-code=UTF-8', '--keyword=_', '--keyword=N_', '--keyword=C_:1c,2', '--keyword=NC_:1c,2', '--keyword=g_dcgettext:2',
            '--keyword=g_dngettext:2,3', '--keyword=g_dpgettext2:2c,3']
pytestmark = pytest.mark.skipif(not shutil.which('xgettext'), reason='SKIPPED: gettext is not installed')


def named_files():
    return [line for line in (PO / 'POTFILES').read_text().splitlines() if line and not line.startswith('#')]


def marked_files():
    for room in 'core', 'include', 'plugins', 'data':
        for folder, _, names in os.walk(TOP / room):
            for name in names:
                path = Path(folder) / name
                if (name.endswith(('.gschema.xml', '.desktop.in', '.metainfo.xml.in'))
                        or name.endswith(('.c', '.h')) and MARKED.search(path.read_text(errors='replace'))):
                    yield str(path.relative_to(TOP))


def test_every_file_with_a_text_is_named():
    assert named_files() == sorted(set(named_files()))
    assert named_files() == sorted(marked_files())


def make_template(folder, *options):
    names = folder / 'POTFILES'
    names.write_text('\n'.join(named_files()) + '\n')
    return subprocess.run(['xgettext', *KEYWORDS, *options, '-D', str(TOP), '-f', str(names), '-o', str(folder / 'kith.pot')],
                          capture_output=True, text=True)


@pytest.mark.parametrize('language', LANGUAGES)
def test_every_text_is_translated(language, tmp_path):
    done = make_template(tmp_path)
    assert done.returncode == 0 and 'warning' not in done.stderr, done.stderr
    merged = tmp_path / f'{language}.po'
    subprocess.run(['msgmerge', '-q', '--no-fuzzy-matching', '-o', merged, PO / f'{language}.po', tmp_path / 'kith.pot'], check=True)
    left = subprocess.run(['msgattrib', '--untranslated', merged], capture_output=True, text=True, check=True).stdout
    assert left == ''
    gone = subprocess.run(['msgattrib', '--only-obsolete', merged], capture_output=True, text=True, check=True).stdout
    assert gone == '', 'ninja kith-update-po was not run'


@pytest.mark.parametrize('language', LANGUAGES)
def test_the_translation_is_correct(language):
    done = subprocess.run(['msgfmt', '-c', '--statistics', '-o', '/dev/null', PO / f'{language}.po'], capture_output=True, text=True)
    assert done.returncode == 0
    assert re.fullmatch(r'\d+ translated messages\.\n', done.stderr), done.stderr


def test_texts_are_made_to_be_translated(tmp_path):
    """No "…" of three dots or blanks before it, no ASCII bullets; numbers of a fixed width are no part of a text."""
    done = make_template(tmp_path, '--check=ellipsis-unicode', '--check=bullet-unicode')
    assert done.stderr == ''
    for name in named_files():
        if name.endswith(('.c', '.h')):
            assert not re.search(r'\b_ ?\([^)]*G_G[A-Z0-9]+_FORMAT', (TOP / name).read_text()), f'{name}: cast, and write %lld'


# --- in use

@pytest.fixture(scope='module')
def german(tmp_path_factory):
    """The environment of a German user. The machine need not know German: the locale is made here."""
    if not shutil.which('localedef') or not Path('/usr/share/i18n/locales/de_DE').exists():
        pytest.skip('SKIPPED: the sources of locales are not installed')
    folder = tmp_path_factory.mktemp('german')
    done = subprocess.run(['localedef', '--no-archive', '-i', 'de_DE', '-f', 'UTF-8', folder / 'de_DE.UTF-8'], capture_output=True, text=True)
    assert (folder / 'de_DE.UTF-8').is_dir(), done.stderr
    where = folder / 'locale' / 'de' / 'LC_MESSAGES'
    where.mkdir(parents=True)
    subprocess.run(['msgfmt', '-o', where / 'kith.mo', PO / 'de.po'], check=True)
    return {'LOCPATH': str(folder), 'LC_ALL': 'de_DE.UTF-8', 'LANGUAGE': '', 'KITH_LOCALE_DIR': str(folder / 'locale')}


def german_ctl(kith, german, *arguments):
    command = [program('kithctl'), '--config', str(kith.config), '--data', str(kith.data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=kith.environment(**german))


def test_help_in_german(german):
    for name, text in ('kithctl', 'Befehle:'), ('kithctl', 'Rückgabewert: 0 gut'), ('kithd', 'Nichts als ein Relais'):
        done = subprocess.run([program(name), '--help'], capture_output=True, text=True, env={**environment(), **german})
        assert done.returncode == 0 and text in done.stdout, done.stdout
    done = subprocess.run([program('kithctl'), 'send', '--help'], capture_output=True, text=True, env={**environment(), **german})
    assert 'Eine Nachricht senden' in done.stdout and 'Die Nachricht, auf die sie antwortet' in done.stdout


def test_errors_in_german(kiths, german):
    alice = kiths('alice', start=False)
    done = german_ctl(alice, german, 'status')
    assert done.returncode == 3 and 'kithd läuft nicht' in done.stderr
    done = german_ctl(alice, german, 'nonsense')
    assert done.returncode == 2 and 'Den Befehl „nonsense“ gibt es nicht' in done.stderr


def test_the_daemon_starts_no_more_in_german(alice, german):
    done = subprocess.run([program('kithd'), '--config', str(alice.config), '--data', str(alice.data)], capture_output=True, text=True,
                          env=alice.environment(**german))
    assert done.returncode == 1 and f'Ein anderes kithd benutzt den Datenordner {alice.data}' in done.stderr


def test_numbers_agree_in_german(pair, german):
    alice, bob = pair
    alice.post('bob', 'one')
    assert bob.texts('alice') == ['one']
    assert ' 1 ungelesene Nachricht\n' in german_ctl(bob, german, 'friends').stdout
    alice.post('bob', 'two')
    assert bob.texts('alice') == ['one', 'two']
    assert ' 2 ungelesene Nachrichten\n' in german_ctl(bob, german, 'friends').stdout
    assert german_ctl(bob, german, 'presence', 'away').stdout == 'abwesend\n'


def test_yes_is_ja_in_german(pair, german):
    alice, bob = pair
    status, output = ctl_on_terminal(alice, 'verify', 'bob', answer=('[j/N]', 'j\n'), **german)
    assert status == 0 and 'Als verglichen markiert' in output
    assert alice.friend('bob')['verified']


def test_programs_are_answered_in_english(pair, german):
    """JSON, the API and the line "ready" are read by programs."""
    alice, bob = pair
    wait_for(lambda: alice.friend('bob')['last_seen'], 'the link to be noted')
    assert german_ctl(alice, german, '--json', 'friends').stdout == alice.ctl('--json', 'friends').stdout
    bob.stop()
    bob.start(**german)
    assert bob.ready_line.startswith('ready api=')
    assert bob.refused('GET', '/messages?peer=nobody', status=404).json == alice.refused('GET', '/messages?peer=nobody', status=404).json
    bob.config.write_text('nonsense\n')
    bob.refused('PUT', '/admin/settings/frames-burst', {'value': '5'}, status=403, names='is no key file', unix=True)
