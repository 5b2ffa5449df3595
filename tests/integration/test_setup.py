# SPDX-License-Identifier: LGPL-2.1-or-later
"""data/setup.sh on machines that lack something, and what the two commands say to wrong options."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


class Machine:
    """A folder with its own packages.txt and a PATH whose dpkg-query and apt-get only pretend."""

    def __init__(self, folder, packages, apt=True, dpkg=True):
        self.folder = folder
        (folder / 'data').mkdir()
        (folder / 'bin').mkdir()
        (folder / 'installed').mkdir()
        shutil.copy(TOP / 'data' / 'setup.sh', folder / 'data')
        (folder / 'data' / 'packages.txt').write_text(packages)
        for tool in ('sed', 'tr', 'cut', 'cat', 'id', 'env', 'mktemp', 'tail', 'rm', 'ls', 'sh', 'touch', 'true', 'mkdir'):
            (folder / 'bin' / tool).symlink_to(shutil.which(tool))
        if dpkg:
            self.script('dpkg-query', f'for p in $(ls {folder}/installed); do echo "installed $p"; done')
        if apt:
            self.script('apt-get', f'''echo "$*" >> {folder}/asked
case "$*" in *broken*) exit 1 ;; esac
case "$*" in install*) for p in "$@"; do case "$p" in -*|install) ;; *) touch {folder}/installed/$p ;; esac; done ;; esac''')
            self.script('sudo', 'exec "$@"')

    def script(self, name, body):
        path = self.folder / 'bin' / name
        path.write_text(f'#!/bin/sh\n{body}\n')
        path.chmod(0o755)

    def install(self, *groups):
        return subprocess.run(['/bin/sh', '-c', f'. data/setup.sh; kith_install {" ".join(groups)}'], cwd=self.folder, capture_output=True,
                              text=True, timeout=30, env={'PATH': str(self.folder / 'bin')})

    def asked(self):
        path = self.folder / 'asked'
        return [line for line in path.read_text().splitlines() if line.startswith('install')] if path.exists() else []


PACKAGES = '''# a comment
aaa      cmd:sed
bbb      -
ccc      -        tests
ddd      -        extra
'''


def test_missing_things_are_installed_and_the_second_run_is_silent(tmp_path):
    machine = Machine(tmp_path, PACKAGES)
    done = machine.install('tests', 'extra')
    assert done.returncode == 0, done
    assert [line.split()[-3:] for line in machine.asked()] == [['bbb', 'ccc', 'ddd']]
    again = machine.install('tests', 'extra')
    assert again.returncode == 0 and again.stdout == again.stderr == '' and len(machine.asked()) == 1


def test_only_what_is_wanted(tmp_path):
    machine = Machine(tmp_path, PACKAGES)
    assert machine.install().returncode == 0
    assert os.listdir(tmp_path / 'installed') == ['bbb']


def test_an_extra_that_cannot_be_had_stops_nothing(tmp_path):
    machine = Machine(tmp_path, PACKAGES.replace('ddd', 'broken'))
    done = machine.install('tests', 'extra')
    assert done.returncode == 0 and 'broken' in done.stderr
    assert sorted(os.listdir(tmp_path / 'installed')) == ['bbb', 'ccc']


def test_a_need_that_cannot_be_had_is_named(tmp_path):
    machine = Machine(tmp_path, PACKAGES.replace('bbb', 'broken'))
    done = machine.install('tests', 'extra')
    assert done.returncode == 1 and 'Cannot go on without: broken' in done.stderr


def test_without_apt_what_is_missing_is_printed(tmp_path):
    machine = Machine(tmp_path, PACKAGES, apt=False, dpkg=False)
    done = machine.install('tests')
    assert done.returncode == 1 and 'bbb ccc' in done.stderr and 'aaa' not in done.stderr


def test_the_list_is_sorted_and_sound():
    lines = [line.split() for line in (TOP / 'data' / 'packages.txt').read_text().splitlines() if not line.startswith('#')]
    names = [line[0] for line in lines]
    assert names == sorted(names) and len(set(names)) == len(names)
    for line in lines:
        assert len(line) in (2, 3) and (line[1] == '-' or line[1].split(':')[0] in ('cmd', 'pc', 'py')), line
        assert len(line) == 2 or line[2] in ('tests', 'extra', 'flatpak', 'debian'), line


@pytest.mark.parametrize('script', ['tests/run.sh', 'data/quickstart.sh'])
def test_help(script):
    done = subprocess.run(['sh', script, '--help'], cwd=TOP, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and script in done.stdout


@pytest.mark.parametrize('script', ['tests/run.sh', 'data/quickstart.sh'])
def test_an_unknown_option(script):
    done = subprocess.run(['sh', script, '--nothing'], cwd=TOP, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and '--nothing' in done.stderr
