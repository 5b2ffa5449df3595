# SPDX-License-Identifier: LGPL-2.1-or-later
"""The safety number, and what was verified."""

import re

from kithtest import befriend


def number(kith, peer):
    return kith.get(f'/friends/{peer}/safety-number')['safety_number']


def test_alike_on_both_sides(pair):
    alice, bob = pair
    ours, theirs = number(alice, 'bob'), number(bob, 'alice')
    assert ours == theirs
    assert re.fullmatch(r'\d{60}', ours.replace(' ', ''))


def test_another_person_has_another(kiths):
    alice, bob, carol = kiths('alice'), kiths('bob'), kiths('carol')
    befriend(alice, bob)
    befriend(alice, carol)
    assert number(alice, 'bob') != number(alice, 'carol')
    alice.refused('GET', '/friends/dave/safety-number', status=404)


def test_verified(pair):
    alice, bob = pair
    alice.change('PUT', '/friends/bob/verified')
    assert alice.friend('bob')['verified'] is True and bob.friend('alice')['verified'] is False
    alice.restart()
    assert alice.friend('bob')['verified'] is True
    alice.refused('PUT', '/friends/nobody/verified', status=404)


def test_kithctl_shows_it(pair):
    alice, bob = pair
    assert re.sub(r'\D', '', number(bob, 'alice')) in re.sub(r'\D', '', alice.ctl('verify', 'bob', stdin='no\n', status=None).stdout)
