/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bob listens; the other end is made by hand and does what it should not. */
#include "link-fixture.h"
#include <sodium.h>
#include <string.h>
#include <unistd.h>

static void
say_envelope (Peer *peer, guint32 n, guint8 type, gsize size)
{
  g_autoptr (GBytes) wire = make_envelope (type, size);
  g_autofree guint8 *body = g_malloc (4 + size);

  kith_write_u32 (body, n);
  memcpy (body + 4, g_bytes_get_data (wire, NULL), size);
  peer_say (peer, KITH_FRAME_ENVELOPE, body, 4 + size);
}

static void
expect_protocol_close (Fixture *self, Peer *peer)
{
  g_assert_cmpuint (peer_expect_close (peer), ==, KITH_LINK_PROTOCOL);
  g_assert_cmpuint (self->b.n_closed, ==, 1);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_PROTOCOL);
}

/* Ends bob's link if it stands, so that the next peer can come. */
static void
next_peer (Fixture *self, Peer *peer)
{
  peer_clear (peer);
  g_clear_pointer (&self->b.link, kith_link_unref);
  g_clear_pointer (&self->b.why, g_free);
  g_clear_pointer (&self->b.hello_name, g_free);
  self->b.n_closed = self->b.n_opened = self->b.n_verdict = 0;
  run (self);
}

/* --- before the handshake is done */

static void
test_garbage (Fixture *self, gconstpointer data)
{
  static const struct { const char *bytes; gsize n;
  } garbage[] = {
    { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 26 },
    { "\0\0", 2 },
    { "\xff\xff", 2 },
    { "\xff\xff\xff\xff", 4 },
    { "\0\x2f", 2 },
    { "\0\x31", 2 },
    { "\x16\x03\x01\x02", 4 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      Peer peer;

      peer_connect (&peer, self);
      peer_send_raw (&peer, garbage[i].bytes, garbage[i].n);
      peer_read (&peer);
      g_assert_true (peer.hung_up);
      g_assert_cmpuint (peer.raw->len, ==, 0);      /* it learns nothing */
      g_assert_cmpint (self->b.reason, ==, KITH_LINK_HANDSHAKE);
      g_assert_cmpuint (self->b.n_verdict, ==, 0);
      next_peer (self, &peer);
    }
}

static void
test_random_bytes (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 200; i++)
    {
      guint8 bytes[600];
      Peer peer;

      peer_connect (&peer, self);
      kith_world_fill_random (self->world, bytes, sizeof bytes);
      if (i % 2 == 0)
        memcpy (bytes, "\0\x30", 2);                /* the right length, at least */
      peer_send_raw (&peer, bytes, 2 + i * 2);
      peer_read (&peer);
      advance_ms (self, 5001);
      peer_read (&peer);
      g_assert_true (peer.hung_up);
      g_assert_cmpuint (self->b.n_verdict, ==, 0);
      g_assert_cmpint (self->b.reason, ==, KITH_LINK_HANDSHAKE);
      next_peer (self, &peer);
    }
}

static void
test_handshake_stops (Fixture *self, gconstpointer data)
{
  guint8 message[2 + KITH_NOISE_OVERHEAD_1] = { 0, KITH_NOISE_OVERHEAD_1 };
  KithLinkCounts counts;

  for (guint stop_at = 0; stop_at < sizeof message; stop_at += 7)
    {
      Peer peer;

      peer_connect (&peer, self);
      peer_send_raw (&peer, message, stop_at);
      peer_read (&peer);
      g_assert_false (peer.hung_up);
      advance_ms (self, 4900);
      peer_read (&peer);
      g_assert_false (peer.hung_up);
      advance_ms (self, 200);
      peer_read (&peer);
      g_assert_true (peer.hung_up);
      g_assert_cmpint (self->b.reason, ==, KITH_LINK_HANDSHAKE);
      next_peer (self, &peer);
    }
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.half_open, ==, 0);
}

/* A recorded dialler: message 1 is answered (there is nothing in it to tell it apart), message 3 fits no new answer. */
static void
test_replay (Fixture *self, gconstpointer data)
{
  g_autofree char *hello = make_hello (&self->carol, "carol");
  guint8 first[2 + KITH_NOISE_OVERHEAD_1], third[2 + KITH_NOISE_OVERHEAD_3 + KITH_FRAME_MAX_HELLO], message[1200];
  const guint8 *payload;
  gsize n, n_third;
  KithNoise noise;
  Peer peer;

  peer_connect (&peer, self);
  peer_shake (&peer, &self->carol, hello);
  peer_read (&peer);
  g_assert_cmpuint (self->b.n_opened, ==, 1);
  next_peer (self, &peer);

  /* the same by hand, kept */
  peer_connect (&peer, self);
  kith_noise_init (&noise, TRUE, "kith link/1", 11, self->carol.secret, self->bob.exchange,
                   (KithNoiseRandom)kith_world_fill_random, self->world);
  g_assert_cmpint (kith_noise_write (&noise, NULL, 0, first + 2, sizeof first - 2, &n), ==, KITH_NOISE_OK);
  first[0] = 0;
  first[1] = (guint8) n;
  peer_send_raw (&peer, first, n + 2);
  peer_read (&peer);
  g_assert_cmpint (kith_noise_read (&noise, peer.raw->data + 2, peer.raw->len - 2, &payload, &n), ==, KITH_NOISE_OK);
  g_assert_cmpint (kith_noise_write (&noise, (const guint8 *)hello, strlen (hello), message, sizeof message, &n_third),
                   ==, KITH_NOISE_OK);
  third[0] = (guint8) (n_third >> 8);
  third[1] = (guint8) n_third;
  memcpy (third + 2, message, n_third);
  peer_send_raw (&peer, third, n_third + 2);
  peer_read (&peer);
  g_assert_cmpuint (self->b.n_opened, ==, 1);
  next_peer (self, &peer);

  peer_connect (&peer, self);
  peer_send_raw (&peer, first, sizeof first);
  peer_read (&peer);
  peer_send_raw (&peer, third, n_third + 2);
  peer_read (&peer);
  g_assert_true (peer.hung_up);
  g_assert_cmpuint (self->b.n_verdict, ==, 0);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_HANDSHAKE);
  peer_clear (&peer);
}

static void
test_bad_hellos (Fixture *self, gconstpointer data)
{
  g_autofree char *not_mine = make_hello (&self->alice, "alice");
  const char *const hellos[] = { "", "{}", "[", not_mine };

  for (guint i = 0; i < G_N_ELEMENTS (hellos); i++)
    {
      Peer peer;

      peer_dial (&peer, self, &self->carol, hellos[i]);
      expect_protocol_close (self, &peer);
      g_assert_cmpuint (self->b.n_verdict, ==, 0);
      next_peer (self, &peer);
    }
}

static void
test_half_open_limits (Fixture *self, gconstpointer data)
{
  GPtrArray *links = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_link_unref);
  KithLinkCounts counts;
  int fds[80], n = 0;

  for (guint i = 0; i < 80; i++)
    {
      g_autofree char *from = g_strdup_printf ("192.0.2.%u", i / 10);
      g_autoptr (GError) error = NULL;
      GIOStream *stream = make_half (&fds[n++]);
      KithLink *link = kith_link_accept (self->bob_door, stream, "test", from, &end_funcs, &self->b, &error);

      if (i % 10 >= 8 || links->len >= 64)
        {
          g_assert_null (link);
          g_assert_error (error, KITH_ERROR, KITH_ERROR_BUSY);
        }
      else
        {
          g_assert_no_error (error);
          g_ptr_array_add (links, link);
        }
    }
  g_assert_cmpuint (links->len, ==, 64);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.half_open, ==, 64);
  g_assert_cmpuint (counts.refused, ==, 16);
  advance_ms (self, 5001);                          /* each had its 5 s */
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.half_open, ==, 0);
  g_assert_cmpuint (counts.failed, ==, 64);
  g_ptr_array_unref (links);
  while (n > 0)
    close (fds[--n]);
  g_clear_pointer (&self->b.why, g_free);
}

/* --- after it */

static void
test_bad_lengths (Fixture *self, gconstpointer data)
{
  static const guint8 zero[] = { 0, 0, 0, 0 }, longest[] = { 0xff, 0xff, 0xff, 0xff, 2 },
                      one_more[] = { 0, 2, 0, 1, 2 };
  const struct { const guint8 *bytes; gsize n; } bad[] = { { zero, 4 }, { longest, 5 }, { one_more, 5 } };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      Peer peer;

      peer_dial (&peer, self, &self->carol, NULL);
      peer_say_plain (&peer, bad[i].bytes, bad[i].n);
      expect_protocol_close (self, &peer);
      next_peer (self, &peer);
    }
}

static void
test_tampered (Fixture *self, gconstpointer data)
{
  guint8 message[2 + 13 + KITH_NOISE_TAG] = { 0, 13 + KITH_NOISE_TAG, 0, 0, 0, 9, KITH_FRAME_PING };
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  g_assert_cmpint (kith_noise_seal (&peer.sending, message + 2, 13), ==, KITH_NOISE_OK);
  message[9] ^= 1;
  peer_send_raw (&peer, message, sizeof message);
  peer_read (&peer);
  g_assert_true (peer.hung_up);
  g_assert_cmpuint (peer.in->len, ==, 0);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_PROTOCOL);
  peer_clear (&peer);
}

static void
test_transport_lengths (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < KITH_NOISE_TAG; i++)
    {
      guint8 message[2 + KITH_NOISE_TAG] = { 0, (guint8) i };
      Peer peer;

      peer_dial (&peer, self, &self->carol, NULL);
      peer_send_raw (&peer, message, 2 + i);
      peer_read (&peer);
      g_assert_true (peer.hung_up);
      next_peer (self, &peer);
    }
}

static void
test_bad_frames (Fixture *self, gconstpointer data)
{
  static const struct { guint8 type; const char *body; gsize n;
  } bad[] = {
    { KITH_FRAME_HELLO, "{}", 2 },
    { KITH_FRAME_ENVELOPE, "\0\0", 2 },
    { KITH_FRAME_ENVELOPE, "\0\0\0\1xx", 6 },
    { KITH_FRAME_ENVELOPE, "\xff\xff\xff\xffxx", 6 },
    { KITH_FRAME_ACK, "", 0 },
    { KITH_FRAME_ACK, "\0\0\0\0\0", 5 },
    { KITH_FRAME_ACK, "\xff\xff\xff\xff\0", 5 },
    { KITH_FRAME_EPHEMERAL, "", 0 },
    { KITH_FRAME_EPHEMERAL, "[]", 2 },
    { KITH_FRAME_EPHEMERAL, "{}", 2 },
    { KITH_FRAME_EPHEMERAL, "{\"kind\":1}", 10 },
    { KITH_FRAME_EPHEMERAL, "{\"kind\":\"a\"", 11 },
    { KITH_FRAME_PING, "1234567", 7 },
    { KITH_FRAME_PONG, "123456789", 9 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      Peer peer;

      peer_dial (&peer, self, &self->carol, NULL);
      peer_say (&peer, bad[i].type, bad[i].body, bad[i].n);
      expect_protocol_close (self, &peer);
      next_peer (self, &peer);
    }
}

static void
test_long_ephemeral (Fixture *self, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (4096, 'x');
  g_autofree char *text = g_strdup_printf ("{\"kind\":\"typing\",\"x\":\"%s\"}", filler);
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  peer_say (&peer, KITH_FRAME_EPHEMERAL, text, strlen (text));
  expect_protocol_close (self, &peer);
  peer_clear (&peer);
}

static void
test_unknown_types (Fixture *self, gconstpointer data)
{
  guint8 type;
  GBytes *next;
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  peer_say (&peer, 0x00, "what", 4);
  peer_say (&peer, 0x7f, "", 0);
  peer_say (&peer, 0xff, "ever", 4);
  peer_say (&peer, KITH_FRAME_BUNDLE, "nobody asked", 12);
  peer_say (&peer, KITH_FRAME_PING, "12345678", 8);
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_PONG);
  g_assert_cmpmem (g_bytes_get_data (next, NULL), g_bytes_get_size (next), "12345678", 8);
  g_bytes_unref (next);
  g_assert_cmpuint (self->b.n_closed + self->b.n_bundle, ==, 0);
  peer_clear (&peer);
}

static void
test_close_texts (Fixture *self, gconstpointer data)
{
  static const struct { const char *body; gsize n; gint reason;
  } said[] = {
    { "", 0, KITH_LINK_GOING_AWAY },
    { "\3", 1, KITH_LINK_IDLE },
    { "\4busy\x1b[31m\nfake line", 20, KITH_LINK_OVERLOADED },
    { "\1\xff\xfe", 3, KITH_LINK_PROTOCOL },
    { "\x63later", 6, KITH_LINK_GOING_AWAY },
  };

  for (guint i = 0; i < G_N_ELEMENTS (said); i++)
    {
      Peer peer;

      peer_dial (&peer, self, &self->carol, NULL);
      peer_say (&peer, KITH_FRAME_CLOSE, said[i].body, said[i].n);
      peer_read (&peer);
      g_assert_cmpint (self->b.reason, ==, said[i].reason);
      g_assert_true (g_utf8_validate (self->b.why, -1, NULL));
      g_assert_null (strpbrk (self->b.why, "\n\r\x1b"));
      next_peer (self, &peer);
    }
}

static void
test_window_flood (Fixture *self, gconstpointer data)
{
  Peer peer;

  self->b.answers = FALSE;
  peer_dial (&peer, self, &self->carol, NULL);
  for (guint i = 0; i < 256; i++)
    say_envelope (&peer, i, 2, 100);
  peer_read (&peer);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  say_envelope (&peer, 256, 2, 100);
  g_assert_cmpuint (peer_expect_close (&peer), ==, KITH_LINK_OVERLOADED);
  g_assert_cmpuint (self->b.envelopes->len, ==, 256);
  next_peer (self, &peer);

  peer_dial (&peer, self, &self->carol, NULL);
  for (guint i = 0; i < 41; i++)
    say_envelope (&peer, i, 2, 100000);
  peer_read (&peer);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  say_envelope (&peer, 41, 2, 100000);
  g_assert_cmpuint (peer_expect_close (&peer), ==, KITH_LINK_OVERLOADED);
  peer_clear (&peer);
}

/* Somebody who asks for answers without reading them. */
static void
test_ping_flood (Fixture *self, gconstpointer data)
{
  guint8 frames[13 * 4000];
  Peer peer;

  for (guint i = 0; i < sizeof frames; i += 13)
    memcpy (frames + i, "\0\0\0\x09\x05" "abcdefgh", 13);
  peer_dial (&peer, self, &self->carol, NULL);
  for (guint i = 0; i < 400 && self->b.n_closed == 0; i++)
    peer_say_plain (&peer, frames, sizeof frames);
  run (self);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_OVERLOADED);
  peer_clear (&peer);
}

/* Somebody who says the same for ever does not keep us busy; later they are heard again. */
static void
test_ephemeral_flood (Fixture *self, gconstpointer data)
{
  Peer peer;

  peer_dial (&peer, self, &self->carol, NULL);
  for (guint i = 0; i < 1000; i++)
    peer_say (&peer, KITH_FRAME_EPHEMERAL, "{\"kind\":\"typing\"}", 17);
  peer_read (&peer);
  g_assert_cmpuint (self->b.n_ephemeral, ==, 200);
  advance_ms (self, 1000);
  for (guint i = 0; i < 1000; i++)
    peer_say (&peer, KITH_FRAME_EPHEMERAL, "{\"kind\":\"typing\"}", 17);
  peer_read (&peer);
  g_assert_cmpuint (self->b.n_ephemeral, ==, 300);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  peer_clear (&peer);
}

/* --- who is no friend */

static void
test_stranger (Fixture *self, gconstpointer data)
{
  guint8 type;
  GBytes *next;
  Peer peer;

  self->b.verdict = KITH_LINK_STRANGER;
  peer_dial (&peer, self, &self->carol, NULL);
  peer_say (&peer, KITH_FRAME_EPHEMERAL, "{\"kind\":\"typing\"}", 17);
  peer_say (&peer, KITH_FRAME_BUNDLE_REQUEST, "", 0);
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_BUNDLE);
  g_bytes_unref (next);
  g_assert_false (self->b.asked_as_friend);
  for (guint i = 0; i < 5; i++)
    say_envelope (&peer, i, i == 2 ? 2 : 1, 500);                 /* INIT INIT MSG INIT INIT */
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_ACK);
  /* three INITs went on; the MSG cannot be read; the fourth INIT of this minute is over the limit */
  g_assert_cmpmem (g_bytes_get_data (next, NULL), g_bytes_get_size (next), "\0\0\0\4\2\0\0\0\2\3\0\0\0\4\2", 15);
  g_bytes_unref (next);
  g_assert_cmpuint (self->b.envelopes->len, ==, 3);
  g_assert_cmpuint (self->b.n_ephemeral, ==, 0);
  peer_say (&peer, KITH_FRAME_PING, "12345678", 8);
  g_assert_true (peer_next (&peer, &type, &next));
  g_assert_cmpuint (type, ==, KITH_FRAME_PONG);
  g_bytes_unref (next);
  peer_say (&peer, KITH_FRAME_BUNDLE_REQUEST, "", 0);
  expect_protocol_close (self, &peer);
  peer_clear (&peer);
}

static void
test_stranger_types (Fixture *self, gconstpointer data)
{
  static const guint8 types[] = { 0x00, KITH_FRAME_HELLO, KITH_FRAME_ACK, KITH_FRAME_BUNDLE, 0x0a, 0xff };

  self->b.verdict = KITH_LINK_STRANGER;
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      Peer peer;

      peer_dial (&peer, self, &self->carol, NULL);
      peer_say (&peer, types[i], "\0\0\0\0\0", 5);
      expect_protocol_close (self, &peer);
      next_peer (self, &peer);
    }
}

static void
test_stranger_day (Fixture *self, gconstpointer data)
{
  guint accepted = 0;

  self->b.verdict = KITH_LINK_STRANGER;
  for (guint minute = 0; minute < 10; minute++)
    {
      Peer peer;

      peer_dial (&peer, self, &self->carol, NULL);
      for (guint i = 0; i < 4; i++)
        say_envelope (&peer, i, 1, 500);
      peer_read (&peer);
      accepted = self->b.envelopes->len;
      next_peer (self, &peer);
      advance_ms (self, 61000);
    }
  g_assert_cmpuint (accepted, ==, 20);
  g_assert_true (kith_link_door_take_init (self->bob_door, self->alice.identity));    /* others are not meant */
  g_assert_false (kith_link_door_take_init (self->bob_door, self->carol.identity));
  advance_ms (self, 86400 * 1000);
  g_assert_true (kith_link_door_take_init (self->bob_door, self->carol.identity));
}

static void
test_stranger_limits (Fixture *self, gconstpointer data)
{
  KithLinkCounts counts;
  Peer peers[5];
  GPtrArray *links = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_link_unref);

  self->b.verdict = KITH_LINK_STRANGER;
  for (guint i = 0; i < 4; i++)
    {
      peer_dial (&peers[i], self, &self->carol, NULL);
      g_clear_pointer (&self->b.hello_name, g_free);
      g_ptr_array_add (links, g_steal_pointer (&self->b.link));
    }
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.strangers, ==, 4);
  {
    g_autofree char *hello = make_hello (&self->carol, "carol");

    peer_connect (&peers[4], self);
    peer_shake (&peers[4], &self->carol, hello);
  }
  g_assert_cmpuint (peer_expect_close (&peers[4]), ==, KITH_LINK_OVERLOADED);
  /* one of them becomes a friend, which makes room */
  kith_link_set_verdict (g_ptr_array_index (links, 0), KITH_LINK_FRIEND);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.strangers, ==, 3);
  g_assert_cmpuint (counts.links, ==, 4);
  for (guint i = 0; i < 5; i++)
    peer_clear (&peers[i]);
  run (self);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.strangers + counts.links + counts.half_open, ==, 0);
  g_ptr_array_unref (links);
  g_clear_pointer (&self->b.why, g_free);
}

#define add(path, func) g_test_add ("/link/hostile/" path, Fixture, NULL, fixture_init, func, fixture_clear)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("garbage", test_garbage);
  add ("random-bytes", test_random_bytes);
  add ("handshake-stops", test_handshake_stops);
  add ("replay", test_replay);
  add ("bad-hellos", test_bad_hellos);
  add ("half-open-limits", test_half_open_limits);
  add ("bad-lengths", test_bad_lengths);
  add ("tampered", test_tampered);
  add ("transport-lengths", test_transport_lengths);
  add ("bad-frames", test_bad_frames);
  add ("long-ephemeral", test_long_ephemeral);
  add ("unknown-types", test_unknown_types);
  add ("close-texts", test_close_texts);
  add ("window-flood", test_window_flood);
  add ("ping-flood", test_ping_flood);
  add ("ephemeral-flood", test_ephemeral_flood);
  add ("stranger", test_stranger);
  add ("stranger-types", test_stranger_types);
  add ("stranger-day", test_stranger_day);
  add ("stranger-limits", test_stranger_limits);
  return g_test_run ();
}
