/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The courier over a real store: conversations, atomicity, healing, pruning. */
#include <kith/kith.h>
#include <string.h>

#include "keys-fixture.h"

#define DAY_MS (INT64_C (86400) * 1000)

static void
befriend (Person *alice, Person *bob)
{
  g_autoptr (GBytes) bundle = person_bundle (bob, alice, TRUE);

  person_start (alice, bob, bundle);
}

static void
test_conversation (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (GPtrArray) flying = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  befriend (alice, bob);
  for (guint i = 0; i < 150; i++)
    {
      gboolean forth = i < 3 || g_rand_boolean (rand);
      Person *from = forth ? alice : bob, *to = forth ? bob : alice;
      g_autofree char *text = g_strdup_printf ("{\"n\":%u}", i);
      g_autoptr (GBytes) wire = person_send (from, to, text);

      if (i == 77)
        {
          person_restart (alice);
          person_restart (bob);
        }
      if (g_rand_int_range (rand, 0, 10) == 0)
        continue;
      assert_receives (to, from, wire, text);
      if (g_rand_int_range (rand, 0, 5) == 0)
        g_assert_cmpint (person_receive (to, from, wire, NULL), ==, KITH_E2EE_E_DUPLICATE);
      g_assert_cmpint (person_receive (from, to, wire, NULL), !=, KITH_E2EE_OK);
    }
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_session"), ==, 1);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_opk"), ==, 99);
}

static void
test_needs_bundle (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GBytes) bundle = person_bundle (bob, alice, FALSE), wire = NULL;

  person_start (alice, bob, bundle);
  wire = person_send (alice, bob, "hello");
  assert_receives (bob, alice, wire, "hello");
}

typedef struct
{
  Person *other;
  GBytes *wire;
  GError *error;
  gboolean fail;
} Attempt;

static gboolean
encrypt_and_maybe_fail (Person *self, KithDb *db, gpointer data, GError **error)
{
  Attempt *a = data;
  g_auto (KithSent) sent = { 0 };

  if (!kith_courier_encrypt (self->keys, db, kith_keys_get_identity (a->other->keys),
                             kith_keys_get_device (a->other->keys), KITH_COURIER_DUMMY, "x", 1, &sent, error))
    return FALSE;
  if (a->fail)
    g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "on purpose");
  return !a->fail;
}

static gboolean
decrypt_and_fail (Person *self, KithDb *db, gpointer data, GError **error)
{
  Attempt *a = data;
  g_auto (KithOpened) opened = { 0 };
  KithE2eeCode code;

  g_assert_true (kith_courier_decrypt (self->keys, db, kith_keys_get_identity (a->other->keys), 0, a->wire, &opened,
                                       &code, error));
  g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "on purpose");
  return FALSE;
}

static void
assert_fails (Person *self, PersonFunc func, Attempt *attempt, int code)
{
  g_autofree char *before = person_hash (self);
  g_autofree char *after = NULL;
  GError *error = person_try (self, func, attempt);

  g_assert_error (error, KITH_ERROR, code);
  g_error_free (error);
  after = person_hash (self);
  g_assert_cmpstr (before, ==, after);
}

/* What the job loses, the session has not done. */
static void
test_roll_back (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  Attempt attempt = { .other = bob, .fail = TRUE };
  g_autoptr (GBytes) first = NULL, second = NULL;

  assert_fails (alice, encrypt_and_maybe_fail, &attempt, KITH_ERROR_UNREACHABLE);
  befriend (alice, bob);
  assert_fails (alice, encrypt_and_maybe_fail, &attempt, KITH_ERROR_FAILED);
  first = person_send (alice, bob, "first");
  attempt.other = alice;
  attempt.wire = first;
  assert_fails (bob, decrypt_and_fail, &attempt, KITH_ERROR_FAILED);
  assert_receives (bob, alice, first, "first");
  second = person_send (alice, bob, "second");
  attempt.wire = second;
  assert_fails (bob, decrypt_and_fail, &attempt, KITH_ERROR_FAILED);
  assert_receives (bob, alice, second, "second");
}

static void
test_forged_changes_nothing (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2), carol = person_new (3);
  g_autoptr (GBytes) wire = NULL;
  g_autofree char *before = NULL;
  gsize n;

  befriend (alice, bob);
  wire = person_send (alice, bob, "hello");
  n = g_bytes_get_size (wire);
  before = person_hash (bob);
  for (gsize i = 0; i < n; i += 7)
    {
      guint8 *bytes = g_memdup2 (g_bytes_get_data (wire, NULL), n);
      g_autoptr (GBytes) forged = NULL;
      g_autofree char *after = NULL;

      bytes[i] ^= 1;
      forged = g_bytes_new_take (bytes, n);
      g_assert_cmpint (person_receive (bob, alice, forged, NULL), !=, KITH_E2EE_OK);
      after = person_hash (bob);
      g_assert_cmpstr (before, ==, after);
    }
  g_assert_cmpint (person_receive (bob, carol, wire, NULL), ==, KITH_E2EE_E_IDENTITY);
  assert_receives (bob, alice, wire, "hello");
}

static void
test_skipping (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GPtrArray) wires = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);

  befriend (alice, bob);
  for (guint i = 0; i <= 2003; i++)
    g_ptr_array_add (wires, person_send (alice, bob, "x"));
  g_assert_cmpint (person_receive (bob, alice, wires->pdata[1001], NULL), ==, KITH_E2EE_E_TOO_FAR);
  assert_receives (bob, alice, wires->pdata[1000], "x");
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_skipped"), ==, 1000);
  assert_receives (bob, alice, wires->pdata[2001], "x");
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_skipped"), ==, 2000);
  assert_receives (bob, alice, wires->pdata[2003], "x");
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_skipped"), ==, 2000);
  g_assert_cmpint (person_receive (bob, alice, wires->pdata[0], NULL), ==, KITH_E2EE_E_DUPLICATE);
  assert_receives (bob, alice, wires->pdata[1], "x");
  assert_receives (bob, alice, wires->pdata[2002], "x");
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_skipped"), ==, 1998);
  person_advance (bob, 31 * DAY_MS);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_skipped"), ==, 0);
  g_assert_cmpint (person_receive (bob, alice, wires->pdata[500], NULL), ==, KITH_E2EE_E_DUPLICATE);
}

static void
test_session_limit (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);

  for (guint i = 0; i < 7; i++)
    {
      g_autofree char *text = g_strdup_printf ("session %u", i);
      g_autoptr (GBytes) wire = NULL;

      befriend (alice, bob);
      wire = person_send (alice, bob, text);
      assert_receives (bob, alice, wire, text);
    }
  g_assert_cmpint (person_count (alice, "SELECT count(*) FROM key_session"), ==, 5);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_session"), ==, 5);
}

static gboolean
forget (Person *self, KithDb *db, gpointer data, GError **error)
{
  Person *other = data;

  return kith_courier_forget (self->keys, db, kith_keys_get_identity (other->keys), 0, error);
}

/* Bob lost his sessions; a new one of his heals it. */
static void
test_heal (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GBytes) first = NULL, lost = NULL, retry = NULL, again = NULL;

  befriend (alice, bob);
  first = person_send (alice, bob, "first");
  assert_receives (bob, alice, first, "first");
  person_run (bob, forget, alice);
  lost = person_send (alice, bob, "lost");
  g_assert_cmpint (person_receive (bob, alice, lost, NULL), ==, KITH_E2EE_E_NO_OPK);
  befriend (bob, alice);
  retry = person_send (bob, alice, "say it again");
  assert_receives (alice, bob, retry, "say it again");
  again = person_send (alice, bob, "lost");
  assert_receives (bob, alice, again, "lost");
}

typedef struct
{
  Person *other;
  gboolean may;
  KithCourierRetry way;
} Limit;

static gboolean
may_heal (Person *self, KithDb *db, gpointer data, GError **error)
{
  Limit *l = data;

  return kith_courier_may_heal (self->keys, db, kith_keys_get_identity (l->other->keys), 5, &l->may, error);
}

static gboolean
may_retry (Person *self, KithDb *db, gpointer data, GError **error)
{
  Limit *l = data;

  return kith_courier_may_retry (self->keys, db, kith_keys_get_identity (l->other->keys), 5, l->way, &l->may, error);
}

static void
test_limits (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  Limit limit = { .other = bob };

  person_run (alice, may_heal, &limit);
  g_assert_true (limit.may);
  person_run (alice, may_heal, &limit);
  g_assert_false (limit.may);
  person_advance (alice, 3600 * 1000);
  person_run (alice, may_heal, &limit);
  g_assert_true (limit.may);
  for (guint i = 0; i <= 50; i++)
    {
      limit.way = KITH_COURIER_RETRY_ASK;
      person_run (alice, may_retry, &limit);
      g_assert_true (limit.may == (i < 50));
      limit.way = KITH_COURIER_RETRY_OBEY;
      person_run (alice, may_retry, &limit);
      g_assert_true (limit.may == (i < 50));
    }
  person_advance (alice, 3600 * 1000);
  person_run (alice, may_retry, &limit);
  g_assert_true (limit.may);
}

#define CID "0b0c7a1e-3f4d-4c55-9a6b-7788990011aa"

typedef struct
{
  Person *other;
  Person *claimed;
  KithSent sent;
  char *cid;
} Noted;

static gboolean
send_and_note (Person *self, KithDb *db, gpointer data, GError **error)
{
  Noted *n = data;
  const guint8 *peer = kith_keys_get_identity (n->other->keys);

  kith_sent_clear (&n->sent);
  return kith_courier_encrypt (self->keys, db, peer, kith_keys_get_device (n->other->keys), KITH_COURIER_JSON, "{}",
                               2, &n->sent, error)
         && kith_courier_note_sent (self->keys, db, peer, &n->sent, CID, error);
}

static gboolean
find_sent (Person *self, KithDb *db, gpointer data, GError **error)
{
  Noted *n = data;
  GError *problem = NULL;

  g_clear_pointer (&n->cid, g_free);
  n->cid = kith_courier_find_sent (self->keys, db, kith_keys_get_identity (n->claimed->keys), n->sent.sid,
                                   n->sent.ratchet, n->sent.n, &problem);
  g_assert_no_error (problem);
  return TRUE;
}

static void
test_sent_places (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2), carol = person_new (3);
  Noted noted = { .other = bob, .claimed = bob };

  befriend (alice, bob);
  person_run (alice, send_and_note, &noted);
  person_run (alice, find_sent, &noted);
  g_assert_cmpstr (noted.cid, ==, CID);
  noted.claimed = carol;
  person_run (alice, find_sent, &noted);
  g_assert_null (noted.cid);
  noted.claimed = bob;
  person_advance (alice, 16 * DAY_MS);
  person_run (alice, find_sent, &noted);
  g_assert_null (noted.cid);
  g_assert_cmpint (person_count (alice, "SELECT count(*) FROM key_sent"), ==, 0);
  kith_sent_clear (&noted.sent);
}

static void
test_retry_bytes (void)
{
  KithE2eePlace places[51] = { 0 }, back[50];
  g_autoptr (GBytes) one = NULL, many = NULL, cut = NULL, dummy = g_bytes_new_static ("\2", 1);
  gsize n;

  places[0].n = 0x01020304;
  memset (places[0].sid, 7, 16);
  memset (places[0].ratchet, 8, 32);
  one = kith_courier_write_retry (places, 1);
  g_assert_cmpuint (g_bytes_get_size (one), ==, 3 + 52);
  g_assert_true (kith_courier_read_retry (one, back, &n));
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpmem (&back[0], sizeof back[0], &places[0], sizeof places[0]);
  many = kith_courier_write_retry (places, 51);
  g_assert_true (kith_courier_read_retry (many, back, &n));
  g_assert_cmpuint (n, ==, 50);
  cut = g_bytes_new_from_bytes (many, 0, g_bytes_get_size (many) - 1);
  g_assert_false (kith_courier_read_retry (cut, back, &n));
  g_assert_false (kith_courier_read_retry (dummy, back, &n));
}

static void
test_pruning (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GBytes) first = NULL, second = NULL;

  befriend (alice, bob);
  first = person_send (alice, bob, "one");
  assert_receives (bob, alice, first, "one");
  befriend (alice, bob);
  second = person_send (alice, bob, "two");
  assert_receives (bob, alice, second, "two");
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_seen"), ==, 2);
  person_advance (bob, 29 * DAY_MS);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_seen"), ==, 2);
  g_assert_cmpint (person_receive (bob, alice, first, NULL), ==, KITH_E2EE_E_DUPLICATE);
  person_advance (bob, 4 * DAY_MS);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_seen"), ==, 0);
  /* The one to send on stays, however long nobody said anything. */
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_session"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/courier/conversation", test_conversation);
  g_test_add_func ("/courier/needs-bundle", test_needs_bundle);
  g_test_add_func ("/courier/roll-back", test_roll_back);
  g_test_add_func ("/courier/forged-changes-nothing", test_forged_changes_nothing);
  g_test_add_func ("/courier/skipping", test_skipping);
  g_test_add_func ("/courier/session-limit", test_session_limit);
  g_test_add_func ("/courier/heal", test_heal);
  g_test_add_func ("/courier/limits", test_limits);
  g_test_add_func ("/courier/sent-places", test_sent_places);
  g_test_add_func ("/courier/retry-bytes", test_retry_bytes);
  g_test_add_func ("/courier/pruning", test_pruning);
  return g_test_run ();
}
