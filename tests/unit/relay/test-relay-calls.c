/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every function: who may call it, with which arguments, how often; accounts, devices, codes and keys. */
#include <string.h>

#include "relay-fixture.h"

#define CONV "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

typedef struct
{
  const char *name;
  const char *good;            /* arguments that fit */
  gboolean unregistered;       /* whoever has only signed up may call it */
  const char *wrong[6];        /* arguments of another type: 400 */
} Function;

static const Function functions[] = {
  { "register",
    "{'p_username':'x','p_identity_key':'" A_KEY "','p_cert':'" A_CERT "','p_recovery_hash':'" A_HASH "'}",
    TRUE,
    { "{'p_username':1,'p_identity_key':'" A_KEY "','p_cert':'" A_CERT "','p_recovery_hash':'" A_HASH "'}" } },
  { "link_begin",
    "{'p_code_hash':'" A_HASH "'}",
    FALSE,
    { "{'p_code_hash':[]}", "{'p_code_hash':'x'}", "{'p_code_hash':null}" } },
  { "link_claim", "{'p_code':'x','p_cert':'" A_CERT "'}", TRUE, { "{'p_code':{},'p_cert':'x'}" } },
  { "publish",
    "{'p_bundle':'" A_CERT "','p_prekeys':[]}",
    FALSE,
    { "{'p_bundle':7}", "{'p_bundle':null}", "{'p_bundle':'" A_CERT "','p_prekeys':'x'}",
      "{'p_bundle':'" A_CERT "','p_prekeys':[1]}", "{'p_bundle':'" A_CERT "','p_prekeys':[null]}",
      "{'p_bundle':'" A_CERT "','p_prekeys':['x']}" } },
  { "lookup", "{'p_username':'x'}", FALSE, { "{'p_username':true}" } },
  { "claim", "{'p_device':'" UUID_A "'}", FALSE, { "{'p_device':'x'}", "{'p_device':1}" } },
  { "send", "{'p_messages':[]}", FALSE, { "{'p_messages':{}}" } },
  { "fetch",
    "{'p_consumer':'" UUID_A "'}",
    FALSE,
    { "{'p_consumer':'x'}", "{'p_consumer':'" UUID_A "','p_limit':1.5}",
      "{'p_consumer':'" UUID_A "','p_lease':true}" } },
  { "ack",
    "{'p_consumer':'" UUID_A "','p_ids':[]}",
    FALSE,
    { "{'p_consumer':'" UUID_A "','p_ids':'x'}", "{'p_consumer':'" UUID_A "','p_ids':['x']}",
      "{'p_consumer':'" UUID_A "','p_ids':[[]]}", "{'p_consumer':7,'p_ids':[]}" } },
  { "release", "{'p_consumer':'" UUID_A "'}", FALSE, { "{'p_consumer':''}" } },
  { "grant",
    "{'p_peer':'" UUID_A "','p_sealed':'x'}",
    FALSE,
    { "{'p_peer':'x'}", "{'p_peer':'" UUID_A "','p_sealed':1}" } },
  { "ungrant", "{'p_peer':'" UUID_A "'}", FALSE, { "{'p_peer':{}}" } },
  { "beat", "{'p_visible':true}", FALSE, { "{'p_visible':1}", "{'p_visible':'true'}" } },
  { "mark_read",
    "{'p_conv':'" CONV "','p_pos':1,'p_sealed':null}",
    FALSE,
    { "{'p_conv':'" CONV "','p_pos':'1'}", "{'p_conv':'" CONV "','p_pos':1.5}", "{'p_conv':'" CONV "','p_pos':null}",
      "{'p_conv':'short','p_pos':1}", "{'p_conv':null,'p_pos':1}" } },
  { "marks", "{}", FALSE, { NULL } },
  { "delete_account", "{}", FALSE, { NULL } },
  { "purge", "{}", FALSE, { NULL } },
};

static void
check_call (Relay *f, const char *name, const char *token, const char *body, guint status, const char *code)
{
  g_autofree char *path = g_strconcat ("/rest/v1/rpc/kith_", name, NULL);

  check_status (relay_ask (f, "POST", path, token, body), status, code);
}

/* --- the negative matrix */

static void
test_matrix (Relay *f, gconstpointer data)
{
  g_autoptr(Device) stranger = device_sign_up (f);
  g_autoptr(Device) gone = device_new (f);
  g_autofree char *other_relay = NULL;
  guint8 kept[32];

  check_call (f, "delete_account", gone->token, "{}", 204, NULL);
  check_status (relay_ask (f, "POST", "/auth/v1/logout", gone->token, NULL), 204, NULL);
  memcpy (kept, f->relay.secret, sizeof kept);
  f->relay.secret[0] ^= 1;
  other_relay = kith_relay_token_make (&f->relay, stranger->id, UUID_A, 1900000000);
  memcpy (f->relay.secret, kept, sizeof kept);
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      const Function *at = &functions[i];
      gboolean purge = strcmp (at->name, "purge") == 0;

      g_test_message ("%s", at->name);
      check_call (f, at->name, NULL, at->good, 401, "42501");
      check_call (f, at->name, other_relay, at->good, 401, "PGRST301");
      check_call (f, at->name, gone->token, at->good, purge ? 403 : 401, purge ? "42501" : "kith_no_session");
      if (!at->unregistered)
        check_call (f, at->name, stranger->token, at->good, 403, purge ? "42501" : "kith_not_registered");
    }
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM accounts"), ==, 0);
}

static void
test_arguments (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);

  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      const Function *at = &functions[i];
      g_autofree char *more = g_strdup_printf ("{'p_more':1%s%s", strlen (at->good) > 2 ? "," : "", at->good + 1);

      g_test_message ("%s", at->name);
      check_call (f, at->name, device->token, more, 404, "PGRST202");
      if (strlen (at->good) > 2 && strcmp (at->name, "beat") != 0)
        check_call (f, at->name, device->token, "{}", 404, "PGRST202");
      for (guint k = 0; k < G_N_ELEMENTS (at->wrong) && at->wrong[k] != NULL; k++)
        {
          g_test_message ("  %s", at->wrong[k]);
          check_call (f, at->name, device->token, at->wrong[k], 400, NULL);
        }
    }
}

static void
test_bodies (Relay *f, gconstpointer data)
{
  static const char *const wrong[] = { "[]",
                                       "null",
                                       "{",
                                       "{}x",
                                       "{'p_visible':true,'p_visible':true}",
                                       "{\xff:1}",
                                       "{'p_visible':01}",
                                       "{'a\\u0000b':1}",
                                       "{'p':'\\ud800'}",
                                       " " };
  static const char where[] = "/rest/v1/rpc/kith_beat";
  g_autoptr(Device) device = device_new (f);
  g_autofree char *deep = g_strnfill (80000, '['), *big = g_strnfill (5 * 1024 * 1024 + 1, ' ');
  gsize most = 5 * 1024 * 1024;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_test_message ("%s", wrong[i]);
      check_status (relay_ask (f, "POST", where, device->token, wrong[i]), 400, "PGRST102");
    }
  check_status (relay_ask_bytes (f, "POST", where, device->token, "{\"\0\":1}", 7), 400, "PGRST102");
  check_status (relay_ask (f, "POST", where, device->token, deep), 400, "PGRST102");
  check_status (relay_ask (f, "POST", where, device->token, ""), 200, NULL);        /* no arguments */
  check_status (relay_ask (f, "POST", where, device->token, NULL), 200, NULL);
  memcpy (big, "{}", 2);
  check_status (relay_ask_bytes (f, "POST", where, device->token, big, most), 200, NULL);
  check_status (relay_ask_bytes (f, "POST", where, device->token, big, most + 1), 413, NULL);
  check_status (relay_ask_bytes (f, "POST", "/auth/v1/signup", NULL, big, most + 1), 413, NULL);
  check_status (relay_ask (f, "POST", where, device->token, "{}"), 200, NULL);
}

/* --- accounts and devices */

static Answer *
register_as (Device *device, const char *name, const char *key, const char *cert, const char *recovery)
{
  return device_call (device, "register",
                      "{'p_username':'%s','p_identity_key':'%s','p_cert':'%s','p_recovery_hash':'%s'}", name, key, cert,
                      recovery);
}

static void
test_register (Relay *f, gconstpointer data)
{
  static const char *const names[]
      = { "", "A", ".a", "-a", "_a", "a b", "\xc3\xa4", "a\\n", "abcdefghijklmnopqrstuvwxyz0123456" };
  static const char other[] = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  g_autoptr(Device) device = device_new (f);
  g_autoptr(Device) second = device_sign_up (f);
  g_autofree char *same = g_strdup_printf ("{'user_id':'%s','device_id':'%s'}", device->user, device->id);
  g_autofree char *long_cert = g_strnfill (2049, 'A'), *cert = g_strnfill (2048, 'A');

  check_text (register_as (device, device->name, A_KEY, A_CERT, A_HASH), same);
  check_status (register_as (device, "other", A_KEY, A_CERT, A_HASH), 409, "kith_already_registered");
  check_status (register_as (device, device->name, other, A_CERT, A_HASH), 409, "kith_already_registered");
  check_status (register_as (second, device->name, A_KEY, A_CERT, A_HASH), 409, "kith_username_taken");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    check_status (register_as (second, names[i], A_KEY, A_CERT, A_HASH), 400, "kith_bad_request");
  check_status (register_as (second, "free", "AAAA", A_CERT, A_HASH), 400, "kith_bad_request");
  check_status (register_as (second, "free", A_KEY, "short", A_HASH), 400, "kith_bad_request");
  check_status (register_as (second, "free", A_KEY, long_cert, A_HASH), 400, "kith_bad_request");
  check_status (register_as (second, "free", A_KEY, A_CERT, "0123"), 400, "kith_bad_request");
  check_status (register_as (second, "0.free_-name", A_KEY, cert, A_HASH), 200, NULL);
  check_status (register_as (second, "free", A_KEY, A_CERT, A_HASH), 409, "kith_already_registered");
}

static Answer *
claim_code (Device *device, const char *code)
{
  return device_call (device, "link_claim", "{'p_code':'%s','p_cert':'" A_CERT "'}", code);
}

static void
begin_code (Device *device, const char *code, guint status)
{
  g_autofree char *hashed = g_compute_checksum_for_string (G_CHECKSUM_SHA256, code, -1);

  check_status (device_call (device, "link_begin", "{'p_code_hash':'%s'}", hashed), status,
                status == 429 ? "kith_rate_limited" : NULL);
}

static void
test_codes (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autoptr(Device) second = device_sign_up (f);
  g_autoptr(Device) third = device_sign_up (f);
  g_autofree char *joined = g_strdup_printf ("{'user_id':'%s','device_id':'%s'}", device->user, second->id);

  begin_code (device, "one", 204);
  begin_code (device, "two", 204);
  check_status (device_call (second, "link_claim", "{'p_code':'one','p_cert':'short'}"), 400, "kith_bad_request");
  check_text (claim_code (second, "one"), joined);                          /* the bad certificate did not use it up */
  check_status (claim_code (second, "two"), 409, "kith_already_registered");
  check_status (claim_code (third, "one"), 404, "kith_bad_code");           /* once */
  kith_world_set_date_ms (f->world, kith_world_get_date_ms (f->world) + 600000);
  check_status (claim_code (third, "two"), 404, "kith_bad_code");           /* ten minutes, swept away or not */
  for (guint i = 0; i < 8; i++)
    {
      g_autofree char *code = g_strdup_printf ("code %u", i);

      begin_code (i % 2 == 0 ? device : second, code, 204);                 /* eight open ones an account */
    }
  begin_code (device, "nine", 429);
  begin_code (second, "nine", 429);
  relay_pass_s (f, 600);
  begin_code (device, "nine", 204);
  check_status (claim_code (third, "nine"), 200, NULL);
}

/* A wrong code counts though it is refused, over a restart too; a right one does not help whoever guessed too much. */
static void
test_guesses (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autoptr(Device) guesser = device_sign_up (f);
  g_autoptr(Device) other = device_sign_up (f);

  begin_code (device, "right", 204);
  for (guint i = 0; i < 9; i++)
    check_status (claim_code (guesser, "wrong"), 404, "kith_bad_code");
  relay_restart (f);
  check_status (claim_code (guesser, "wrong"), 404, "kith_bad_code");
  g_assert_cmpint (check_throttled (claim_code (guesser, "wrong"), "kith_rate_limited"), <=, 21);
  check_throttled (claim_code (guesser, "right"), "kith_rate_limited");
  relay_pass_s (f, 21);
  check_status (claim_code (guesser, "wrong"), 404, "kith_bad_code");       /* one in 20 s */
  check_throttled (claim_code (guesser, "right"), "kith_rate_limited");
  check_status (claim_code (other, "right"), 200, NULL);
}

static void
test_recovery (Relay *f, gconstpointer data)
{
  g_autofree char *hashed = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "my recovery code", -1);
  g_autoptr(Device) first = device_sign_up (f);
  g_autofree char *too_long = g_strnfill (257, 'x');

  check_status (register_as (first, "me", A_KEY, A_CERT, hashed), 200, NULL);
  relay_pass_s (f, 30 * 86400);
  for (guint i = 0; i < 7; i++)
    {
      g_autoptr(Device) more = device_sign_up (f);

      check_status (claim_code (more, too_long), 400, "kith_bad_request");
      check_status (claim_code (more, "my recovery code"), 200, NULL);
    }
  {
    g_autoptr(Device) ninth = device_sign_up (f);

    check_status (claim_code (ninth, "my recovery code"), 409, "kith_too_many_devices");
  }
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM devices"), ==, 8);
}

static void
test_delete (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);

  check_sent (a, b, 1, "stored");
  check_sent (b, a, 1, "stored");
  check_status (device_call (a, "grant", "{'p_peer':'%s'}", b->user), 204, NULL);
  check_status (device_call (a, "publish", "{'p_bundle':'" A_CERT "','p_prekeys':['" A_KEY "']}"), 200, NULL);
  check_status (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':1}"), 200, NULL);
  begin_code (a, "code", 204);
  g_assert_cmpint (device_fetch (a, UUID_A), ==, 1);
  check_status (device_call (a, "delete_account", "{}"), 204, NULL);
  g_assert_cmpint (
      relay_sql (f, "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM prekeys) +"
                    " (SELECT count(*) FROM grants) + (SELECT count(*) FROM marks) + (SELECT count(*) FROM links)"
                    " + (SELECT count(*) FROM leases)"),
      ==, 0);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM bells"), ==, 1);
  check_sent (b, a, 1, "no_device");
  check_text (device_call (b, "lookup", "{'p_username':'%s'}", a->name), "null");
  check_status (register_as (a, a->name, A_KEY, A_CERT, A_HASH), 200, NULL);
}

/* --- the directory and keys */

static char *
make_key (guint n)
{
  guint8 bytes[32] = { 0 };

  memcpy (bytes, &n, sizeof n);
  return g_base64_encode (bytes, sizeof bytes);
}

static Answer *
publish (Device *device, guint from, guint to)
{
  g_autoptr(GString) keys = g_string_new (NULL);

  for (guint i = from; i < to; i++)
    {
      g_autofree char *key = make_key (i);

      g_string_append_printf (keys, "%s'%s'", i > from ? "," : "", key);
    }
  return device_call (device, "publish", "{'p_bundle':'" A_CERT "','p_prekeys':[%s]}", keys->str);
}

static void
check_claim (Device *device, Device *of, guint expected)
{
  g_autoptr(Answer) answer = device_call (device, "claim", "{'p_device':'%s'}", of->id);
  g_autofree char *key = make_key (expected);

  g_assert_cmpuint (answer->status, ==, 200);
  if (expected == 0)
    g_assert_nonnull (strstr (answer->text, "\"prekey\":null"));
  else
    g_assert_cmpstr (answer_get (answer, "prekey"), ==, key);
}

static void
test_prekeys (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);

  check_status (device_call (b, "claim", "{'p_device':'%s'}", a->id), 404, "kith_no_device");
  check_status (device_call (b, "claim", "{'p_device':'" UUID_A "'}"), 404, "kith_no_device");
  check_text (publish (a, 1, 200), "{'prekeys':199}");
  check_status (publish (a, 1, 202), 413, "kith_too_many_prekeys");
  check_text (publish (a, 1, 201), "{'prekeys':200}");                 /* those that are there already are no more */
  check_claim (b, a, 1);
  check_claim (b, a, 2);
  check_claim (b, a, 3);
  relay_sql (f, "DELETE FROM prekeys WHERE n > (SELECT min (n) FROM prekeys)");
  check_claim (b, a, 4);
  check_claim (b, a, 0);                                               /* none left: the signed one has to do */
  g_assert_cmpint (check_throttled (device_call (b, "claim", "{'p_device':'%s'}", a->id), "kith_rate_limited"), ==,
                   201);
  check_claim (a, a, 0);                                               /* a pair's, not the mailbox's */
  relay_pass_s (f, 201);
  check_claim (b, a, 0);
}

static void
test_lookup (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);
  g_autofree char *found
      = g_strdup_printf ("{'user_id':'%s','username':'%s','identity_key':'" A_KEY "','devices':[{'id':'%s',"
                         "'cert':'" A_CERT "'}]}",
                         b->user, b->name, b->id);

  check_text (device_call (a, "lookup", "{'p_username':'%s'}", b->name), found);
  check_text (device_call (a, "lookup", "{'p_username':null}"), "null");
  for (guint i = 0; i < 58; i++)
    check_text (device_call (a, "lookup", "{'p_username':'nobody'}"), "null");     /* those count, too */
  g_assert_cmpint (check_throttled (device_call (a, "lookup", "{'p_username':'%s'}", b->name), "kith_rate_limited"), <=,
                   6);
  check_text (device_call (b, "lookup", "{'p_username':'%s'}", b->name), found);
  relay_pass_s (f, 6);
  check_text (device_call (a, "lookup", "{'p_username':'%s'}", b->name), found);
}

#define ADD(path, test) g_test_add ("/relay/calls/" path, Relay, NULL, relay_set_up, test, relay_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("matrix", test_matrix);
  ADD ("arguments", test_arguments);
  ADD ("bodies", test_bodies);
  ADD ("register", test_register);
  ADD ("codes", test_codes);
  ADD ("guesses", test_guesses);
  ADD ("recovery", test_recovery);
  ADD ("delete", test_delete);
  ADD ("prekeys", test_prekeys);
  ADD ("lookup", test_lookup);
  return g_test_run ();
}
