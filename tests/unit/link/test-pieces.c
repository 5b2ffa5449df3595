/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames, numbers, HELLOs, the rule for two links: what needs no stream. */
#include "kith-link-private.h"
#include <sodium.h>
#include <string.h>

/* --- frames */

typedef struct
{
  GString *seen;
  guint stop_after;
} Seen;

static gboolean
note (guint8 type, const guint8 *body, gsize n, gpointer data)
{
  Seen *self = data;

  g_string_append_printf (self->seen, "%02x:%" G_GSIZE_FORMAT ":%.*s ", type, n, (int) MIN (n, 8), (const char *) body);
  return self->stop_after == 0 || --self->stop_after > 0;
}

static void
add_frame (GByteArray *bytes, guint8 type, const char *body, gsize n)
{
  guint8 head[5];

  kith_write_u32 (head, (guint32) (1 + n));
  head[4] = type;
  g_byte_array_append (bytes, head, 5);
  g_byte_array_append (bytes, (const guint8 *) body, (guint) n);
}

static void
test_frames_cut_anywhere (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *large = g_strnfill (5000, 'x');
  const char *expected = "02:5:hello 05:0: 09:5000:xxxxxxxx 04:2:{} ";

  add_frame (bytes, 2, "hello", 5);
  add_frame (bytes, 5, "", 0);
  add_frame (bytes, 9, large, 5000);
  add_frame (bytes, 4, "{}", 2);
  for (gsize step = 1; step < bytes->len + 1; step += step < 40 ? 1 : 997)
    {
      KithFrames frames = { 0 };
      Seen seen = { g_string_new (NULL), 0 };

      for (gsize at = 0; at < bytes->len; at += step)
        g_assert_cmpint (kith_frames_feed (&frames, bytes->data + at, MIN (step, bytes->len - at), note, &seen), ==,
                         KITH_FRAMES_MORE);
      g_assert_cmpstr (seen.seen->str, ==, expected);
      g_assert_cmpuint (frames.n_partial, ==, 0);
      g_assert_null (frames.partial);
      g_string_free (seen.seen, TRUE);
      kith_frames_clear (&frames);
    }
}

static void
test_frames_lengths (void)
{
  static const guint8 zero[] = { 0, 0, 0, 0 }, longest[] = { 0xff, 0xff, 0xff, 0xff }, long_by_one[] = { 0, 2, 0, 1 };
  const guint8 *const bad[] = { zero, longest, long_by_one };
  Seen seen = { g_string_new (NULL), 0 };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      KithFrames frames = { 0 };

      g_assert_cmpint (kith_frames_feed (&frames, bad[i], 4, note, &seen), ==, KITH_FRAMES_BAD_LENGTH);
      /* and when the length comes in two parts */
      g_assert_cmpint (kith_frames_feed (&frames, bad[i], 3, note, &seen), ==, KITH_FRAMES_MORE);
      g_assert_cmpint (kith_frames_feed (&frames, bad[i] + 3, 1, note, &seen), ==, KITH_FRAMES_BAD_LENGTH);
      kith_frames_clear (&frames);
    }
  g_assert_cmpstr (seen.seen->str, ==, "");
  g_string_free (seen.seen, TRUE);
}

static void
test_frames_longest (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *body = g_strnfill (KITH_FRAME_MAX - 1, 'y');
  KithFrames frames = { 0 };
  Seen seen = { g_string_new (NULL), 0 };

  add_frame (bytes, 2, body, KITH_FRAME_MAX - 1);
  g_assert_cmpint (kith_frames_feed (&frames, bytes->data, 70000, note, &seen), ==, KITH_FRAMES_MORE);
  g_assert_cmpint (kith_frames_feed (&frames, bytes->data + 70000, bytes->len - 70000, note, &seen), ==,
                   KITH_FRAMES_MORE);
  g_assert_cmpstr (seen.seen->str, ==, "02:131071:yyyyyyyy ");
  g_string_free (seen.seen, TRUE);
}

static void
test_frames_stop (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  KithFrames frames = { 0 };
  Seen seen = { g_string_new (NULL), 2 };

  for (guint i = 0; i < 5; i++)
    add_frame (bytes, 2, "z", 1);
  g_assert_cmpint (kith_frames_feed (&frames, bytes->data, bytes->len, note, &seen), ==, KITH_FRAMES_STOPPED);
  g_assert_cmpstr (seen.seen->str, ==, "02:1:z 02:1:z ");
  g_string_free (seen.seen, TRUE);
  kith_frames_clear (&frames);
}

/* --- numbers */

static void
test_window_limits (void)
{
  KithSentWindow sent;
  guint32 n;

  kith_sent_window_init (&sent, 1000, G_MAXUINT32);
  for (guint i = 0; i < 256; i++)
    {
      g_assert_true (kith_sent_window_take (&sent, 100, &n));
      g_assert_cmpuint (n, ==, i);
    }
  g_assert_false (kith_sent_window_take (&sent, 100, &n));
  kith_sent_window_init (&sent, 256, KITH_WINDOW_BYTES);
  for (guint i = 0; i < 32; i++)
    g_assert_true (kith_sent_window_take (&sent, 131000, &n));
  g_assert_false (kith_sent_window_take (&sent, 131000, &n));
  g_assert_true (kith_sent_window_take (&sent, 300, &n));
}

static void
test_window_acks (void)
{
  KithSentWindow sent;
  KithReceivedWindow received;
  KithLinkOutcome outcomes[KITH_WINDOW_ENVELOPES];
  guint8 body[KITH_ACK_MAX_BODY];
  guint n_outcomes;
  guint32 n;
  gsize size;

  kith_sent_window_init (&sent, 256, KITH_WINDOW_BYTES);
  kith_received_window_init (&received);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_true (kith_sent_window_take (&sent, 10, &n));
      g_assert_cmpint (kith_received_window_take (&received, n, 10), ==, KITH_WINDOW_TAKEN);
    }
  g_assert_cmpuint (kith_received_window_write_ack (&received, body), ==, 0);
  g_assert_true (kith_received_window_settle (&received, 1, KITH_ACK_STORED));
  g_assert_cmpuint (kith_received_window_write_ack (&received, body), ==, 0);      /* 0 is not known yet */
  g_assert_true (kith_received_window_settle (&received, 0, KITH_ACK_UNREADABLE));
  g_assert_true (kith_received_window_settle (&received, 2, 7));                    /* a code of tomorrow */
  g_assert_true (kith_received_window_settle (&received, 4, KITH_ACK_STORED));
  g_assert_false (kith_received_window_settle (&received, 4, KITH_ACK_STORED));     /* twice */
  g_assert_false (kith_received_window_settle (&received, 10, KITH_ACK_STORED));    /* not yet come */
  size = kith_received_window_write_ack (&received, body);
  g_assert_cmpuint (size, ==, 15);
  g_assert_true (kith_sent_window_settle (&sent, body, size, outcomes, &n_outcomes));
  g_assert_cmpuint (n_outcomes, ==, 3);
  g_assert_cmpuint (outcomes[0].code, ==, KITH_ACK_UNREADABLE);
  g_assert_cmpuint (outcomes[1].code, ==, KITH_ACK_STORED);
  g_assert_cmpuint (outcomes[2].code, ==, KITH_ACK_REFUSED);
  g_assert_cmpuint (kith_received_window_write_ack (&received, body), ==, 0);
  g_assert_true (kith_received_window_settle (&received, 3, KITH_ACK_STORED));
  size = kith_received_window_write_ack (&received, body);
  g_assert_cmpmem (body, size, "\0\0\0\4\0", 5);
  g_assert_true (kith_sent_window_settle (&sent, body, size, outcomes, &n_outcomes));
  g_assert_cmpuint (n_outcomes, ==, 2);
  g_assert_cmpuint (kith_sent_window_count (&sent), ==, 5);
  g_assert_cmpuint (sent.bytes, ==, 50);
}

static void
test_window_bad_acks (void)
{
  static const struct { guint8 body[16]; gsize n; } bad[] = {
    { { 0 }, 0 }, { { 0, 0, 0, 1 }, 4 },            /* too short */
    { { 0, 0, 0, 0, 0 }, 5 },                       /* already acknowledged */
    { { 0, 0, 0, 9, 0 }, 5 },                       /* never sent */
    { { 0xff, 0xff, 0xff, 0xff, 0 }, 5 },
    { { 0, 0, 0, 3, 1 }, 5 },                       /* an exception is missing */
    { { 0, 0, 0, 3, 0, 0, 0, 0, 2, 1 }, 10 },       /* and one too many */
    { { 0, 0, 0, 3, 1, 0, 0, 0, 1, 1 }, 10 },       /* exceptions outside the range */
    { { 0, 0, 0, 3, 1, 0, 0, 0, 4, 1 }, 10 },
  };
  KithLinkOutcome outcomes[KITH_WINDOW_ENVELOPES];
  KithSentWindow sent;
  guint n_outcomes;
  guint32 n;

  kith_sent_window_init (&sent, 256, KITH_WINDOW_BYTES);
  for (guint i = 0; i < 6; i++)
    g_assert_true (kith_sent_window_take (&sent, 10, &n));
  g_assert_true (kith_sent_window_settle (&sent, (const guint8 *) "\0\0\0\1\0", 5, outcomes, &n_outcomes));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (kith_sent_window_settle (&sent, bad[i].body, bad[i].n, outcomes, &n_outcomes));
      g_assert_cmpuint (kith_sent_window_count (&sent), ==, 4);
    }
}

static void
test_window_many_exceptions (void)
{
  KithReceivedWindow received;
  guint8 body[KITH_ACK_MAX_BODY];

  kith_received_window_init (&received);
  for (guint i = 0; i < 256; i++)
    {
      g_assert_cmpint (kith_received_window_take (&received, i, 1), ==, KITH_WINDOW_TAKEN);
      g_assert_true (kith_received_window_settle (&received, i, KITH_ACK_UNREADABLE));
    }
  g_assert_cmpint (kith_received_window_take (&received, 256, 1), ==, KITH_WINDOW_FULL);
  g_assert_cmpint (kith_received_window_take (&received, 300, 1), ==, KITH_WINDOW_WRONG_NUMBER);
  g_assert_cmpuint (kith_received_window_write_ack (&received, body), ==, KITH_ACK_MAX_BODY);
  g_assert_cmpuint (kith_received_window_write_ack (&received, body), ==, 10);
  g_assert_cmpuint (kith_received_window_write_ack (&received, body), ==, 0);
  g_assert_cmpint (kith_received_window_take (&received, 256, 1), ==, KITH_WINDOW_TAKEN);
}

/* --- HELLO */

static void
test_hello_round_trip (void)
{
  char *addresses[] = { (char *) "tcp:192.0.2.1:9100", (char *) "tcp:[2001:db8::1]:9100", NULL };
  KithLinkHello hello
      = { .username = (char *)"alice", .device = 4294967295u, .addresses = addresses, .version = (char *)"1.0" };
  g_autoptr (GBytes) json = NULL;
  g_autoptr (GError) error = NULL;
  KithLinkHello read = { 0 };

  memset (hello.identity_key, 9, 32);
  json = kith_link_hello_print (&hello);
  g_assert_true (kith_link_hello_parse (&read, g_bytes_get_data (json, NULL), g_bytes_get_size (json), &error));
  g_assert_no_error (error);
  g_assert_cmpstr (read.username, ==, "alice");
  g_assert_cmpuint (read.device, ==, 4294967295u);
  g_assert_cmpmem (read.identity_key, 32, hello.identity_key, 32);
  g_assert_cmpstrv (read.addresses, addresses);
  kith_link_hello_clear (&read);
}

static void
test_hello_fits (void)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *host = g_strnfill (200, 'h');
  g_auto (GStrv) addresses = NULL;
  KithLinkHello hello = { .username = (char *) "alice", .device = 1, .version = (char *) "1.0" };
  g_autoptr (GBytes) json = NULL;
  KithLinkHello read = { 0 };

  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *address = g_strdup_printf ("tcp:%s:%u", host, i);

      g_strv_builder_add (builder, address);
    }
  addresses = hello.addresses = g_strv_builder_end (builder);
  json = kith_link_hello_print (&hello);
  g_assert_cmpuint (g_bytes_get_size (json), <=, KITH_FRAME_MAX_HELLO);
  g_assert_true (kith_link_hello_parse (&read, g_bytes_get_data (json, NULL), g_bytes_get_size (json), NULL));
  g_assert_cmpuint (g_strv_length (read.addresses), ==, 4);
  kith_link_hello_clear (&read);
}

static void
test_hello_bad (void)
{
#define KEY "\"identity_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
  static const char *const bad[] = {
    "",
    "null",
    "[]",
    "{}",
    "{\"username\":\"a\"}",
    "{\"username\":\"a\"," KEY "}",
    "{\"username\":\"a\"," KEY ",\"device\":0}",
    "{\"username\":\"a\"," KEY ",\"device\":4294967296}",
    "{\"username\":\"a\"," KEY ",\"device\":-1}",
    "{\"username\":\"a\"," KEY ",\"device\":1.5}",
    "{\"username\":\"a\"," KEY ",\"device\":\"1\"}",
    "{\"username\":\"\"," KEY ",\"device\":1}",
    "{\"username\":\"A\"," KEY ",\"device\":1}",
    "{\"username\":\"-a\"," KEY ",\"device\":1}",
    "{\"username\":\"a b\"," KEY ",\"device\":1}",
    "{\"username\":\"abcdefghijklmnopqrstuvwxyz0123456\"," KEY ",\"device\":1}",
    "{\"username\":[]," KEY ",\"device\":1}",
    "{\"username\":\"a\",\"identity_key\":\"AAAA\",\"device\":1}",
    "{\"username\":\"a\",\"identity_key\":7,\"device\":1}",
    "{\"username\":\"a\"," KEY ",\"device\":1,\"addresses\":{}}",
    "{\"username\":\"a\"," KEY ",\"device\":1,\"addresses\":[1]}",
    "{\"username\":\"a\"," KEY ",\"device\":1,\"addresses\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}",
    "{\"username\":\"a\"," KEY ",\"device\":1,\"features\":\"x\"}",
    "{\"username\":\"a\"," KEY ",\"device\":1,\"version\":1}",
    "{\"username\":\"a\"," KEY ",\"device\":1} ,",
    "{\"username\":\"a\",\"username\":\"b\"," KEY ",\"device\":1}",
  };
  g_autofree char *filler = g_strnfill (KITH_FRAME_MAX_HELLO, ' ');
  g_autofree char *too_long = g_strconcat ("{\"username\":\"a\"," KEY ",\"device\":1}", filler, NULL);
  KithLinkHello read = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (kith_link_hello_parse (&read, (const guint8 *) bad[i], strlen (bad[i]), &error));
      g_assert_nonnull (error);
      g_assert_null (read.username);
    }
  g_assert_false (kith_link_hello_parse (&read, (const guint8 *) too_long, strlen (too_long), NULL));
  g_assert_true (kith_link_hello_parse (&read, (const guint8 *) "{\"username\":\"a\"," KEY ",\"device\":1,\"new\":{}}",
                                        strlen ("{\"username\":\"a\"," KEY ",\"device\":1,\"new\":{}}"), NULL));
  kith_link_hello_clear (&read);
}

/* --- two links */

static void
test_duplicates (void)
{
  guint8 small[32] = { 1 }, large[32] = { 2 };

  g_assert_true (kith_link_newer_wins (small, small, 0));                         /* the same dialler */
  g_assert_true (
      kith_link_newer_wins (small, large, 10 * G_USEC_PER_SEC + 1)); /* the older one is settled: this is a reconnect */
  g_assert_false (kith_link_newer_wins (small, large, 10 * G_USEC_PER_SEC));
  g_assert_true (kith_link_newer_wins (large, small, 5));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link/frames/cut-anywhere", test_frames_cut_anywhere);
  g_test_add_func ("/link/frames/lengths", test_frames_lengths);
  g_test_add_func ("/link/frames/longest", test_frames_longest);
  g_test_add_func ("/link/frames/stop", test_frames_stop);
  g_test_add_func ("/link/window/limits", test_window_limits);
  g_test_add_func ("/link/window/acks", test_window_acks);
  g_test_add_func ("/link/window/bad-acks", test_window_bad_acks);
  g_test_add_func ("/link/window/many-exceptions", test_window_many_exceptions);
  g_test_add_func ("/link/hello/round-trip", test_hello_round_trip);
  g_test_add_func ("/link/hello/fits", test_hello_fits);
  g_test_add_func ("/link/hello/bad", test_hello_bad);
  g_test_add_func ("/link/duplicates", test_duplicates);
  return g_test_run ();
}
