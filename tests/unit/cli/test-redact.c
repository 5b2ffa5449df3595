/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the doctor's report must not show. */
#include "kith-redact.h"

static const char *const friends[] = { "bob", "carol.x", "日", NULL };
static const KithRedaction redaction = { "/srv/ann", "/srv/ann/.local/share/kith/default", "ann", "alice", friends };

static void
check (const char *text, const char *expected)
{
  g_autofree char *redacted = kith_redact (&redaction, text);

  g_assert_cmpstr (redacted, ==, expected);
}

static void
test_folders (void)
{
  check ("/srv/ann/.local/share/kith/default/kith.db is damaged", "DATA/kith.db is damaged");
  check ("cannot read /srv/ann/x", "cannot read ~/x");
  check ("/media/ann/stick", "/media/USER/stick");
  check ("/srv/annabel/x", "/srv/annabel/x");
}

static void
test_names (void)
{
  check ("no link to bob: gone", "no link to friend-1: gone");
  check ("Bob, bob. and “bob”", "friend-1, friend-1. and “friend-1”");
  check ("bobby is not bob's", "bobby is not friend-1's");
  check ("carol.x is there", "friend-2 is there");
  check ("alice and carol.x.", "me and friend-2.");
}

static void
test_keys (void)
{
  check ("0123456789abcdef0123456789abcdef is new", "0123… is new");
  check ("12345 abcdef", "12345 abcdef");
  check ("kith:bob?ik=xyz&a=tcp", "kith:…");
  check ("the token=abcdef is wrong", "the token=… is wrong");
}

static void
test_addresses (void)
{
  check ("tcp:192.0.2.7:9100 refused", "tcp:… refused");
  check ("192.0.2.7 refused", "ADDRESS refused");
  check ("tcp:127.0.0.1:9100 and 127.0.0.1", "tcp:127.0.0.1:9100 and 127.0.0.1");
  check ("https://abc.example.org/x, then", "https://…, then");
  check ("http://localhost:1420", "http://localhost:1420");
  check ("libsoup 3.2.3, 1.2.3.4.5", "libsoup 3.2.3, 1.2.3.4.5");
  check ("", "");
}

static void
test_settings (void)
{
  g_assert_true (kith_redact_is_secret ("supabase.api-key"));
  g_assert_true (kith_redact_is_secret ("x.key"));
  g_assert_true (kith_redact_is_secret ("supabase.password"));
  g_assert_true (kith_redact_is_secret ("username"));
  g_assert_true (kith_redact_is_secret ("some.access-token"));
  g_assert_false (kith_redact_is_secret ("require-token"));
  g_assert_false (kith_redact_is_secret ("key-store"));
  g_assert_false (kith_redact_is_secret ("api-port"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/redact/folders", test_folders);
  g_test_add_func ("/cli/redact/names", test_names);
  g_test_add_func ("/cli/redact/keys", test_keys);
  g_test_add_func ("/cli/redact/addresses", test_addresses);
  g_test_add_func ("/cli/redact/settings", test_settings);
  return g_test_run ();
}
