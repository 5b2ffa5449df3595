/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-invite.h"
#include <sodium.h>
#include <string.h>

static void
make_key (guint8 *ik)
{
  guint8 secret[crypto_sign_SECRETKEYBYTES], seed[crypto_sign_SEEDBYTES] = { 7 };

  crypto_sign_seed_keypair (ik, secret, seed);
}

static void
test_round_trip (void)
{
  static const char *const addresses[] = { "tcp:192.0.2.7:9100", "tcp:[2001:db8::1]:9100", "onion:abc?x&y=1", NULL };
  guint8 ik[32];
  g_autofree char *text = NULL;
  g_autoptr (KithInvite) invite = NULL;
  g_autoptr (GError) error = NULL;

  make_key (ik);
  text = kith_invite_print ("alice", ik, addresses);
  g_assert_true (g_str_has_prefix (text, "kith:alice?ik="));
  invite = kith_invite_parse (text, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (invite->username, ==, "alice");
  g_assert_cmpmem (invite->ik, 32, ik, 32);
  g_assert_true (g_strv_equal ((const char *const *) invite->addresses, addresses));
}

static void
test_refused (void)
{
  guint8 ik[32];
  g_autofree char *good = NULL;
  char bad_key[64];

  make_key (ik);
  good = kith_invite_print ("alice", ik, NULL);
  memset (ik, 0, sizeof ik); /* a point of small order is nobody's key */
  sodium_bin2base64 (bad_key, sizeof bad_key, ik, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  {
    g_autofree char *zero = g_strdup_printf ("kith:alice?ik=%s", bad_key);
    g_autofree char *twice = g_strdup_printf ("%s&%s", good, strchr (good, '?') + 1);
    g_autofree char *cut = g_strndup (good, strlen (good) - 1);
    g_autofree char *name = g_strconcat ("kith:Alice", strchr (good, '?'), NULL);
    g_autofree char *escape = g_strconcat (good, "&a=%zz", NULL);
    const char *const texts[]
        = { "",   "kith:", "kith:alice", "alice", "kith:alice?", "kith:alice?ik", "kith:alice?a=tcp:h:1",
            zero, twice,   cut,          name,    escape };

    for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
      {
        g_autoptr (GError) error = NULL;

        g_assert_null (kith_invite_parse (texts[i], &error));
        g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
      }
  }
}

static void
test_padding_and_unknown (void)
{
  guint8 ik[32];
  g_autofree char *good = NULL, *padded = NULL;
  g_autoptr (KithInvite) invite = NULL;

  make_key (ik);
  good = kith_invite_print ("bob.2", ik, NULL);
  padded = g_strconcat (good, "=&later=thing&a=NOSCHEME:x&a=ok:1", NULL);
  invite = kith_invite_parse (padded, NULL);
  g_assert_nonnull (invite);
  g_assert_cmpuint (g_strv_length (invite->addresses), ==, 1);
  g_assert_cmpstr (invite->addresses[0], ==, "ok:1");
}

static void
test_at_most_eight (void)
{
  guint8 ik[32];
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *good = NULL;
  g_autoptr (KithInvite) invite = NULL;

  make_key (ik);
  good = kith_invite_print ("bob", ik, NULL);
  g_string_append (text, good);
  for (int i = 0; i < 20; i++)
    g_string_append_printf (text, "&a=tcp:h:%d", i + 1);
  invite = kith_invite_parse (text->str, NULL);
  g_assert_cmpuint (g_strv_length (invite->addresses), ==, KITH_INVITE_ADDRESSES_MAX);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (sodium_init () < 0)
    return 1;
  g_test_add_func ("/chat/invite/round-trip", test_round_trip);
  g_test_add_func ("/chat/invite/refused", test_refused);
  g_test_add_func ("/chat/invite/padding-and-unknown", test_padding_and_unknown);
  g_test_add_func ("/chat/invite/at-most-eight", test_at_most_eight);
  return g_test_run ();
}
