# SPDX-License-Identifier: LGPL-2.1-or-later
"""/status, /healthz, and how the API says no."""

import re

import pytest

from kithtest import Window


def test_status_of_a_fresh_daemon(alice):
    status = alice.get('/status')
    assert status['status'] == 'ok'
    assert status['username'] == 'alice'
    assert status['friends_count'] == 0
    assert status['peer_port'] == alice.peer_port
    assert status['supabase_connected'] is False
    assert isinstance(status['uptime_seconds'], int) and 0 <= status['uptime_seconds'] < 60
    assert re.fullmatch(r'\d+\.\d+\.\d+\S*', status['version'])
    assert re.fullmatch(r'[0-9a-f]{32}', status['node_id'])
    assert status['node_id'] == alice.identity()['fingerprint']
    assert set(status['journal']) >= {'epoch', 'oldest', 'newest'}


def test_status_over_the_socket_is_the_same(alice):
    over_tcp, over_socket = alice.get('/status'), alice.get('/status', unix=True)
    over_tcp.pop('uptime_seconds'), over_socket.pop('uptime_seconds')
    assert over_tcp == over_socket


def test_friends_count_follows(pair):
    alice, bob = pair
    assert alice.get('/status')['friends_count'] == 1
    alice.ask('DELETE', '/friends/bob', status=204)
    assert alice.get('/status')['friends_count'] == 0


def test_healthz(alice):
    assert alice.call('GET', '/healthz').status == 200


def test_metrics_are_prometheus_text(alice):
    answer = alice.call('GET', '/metrics')
    assert answer.status == 200 and answer.headers['content-type'].startswith('text/plain')
    for line in answer.body.decode().splitlines():
        assert line.startswith('#') or re.fullmatch(r'[a-z_:][a-z0-9_:]*(\{[^}]*\})? \S+', line), line


def test_head_has_no_body(alice):
    answer = alice.call('HEAD', '/status')
    assert answer.status == 200 and answer.body == b''


def test_options_names_the_methods(alice):
    answer = alice.call('OPTIONS', '/friends')
    assert answer.status in (200, 204)


@pytest.mark.parametrize('path', ['/', '/nothing', '/status/x', '/friendsx', '/messages/not-an-id/more/and/more', '/STATUS'])
def test_unknown_paths_are_404(alice, path):
    alice.refused('GET', path, status=404)


@pytest.mark.parametrize('method,path', [('POST', '/status'), ('PUT', '/friends'), ('DELETE', '/messages'), ('PATCH', '/identity')])
def test_wrong_methods_are_405_with_allow(alice, method, path):
    answer = alice.refused(method, path, {}, status=405)
    assert method not in answer.headers['allow']
    assert answer.headers['allow']


@pytest.mark.parametrize('path', ['/admin/settings', '/admin/backup', '/admin/'])
def test_admin_is_not_on_tcp(alice, path):
    alice.refused('GET', path, status=404)
    alice.refused('POST', path, {}, status=404)


def test_events_port_answers_only_events(alice):
    for path in ('/status', '/friends', '/events/x', '/'):
        window = Window(alice.events_port, path=path)
        assert window.status == 404, path


def test_errors_are_json(alice):
    answer = alice.refused('GET', '/messages', status=400, names='peer')
    assert answer.headers['content-type'].startswith('application/json')


def test_identity(alice):
    identity = alice.identity()
    assert identity['username'] == 'alice'
    assert identity['invite'].startswith('kith:alice?ik=')
    assert f'a=tcp%3A127.0.0.1%3A{alice.peer_port}' in identity['invite'] or f'a=tcp:127.0.0.1:{alice.peer_port}' in identity['invite']
    assert alice.invite == identity['invite']


def test_identity_survives_a_restart(alice):
    before = alice.identity()
    alice.restart()
    assert alice.identity() == before


def test_catalog_lists_every_event_of_the_guide(alice):
    catalog = str(alice.get('/events/catalog'))
    for name in ('new_message', 'friend_online', 'friend_offline', 'typing', 'mark_read', 'presence', 'message_delivered', 'message_read',
                 'message_failed', 'message_edited', 'message_deleted', 'reaction', 'unread', 'friend_request', 'friend_added',
                 'friend_removed', 'identity_changed', 'connection', 'error'):
        assert f"'{name}'" in catalog, name


def test_connection_tells_of_tcp(alice):
    states = {entry['transport']: entry['state'] for entry in alice.get('/connection')}
    assert states['tcp'] == 'connected'
