# SPDX-License-Identifier: LGPL-2.1-or-later
"""The steps of tests/flatpak.sh. Each prints "ok - …" or "not ok - …"; the last line is the sum."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
WORK = TOP / '_build' / 'flatpak'
APP = 'im.kith.Kith'
PLUGIN = 'im.kith.Kith.Plugin.Example'
MANIFEST = TOP / 'data' / 'flatpak' / f'{APP}.yml'
PATIENCE_S = 60

sys.path[:0] = [str(HERE), str(TOP / 'tests' / 'integration')]

import standin  # noqa: E402
from kithtest import PORTS, Kith, befriend, wait_for  # noqa: E402


class Skip(Exception):
    pass


def run(*command, timeout_s=PATIENCE_S, status=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors='replace', stdin=subprocess.DEVNULL,
                          timeout=timeout_s, **options)
    if status is not None and done.returncode != status:
        raise AssertionError(f'{command} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}')
    return done.stdout


def flatpak(*words, **options):
    return run('flatpak', '--user', *words, **options)


def inside(command, *words, **options):
    return flatpak('run', f'--command={command}', APP, *words, **options)


class Flat(Kith):
    """The daemon in the Flatpak, with the calls that the black-box tests have."""

    def __init__(self, folder):
        self.username, self.folder = 'flat', Path(folder)
        self.api_port, self.events_port, self.peer_port = PORTS.take(), PORTS.take(), PORTS.take()
        self.windows = []

    def activate(self):
        run('gdbus', 'call', '--session', '--timeout', '30', '-d', APP, '-o', '/im/kith/Kith',
            '-m', 'org.freedesktop.DBus.Properties.Get', 'im.kith.Kith1', 'Version')
        return wait_for(self.answers, 'the Flatpak to answer on its port', PATIENCE_S)

    def answers(self):
        try:
            answer = self.call('GET', '/status')
        except OSError:
            return None
        return answer.status == 200 and answer.json['store']['state'] == 'open'

    def set(self, name, value, group=''):
        """As a settings program would, in another instance of the sandbox."""
        schema = f'{APP}.Plugin.{group}' if group else APP
        path = f'/im/kith/Kith/plugins/{group}/' if group else '/im/kith/Kith/'
        inside('gsettings', 'set', f'{schema}:{path}', name, str(value))

    def is_running(self):
        return APP in run('flatpak', 'ps', '--columns=application').split()


class Test:
    def __init__(self, home, with_tests):
        self.home, self.with_tests = home, with_tests
        self.passed = self.failed = self.skipped = 0
        self.children = []
        self.flat = Flat(home)
        self.native = None
        self.log = home / 'desktop.jsonl'

    # --- before there is a session

    def check_machine(self):
        """Flatpak, the packages of the stand-ins, and a kernel that lets us make sandboxes."""
        missing = [name for name in ('flatpak', 'flatpak-builder', 'bwrap', 'ostree', 'dbus-daemon', 'gdbus', 'curl') if not shutil.which(name)]
        missing += [] if Path('/usr/libexec/xdg-desktop-portal').exists() else ['xdg-desktop-portal']
        missing += standin.Packages().missing(standin.SDK) if shutil.which('dpkg-query') else ['dpkg']
        if missing:
            raise Skip(f'not here: {" ".join(missing)}')
        tried = subprocess.run(['bwrap', '--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', 'true'],
                               capture_output=True, text=True)
        if tried.returncode != 0:
            raise Skip(f'bubblewrap cannot make a sandbox here: {tried.stderr.strip()}')

    def make_runtime(self):
        """A stand-in runtime and SDK, of Debian packages alone."""
        version = re.search(r"runtime-version: '(\d+)'", MANIFEST.read_text()).group(1)
        standin.make(WORK, version, lambda said: None)
        listed = flatpak('list', '--runtime', '--columns=application')
        assert 'org.gnome.Platform' in listed and 'org.gnome.Sdk' in listed, listed
        self.uninstall()
        self.before = self.traces()

    def build(self):
        """kith is built from its manifest without a network, and its unit tests pass in the sandbox."""
        # The sources may come through npm and apt, with the user's own folders.
        run('sh', TOP / 'data/flatpak/sources.sh', timeout_s=300, env={**os.environ, 'HOME': self.own_home})
        skip_tests = [] if self.with_tests else ['--disable-tests']
        try:
            said = run('sh', TOP / 'data/flatpak/build.sh', '--ccache', *skip_tests, timeout_s=2400, env={**os.environ, 'HOME': self.own_home})
        finally:
            shutil.rmtree(WORK / 'app', ignore_errors=True)
        (WORK / 'build.log').write_text(said)
        if self.with_tests:
            found = re.findall(r'^(Ok|Fail|Timeout): +(\d+)', said, re.M)
            if found:
                counts = dict(found)
                assert int(counts['Ok']) > 20 and counts['Fail'] == counts['Timeout'] == '0', counts
                return f"{counts['Ok']} test programs"
        return 'unchanged since the last time' if 'Cache hit for kith' in said else 'without the tests'

    def install(self):
        """The bundle installs, needs the network and nothing else, and brings what a desktop looks for."""
        flatpak('install', '-y', '--noninteractive', '--bundle', WORK / f'{APP}.flatpak', timeout_s=200)
        metadata = flatpak('info', '--show-metadata', APP)
        context = re.search(r'\[Context\]\n(.*?)\n(\[|$)', metadata, re.S).group(1).strip()
        assert context == 'shared=network;', f'finish-args give more than the network: {context}'
        assert 'Bus Policy]' not in metadata, metadata
        exports = Path(os.environ['FLATPAK_USER_DIR']) / 'exports/share'
        for name in (f'applications/{APP}.desktop', f'dbus-1/services/{APP}.service', f'icons/hicolor/scalable/apps/{APP}.svg',
                     f'icons/hicolor/symbolic/apps/{APP}-symbolic.svg'):
            assert (exports / name).exists(), f'{name} is not exported'
        assert 'SystemdService' not in (exports / f'dbus-1/services/{APP}.service').read_text()
        return f"{(WORK / f'{APP}.flatpak').stat().st_size / 1e6:.1f} MB"

    # --- the session

    def spawn(self, *command):
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=open(self.home / 'session.log', 'a'), text=True, start_new_session=True)
        self.children.append(child)
        return child

    def start_session(self):
        """A session bus with the real xdg-desktop-portal, and behind it a desktop without a screen."""
        bus = self.spawn('dbus-daemon', '--session', '--nofork', '--print-address')
        os.environ['DBUS_SESSION_BUS_ADDRESS'] = bus.stdout.readline().strip()
        self.spawn('/usr/bin/python3', HERE / 'fake_desktop.py', self.log)
        run('gdbus', 'wait', '--session', '--timeout', '30', 'org.freedesktop.impl.portal.desktop.fake')
        self.spawn('/usr/libexec/xdg-desktop-portal')
        run('gdbus', 'wait', '--session', '--timeout', '30', 'org.freedesktop.portal.Desktop')

    def activate(self):
        """Asking for its name on the bus starts it; it answers there and on its ports."""
        for name, value in (('api-port', self.flat.api_port), ('events-port', self.flat.events_port), ('peer-port', self.flat.peer_port),
                            ('username', 'flat')):
            self.flat.set(name, value)
        self.flat.set('listen-address', '127.0.0.1', group='tcp')
        self.flat.activate()
        assert self.flat.is_running()
        assert 'flat' in inside('kithctl', 'status'), 'kithctl in a second instance finds the daemon of the first'

    def keep_key(self):
        """The key of the store is wrapped by the Secret portal's secret."""
        assert self.flat.get('/status')['store']['key_store'] == 'portal', self.flat.get('/status')['store']
        assert any(call['method'] == 'RetrieveSecret' for call in self.calls())
        database = self.home / f'.var/app/{APP}/data/kith/default/kith.db'
        assert not database.read_bytes().startswith(b'SQLite format'), 'the database is encrypted'

    def calls(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def check_peers(self):
        """From inside the sandbox it tells who asks: our own user is let in, another user of this machine is not."""
        ask = ['curl', '-s', '-m', '20', '-o', str(self.home / 'answer'), '-w', '%{http_code}', f'http://127.0.0.1:{self.flat.api_port}/status']
        assert run(*ask) == '200'
        if os.geteuid() != 0:
            return 'another user cannot be played without being root'
        (self.home / 'answer').unlink()
        other = ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups', *[word.replace(str(self.home / 'answer'), '-') for word in ask]]
        said = run(*other, status=None)
        assert not said.endswith('200') and 'uptime' not in said, f'another user was answered: {said}'
        return f'the other is answered {said[-3:]}'

    def talk(self):
        """It becomes a friend of a native daemon, and messages go both ways."""
        self.native = Kith(self.home / 'native', 'native').start()
        befriend(self.native, self.flat)
        for sender, receiver, text in ((self.native, self.flat, 'from outside'), (self.flat, self.native, 'from the sandbox')):
            sender.post(receiver.username, text)
            wait_for(lambda: text in receiver.texts(sender.username), text, PATIENCE_S)

    def change_settings(self):
        """A setting that another program changes takes effect at once, and both it and the messages are there after the next start."""
        assert self.setting('allow-typing') == 'true'
        self.flat.set('allow-typing', 'false')
        wait_for(lambda: self.setting('allow-typing') == 'false', 'the setting to arrive', PATIENCE_S)
        run('flatpak', 'kill', APP)
        wait_for(lambda: not self.flat.is_running(), 'the Flatpak to end', PATIENCE_S)
        self.flat.activate()
        assert self.setting('allow-typing') == 'false'
        assert 'from outside' in self.flat.texts('native'), 'the store was opened again, with the secret of the portal'

    def setting(self, name):
        return json.loads(inside('kithctl', '--json', 'config', 'get', name))['value']

    def extend(self):
        """A plugin is built as an extension against the installed application, installed, and loaded."""
        run('flatpak-builder', '--user', '--disable-rofiles-fuse', '--disable-download', '--force-clean', f'--state-dir={WORK}/state',
            f'--repo={WORK}/repo', WORK / 'extension', HERE / f'{PLUGIN}.yml', timeout_s=300)
        shutil.rmtree(WORK / 'extension', ignore_errors=True)
        flatpak('remote-add', '--no-gpg-verify', '--if-not-exists', 'plugins', WORK / 'repo')
        flatpak('install', '-y', '--noninteractive', 'plugins', f'{PLUGIN}//1', timeout_s=200)
        run('flatpak', 'kill', APP)
        wait_for(lambda: not self.flat.is_running(), 'the Flatpak to end', PATIENCE_S)
        self.flat.activate()
        plugin = self.plugin()
        assert plugin is not None and plugin['state'] == 'off', f'what is newly found is off: {plugin}'
        self.flat.change('PUT', '/plugins/example', {'enabled': True})
        assert self.plugin()['state'] == 'active', self.plugin()
        self.flat.refused('GET', '/plugins/example/polls/00000000-0000-4000-8000-000000000000', status=404)

    def plugin(self):
        return next((plugin for plugin in self.flat.get('/plugins') if plugin['id'] == 'example'), None)

    def stop(self):
        """Quit on the bus ends it cleanly."""
        run('gdbus', 'call', '--session', '-d', APP, '-o', '/im/kith/Kith', '-m', 'im.kith.Kith1.Quit')
        wait_for(lambda: not self.flat.is_running(), 'the Flatpak to end', PATIENCE_S)

    def remove(self):
        """Uninstalling leaves nothing: no files, no exports, no data, no start after login."""
        assert self.traces() != self.before
        self.uninstall('--delete-data')
        assert self.traces() == self.before, f'left behind: {sorted(self.traces() - self.before)}'
        shutil.rmtree(self.home / 'native', ignore_errors=True)
        # What lies in the runtime directory is Flatpak's, and goes with the session.
        left = [str(path) for path in self.home.rglob('*') if APP in path.name and self.home / 'run' not in path.parents]
        assert left == [], f'left behind in the home: {left}'

    def uninstall(self, *options):
        for name in (PLUGIN, APP):
            flatpak('uninstall', '-y', '--noninteractive', '--force-remove', *options, name, status=None)
        for remote in flatpak('remotes', '--columns=name').split():
            if remote == 'plugins' or 'kith' in remote:
                flatpak('remote-delete', '--force', remote, status=None)

    def traces(self):
        """What there is of us in Flatpak's folder, the object store apart; OSTree leaves the empty folders of refs that it deleted."""
        root = Path(os.environ['FLATPAK_USER_DIR'])
        return {str(path.relative_to(root)) for folder in ('app', 'runtime', 'exports', 'appstream', 'overrides', 'repo/refs')
                for path in (root / folder).rglob('*')
                if 'kith' in str(path.relative_to(root)).lower() and not (folder == 'repo/refs' and path.is_dir())}

    # --- all of it

    def step(self, function):
        title = ' '.join(function.__doc__.split()).rstrip('.')
        since = time.monotonic()
        try:
            more = function()
        except Skip as reason:
            self.skipped += 1
            print(f'ok - {title} # SKIP {reason}', flush=True)
            return False
        except Exception as error:  # noqa: BLE001: whatever it is, it is said, and the rest is cleared away
            self.failed += 1
            print(f'not ok - {title} ({time.monotonic() - since:.0f} s)\n# ' + str(error).replace('\n', '\n# '), flush=True)
            return False
        self.passed += 1
        print(f"ok - {title} ({f'{more}, ' if more else ''}{time.monotonic() - since:.0f} s)", flush=True)
        return True

    def everything(self):
        steps = [self.check_machine, self.make_runtime, self.build, self.install, self.start_session, self.activate, self.keep_key,
                 self.check_peers, self.talk, self.change_settings, self.extend, self.stop, self.remove]
        for number, function in enumerate(steps):
            if not self.step(function):
                left = len(steps) - number - 1
                if left and self.failed:
                    print(f'# not reached: {left} steps')
                break

    def end(self):
        if self.native is not None:
            self.native.end()
        if shutil.which('flatpak'):
            run('flatpak', 'kill', APP, status=None)
            if 'FLATPAK_USER_DIR' in os.environ and (WORK / 'fp').exists():
                self.uninstall()
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self.failed and (self.home / 'session.log').exists():
            print('# the session said:\n# ' + (self.home / 'session.log').read_text(errors='replace')[-6000:].replace('\n', '\n# '))


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix='kith-flatpak-'))
    (home / 'run').mkdir(mode=0o700)
    own_home = os.environ.get('HOME', str(home))
    for name in [name for name in os.environ if name.startswith('XDG_')] + ['DBUS_SESSION_BUS_ADDRESS', 'DISPLAY', 'WAYLAND_DISPLAY']:
        os.environ.pop(name, None)
    os.environ.update({'HOME': str(home), 'XDG_RUNTIME_DIR': str(home / 'run'), 'FLATPAK_USER_DIR': str(WORK / 'fp'), 'LC_ALL': 'C.UTF-8',
                       'XDG_DATA_DIRS': f'{WORK}/fp/exports/share:/usr/local/share:/usr/share', 'XDG_CURRENT_DESKTOP': 'fake',
                       'XDG_DESKTOP_PORTAL_DIR': str(HERE)})
    test = Test(home, '--no-tests' not in sys.argv)
    test.own_home = own_home
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # what was started is cleared away then, too
    try:
        test.everything()
    finally:
        test.end()
        shutil.rmtree(home, ignore_errors=True)
    skipped = f', {test.skipped} skipped' if test.skipped else ''
    print(f'{test.passed} passed, {test.failed} failed{skipped}')
    sys.exit(1 if test.failed else 0)


if __name__ == '__main__':
    main()
