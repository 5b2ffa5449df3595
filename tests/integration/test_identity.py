# SPDX-License-Identifier: LGPL-2.1-or-later
"""A name is not a person: the identity key is."""

from kithtest import befriend, wait_for, wait_online


def test_a_known_name_with_another_key_is_another_person(kiths):
    alice, bob, other = kiths('alice'), kiths('bob'), kiths('bob', folder='other')
    befriend(alice, bob)
    fingerprint = other.identity()['fingerprint']
    friend = alice.ask('POST', '/friends', {'invite': other.identity()['invite']}, status=201)
    assert friend['username'] == f'bob~{fingerprint[:4]}'
    assert friend['fingerprint'] == fingerprint
    assert alice.friend('bob')['fingerprint'] == bob.identity()['fingerprint']
    other.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
    wait_for(lambda: alice.friend(friend['username'])['online'], 'the other bob online')
    assert alice.post(friend['username'], 'hello, other bob').status == 200
    assert other.texts('alice') == ['hello, other bob']
    assert alice.texts('bob') == []
    assert alice.post('bob', 'hello, bob').status == 200
    assert bob.texts('alice') == ['hello, bob']


def test_somebody_with_our_own_name(kiths):
    alice, twin = kiths('alice'), kiths('alice', folder='twin')
    friend = alice.ask('POST', '/friends', {'invite': twin.identity()['invite']}, status=201)
    assert friend['username'] == f"alice~{twin.identity()['fingerprint'][:4]}"


def test_a_stranger_with_a_known_name_asks(kiths):
    alice, bob, other = kiths('alice'), kiths('bob'), kiths('bob', folder='other')
    befriend(alice, bob)
    window = alice.window()
    other.ask('POST', '/friends', {'invite': alice.identity()['invite']}, status=201)
    fingerprint = other.identity()['fingerprint']
    event = window.wait('friend_request')
    assert event['data']['username'] == f'bob~{fingerprint[:4]}' and event['data']['fingerprint'] == fingerprint
    assert alice.friend('bob')['fingerprint'] == bob.identity()['fingerprint']
    assert not window.find('identity_changed')


def test_the_invite_pins_the_key(kiths):
    """Somebody else who listens at bob's address is not bob."""
    alice, bob = kiths('alice'), kiths('bob')
    befriend(alice, bob)
    bob.stop()
    impostor = kiths('bob', folder='impostor', start=False)
    impostor.settings['peer-port'] = bob.peer_port
    impostor.write_settings()
    impostor.start()
    assert alice.post('bob', 'for bob only').status == 202
    impostor.stop()
    bob.start()
    wait_online(alice, bob)
    wait_for(lambda: bob.texts('alice') == ['for bob only'], 'the message at the real bob')
