/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity, prekeys, certificates, envelopes. */
#include <kith/kith.h>
#include <string.h>

#include "keys-fixture.h"

#define DAY_MS (INT64_C (86400) * 1000)

static void
test_first_start (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autofree char *print = kith_keys_dup_fingerprint (alice->keys);
  g_autofree char *ours = kith_keys_safety_number (alice->keys, kith_keys_get_identity (bob->keys));
  g_autofree char *theirs = kith_keys_safety_number (bob->keys, kith_keys_get_identity (alice->keys));
  g_autoptr (GBytes) identity = kith_keys_dup_identity_key (alice->keys);
  guint32 device = kith_keys_get_device (alice->keys);

  g_assert_cmpuint (device, !=, 0);
  g_assert_cmpuint (strlen (print), ==, 32);
  g_assert_cmpstr (ours, ==, theirs);
  g_assert_cmpuint (strlen (ours), ==, 71);
  g_assert_cmpint (person_count (alice, "SELECT count(*) FROM key_opk"), ==, 100);
  g_assert_cmpint (person_count (alice, "SELECT count(*) FROM key_spk"), ==, 1);
  g_assert_cmpuint (alice->changed, ==, 1);

  person_restart (alice);
  g_assert_cmpmem (kith_keys_get_identity (alice->keys), 32, g_bytes_get_data (identity, NULL), 32);
  g_assert_cmpuint (kith_keys_get_device (alice->keys), ==, device);
  g_assert_cmpint (person_count (alice, "SELECT count(*) FROM key_opk"), ==, 100);
}

static void
test_number_in_worker (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *expected = kith_keys_safety_number (alice->keys, kith_keys_get_identity (bob->keys));
  g_autofree char *number = NULL;

  kith_keys_safety_number_async (alice->keys, kith_keys_get_identity (bob->keys), NULL, keep_result, &result);
  number = kith_keys_safety_number_finish (alice->keys, wait_for (&result), NULL);
  g_assert_cmpstr (number, ==, expected);
}

static void
test_bundles (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2), carol = person_new (3);
  g_autoptr (GHashTable) seen
      = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

  for (guint i = 0; i < 12; i++)
    {
      g_autoptr (GBytes) bundle = person_bundle (bob, alice, TRUE);

      g_assert_cmpuint (bundle_opks (bundle), ==, i < 10 ? 1 : 0);
      if (i < 10)
        g_assert_true (g_hash_table_add (seen, g_bytes_new_from_bytes (bundle, KITH_E2EE_BUNDLE_BYTES, 32)));
    }
  {
    g_autoptr (GBytes) stranger = person_bundle (bob, carol, FALSE);
    g_autoptr (GBytes) friend = person_bundle (bob, carol, TRUE);

    g_assert_cmpuint (bundle_opks (stranger), ==, 0);
    g_assert_cmpuint (bundle_opks (friend), ==, 1);
    g_assert_true (g_hash_table_add (seen, g_bytes_new_from_bytes (friend, KITH_E2EE_BUNDLE_BYTES, 32)));
  }
  person_advance (bob, 3600 * 1000);
  {
    g_autoptr (GBytes) later = person_bundle (bob, alice, TRUE);

    g_assert_cmpuint (bundle_opks (later), ==, 1);
    g_assert_true (g_hash_table_add (seen, g_bytes_new_from_bytes (later, KITH_E2EE_BUNDLE_BYTES, 32)));
  }
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_opk WHERE mark = 1"), ==, 12);
}

static void
test_refill (void)
{
  g_autoptr (Person) bob = person_new (2);
  guint changed = bob->changed;

  /* Nine friends take ten each: below twenty it is refilled without waiting for the hour. */
  for (guint i = 0; i < 9; i++)
    {
      g_autoptr (Person) friend = person_new (10 + i);

      for (guint j = 0; j < 10; j++)
        {
          g_autoptr (GBytes) bundle = person_bundle (bob, friend, TRUE);

          g_assert_cmpuint (bundle_opks (bundle), ==, 1);
        }
    }
  person_advance (bob, 1000);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_opk WHERE mark = 0"), >=, 20);
  g_assert_cmpuint (bob->changed, >, changed);
}

typedef struct
{
  guint count;
  GBytes *bundle;
  GPtrArray *prekeys;
} Publication;

static gboolean
publish (Person *self, KithDb *db, gpointer data, GError **error)
{
  Publication *p = data;

  return kith_keys_publish (self->keys, db, p->count, &p->bundle, &p->prekeys, error);
}

static void
test_publish (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  Publication first = { .count = 100 }, second = { .count = 100 };
  g_autoptr (GBytes) link = NULL, link_key = NULL;

  person_run (bob, publish, &first);
  person_run (bob, publish, &second);
  g_assert_cmpuint (bundle_opks (first.bundle), ==, 0);
  g_assert_cmpuint (first.prekeys->len, ==, 100);
  for (guint i = 0; i < 100; i++)
    {
      g_assert_true (g_hash_table_add (seen, first.prekeys->pdata[i]));
      g_assert_true (g_hash_table_add (seen, second.prekeys->pdata[i]));
    }
  link = person_bundle (bob, alice, TRUE);
  g_assert_cmpuint (bundle_opks (link), ==, 1);
  link_key = g_bytes_new_from_bytes (link, KITH_E2EE_BUNDLE_BYTES, 32);
  g_assert_false (g_hash_table_contains (seen, link_key));
  for (guint i = 0; i < 4; i++)
    {
      Publication more = { .count = 100 };

      person_run (bob, publish, &more);
      g_bytes_unref (more.bundle);
      g_ptr_array_unref (more.prekeys);
    }
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_opk"), <=, 500);
  g_bytes_unref (first.bundle);
  g_bytes_unref (second.bundle);
  g_ptr_array_unref (first.prekeys);
  g_ptr_array_unref (second.prekeys);
}

static void
test_rotation (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2), carol = person_new (3);
  g_autoptr (GBytes) old = person_bundle (bob, alice, TRUE), older = person_bundle (bob, carol, TRUE);
  g_autoptr (GBytes) in_time = NULL, too_late = NULL;
  gint64 created = person_count (bob, "SELECT max (created) FROM key_spk");

  person_start (alice, bob, old);
  person_start (carol, bob, older);
  in_time = person_send (alice, bob, "in time");
  too_late = person_send (carol, bob, "too late");
  for (guint week = 1; week <= 4; week++)
    {
      person_advance (bob, 7 * DAY_MS);
      g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_spk"), ==, week + 1);
      g_assert_cmpint (person_count (bob, "SELECT max (created) FROM key_spk"), >, created);
      created = person_count (bob, "SELECT max (created) FROM key_spk");
    }
  assert_receives (bob, alice, in_time, "in time");
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_replay"), ==, 1);
  person_advance (bob, 7 * DAY_MS);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_spk"), ==, 5);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_replay"), ==, 0);
  g_assert_cmpint (person_receive (bob, carol, too_late, NULL), ==, KITH_E2EE_E_NO_SPK);
}

/* Set back by a year: `created` still grows, and the key is renewed, once. */
static void
test_clock_goes_back (void)
{
  g_autoptr (Person) bob = person_new (2);
  gint64 created = person_count (bob, "SELECT max (created) FROM key_spk");

  kith_world_set_date_ms (bob->world, kith_world_get_date_ms (bob->world) - 365 * DAY_MS);
  person_advance (bob, 3 * 3600 * 1000);
  g_assert_cmpint (person_count (bob, "SELECT max (created) FROM key_spk"), ==, created + 1);
  g_assert_cmpint (person_count (bob, "SELECT count(*) FROM key_spk"), ==, 2);
}

static void
test_certificates (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  const guint8 uuid[16] = { 1, 2, 3 }, other[16] = { 3, 2, 1 };
  g_autoptr (GByteArray) about = g_byte_array_new ();
  g_autoptr (GBytes) about_bytes = NULL, certificate = NULL, again = NULL, cut = NULL;
  const guint8 *identity = kith_keys_get_identity (alice->keys);
  gint64 created = 0, later = 0;
  guint32 device = 0;
  GError *error = NULL;

  g_byte_array_append (about, uuid, 16);
  g_byte_array_append (about, (const guint8 *)"alice", 5);
  about_bytes = g_bytes_new (about->data, about->len);
  certificate = kith_keys_certify (alice->keys, "kith/mailbox/1 device", about_bytes, &error);
  g_assert_no_error (error);
  again = kith_keys_certify (alice->keys, "kith/mailbox/1 device", about_bytes, &error);
  g_assert_cmpuint (g_bytes_get_size (certificate), ==, 76);
  g_assert_true (kith_keys_check_certificate (identity, uuid, "alice", certificate, &device, &created, &error));
  g_assert_true (kith_keys_check_certificate (identity, uuid, "alice", again, &device, &later, &error));
  g_assert_cmpuint (device, ==, kith_keys_get_device (alice->keys));
  g_assert_cmpint (later, >, created);

  g_assert_false (kith_keys_check_certificate (identity, other, "alice", certificate, &device, &created, NULL));
  g_assert_false (kith_keys_check_certificate (identity, uuid, "alicf", certificate, &device, &created, NULL));
  g_assert_false (kith_keys_check_certificate (kith_keys_get_identity (bob->keys), uuid, "alice", certificate,
                                               &device, &created, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_clear_error (&error);
  cut = g_bytes_new_from_bytes (certificate, 0, 75);
  g_assert_false (kith_keys_check_certificate (identity, uuid, "alice", cut, &device, &created, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL);
  g_clear_error (&error);
}

static void
test_purposes (void)
{
  g_autoptr (Person) alice = person_new (1);
  g_autoptr (GBytes) challenge = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (GBytes) short_one = g_bytes_new_static ("0123456789abcdef", 16);
  g_autoptr (GBytes) bare = kith_keys_certify (alice->keys, "challenge", challenge, NULL);
  g_autoptr (GBytes) bound = kith_keys_certify (alice->keys, "kith/signal/1 auth", challenge, NULL);
  g_autoptr (GBytes) recovery = kith_keys_derive (alice->keys, "kith/mailbox/1 recovery", NULL);
  g_autoptr (GBytes) marks = kith_keys_derive (alice->keys, "kith/mailbox/1 marks", NULL);
  g_autofree char *name = kith_keys_mark_name (alice->keys, kith_keys_get_identity (alice->keys));
  const guint8 *identity = kith_keys_get_identity (alice->keys);
  GError *error = NULL;

  g_assert_cmpint (kith_e2ee_verify (identity, g_bytes_get_data (challenge, NULL), 32, g_bytes_get_data (bare, NULL)),
                   ==, KITH_E2EE_OK);
  g_assert_cmpint (kith_e2ee_verify (identity, "kith/signal/1 auth0123456789abcdef0123456789abcdef", 50,
                                     g_bytes_get_data (bound, NULL)),
                   ==, KITH_E2EE_OK);
  g_assert_null (kith_keys_certify (alice->keys, "challenge", short_one, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_null (kith_keys_certify (alice->keys, "kith/e2ee/1 spk", challenge, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_null (kith_keys_derive (alice->keys, "kith/e2ee/1 root", &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_cmpuint (g_bytes_get_size (recovery), ==, 32);
  g_assert_false (g_bytes_equal (recovery, marks));
  g_assert_cmpuint (strlen (name), ==, 43);
}

static void
test_envelopes (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GBytes) payload = g_bytes_new_static ("hello", 5);
  g_autoptr (GBytes) envelope = NULL, opened = NULL;
  guint8 from[32];
  guint32 device = 0;
  KithE2eeCode code;
  GError *error = NULL;

  envelope = kith_keys_seal (alice->keys, kith_keys_get_identity (bob->keys), kith_keys_get_device (bob->keys),
                             payload, &error);
  g_assert_no_error (error);
  opened = kith_keys_unseal (bob->keys, envelope, from, &device, &code, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (opened, payload));
  g_assert_cmpmem (from, 32, kith_keys_get_identity (alice->keys), 32);
  g_assert_cmpuint (device, ==, kith_keys_get_device (alice->keys));
  g_assert_null (kith_keys_unseal (alice->keys, envelope, from, &device, &code, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL);
  g_assert_cmpint (code, ==, KITH_E2EE_E_AUTH);
  g_clear_error (&error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/keys/first-start", test_first_start);
  g_test_add_func ("/keys/number-in-worker", test_number_in_worker);
  g_test_add_func ("/keys/bundles", test_bundles);
  g_test_add_func ("/keys/refill", test_refill);
  g_test_add_func ("/keys/publish", test_publish);
  g_test_add_func ("/keys/rotation", test_rotation);
  g_test_add_func ("/keys/clock-goes-back", test_clock_goes_back);
  g_test_add_func ("/keys/certificates", test_certificates);
  g_test_add_func ("/keys/purposes", test_purposes);
  g_test_add_func ("/keys/envelopes", test_envelopes);
  return g_test_run ();
}
