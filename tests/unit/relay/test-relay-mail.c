/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mailboxes: order, repetition, quotas, the lease that fences, what expires, the disk cap. */
#include <string.h>

#include "relay-fixture.h"

static void
make_pair (Relay *f, Device **a, Device **b, gboolean friends)
{
  *a = device_new (f);
  *b = device_new (f);
  if (friends)
    check_status (device_call (*b, "grant", "{'p_peer':'%s'}", (*a)->user), 204, NULL);
}

static char *
get_id (Answer *fetched, guint i)
{
  return g_strdup (json_object_get_string_member (
    json_array_get_object_element (answer_list (fetched, "messages"), i), "id"));
}

static Answer *
send_one (Device *from, const char *id, const char *to, const char *ct, const char *more)
{
  return device_call (from, "send", "{'p_messages':[{'id':'%s','to':'%s','ct':'%s'%s}]}", id, to, ct, more);
}

static void
check_one (Device *from, const char *id, const char *to, const char *ct, const char *more, const char *status)
{
  g_autofree char *expected = g_strdup_printf ("{'results':[{'id':'%s','status':'%s'}],'retry_after':0}", id, status);

  check_text (send_one (from, id, to, ct, more), expected);
}

/* --- sending */

static void
test_repeated (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;

  make_pair (f, &a, &b, FALSE);
  check_one (a, UUID_A, b->id, "QUJD", "", "stored");
  check_one (a, UUID_A, b->id, "QUJD", "", "duplicate");
  check_one (a, "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA", b->id, "QUJD", "", "duplicate");
  check_one (a, UUID_A, b->id, "QUJE", "", "conflict");
  check_one (a, UUID_A, a->id, "QUJD", "", "conflict");
  check_one (b, UUID_A, b->id, "QUJD", "", "conflict");
  check_one (a, UUID_B, UUID_B, "QUJD", "", "no_device");
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 1);
  check_status (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':['" UUID_A "']}"), 200, NULL);
  check_one (b, UUID_A, a->id, "QUJD", "", "stored");      /* the name is free again */
}

static void
test_malformed (Relay *f, gconstpointer data)
{
  static const char *const wrong[] = {
    "null",
    "5",
    "'x'",
    "[]",
    "{}",
    "{'id':'" UUID_A "'}",
    "{'id':'" UUID_A "','to':'" UUID_B "'}",
    "{'id':'x','to':'" UUID_B "','ct':'AAAA'}",
    "{'id':'" UUID_A "','to':'x','ct':'AAAA'}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':''}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':'*'}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':'A==='}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':'AA=A'}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':7}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':null}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':'AAAA','ttl':1.5}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':'AAAA','ttl':'x'}",
    "{'id':'" UUID_A "','to':'" UUID_B "','ct':'AAAA','ttl':99999999999}",
  };
  static const char *const bodies[]
      = { "{'p_messages':null}", "{'p_messages':{}}", "{'p_messages':'x'}", "{'p_messages':1}" };
  g_autoptr(Device) a = device_new (f);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr(Answer) answer = device_call (a, "send", "{'p_messages':[%s]}", wrong[i]);

      g_test_message ("%s", wrong[i]);
      g_assert_cmpuint (answer->status, ==, 200);
      g_assert_nonnull (strstr (answer->text, "\"status\":\"invalid\""));
    }
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    check_status (device_call (a, "send", "%s", bodies[i]), 400, "kith_bad_request");
  check_text (device_call (a, "send", "{'p_messages':[]}"), "{'results':[],'retry_after':0}");
}

static void
check_size (Device *from, Device *to, guint n, gsize n_chars, const char *expected)
{
  g_autofree char *said = device_send (from, to, n, n_chars);

  g_assert_cmpstr (said, ==, expected);
}

/* 64 KiB a message, 50 messages and 512 KiB a batch, in base64. */
static void
test_sizes (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;

  make_pair (f, &a, &b, TRUE);
  check_size (a, b, 1, 87384, "stored");
  check_size (a, b, 1, 87388, "too_large");
  check_size (a, b, 2, 87388, "too_large*2");             /* says nothing about the next */
  check_size (a, b, 50, 14000, "stored*50");
  check_size (a, b, 50, 14004, "413 kith_too_large");
  check_size (a, b, 51, 4, "400 kith_bad_request");
}

static void
test_strangers (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;
  g_autoptr(Device) c = device_new (f);
  g_autofree char *mixed = NULL;
  g_autoptr(Answer) answer = NULL;

  make_pair (f, &a, &b, FALSE);
  check_sent (a, b, 6, "stored*5 mailbox_full");
  check_sent (a, b, 3, "mailbox_full deferred*2");
  check_sent (c, b, 1, "stored");                         /* each stranger for themself */
  check_status (device_call (b, "grant", "{'p_peer':'%s'}", c->user), 204, NULL);
  check_status (device_call (c, "grant", "{'p_peer':'%s'}", a->user), 204, NULL);
  check_sent (a, b, 1, "mailbox_full");                   /* nobody else's grants count */
  mixed = g_strdup_printf ("{'p_messages':[{'id':'%s','to':'%s','ct':'AAAA'},{'id':'%s','to':'%s','ct':'AAAA'}]}",
                           UUID_A, b->id, UUID_B, c->id);
  answer = device_call (a, "send", "%s", mixed);
  g_assert_nonnull (strstr (answer->text, "mailbox_full"));
  g_assert_nonnull (strstr (answer->text, "stored"));     /* a full mailbox keeps nobody else's mail up */
  check_status (device_call (a, "grant", "{'p_peer':'%s'}", b->user), 204, NULL);
  check_sent (a, b, 1, "mailbox_full");                   /* it is the owner who grants */
  check_status (device_call (b, "grant", "{'p_peer':'%s'}", a->user), 204, NULL);
  check_sent (a, b, 20, "stored*20");
  check_status (device_call (b, "ungrant", "{'p_peer':'%s'}", a->user), 204, NULL);
  check_sent (a, b, 1, "mailbox_full");
}

static void
test_friends (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;

  make_pair (f, &a, &b, TRUE);
  for (guint i = 0; i < 10; i++)
    {
      check_sent (a, b, 50, "stored*50");
      relay_pass_s (f, 60);
    }
  check_sent (a, b, 2, "mailbox_full deferred");
}

static void
test_rate (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;
  g_autoptr(Device) c = device_new (f);
  g_autoptr(Answer) answer = NULL;

  make_pair (f, &a, &b, TRUE);
  check_sent (a, b, 50, "stored*50");
  check_sent (a, b, 50, "stored*50");
  check_sent (a, b, 50, "stored*19 rate_limited deferred*30");
  check_sent (a, c, 1, "rate_limited");                   /* the sender is throttled, not the mailbox */
  check_sent (c, b, 1, "stored");
  answer = send_one (a, UUID_A, b->id, "AAAA", "");
  g_assert_cmpint (answer_get_int (answer, "retry_after"), ==, 1);
  relay_pass_s (f, 10);
  check_sent (a, b, 50, "stored*20 rate_limited deferred*29");
  relay_pass_s (f, 3600);
  device_renew (a);
  check_size (a, b, 8, 80000, "stored*8");                /* weighted by size: 1 + 80000 / 16384 = 5.88 each */
  check_size (a, b, 8, 80000, "stored*8");
  check_size (a, b, 8, 80000, "stored*4 rate_limited deferred*3");
}

/* --- fetching under a lease */

static void
test_lease (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;
  g_autoptr(Answer) refused = NULL;

  make_pair (f, &a, &b, FALSE);
  check_sent (a, b, 3, "stored*3");
  check_status (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':[]}"), 409,
                "kith_leased"); /* never had it */
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 3);
  refused = device_call (b, "fetch", "{'p_consumer':'" UUID_B "'}");
  g_assert_cmpuint (refused->status, ==, 409);
  g_assert_cmpstr (refused->code, ==, "kith_leased");
  g_assert_cmpint (refused->retry_s, ==, 60);
  check_status (device_call (b, "release", "{'p_consumer':'" UUID_B "'}"), 204, NULL); /* not its own */
  g_assert_cmpint (device_fetch (b, UUID_B), ==, -409);
  relay_pass_s (f, 59);
  g_assert_cmpint (device_fetch (b, UUID_B), ==, -409);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 3);                                                     /* renewed */
  relay_pass_s (f, 59);
  g_assert_cmpint (device_fetch (b, UUID_B), ==, -409);
  relay_pass_s (f, 1);
  check_status (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':[]}"), 409, "kith_leased");
  g_assert_cmpint (device_fetch (b, UUID_B), ==, 3);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, -409);
  relay_restart (f);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, -409); /* it is on disk */
  check_status (device_call (b, "release", "{'p_consumer':'" UUID_B "'}"), 204, NULL);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 3);
}

static void
check_lease (Device *device, const char *lease, int lasts_s)
{
  g_autoptr(Answer) refused = NULL;

  check_status (device_call (device, "fetch", "{'p_consumer':'" UUID_A "','p_lease':%s}", lease), 200, NULL);
  refused = device_call (device, "fetch", "{'p_consumer':'" UUID_B "'}");
  g_assert_cmpint (refused->retry_s, ==, lasts_s);
}

static void
test_lease_bounds (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);

  check_lease (device, "-7", 5);
  check_lease (device, "0", 5);
  check_lease (device, "17", 17);
  check_lease (device, "2000000000", 300);
  check_lease (device, "null", 60);
}

/* A fenced consumer deletes nothing, and nobody deletes from another's mailbox. */
static void
test_ack (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;
  g_autoptr(Answer) fetched = NULL;
  g_autofree char *first = NULL, *expected = NULL;

  make_pair (f, &a, &b, FALSE);
  check_sent (a, b, 3, "stored*3");
  fetched = device_call (b, "fetch", "{'p_consumer':'" UUID_A "','p_limit':2}");
  first = get_id (fetched, 0);
  g_assert_cmpuint (json_array_get_length (answer_list (fetched, "messages")), ==, 2);
  g_assert_nonnull (strstr (fetched->text, "\"more\":true"));
  g_assert_cmpint (device_fetch (a, UUID_A), ==, 0);
  check_text (device_call (a, "ack", "{'p_consumer':'" UUID_A "','p_ids':['%s']}", first), "{'deleted':[]}");
  check_status (device_call (b, "ack", "{'p_consumer':'" UUID_B "','p_ids':['%s']}", first), 409, "kith_leased");
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 3);
  expected = g_strdup_printf ("{'deleted':['%s']}", first);
  check_text (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':[null,'%s','%s','" UUID_B "']}", first, first),
              expected);
  check_text (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':null}"), "{'deleted':[]}");
  check_text (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':['%s']}", first), "{'deleted':[]}");
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 2);
}

static void
test_fetch_limits (Relay *f, gconstpointer data)
{
  static const struct { const char *limit; guint n; gboolean more; } cases[] = {
    { "-3", 1, TRUE }, { "0", 1, TRUE }, { "7", 7, TRUE }, { "25", 25, TRUE }, { "26", 25, TRUE }, { "null", 25, TRUE },
    { "2147483647", 25, TRUE },
  };
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;

  make_pair (f, &a, &b, TRUE);
  check_sent (a, b, 26, "stored*26");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(Answer) answer = device_call (b, "fetch", "{'p_consumer':'" UUID_A "','p_limit':%s}", cases[i].limit);

      g_assert_cmpuint (json_array_get_length (answer_list (answer, "messages")), ==, cases[i].n);
      g_assert_true ((strstr (answer->text, "\"more\":true") != NULL) == cases[i].more);
    }
  check_status (device_call (b, "fetch", "{'p_consumer':'" UUID_A "','p_limit':2147483648}"), 400, "22P02");
  check_status (device_call (b, "fetch", "{'p_consumer':'" UUID_A "','p_limit':'5'}"), 400, "22P02");
  check_status (device_call (b, "fetch", "{'p_consumer':null}"), 400, "kith_bad_request");
}

/* --- what expires */

static void
test_expiry (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;

  make_pair (f, &a, &b, TRUE);
  check_one (a, UUID_A, b->id, "AAAA", ",'ttl':-5", "stored");         /* a minute at least */
  check_one (a, UUID_B, b->id, "AAAA", ",'ttl':2000000000", "stored"); /* a week at most */
  check_sent (a, b, 1, "stored");
  relay_pass_s (f, 59);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 3);
  kith_world_set_date_ms (f->world, kith_world_get_date_ms (f->world) + 1000);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, 2);                   /* not told, though it is still there … */
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM messages"), ==, 3);
  relay_pass_s (f, 60);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM messages"), ==, 2);   /* … for a minute at most */
  relay_pass_s (f, 604800 - 125);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM messages WHERE expires_ms > 0"), ==, 2);
  relay_pass_s (f, 120);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM messages"), ==, 0);
}

/* In slices, one behind the other: it does not wait a minute for each. */
static void
test_purge_all (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;
  g_autofree char *fill = NULL;

  make_pair (f, &a, &b, FALSE);
  fill = g_strdup_printf ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
                          " INSERT INTO messages (id, to_device, from_device, from_user, ct, created_ms, expires_ms)"
                          " SELECT 'm' || i, '%s', '%s', '%s', 'AAAA', 1, 2 FROM n", b->id, a->id, a->user);
  relay_sql (f, fill);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM messages"), ==, 1500);
  relay_pass_s (f, 61);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM messages"), ==, 0);
}

/* What is expired does not fill a mailbox, purged or not. */
static void
test_full_of_expired (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;

  make_pair (f, &a, &b, FALSE);
  check_sent (a, b, 6, "stored*5 mailbox_full");
  relay_sql (f, "UPDATE messages SET expires_ms = 1");
  check_sent (a, b, 6, "stored*5 mailbox_full");
}

/* --- the disk cap */

static void
test_cap (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = NULL;
  g_autoptr(Device) b = NULL;
  g_autofree char *body = NULL;
  g_autoptr(Answer) refused = NULL;
  guint n_stored = 0;

  make_pair (f, &a, &b, TRUE);
  for (;;)
    {
      g_autofree char *said = device_send (a, b, 1, 87384);

      if (strcmp (said, "stored") != 0)
        {
          g_assert_cmpstr (said, ==, "507 kith_relay_full");
          break;
        }
      g_assert_cmpuint (++n_stored, <, 20);
      relay_pass_s (f, 10);
    }
  g_assert_cmpuint (n_stored, >=, 5);                     /* of 1 MiB */
  refused = device_call (a, "send", "{'p_messages':[]}");
  g_assert_cmpint (refused->retry_s, ==, 300);
  check_status (relay_ask (f, "POST", "/auth/v1/signup", NULL, "{}"), 507, "kith_relay_full");
  check_status (device_call (a, "publish", "{'p_bundle':'" A_CERT "'}"), 507, "kith_relay_full");
  check_status (device_call (a, "mark_read", "{'p_conv':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA','p_pos':1}"), 507,
                NULL);
  check_status (device_call (b, "beat", "{}"), 200, NULL);
  body = g_strdup_printf ("{'refresh_token':'%s'}", a->refresh);
  check_status (relay_ask (f, "POST", "/auth/v1/token?grant_type=refresh_token", NULL, body), 200, NULL);
  g_assert_cmpint (device_fetch (b, UUID_A), ==, (int) n_stored);       /* whoever takes away may go on */
  while (n_stored-- > 0)
    {
      g_autoptr(Answer) fetched = device_call (b, "fetch", "{'p_consumer':'" UUID_A "','p_limit':1}");
      g_autofree char *id = get_id (fetched, 0);

      check_status (device_call (b, "ack", "{'p_consumer':'" UUID_A "','p_ids':['%s']}", id), 200, NULL);
    }
  check_sent (a, b, 1, "stored");
}

static const RelayWish small = { .cap_mib = 1 };

#define ADD(path, test, wish) g_test_add ("/relay/mail/" path, Relay, wish, relay_set_up, test, relay_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("repeated", test_repeated, NULL);
  ADD ("malformed", test_malformed, NULL);
  ADD ("sizes", test_sizes, NULL);
  ADD ("strangers", test_strangers, NULL);
  ADD ("friends", test_friends, NULL);
  ADD ("rate", test_rate, NULL);
  ADD ("lease", test_lease, NULL);
  ADD ("lease-bounds", test_lease_bounds, NULL);
  ADD ("ack", test_ack, NULL);
  ADD ("fetch-limits", test_fetch_limits, NULL);
  ADD ("expiry", test_expiry, NULL);
  ADD ("purge-all", test_purge_all, NULL);
  ADD ("full-of-expired", test_full_of_expired, NULL);
  ADD ("cap", test_cap, &small);
  return g_test_run ();
}
