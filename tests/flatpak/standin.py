# SPDX-License-Identifier: LGPL-2.1-or-later
"""A runtime and an SDK for flatpak-builder without any network: the files of packages that Debian has installed on this machine,
arranged as org.gnome.Platform and org.gnome.Sdk are."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

PLATFORM = '''libglib2.0-0 libglib2.0-bin libsoup-3.0-0 libjson-glib-1.0-0 libsecret-1-0 libsqlite3-0 glib-networking libssl3 zlib1g
base-files libc-bin'''.split()
SDK = PLATFORM + '''gcc g++ libc6-dev make meson ninja-build pkg-config gettext python3 ccache file patch elfutils xz-utils unzip
autoconf automake libtool libglib2.0-dev libglib2.0-dev-bin libsoup-3.0-dev libjson-glib-dev libsecret-1-dev libssl-dev
gobject-introspection libgirepository1.0-dev dbus dbus-bin dbus-daemon appstream appstream-util desktop-file-utils
librsvg2-common shared-mime-info openssl procps'''.split()
# What only people read.
LEFT_OUT = re.compile(r'/usr/share/(doc|man|info|locale|lintian|bug|doc-base|menu|help|gtk-doc|perl5/debconf)(/|$)|/usr/share/icons/|/etc/apt(/|$)|'
                      r'/usr/lib/(systemd|udev)(/|$)|/etc/(init\.d|cron\.|logrotate\.d|rc.\.d|systemd|default|pam\.d)')
# Made by triggers, owned by nobody.
MADE = ['/etc/nsswitch.conf', '/etc/ld.so.conf', '/etc/ssl/certs/ca-certificates.crt', '/usr/share/glib-2.0/schemas/gschemas.compiled',
        '/usr/share/mime/mime.cache', '/usr/lib/{arch}/gio/modules/giomodule.cache', '/usr/lib/{arch}/gdk-pixbuf-2.0/2.10.0/loaders.cache']
# Flatpak brings these itself; the others tell meson that this is Debian, or hold the machine's own state.
NOT_OURS = ['passwd', 'group', 'shadow', 'gshadow', 'passwd-', 'group-', 'hostname', 'hosts', 'resolv.conf', 'machine-id', 'mtab',
            'localtime', 'timezone', 'ld.so.cache', 'debian_version', 'fstab']


def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Packages:
    """What dpkg says is installed."""

    def __init__(self):
        self.needs, self.names, self.essential, self.version = {}, {}, [], {}
        form = '${binary:Package}\t${Package}\t${db:Status-Status}\t${Essential}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\n'
        for line in ask('dpkg-query', '-W', '-f', form).splitlines():
            full, name, status, essential, version, needs, provides = line.split('\t')
            if status != 'installed':
                continue
            self.version[full] = version
            self.needs[full] = [[re.split(r'[ :(]', word.strip())[0] for word in choice.split('|')]
                                for choice in needs.split(',') if choice.strip()]
            for also in [name, *(re.split(r'[ (]', word.strip())[0] for word in provides.split(','))]:
                self.names.setdefault(also, full)
            self.names[name] = full
            if essential == 'yes':
                self.essential.append(full)

    def missing(self, names):
        return [name for name in names if name not in self.names]

    def closure(self, names):
        seen, todo = set(), [self.names[name] for name in names] + self.essential
        while todo:
            full = todo.pop()
            if full not in seen:
                seen.add(full)
                todo += [self.names[name] for choice in self.needs[full] for name in choice if name in self.names]
        return sorted(seen)

    def files(self, names):
        """Every path once, below /usr where Debian has merged it."""
        found = set()
        for path in ask('dpkg-query', '-L', *self.closure(names)).splitlines():
            path = re.sub(r'^/(bin|sbin|lib|lib64)(/|$)', r'/usr/\1\2', path)
            if path.startswith(('/usr/', '/etc/')) and not LEFT_OUT.search(path) and os.path.lexists(path):
                found.add(path)
        found.update(str(path) for path in Path('/etc/alternatives').iterdir())
        found.update(str(path) for path in Path('/usr/bin').iterdir() if path.is_symlink() and os.readlink(path).startswith('/etc/alternatives/'))
        arch = ask('dpkg-architecture', '-qDEB_HOST_MULTIARCH').strip()
        found.update(path for path in (path.format(arch=arch) for path in MADE) if os.path.exists(path))
        return sorted(found)


def arrange(packages, names, tree):
    """As the freedesktop SDK is: /etc below /usr, and lib64 is lib, else meson installs where the loader does not look."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    listed = '\0'.join(path[1:] for path in packages.files(names)) + '\0'
    pack = subprocess.Popen(['tar', '-C', '/', '--no-recursion', '--null', '-T', '-', '-cf', '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    unpack = subprocess.Popen(['tar', '-C', str(tree), '--no-same-owner', '-xf', '-'], stdin=pack.stdout)
    pack.stdin.write(listed.encode())
    pack.stdin.close()
    if unpack.wait() or pack.wait():
        raise RuntimeError('the files of the packages could not be copied')
    usr = tree / 'usr'
    for path in (usr / 'lib64').iterdir() if (usr / 'lib64').is_dir() else ():
        target = usr / 'lib' / path.name
        if path.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(re.sub(r'^/?(\.\./)*(usr/)?lib/', '', os.readlink(path)))
        else:
            path.rename(target)
    shutil.rmtree(usr / 'lib64', ignore_errors=True)
    (usr / 'lib64').symlink_to('lib')
    if (tree / 'etc').exists():
        (tree / 'etc').rename(usr / 'etc')
    for name in NOT_OURS:
        (usr / 'etc' / name).unlink(missing_ok=True)
    subprocess.run(['chmod', '-R', 'u+rwX,go+rX,a-s', str(usr)], check=True)


def export(tree, repo, name, version):
    machine = ask('flatpak', '--default-arch').strip()
    (tree / 'files').mkdir()
    (tree / 'metadata').write_text(f'[Runtime]\nname=org.gnome.{name}\nruntime=org.gnome.Platform/{machine}/{version}\n'
                                   f'sdk=org.gnome.Sdk/{machine}/{version}\n')
    subprocess.run(['flatpak', 'build-export', '--disable-sandbox', '--disable-fsync', '--runtime', str(repo), str(tree), version],
                   check=True, capture_output=True)


def make(work, version, say):
    """Installs both into FLATPAK_USER_DIR, unless the same packages lie there already."""
    packages = Packages()
    mark = work / 'standin.mark'
    text = version + Path(__file__).read_text() + ''.join(f'{name}={packages.version[name]}\n' for name in packages.closure(SDK))
    now = hashlib.sha256(text.encode()).hexdigest()
    if mark.exists() and mark.read_text() == now:
        return say('stand-in runtime and SDK were there')
    mark.unlink(missing_ok=True)
    for folder in ('fp', 'rt', 'repo'):
        shutil.rmtree(work / folder, ignore_errors=True)
    repo, tree = work / 'rt', work / 'tree'
    # No compression, and files are linked, not copied, when they are installed.
    subprocess.run(['ostree', 'init', f'--repo={repo}', '--mode=bare-user-only'], check=True)
    for name, wanted in (('Platform', PLATFORM), ('Sdk', SDK)):
        arrange(packages, wanted, tree)
        export(tree, repo, name, version)
        shutil.rmtree(tree)
    subprocess.run(['flatpak', '--user', 'remote-add', '--no-gpg-verify', '--if-not-exists', 'standin', str(repo)], check=True)
    subprocess.run(['flatpak', '--user', 'install', '-y', '--noninteractive', 'standin', f'org.gnome.Platform//{version}',
                    f'org.gnome.Sdk//{version}'], check=True, stdout=subprocess.DEVNULL)
    mark.write_text(now)
    return say('stand-in runtime and SDK made of Debian packages')
