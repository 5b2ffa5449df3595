/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who gets in: tokens, sessions, sign-ups, invitations, and what everybody else is told. */
#include <sodium.h>
#include <string.h>

#include "relay-fixture.h"

#define GOOD_HEAD "{'alg':'HS256','typ':'JWT'}"

static char *
encode (const void *data, gsize n)
{
  gsize size = sodium_base64_ENCODED_LEN (n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  char *text = g_malloc (size);

  return sodium_bin2base64 (text, size, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static char *
encode_text (const char *text)
{
  g_autofree char *quoted = g_strdelimit (g_strdup (text), "'", '"');

  return encode (quoted, strlen (quoted));
}

/* A token with this head and these claims, signed with the relay's own key, or another. */
static char *
forge (Relay *f, const char *head, const char *claims, gboolean another_key)
{
  g_autofree char *first = encode_text (head), *second = encode_text (claims);
  g_autofree char *said = g_strconcat (first, ".", second, NULL);
  g_autofree char *signature = NULL;
  guint8 mac[crypto_auth_hmacsha256_BYTES], key[crypto_auth_hmacsha256_KEYBYTES] = { 1 };

  crypto_auth_hmacsha256 (mac, (const guint8 *) said, strlen (said), another_key ? key : f->relay.secret);
  signature = encode (mac, sizeof mac);
  return g_strconcat (said, ".", signature, NULL);
}

static char *
get_session (Device *device)
{
  KithRelayClaims claims = { 0 };

  g_assert_null (kith_relay_token_check (&device->at->relay, device->token, &claims));
  g_assert_cmpstr (claims.user, ==, device->id);
  return g_strdup (claims.session);
}

/* more: in place of the good 'exp', 'aud' and 'role'. */
static char *
make_claims (Device *device, const char *more)
{
  g_autofree char *session = get_session (device);

  return g_strdup_printf ("{'sub':'%s','session_id':'%s',%s}", device->id, session, more);
}

static void
check_marks (Device *device, const char *token, guint status, const char *code)
{
  check_status (relay_ask (device->at, "POST", "/rest/v1/rpc/kith_marks", token, "{}"), status, code);
}

/* --- access tokens */

static void
test_claims (Relay *f, gconstpointer data)
{
  static const struct { const char *claims; gboolean good; } cases[] = {
    { "'exp':1790000001,'aud':'authenticated','role':'authenticated'", TRUE },
    { "'exp':1790000000,'aud':'authenticated','role':'authenticated'", FALSE },
    { "'exp':-1,'aud':'authenticated','role':'authenticated'", FALSE },
    { "'exp':1790000001.5,'aud':'authenticated','role':'authenticated'", FALSE },
    { "'exp':'1790000001','aud':'authenticated','role':'authenticated'", FALSE },
    { "'exp':null,'aud':'authenticated','role':'authenticated'", FALSE },
    { "'exp':99999999999999999999,'aud':'authenticated','role':'authenticated'", FALSE },
    { "'aud':'authenticated','role':'authenticated'", FALSE },
    { "'exp':1790000001,'role':'authenticated'", FALSE },
    { "'exp':1790000001,'aud':'anon','role':'authenticated'", FALSE },
    { "'exp':1790000001,'aud':['authenticated'],'role':'authenticated'", FALSE },
    { "'exp':1790000001,'aud':'authenticated'", FALSE },
    { "'exp':1790000001,'aud':'authenticated','role':'service_role'", FALSE },
    { "'exp':1790000001,'aud':'authenticated','role':'authenticated','role':'authenticated'", FALSE },
  };
  g_autoptr(Device) device = device_new (f);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *claims = make_claims (device, cases[i].claims);
      g_autofree char *token = forge (f, GOOD_HEAD, claims, FALSE);
      g_autofree char *other = forge (f, GOOD_HEAD, claims, TRUE);

      g_test_message ("%s", cases[i].claims);
      check_marks (device, token, cases[i].good ? 200 : 401, cases[i].good ? "" : "PGRST301");
      check_marks (device, other, 401, "PGRST301");
    }
}

static void
test_heads (Relay *f, gconstpointer data)
{
  static const char *const heads[] = { "{'alg':'none'}", "{'alg':'HS512','typ':'JWT'}", "{'alg':'hs256'}",
                                       "{'alg':['HS256']}", "{'typ':'JWT'}", "[]", "HS256", "" };
  g_autoptr(Device) device = device_new (f);
  g_autofree char *claims = make_claims (device, "'exp':1790000001,'aud':'authenticated','role':'authenticated'");
  g_autofree char *good = forge (f, "{'typ':'JWT','alg':'HS256','kid':'1'}", claims, FALSE);

  check_marks (device, good, 200, "");
  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      g_autofree char *token = forge (f, heads[i], claims, FALSE);

      check_marks (device, token, 401, "PGRST301");
    }
}

/* Those that name nobody, or somebody else than the session's. */
static void
test_names (Relay *f, gconstpointer data)
{
  static const char rest[] = "'exp':1790000001,'aud':'authenticated','role':'authenticated'";
  g_autoptr(Device) device = device_new (f);
  g_autoptr(Device) other = device_new (f);
  g_autofree char *mine = get_session (device), *theirs = get_session (other);
  g_autofree char *crossed = g_strdup_printf ("{'sub':'%s','session_id':'%s',%s}", device->id, theirs, rest);
  g_autofree char *nobody = g_strdup_printf ("{'sub':'x','session_id':'%s',%s}", mine, rest);
  g_autofree char *nowhere = g_strdup_printf ("{'sub':'%s',%s}", device->id, rest);
  g_autofree char *first = forge (f, GOOD_HEAD, crossed, FALSE), *second = forge (f, GOOD_HEAD, nobody, FALSE);
  g_autofree char *third = forge (f, GOOD_HEAD, nowhere, FALSE);

  check_marks (device, first, 401, "kith_no_session");
  check_marks (device, second, 401, "PGRST301");
  check_marks (device, third, 401, "PGRST301");
}

static void
test_shapes (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autofree char *cut = g_strndup (device->token, strlen (device->token) - 1);
  g_autofree char *longer = g_strconcat (device->token, "A", NULL), *padded = g_strconcat (device->token, "=", NULL);
  g_autofree char *four = g_strconcat (device->token, ".", NULL), *endless = g_strnfill (8000, 'a');
  const char *const wrong[] = { cut, longer, padded, four, endless, "x", "a.b", "..", "a.b.c", "eyJ.eyJ.e_-" };

  check_marks (device, device->token, 200, "");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    check_marks (device, wrong[i], 401, "PGRST301");
  check_marks (device, NULL, 401, "42501");
  check_marks (device, "sb_publishable_x", 401, "42501");      /* a key is no token: nobody */
}

static void
test_expiry (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autofree char *body = g_strdup_printf ("{'refresh_token':'%s'}", device->refresh);
  g_autoptr(Answer) renewed = NULL;

  relay_pass_s (f, 3599);
  check_marks (device, device->token, 200, "");
  relay_pass_s (f, 1);
  check_marks (device, device->token, 401, "PGRST301");
  check_status (relay_ask (f, "GET", "/auth/v1/user", device->token, NULL), 403, "bad_jwt");
  renewed = relay_ask (f, "POST", "/auth/v1/token?grant_type=refresh_token", NULL, body);
  g_assert_cmpuint (renewed->status, ==, 200);
  g_assert_cmpint (answer_get_int (renewed, "expires_in"), ==, 3600);
  g_assert_cmpint (answer_get_int (renewed, "expires_at"), ==, 1790000000 + 2 * 3600);
  check_marks (device, answer_get (renewed, "access_token"), 200, "");
}

/* --- refresh tokens */

static Answer *
renew (Relay *f, const char *refresh)
{
  g_autofree char *body = g_strdup_printf ("{'refresh_token':'%s'}", refresh);

  return relay_ask (f, "POST", "/auth/v1/token?grant_type=refresh_token", NULL, body);
}

static char *
renew_well (Relay *f, const char *refresh)
{
  g_autoptr(Answer) answer = renew (f, refresh);

  g_assert_cmpuint (answer->status, ==, 200);
  g_assert_cmpstr (answer_get (answer, "refresh_token"), !=, refresh);
  return g_strdup (answer_get (answer, "refresh_token"));
}

/* A lost answer may be asked for again; using an old one after that ends the session for both who have it. */
static void
test_reuse (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autofree char *second = renew_well (f, device->refresh), *again = NULL, *third = NULL;

  relay_pass_s (f, 3000);
  again = renew_well (f, device->refresh);         /* the newest answer was lost, however long ago */
  third = renew_well (f, again);
  relay_pass_s (f, 9);
  g_free (renew_well (f, again));                  /* within ten seconds */
  relay_restart (f);                               /* what was handed out stands over a restart */
  g_free (renew_well (f, third));
  relay_pass_s (f, 11);
  check_status (renew (f, second), 400, "refresh_token_already_used");
  check_status (renew (f, third), 400, "refresh_token_not_found");
  check_marks (device, device->token, 401, NULL);
  check_status (renew (f, device->refresh), 400, "refresh_token_not_found");
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM refresh_tokens"), ==, 0);
}

static void
test_refresh_stored (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autofree char *sql = g_strdup_printf ("SELECT count(*) FROM refresh_tokens WHERE instr (hash, '%s') OR"
                                          " instr (coalesce (next, ''), '%s')", device->refresh, device->refresh);

  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM refresh_tokens"), ==, 1);
  g_assert_cmpint (relay_sql (f, sql), ==, 0);     /* hashed only */
}

static void
test_refresh_refusals (Relay *f, gconstpointer data)
{
  static const char where[] = "/auth/v1/token?grant_type=refresh_token";
  g_autoptr(Answer) modern = NULL;

  check_status (renew (f, "nonsense"), 400, "refresh_token_not_found");
  check_status (renew (f, ""), 400, "refresh_token_not_found");
  check_status (relay_ask (f, "POST", where, NULL, "{}"), 400, "validation_failed");
  check_status (relay_ask (f, "POST", where, NULL, "{'refresh_token':7}"), 400, "validation_failed");
  check_status (relay_ask (f, "POST", where, NULL, "{'refresh_token':null}"), 400, "validation_failed");
  check_status (relay_ask (f, "POST", where, NULL, "['x']"), 400, "validation_failed");
  check_status (relay_ask (f, "POST", where, NULL, "{"), 400, "validation_failed");
  check_status (relay_ask (f, "POST", "/auth/v1/token?grant_type=password", NULL, "{}"), 400, "validation_failed");
  check_status (relay_ask (f, "GET", where, NULL, NULL), 404, NULL);
}

static void
test_sign_out (Relay *f, gconstpointer data)
{
  g_autoptr(Device) device = device_new (f);
  g_autoptr(Device) other = device_new (f);

  check_status (relay_ask (f, "POST", "/auth/v1/logout?scope=local", NULL, NULL), 401, "no_authorization");
  check_status (relay_ask (f, "POST", "/auth/v1/logout?scope=local", device->token, NULL), 204, "");
  check_status (relay_ask (f, "GET", "/auth/v1/user", device->token, NULL), 403, "session_not_found");
  check_marks (device, device->token, 401, "kith_no_session");
  check_status (renew (f, device->refresh), 400, "refresh_token_not_found");
  check_status (relay_ask (f, "POST", "/auth/v1/logout?scope=local", device->token, NULL), 403, "session_not_found");
  check_marks (other, other->token, 200, "");
}

/* --- signing up */

static Answer *
sign_up (Relay *f, const char *body)
{
  return relay_ask (f, "POST", "/auth/v1/signup", NULL, body);
}

static void
test_sign_up_limit (Relay *f, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    check_status (sign_up (f, "{}"), 200, NULL);
  check_status (sign_up (f, "{}"), 429, "over_request_rate_limit");
  f->forwarded = g_strdup ("192.0.2.1");
  check_status (sign_up (f, "{}"), 200, NULL);
  g_free (f->forwarded);
  f->forwarded = g_strdup ("127.0.0.1, 198.51.100.7 , 192.0.2.1");      /* what the proxy itself saw comes last */
  check_status (sign_up (f, "{}"), 200, NULL);
  check_status (sign_up (f, "{}"), 200, NULL);
  check_status (sign_up (f, "{}"), 429, "over_request_rate_limit");
  g_clear_pointer (&f->forwarded, g_free);
  relay_pass_s (f, 119);
  check_status (sign_up (f, "{}"), 429, "over_request_rate_limit");
  relay_pass_s (f, 2);
  check_status (sign_up (f, "{}"), 200, NULL);                          /* 30 an hour */
  check_status (sign_up (f, "{}"), 429, "over_request_rate_limit");
}

static void
test_sign_up_refusals (Relay *f, gconstpointer data)
{
  check_status (sign_up (f, "{'email':'a@example.org','password':'x'}"), 422, "email_provider_disabled");
  check_status (sign_up (f, "{'phone':'1'}"), 422, "email_provider_disabled");
  check_status (sign_up (f, "[]"), 400, "bad_json");
  check_status (sign_up (f, "{} {}"), 400, "bad_json");
  check_status (sign_up (f, "{'a':1,'a':2}"), 400, "bad_json");
  check_status (relay_ask (f, "POST", "/auth/v1/admin/users", NULL, "{}"), 404, "not_found");
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM users"), ==, 0);
}

/* Nobody who only signed up fills the relay for ever. */
static void
test_sign_up_forgotten (Relay *f, gconstpointer data)
{
  g_autoptr(Device) idle = device_sign_up (f);
  g_autoptr(Device) used = device_new (f);

  relay_pass_s (f, 23 * 3600);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM users"), ==, 2);
  relay_pass_s (f, 3700);
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM users"), ==, 1);
  check_status (renew (f, idle->refresh), 400, "refresh_token_not_found");
  check_status (renew (f, used->refresh), 200, NULL);
}

static void
test_invitation (Relay *f, gconstpointer data)
{
  g_autofree char *with = g_strdup (f->key), *without = g_strdup (f->relay.api_key);
  g_autofree char *wrong = g_strconcat (without, ".come-iN-please", NULL), *empty = g_strconcat (without, ".", NULL);
  const char *const refused[] = { without, wrong, empty };
  g_autoptr(Device) device = device_new (f);

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_free (f->key);
      f->key = g_strdup (refused[i]);
      check_status (sign_up (f, "{}"), 422, "signup_disabled");
      check_marks (device, device->token, 200, "");            /* who is in stays in */
      check_status (renew (f, device->refresh), 200, NULL);
    }
  g_free (f->key);
  f->key = g_strdup (with);
  check_status (sign_up (f, "{}"), 200, NULL);
}

/* --- the key, and everything that is not there */

static void
test_api_key (Relay *f, gconstpointer data)
{
  g_autofree char *good = g_steal_pointer (&f->key), *cut = g_strndup (good, strlen (good) - 1);
  g_autofree char *longer = g_strconcat (good, "0", NULL),
                  *query = g_strconcat ("/auth/v1/settings?apikey=", good, NULL);
  const char *const wrong[] = { "", "wrong", cut, longer };

  check_status (relay_ask (f, "GET", "/auth/v1/settings", NULL, NULL), 401, NULL);
  check_status (sign_up (f, "{}"), 401, NULL);
  check_status (relay_ask (f, "GET", query, NULL, NULL), 200, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_free (f->key);
      f->key = g_strdup (wrong[i]);
      check_status (relay_ask (f, "GET", "/auth/v1/settings", NULL, NULL), 401, NULL);
      check_status (relay_ask (f, "POST", "/rest/v1/rpc/kith_marks", NULL, "{}"), 401, NULL);
    }
}

static void
test_nothing_else (Relay *f, gconstpointer data)
{
  static const char *const paths[] = { "/",
                                       "/rest/v1/",
                                       "/rest/v1/messages",
                                       "/rest/v1/rpc/kith_nothing",
                                       "/rest/v1/rpc/",
                                       "/rest/v1/rpc/kith_send/",
                                       "/rest/v1/rpc/sqlite_version",
                                       "/storage/v1/bucket",
                                       "/auth/v1/",
                                       "/auth/v1/otp",
                                       "/realtime/v1/api",
                                       "/admin/status",
                                       "/status" };
  g_autoptr(Device) device = device_new (f);

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_test_message ("%s", paths[i]);
      check_status (relay_ask (f, "POST", paths[i], device->token, "{}"), 404, NULL);
    }
  check_status (relay_ask (f, "GET", "/rest/v1/rpc/kith_marks", device->token, NULL), 405, NULL);
  check_status (relay_ask (f, "DELETE", "/rest/v1/bells?select=device,seq", device->token, NULL), 403, "42501");
  check_status (relay_ask (f, "GET", "/rest/v1/bells?select=*", NULL, NULL), 401, "42501");
  check_status (relay_ask (f, "GET", "/rest/v1/bells?select=device,seq&device=eq.x", device->token, NULL), 404, NULL);
  check_status (relay_ask (f, "GET", "/rest/v1/bells", device->token, NULL), 404, NULL);
}

static const RelayWish three_sign_ups = { .sign_ups = 3 };
static const RelayWish invited = { .invite = "come-in-please\n" };

#define ADD(path, test, wish) g_test_add ("/relay/auth/" path, Relay, wish, relay_set_up, test, relay_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("claims", test_claims, NULL);
  ADD ("heads", test_heads, NULL);
  ADD ("names", test_names, NULL);
  ADD ("shapes", test_shapes, NULL);
  ADD ("expiry", test_expiry, NULL);
  ADD ("reuse", test_reuse, NULL);
  ADD ("refresh-stored", test_refresh_stored, NULL);
  ADD ("refresh-refusals", test_refresh_refusals, NULL);
  ADD ("sign-out", test_sign_out, NULL);
  ADD ("sign-up-limit", test_sign_up_limit, &three_sign_ups);
  ADD ("sign-up-refusals", test_sign_up_refusals, NULL);
  ADD ("sign-up-forgotten", test_sign_up_forgotten, NULL);
  ADD ("invitation", test_invitation, &invited);
  ADD ("api-key", test_api_key, NULL);
  ADD ("nothing-else", test_nothing_else, NULL);
  return g_test_run ();
}
