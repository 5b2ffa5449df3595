# SPDX-License-Identifier: LGPL-2.1-or-later
"""What "meson install" puts into a staging folder is complete, valid, and enough to build and run a plugin with."""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kithtest import BUILD, SANITIZED, program

TOP = Path(__file__).resolve().parents[2]
PLUGINS = [path.parent for path in sorted((TOP / 'plugins').glob('*/meson.build')) if path.parent.name != 'example']

pytestmark = pytest.mark.skipif(SANITIZED, reason='what is installed is the same without the sanitizers')


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, **options)
    assert done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
    return done.stdout + done.stderr


class Stage:
    """The staging folder, and where meson's folders are in it."""

    def __init__(self, root):
        self.root = root
        options = {option['name']: str(option['value'])
                   for option in json.loads((BUILD / 'meson-info' / 'intro-buildoptions.json').read_text())}
        self.prefix = Path(options['prefix'])
        self.where = {name: str(self.prefix / options[name])[1:] for name in ('bindir', 'libdir', 'datadir', 'sysconfdir', 'includedir',
                                                                              'mandir', 'localedir')}
        self.where['prefix'] = str(self.prefix)[1:]
        run('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', root)

    def path(self, name):
        return self.root / name.format(**self.where)

    def files(self):
        return {str(path.relative_to(self.root)) for path in self.root.rglob('*') if path.is_symlink() or not path.is_dir()}

    def environment(self):
        """For programs that are run, and plugins that are built, from the staging folder."""
        pkgconfig = f"{self.path('{libdir}/pkgconfig')}"
        schemas = self.root / 'schemas'
        if not schemas.exists():
            schemas.mkdir()
            run('glib-compile-schemas', '--strict', f'--targetdir={schemas}', self.path('{datadir}/glib-2.0/schemas'))
        return {**os.environ, 'PKG_CONFIG_PATH': pkgconfig, 'LD_LIBRARY_PATH': str(self.path('{libdir}')),
                'GSETTINGS_SCHEMA_DIR': str(schemas), 'GI_TYPELIB_PATH': str(self.path('{libdir}/girepository-1.0'))}


@pytest.fixture(scope='module')
def stage(tmp_path_factory):
    return Stage(tmp_path_factory.mktemp('stage') / 'root')


def expected(stage):
    lines = [line for line in (TOP / 'tests/fixtures/installed.txt').read_text().splitlines() if line and line[0] != '#']
    assert lines == sorted(lines)
    for plugin in PLUGINS:
        lines += [f'{{libdir}}/kith/plugins-1/{plugin.name}.so', f'{{libdir}}/kith/plugins-1/{plugin.name}.plugin']
        lines += [f'{{datadir}}/glib-2.0/schemas/{path.name}' for path in plugin.glob('*.gschema.xml')]
    lines += [f'{{includedir}}/kith-1/kith/{path.name}' for path in (TOP / 'include/kith').glob('*.h')]
    lines += [f'{{mandir}}/man{path.suffix[1:]}/{path.name}' for path in (TOP / 'data/man').glob('*.[1-8]')]
    languages = [line for line in (TOP / 'po/LINGUAS').read_text().split('\n') if line and line[0] != '#']
    lines += [f'{{localedir}}/{language}/LC_MESSAGES/kith.mo' for language in languages]
    return {line.format(**stage.where) for line in lines}


def test_every_file_is_there_and_no_other(stage):
    have, want = stage.files(), expected(stage)
    assert sorted(want - have) == [], 'these are missing'
    assert sorted(have - want) == [], 'these are not in tests/fixtures/installed.txt'


def test_modes(stage):
    """Programs may be run, nothing may be written by others, and what is started lies in the bindir that the files name."""
    for name in stage.files():
        path = stage.root / name
        if not path.is_symlink():
            assert path.stat().st_mode & 0o7022 == 0 and path.stat().st_mode & 0o444 == 0o444, name
    for name in ('kithd', 'kithctl'):
        assert stage.path('{bindir}/' + name).stat().st_mode & 0o111 == 0o111
    starts = {'{datadir}/dbus-1/services/im.kith.Kith.service': 'Exec', '{prefix}/lib/systemd/user/kithd.service': 'ExecStart',
              '{sysconfdir}/xdg/autostart/im.kith.Kith.desktop': 'Exec'}
    for name, key in starts.items():
        text = stage.path(name).read_text()
        command, = re.findall(rf'^{key}=(\S+)', text, re.M)
        assert command == str(stage.prefix / 'bin' / 'kithd') or command == '/' + stage.where['bindir'] + '/kithd', f'{name}: {command}'
        assert '@' not in re.sub(r'^(#.*|SystemCallFilter=.*)$', '', text, flags=re.M), f'{name} has an unfilled field'


@pytest.mark.skipif(not shutil.which('desktop-file-validate'), reason='no desktop-file-validate')
def test_desktop_files(stage):
    for name in ('{datadir}/applications/im.kith.Kith.desktop', '{sysconfdir}/xdg/autostart/im.kith.Kith.desktop'):
        assert run('desktop-file-validate', stage.path(name)) == ''
    text = stage.path('{datadir}/applications/im.kith.Kith.desktop').read_text()
    assert '\nDBusActivatable=true\n' in text and '\nIcon=im.kith.Kith\n' in text


@pytest.mark.skipif(not shutil.which('appstreamcli'), reason='no appstreamcli')
def test_metainfo(stage):
    path = stage.path('{datadir}/metainfo/im.kith.Kith.metainfo.xml')
    said = run('appstreamcli', 'validate', '--no-net', '--no-color', path)
    assert not re.search(r'^[EWI]:', said, re.M), said
    version = re.search(r"version: '([^']+)'", (TOP / 'meson.build').read_text()).group(1)
    component = ET.parse(path).getroot()
    assert component.find('releases/release').get('version') == version, 'the newest release is the one of meson.build'
    assert len(component.findall('screenshots/screenshot')) > 0
    for binary in component.findall('provides/binary'):
        assert stage.path('{bindir}/' + binary.text).exists()


def test_icons(stage):
    """Drawings only: square, at their size, nothing fetched from elsewhere; the symbolic one in a single colour."""
    for name, size in (('scalable/apps/im.kith.Kith.svg', 128), ('symbolic/apps/im.kith.Kith-symbolic.svg', 16)):
        path = stage.path('{datadir}/icons/hicolor/' + name)
        svg = ET.parse(path).getroot()
        assert svg.tag == '{http://www.w3.org/2000/svg}svg'
        assert [svg.get('width'), svg.get('height'), svg.get('viewBox')] == [str(size), str(size), f'0 0 {size} {size}']
        assert 'href' not in path.read_text() and 'url(' not in path.read_text()
        if 'symbolic' in name:
            assert len({shape.get('fill') for shape in svg.iter() if shape.get('fill')}) == 1


def test_translated(stage):
    """What menus and software centres show speaks the languages of po/."""
    for language in [line for line in (TOP / 'po/LINGUAS').read_text().split('\n') if line and line[0] != '#']:
        for word in ('Messages between friends', 'A message that arrives'):
            assert f'msgid "{word}"' in (TOP / f'po/{language}.po').read_text(), word
        assert f'\nComment[{language}]=' in stage.path('{datadir}/applications/im.kith.Kith.desktop').read_text()
        assert f'xml:lang="{language}"' in stage.path('{datadir}/metainfo/im.kith.Kith.metainfo.xml').read_text()


def test_introspection(stage):
    code = ('import gi; gi.require_version("Kith", "1.0"); from gi.repository import Kith; '
            'assert Kith.Plugin and Kith.Bus and Kith.StreamTransport; print(Kith.PLUGIN_ABI if hasattr(Kith, "PLUGIN_ABI") else 1)')
    run('/usr/bin/python3', '-c', code, env=stage.environment())


def test_completions(stage):
    run('bash', '-n', stage.path('{datadir}/bash-completion/completions/kithctl'))
    for shell in ('fish', 'zsh'):
        path = {'fish': '{datadir}/fish/vendor_completions.d/kithctl.fish', 'zsh': '{datadir}/zsh/site-functions/_kithctl'}[shell]
        assert stage.path(path).stat().st_size > 100
        if shutil.which(shell):
            run(shell, '-n', stage.path(path))


def test_programs_run_from_there(stage):
    for name in ('kithd', 'kithctl'):
        said = run(stage.path('{bindir}/' + name), '--version', env=stage.environment())
        assert said == run(program(name), '--version'), said
        assert 'RUNPATH' not in run('readelf', '-d', stage.path('{bindir}/' + name)), f'{name} looks for libraries in the build folder'


def test_a_plugin_builds_outside(stage, kiths, tmp_path):
    """The example, copied away, built against the installed headers and kith-1.pc alone, loaded by a daemon with the installed library."""
    env = stage.environment()
    run('pkg-config', '--validate', 'kith-1', env=env)
    assert run('pkg-config', '--variable=plugindir', 'kith-1', env=env).strip() == f"/{stage.where['libdir']}/kith/plugins-1"
    env['PKG_CONFIG_SYSROOT_DIR'] = str(stage.root)
    own = run('pkg-config', '--cflags', '--libs', 'kith-1', env=env).split()
    del env['PKG_CONFIG_SYSROOT_DIR']
    # The sysroot is put before the folders of GLib, too; those are not staged.
    flags = [word for word in own if 'kith' in word or word.startswith(f"-L{stage.path('{libdir}')}")]
    flags += run('pkg-config', '--cflags', '--libs', 'gio-2.0', 'json-glib-1.0').split()
    folder = tmp_path / 'plugins'
    folder.mkdir(mode=0o700)
    for path in (TOP / 'plugins/example').glob('*example*.c'):
        if not path.name.startswith('test'):
            shutil.copy(path, tmp_path)
    shutil.copy(TOP / 'plugins/example/example.plugin', folder)
    run('gcc', '-shared', '-fPIC', '-Wall', '-Werror', '-Wl,--no-undefined', '-o', folder / 'example.so', *tmp_path.glob('*.c'), *flags)
    alice = kiths('alice', start=False)
    alice.start(KITH_PLUGIN_PATH=f"{stage.path('{libdir}/kith/plugins-1')}:{folder}", LD_LIBRARY_PATH=str(stage.path('{libdir}')),
                GSETTINGS_SCHEMA_DIR=env['GSETTINGS_SCHEMA_DIR'])
    alice.change('PUT', '/plugins/example', {'enabled': True})
    plugins = {plugin['id']: plugin for plugin in alice.get('/plugins')}
    assert plugins['example']['state'] == 'active', plugins['example']
    for plugin in PLUGINS:
        assert plugins[plugin.name]['state'] in ('active', 'off'), plugins[plugin.name]
