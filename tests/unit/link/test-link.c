/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two honest links over a socket pair. */
#include "link-fixture.h"
#include <string.h>
#include <unistd.h>

static void
check_outcomes (End *end, guint n)
{
  g_assert_cmpuint (end->outcomes->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (g_array_index (end->outcomes, KithLinkOutcome, i).n, ==, i);
}

static void
test_handshake (Fixture *self, gconstpointer data)
{
  KithLinkCounts counts;

  dial (self);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.half_open, ==, 1);
  g_assert_cmpuint (counts.links, ==, 0);
  g_assert_cmpint (kith_link_get_up_us (self->a.link), ==, -1);
  g_assert_null (kith_link_get_hello (self->a.link));
  run (self);
  g_assert_cmpuint (self->a.n_verdict + self->b.n_verdict + self->a.n_opened + self->b.n_opened, ==, 4);
  g_assert_cmpstr (self->a.hello_name, ==, "bob");
  g_assert_cmpstr (self->b.hello_name, ==, "alice");
  g_assert_cmpmem (kith_link_get_hello (self->b.link)->identity_key, 32, self->alice.identity, 32);
  g_assert_cmpuint (kith_link_get_hello (self->a.link)->device, ==, 22);
  g_assert_cmpstr (kith_link_get_hello (self->a.link)->addresses[0], ==, "tcp:127.0.0.1:9100");
  g_assert_true (kith_link_is_dialer (self->a.link));
  g_assert_false (kith_link_is_dialer (self->b.link));
  g_assert_cmpint (kith_link_get_up_us (self->a.link), >=, 0);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.half_open, ==, 0);
  g_assert_cmpuint (counts.links, ==, 1);
  g_assert_cmpuint (counts.strangers, ==, 0);
}

static void
test_both_ways (Fixture *self, gconstpointer data)
{
  guint32 n;

  connect_both (self);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GBytes) small = make_envelope (2, 300 + i), large = make_envelope (1, 67820);

      g_assert_true (kith_link_send_envelope (self->a.link, small, &n));
      g_assert_cmpuint (n, ==, i);
      g_assert_true (kith_link_send_envelope (self->b.link, large, &n));
    }
  g_assert_cmpuint (kith_link_get_in_flight (self->a.link), ==, 20);
  run (self);
  g_assert_cmpuint (self->b.envelopes->len, ==, 20);
  g_assert_cmpuint (self->a.envelopes->len, ==, 20);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GBytes) small = make_envelope (2, 300 + i), large = make_envelope (1, 67820);

      g_assert_true (g_bytes_equal (g_ptr_array_index (self->b.envelopes, i), small));
      g_assert_true (g_bytes_equal (g_ptr_array_index (self->a.envelopes, i), large));
    }
  check_outcomes (&self->a, 20);
  check_outcomes (&self->b, 20);
  g_assert_cmpuint (kith_link_get_in_flight (self->a.link), ==, 0);
}

static void
test_late_and_odd_outcomes (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  guint32 n;

  connect_both (self);
  self->b.answers = FALSE;
  for (guint i = 0; i < 5; i++)
    g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->a.outcomes->len, ==, 0);
  kith_link_ack (self->b.link, 3, KITH_ACK_STORED);
  kith_link_ack (self->b.link, 1, KITH_ACK_UNREADABLE);
  run (self);
  g_assert_cmpuint (self->a.outcomes->len, ==, 0);
  kith_link_ack (self->b.link, 0, KITH_ACK_STORED);
  run (self);
  check_outcomes (&self->a, 2);
  g_assert_cmpuint (g_array_index (self->a.outcomes, KithLinkOutcome, 1).code, ==, KITH_ACK_UNREADABLE);
  kith_link_ack (self->b.link, 2, KITH_ACK_REQUEST);
  kith_link_ack (self->b.link, 4, KITH_ACK_REFUSED);
  run (self);
  check_outcomes (&self->a, 5);
  g_assert_cmpuint (g_array_index (self->a.outcomes, KithLinkOutcome, 2).code, ==, KITH_ACK_REQUEST);
  g_assert_cmpuint (g_array_index (self->a.outcomes, KithLinkOutcome, 3).code, ==, KITH_ACK_STORED);
  g_assert_cmpuint (g_array_index (self->a.outcomes, KithLinkOutcome, 4).code, ==, KITH_ACK_REFUSED);
}

static void
test_window (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  guint32 n;

  connect_both (self);
  self->b.answers = FALSE;
  for (guint i = 0; i < 256; i++)
    g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  g_assert_false (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->b.envelopes->len, ==, 256);
  g_assert_cmpuint (self->a.n_room, ==, 0);
  kith_link_ack (self->b.link, 0, KITH_ACK_STORED);
  run (self);
  g_assert_cmpuint (self->a.n_room, ==, 1);
  g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  g_assert_cmpuint (n, ==, 256);
  g_assert_false (kith_link_send_envelope (self->a.link, wire, &n));
  for (guint i = 1; i < 256; i++)
    kith_link_ack (self->b.link, i, i % 2 ? KITH_ACK_STORED : KITH_ACK_UNREADABLE);
  run (self);
  kith_link_ack (self->b.link, 256, KITH_ACK_STORED);
  run (self);
  check_outcomes (&self->a, 257);
  g_assert_cmpuint (self->a.n_room, ==, 2);
}

/* Two full directions: both read on, so both windows open again. */
static void
test_full_both_ways (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100000);
  guint sent[2] = { 0, 0 };
  guint32 n;

  connect_both (self);
  for (guint round = 0; round < 10; round++)
    {
      while (kith_link_send_envelope (self->a.link, wire, &n))
        sent[0]++;
      while (kith_link_send_envelope (self->b.link, wire, &n))
        sent[1]++;
      run (self);
    }
  g_assert_cmpuint (sent[0], ==, 10 * (KITH_WINDOW_BYTES / 100000));
  g_assert_cmpuint (sent[1], ==, sent[0]);
  check_outcomes (&self->a, sent[0]);
  check_outcomes (&self->b, sent[1]);
}

static void
test_ephemerals (Fixture *self, gconstpointer data)
{
  g_autoptr (JsonObject) typing = json_object_new (), large = json_object_new ();
  g_autofree char *filler = g_strnfill (5000, 'x');

  connect_both (self);
  json_object_set_boolean_member (typing, "typing", TRUE);
  json_object_set_string_member (large, "x", filler);
  g_assert_true (kith_link_send_ephemeral (self->a.link, "typing", typing));
  g_assert_true (kith_link_send_ephemeral (self->a.link, "something-new", NULL));
  g_assert_false (kith_link_send_ephemeral (self->a.link, "typing", large));
  g_assert_true (kith_link_send_ephemeral (self->b.link, "presence", NULL));
  run (self);
  g_assert_cmpstr (self->b.kinds->str, ==, "typing,something-new,");
  g_assert_cmpstr (self->a.kinds->str, ==, "presence,");
}

static void
test_bundles (Fixture *self, gconstpointer data)
{
  connect_both (self);
  g_assert_true (kith_link_request_bundle (self->a.link));
  g_assert_true (kith_link_request_bundle (self->a.link));      /* one is under way already */
  run (self);
  g_assert_cmpuint (self->b.n_bundle_request, ==, 1);
  g_assert_true (self->b.asked_as_friend);
  g_assert_cmpuint (self->a.n_bundle, ==, 1);
  g_assert_true (kith_link_request_bundle (self->a.link));
  run (self);
  g_assert_cmpuint (self->a.n_bundle, ==, 2);
}

static void
test_close (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  KithLinkCounts counts;
  guint32 n;

  connect_both (self);
  g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  kith_link_close (self->a.link, KITH_LINK_GOING_AWAY, "good night");
  g_assert_cmpuint (self->a.n_closed, ==, 0);                    /* never inside a call */
  g_assert_false (kith_link_is_open (self->a.link));
  g_assert_false (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->b.envelopes->len, ==, 1);              /* what was said before is heard */
  g_assert_cmpuint (self->a.n_closed, ==, 1);
  g_assert_cmpuint (self->b.n_closed, ==, 1);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_GOING_AWAY);
  g_assert_nonnull (strstr (self->b.why, "good night"));
  kith_link_door_get_counts (self->alice_door, &counts);
  g_assert_cmpuint (counts.links, ==, 0);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.links, ==, 0);
}

/* The user goes right after close(): the word is still said. */
static void
test_close_and_leave (Fixture *self, gconstpointer data)
{
  connect_both (self);
  kith_link_close (self->a.link, KITH_LINK_DUPLICATE, NULL);
  g_clear_pointer (&self->a.link, kith_link_unref);
  run (self);
  g_assert_cmpuint (self->a.n_closed, ==, 0);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DUPLICATE);
}

static void
test_leave (Fixture *self, gconstpointer data)
{
  connect_both (self);
  g_clear_pointer (&self->a.link, kith_link_unref);
  run (self);
  g_assert_cmpuint (self->a.n_closed, ==, 0);
  g_assert_cmpuint (self->b.n_closed, ==, 1);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_BROKEN);
}

static void
drop_it (KithLink *link, guint32 n, gpointer data)
{
  End *self = data;

  if (n == 1)
    g_clear_pointer (&self->link, kith_link_unref);
}

static void
test_leave_in_callback (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  guint32 n;

  connect_both (self);
  self->b.on_envelope = drop_it;
  for (guint i = 0; i < 4; i++)
    g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->b.envelopes->len, ==, 2);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_BROKEN);
}

static void
test_wrong_identity (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GIOStream *left, *right;
  KithLinkCounts counts;

  make_pair (&left, &right);
  self->b.link = kith_link_accept (self->bob_door, right, "test", "192.0.2.1", &end_funcs, &self->b, &error);
  self->a.link = kith_link_dial (self->alice_door, left, "test", "test:carol", self->carol.identity, &end_funcs,
                                 &self->a, &error);
  run (self);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_HANDSHAKE);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_HANDSHAKE);
  g_assert_cmpuint (self->a.n_opened + self->b.n_opened + self->b.n_verdict, ==, 0);
  kith_link_door_get_counts (self->bob_door, &counts);
  g_assert_cmpuint (counts.half_open, ==, 0);
  g_assert_cmpuint (counts.failed, ==, 1);
}

static void
test_bad_key (Fixture *self, gconstpointer data)
{
  static const guint8 zero[32] = { 0 };
  g_autoptr (GError) error = NULL;
  GIOStream *left;
  int fd;

  left = make_half (&fd);
  g_assert_null (kith_link_dial (self->alice_door, left, "test", "test:x", zero, &end_funcs, &self->a, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
  close (fd);
}

static void
test_blocked (Fixture *self, gconstpointer data)
{
  dial (self);
  self->b.verdict = KITH_LINK_DROP;
  run (self);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DROPPED);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_HANDSHAKE);     /* not a word, not even HELLO */
  g_assert_cmpuint (self->a.n_verdict + self->a.n_opened + self->b.n_opened, ==, 0);
}

static void
test_block_later (Fixture *self, gconstpointer data)
{
  connect_both (self);
  kith_link_set_verdict (self->b.link, KITH_LINK_DROP);
  g_assert_cmpuint (self->b.n_closed, ==, 0);
  run (self);
  g_assert_cmpuint (self->b.n_closed, ==, 1);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DROPPED);
  advance_ms (self, 1100);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_BROKEN);
}

static void
test_retire (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) wire = make_envelope (2, 100);
  guint32 n;

  connect_both (self);
  self->b.answers = FALSE;
  g_assert_true (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  kith_link_retire (self->a.link);
  kith_link_retire (self->b.link);
  g_assert_false (kith_link_send_envelope (self->a.link, wire, &n));
  run (self);
  g_assert_cmpuint (self->a.n_closed, ==, 0);
  kith_link_ack (self->b.link, 0, KITH_ACK_STORED);
  run (self);
  check_outcomes (&self->a, 1);
  g_assert_cmpint (self->a.reason, ==, KITH_LINK_DUPLICATE);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_DUPLICATE);
}

static void
test_door_goes_first (Fixture *self, gconstpointer data)
{
  connect_both (self);
  g_clear_pointer (&self->alice_door, kith_link_door_free);
  run (self);
  g_assert_cmpuint (self->a.n_closed, ==, 0);
  g_assert_cmpint (self->b.reason, ==, KITH_LINK_BROKEN);
  g_assert_false (kith_link_is_open (self->a.link));
  g_assert_false (kith_link_request_bundle (self->a.link));
}

#define add(path, func) g_test_add ("/link/" path, Fixture, NULL, fixture_init, func, fixture_clear)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("handshake", test_handshake);
  add ("both-ways", test_both_ways);
  add ("late-and-odd-outcomes", test_late_and_odd_outcomes);
  add ("window", test_window);
  add ("full-both-ways", test_full_both_ways);
  add ("ephemerals", test_ephemerals);
  add ("bundles", test_bundles);
  add ("close", test_close);
  add ("close-and-leave", test_close_and_leave);
  add ("leave", test_leave);
  add ("leave-in-callback", test_leave_in_callback);
  add ("wrong-identity", test_wrong_identity);
  add ("bad-key", test_bad_key);
  add ("blocked", test_blocked);
  add ("block-later", test_block_later);
  add ("retire", test_retire);
  add ("door-goes-first", test_door_goes_first);
  return g_test_run ();
}
