/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deadlines, in virtual time. */
#include "link-fixture.h"
#include <string.h>

#define SECOND 1000

static void
test_ping (Fixture *self, gconstpointer data)
{
  guint8 type;
  GBytes *next;
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  advance_ms (self, 14 * SECOND);
  g_assert_false (peer_next (&peer, &type, &next));
  advance_ms (self, 2 * SECOND);
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_PING);
  peer_say (&peer, KITH_FRAME_PONG, g_bytes_get_data (next, NULL), g_bytes_get_size (next));
  g_bytes_unref (next);
  peer_read (&peer);
  advance_ms (self, 14 * SECOND);
  g_assert_false (peer_next (&peer, &type, &next));
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  peer_clear (&peer);
}

static void
test_death (Fixture *self, gconstpointer data)
{
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  advance_ms (self, 29 * SECOND);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  advance_ms (self, 2 * SECOND);
  g_assert_cmpuint (self->b.n_closed, ==, 1);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DEAD);
  peer_clear (&peer);
}

/* Asked whether it lives: at once, and silence is believed after five seconds; an answer puts everything back. */
static void
test_probe (Fixture *self, gconstpointer data)
{
  guint8 type;
  GBytes *next;
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  kith_link_probe (self->b.link);
  advance_ms (self, 100);
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_PING);
  peer_say (&peer, KITH_FRAME_PONG, g_bytes_get_data (next, NULL), g_bytes_get_size (next));
  g_bytes_unref (next);
  advance_ms (self, 12 * SECOND);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  kith_link_probe (self->b.link);
  advance_ms (self, 4900);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  advance_ms (self, 200);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DEAD);
  peer_clear (&peer);
}

/* What is busy is not asked whether it lives. */
static void
test_busy (Fixture *self, gconstpointer data)
{
  guint8 type;
  GBytes *next;
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  for (guint i = 0; i < 20; i++)
    {
      peer_say (&peer, KITH_FRAME_EPHEMERAL, "{\"kind\":\"typing\"}", 17);
      advance_ms (self, 10 * SECOND);
    }
  g_assert_false (peer_next (&peer, &type, &next));
  g_assert_cmpuint (self->b.n_ephemeral, ==, 20);
  peer_clear (&peer);
}

/* Two honest links live on for ever, with one PING a minute between them, at the full minute. */
static void
test_quiet (Fixture *self, gconstpointer data)
{
  gint64 pings[3] = { 0 };
  guint n_pings = 0;

  connect_both (self);
  advance_ms (self, 150 * SECOND);
  for (guint i = 0; i < 180 && n_pings < 3; i++)
    {
      gint64 before = self->a.link->heard_us;

      advance_ms (self, 1 * SECOND);
      if (self->a.link->heard_us != before)
        pings[n_pings++] = self->a.link->heard_us;
    }
  g_assert_cmpuint (n_pings, >=, 2);
  g_assert_cmpint ((pings[1] - pings[0] + 500000) / G_USEC_PER_SEC, ==, 60);
  g_assert_cmpint ((pings[0] + 500000) % (60 * G_USEC_PER_SEC), <, 2 * G_USEC_PER_SEC);
  advance_ms (self, 3600 * SECOND);
  g_assert_cmpuint (self->a.n_closed + self->b.n_closed, ==, 0);
  g_assert_true (kith_link_is_open (self->a.link));
}

static void
test_settings (Fixture *self, gconstpointer data)
{
  guint8 type;
  GBytes *next;
  Peer peer;

  kith_link_door_get_limits (self->bob_door)->ping_ms = 2 * SECOND;
  kith_link_door_get_limits (self->bob_door)->dead_ms = 1 * SECOND;
  peer_dial (&peer, self, &self->carol, NULL);
  advance_ms (self, 2100);
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_PING);
  g_bytes_unref (next);
  advance_ms (self, 1100);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DEAD);
  peer_clear (&peer);
}

/* A dialler waits for HELLO no longer than for the rest. */
static void
test_silent_listener (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GIOStream *stream;
  int fd;

  stream = make_half (&fd);
  self->a.link
      = kith_link_dial (self->alice_door, stream, "test", "test:bob", self->bob.identity, &end_funcs, &self->a, &error);
  g_assert_no_error (error);
  advance_ms (self, 4900);
  g_assert_cmpuint (self->a.n_closed, ==, 0);
  advance_ms (self, 200);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_HANDSHAKE);
}

static void
test_idle_stranger (Fixture *self, gconstpointer data)
{
  Peer peer;

  self->b.verdict = KITH_LINK_STRANGER;
  peer_dial (&peer, self, &self->carol, NULL);
  for (guint i = 0; i < 5; i++)
    {
      advance_ms (self, 10 * SECOND);
      peer_say (&peer, KITH_FRAME_PING, "12345678", 8); /* to be alive is not to be busy, nor is to type */
      peer_say (&peer, KITH_FRAME_EPHEMERAL, "{}", 2);
      run (self);
    }
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  advance_ms (self, 11 * SECOND);
  g_assert_cmpuint (peer_expect_close (&peer), ==, KITH_LINK_IDLE);
  peer_clear (&peer);
}

static void
test_retired_in_vain (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  guint32 n;

  connect_both (self);
  self->b.answers = FALSE;
  g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  kith_link_retire (self->a.link);
  advance_ms (self, 9900);
  g_assert_cmpuint (self->a.n_closed, ==, 0);
  advance_ms (self, 200);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_DUPLICATE);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DUPLICATE);
}

/* They neither read nor hang up: our last words have a second, and then the stream is closed all the same. */
static void
test_last_words (Fixture *self, gconstpointer data)
{
  KithLink *link;
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  kith_link_close (self->b.link, KITH_LINK_GOING_AWAY, NULL);
  run (self);
  g_assert_cmpuint (self->b.n_closed, ==, 1);
  link = self->b.link;
  g_assert_cmpint (link->state, ==, KITH_LINK_LINGERING);
  advance_ms (self, 1100);
  g_assert_cmpint (link->state, ==, KITH_LINK_GONE);
  g_assert_cmpuint (peer_expect_close (&peer), ==, KITH_LINK_GOING_AWAY);
  g_assert_true (peer.hung_up);
  peer_clear (&peer);
}

/* Near the end of the numbers the link closes by itself, so that it is dialled anew. */
static void
test_worn_out (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  guint32 n;

  connect_both (self);
  self->a.link->sealer.cipher.nonce = self->b.link->receiving.nonce = KITH_NOISE_MAX_NONCE - 5000;
  g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->a.outcomes->len, ==, 1);
  self->a.link->sealer.cipher.nonce = self->b.link->receiving.nonce = KITH_NOISE_MAX_NONCE - 4000;
  g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->b.envelopes->len, ==, 2);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_GOING_AWAY);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_GOING_AWAY);
}

#define add(path, func) g_test_add ("/link/clock/" path, Fixture, NULL, fixture_init, func, fixture_clear)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("ping", test_ping);
  add ("death", test_death);
  add ("probe", test_probe);
  add ("busy", test_busy);
  add ("quiet", test_quiet);
  add ("settings", test_settings);
  add ("silent-listener", test_silent_listener);
  add ("idle-stranger", test_idle_stranger);
  add ("retired-in-vain", test_retired_in_vain);
  add ("last-words", test_last_words);
  add ("worn-out", test_worn_out);
  return g_test_run ();
}
