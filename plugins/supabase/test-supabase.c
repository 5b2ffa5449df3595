/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that does whatever a server can do wrong: nothing may crash, block the queue, acknowledge what is not
 * stored, or write a token down (the fixture looks at the whole log after each test). */
#include "test-supabase.h"

#include <string.h>

#define SESSION_KEY_PREFIX "session-"

/* --- settings */

static void
test_settings (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *url, *key, *says;
  } wrong[] = {
    { "http://example.org", "sb_publishable_x", "not encrypted" },
    { "ftp://example.org", "sb_publishable_x", "https" },
    { "example.org", "sb_publishable_x", "web address" },
    { "https://user:pass@example.org", "sb_publishable_x", "more than a server" },
    { "https://example.org/path", "sb_publishable_x", "more than a server" },
    { "https://example.org", "", "api-key is not" },
    { "https://example.org", "a\r\nX: y", "no key" },
    { "https://example.org", "sb_secret_" TEST_SECRET, "secret key" },
    /* {"role":"service_role"} */
    { "https://example.org", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln", "service_role" },
  };

  g_assert_true (is_state (self, DISCONNECTED));
  g_assert_null (fixture_get_error (self));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      fixture_configure (self, wrong[i].url, wrong[i].key);
      wait_until (fixture_get_error (self) != NULL && strstr (fixture_get_error (self), wrong[i].says) != NULL);
      g_assert_true (is_state (self, DISCONNECTED));
    }
  fixture_configure (self, "", "");
  wait_until (fixture_get_error (self) == NULL);
  g_assert_true (is_state (self, DISCONNECTED));
  g_assert_cmpuint (self->server->seen->len, ==, 0);
  fixture_connect (self);
  fixture_configure (self, "", TEST_KEY);
  wait_until (is_state (self, DISCONNECTED));
  self->status = KITH_PRESENCE_OFFLINE;
  test_server_forget (self->server);
  fixture_configure (self, self->server->url, TEST_KEY);
  fixture_pass_ms (self, 300);
  g_assert_cmpuint (test_server_count (self->server, "kith_fetch"), ==, 0);
}

/* --- session */

static gboolean
has_saved (Fixture *self)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->values);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (g_str_has_prefix (key, SESSION_KEY_PREFIX))
      return TRUE;
  return FALSE;
}

static void
test_commits_first (Fixture *self, gconstpointer data)
{
  self->hold_saves = TRUE;
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (has_saved (self));
  fixture_pass_ms (self, 200);
  g_assert_cmpuint (test_server_count (self->server, "kith_register"), ==, 0);
  self->hold_saves = FALSE;
  fixture_release_saves (self);
  wait_until (is_state (self, CONNECTED));
  g_assert_cmpuint (self->server->n_wrong, ==, 0);
  g_assert_cmpuint (test_server_count (self->server, "signup"), ==, 1);
  /* A second life renews the stored session, and never signs up. */
  fixture_configure (self, "", TEST_KEY);
  wait_until (is_state (self, DISCONNECTED));
  fixture_connect (self);
  g_assert_cmpuint (test_server_count (self->server, "signup"), ==, 1);
  g_assert_cmpuint (test_server_count (self->server, "token"), ==, 1);
}

static void
test_store_fails (Fixture *self, gconstpointer data)
{
  self->store_fails = TRUE;
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (fixture_get_error (self) != NULL);
  g_assert_cmpuint (test_server_count (self->server, "kith_register"), ==, 0);
  self->store_fails = FALSE;
  wait_until (is_state (self, CONNECTED));
  /* What came was kept until it could be stored. */
  g_assert_cmpuint (test_server_count (self->server, "signup"), ==, 1);
}

static void
test_spurious_401 (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  fixture_pass_ms (self, 100);
  test_server_forget (self->server);
  test_server_fail (self->server, "kith_fetch", 1, FAULT_ANSWER, 401, NULL,
                    "{\"code\":\"PGRST301\",\"message\":\"x\"}");
  test_server_add_row (self->server, ID ("1"), "YQ==");
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
  wait_until (self->server->acked->len == 1);
  g_assert_cmpuint (test_server_count (self->server, "token"), ==, 1);
  g_assert_true (is_state (self, CONNECTED));
}

static void
test_failing_refresh (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  fixture_pass_ms (self, 100);
  test_server_fail (self->server, "kith_fetch", 1, FAULT_ANSWER, 401, NULL, NULL);
  test_server_fail (self->server, "token", 1, FAULT_ANSWER, 502, NULL, HTML);
  test_server_fail (self->server, "token", 1, FAULT_DROP_AFTER, 0, NULL, NULL);
  test_server_add_row (self->server, ID ("1"), "YQ==");
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
  wait_until (!is_state (self, CONNECTED));
  g_assert_nonnull (fixture_get_error (self));
  wait_until (is_state (self, CONNECTED));
  g_assert_cmpuint (self->server->acked->len, ==, 1);
  g_assert_cmpuint (test_server_count (self->server, "signup"), ==, 1);
}

/* The two shapes of today, and the one of old. */
static const char *const losses[] = {
  "{\"code\":\"refresh_token_not_found\",\"message\":\"" TEST_SECRET "\"}",
  "{\"code\":400,\"error_code\":\"session_expired\",\"msg\":\"" TEST_SECRET "\"}",
  "{\"error\":\"invalid_grant\",\"error_description\":\"" TEST_SECRET "\"}",
};

static void
test_lost (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) parcels = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  g_autoptr (GError) error = NULL;

  fixture_connect (self);
  fixture_pass_ms (self, 100);
  test_server_fail (self->server, "kith_fetch", 1, FAULT_ANSWER, 401, NULL, NULL);
  test_server_fail (self->server, "token", 1, FAULT_ANSWER, 400, NULL, data);
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
  wait_until (is_state (self, DISCONNECTED));
  g_assert_nonnull (strstr (fixture_get_error (self), "lost"));
  fixture_add_parcel (parcels, ID ("1"), BOX);
  g_assert_null (fixture_deposit (self, parcels, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNREACHABLE);
  test_server_forget (self->server);
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
  fixture_pass_ms (self, 1500);
  g_assert_cmpuint (self->server->seen->len, ==, 0);
  /* The user takes the server out and puts it in again. */
  fixture_configure (self, "", TEST_KEY);
  wait_until (fixture_get_error (self) == NULL);
  fixture_connect (self);
  g_assert_cmpuint (test_server_count (self->server, "signup"), ==, 1);
}

static void
test_explains (Fixture *self, gconstpointer data)
{
  test_server_fail (self->server, "signup", 1, FAULT_ANSWER, 422, NULL,
                    "{\"code\":\"anonymous_provider_disabled\",\"message\":\"x\"}");
  test_server_fail (self->server, "kith_register", 1, FAULT_ANSWER, 404, NULL, "{\"code\":\"PGRST202\"}");
  test_server_fail (self->server, "kith_register", 2, FAULT_ANSWER, 409, NULL, "{\"code\":\"kith_username_taken\"}");
  test_server_fail (self->server, "kith_link_claim", 1, FAULT_ANSWER, 404, NULL, "{\"code\":\"kith_bad_code\"}");
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (fixture_get_error (self) != NULL && strstr (fixture_get_error (self), "anonymous sign-ins") != NULL);
  wait_until (fixture_get_error (self) != NULL && strstr (fixture_get_error (self), "kith.sql") != NULL);
  wait_until (fixture_get_error (self) != NULL && strstr (fixture_get_error (self), "kith_username_taken") != NULL);
  /* The second time the name is ours: the recovery code lets us in. */
  wait_until (is_state (self, CONNECTED));
  g_assert_cmpuint (test_server_count (self->server, "kith_link_claim"), ==, 2);
}

/* --- the mailbox */

static void
test_rows (Fixture *self, gconstpointer data)
{
  g_autofree char *got = NULL;

  test_server_add_row (self->server, ID ("1"), "YQ==");
  test_server_add_row (self->server, ID ("1"), "YQ==");              /* twice */
  test_server_add_row (self->server, ID ("2"), "not base64!");
  g_ptr_array_add (self->server->rows, g_strdup ("{\"id\":\"" ID ("3") "\",\"ct\":5}"));
  g_ptr_array_add (self->server->rows, g_strdup ("{\"id\":\"no uuid\",\"ct\":\"YQ==\"}"));
  g_ptr_array_add (self->server->rows, g_strdup ("7"));
  g_ptr_array_add (self->server->rows, g_strdup ("{\"id\":\"" ID ("4") "\",\"seq\":\"x\",\"ct\":\"Yg==\",\"now\":{}}"));
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (self->server->acked->len >= 5);
  got = fixture_take_received (self);
  g_assert_cmpstr (got, ==, ID ("1") ":a " ID ("1") ":a " ID ("2") ":not base64! " ID ("4") ":b");
  wait_until (is_state (self, CONNECTED));
}

static void
test_more_than_a_page (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 60; i++)
    {
      g_autofree char *id = g_uuid_string_random ();

      test_server_add_row (self->server, id, "YQ==");
    }
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (self->server->acked->len == 60);
  wait_until (is_state (self, CONNECTED));
  g_assert_cmpuint (self->received->len, ==, 60);
  g_assert_cmpuint (test_server_count (self->server, "kith_fetch"), ==, 3);
}

static void
test_full_store (Fixture *self, gconstpointer data)
{
  g_autofree char *got = NULL;

  test_server_add_row (self->server, ID ("1"), "YQ==");
  test_server_add_row (self->server, ID ("2"), "Yg==");
  test_server_add_row (self->server, ID ("3"), "Yw==");
  self->refuse_after = 2;
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (self->server->acked->len == 1);
  g_assert_cmpstr (g_ptr_array_index (self->server->acked, 0), ==, ID ("1"));
  wait_until (self->server->acked->len == 3);
  got = fixture_take_received (self);
  g_assert_cmpstr (got, ==, ID ("1") ":a " ID ("2") ":b " ID ("3") ":c");
}

typedef struct
{
  const char *name, *function;
  FaultKind kind;
  guint status;
  const char *retry_after, *body;
} Case;

static const Case cases[] = {
  { "signup-html", "signup", FAULT_ANSWER, 502, NULL, HTML },
  { "signup-html-200", "signup", FAULT_ANSWER, 200, NULL, HTML },
  { "signup-types", "signup", FAULT_ANSWER, 200, NULL, "{\"access_token\":1,\"refresh_token\":[],\"user\":{}}" },
  { "signup-429", "signup", FAULT_ANSWER, 429, "1", "{\"code\":\"over_request_rate_limit\"}" },
  { "signup-dropped", "signup", FAULT_DROP_BEFORE, 0, NULL, NULL },
  { "register-types", "kith_register", FAULT_ANSWER, 200, NULL, "[1,2,3]" },
  { "register-other-device", "kith_register", FAULT_ANSWER, 200, NULL,
    "{\"user_id\":\"" TEST_ACCOUNT "\",\"device_id\":\"" TEST_ACCOUNT "\"}" },
  { "register-lost-answer", "kith_register", FAULT_DROP_AFTER, 0, NULL, NULL },
  { "fetch-html", "kith_fetch", FAULT_ANSWER, 503, NULL, HTML },
  { "fetch-not-json", "kith_fetch", FAULT_ANSWER, 200, NULL, "{\"messages\":[" },
  { "fetch-types", "kith_fetch", FAULT_ANSWER, 200, NULL, "{\"messages\":{\"a\":1},\"more\":\"yes\"}" },
  { "fetch-same-for-ever", "kith_fetch", FAULT_ANSWER, 200, NULL, "{\"messages\":[{}],\"more\":true}" },
  { "fetch-endless", "kith_fetch", FAULT_ENDLESS, 0, NULL, NULL },
  { "fetch-dropped", "kith_fetch", FAULT_DROP_BEFORE, 0, NULL, NULL },
  { "fetch-leased", "kith_fetch", FAULT_ANSWER, 409, "1", "{\"code\":\"kith_leased\"}" },
  { "fetch-unregistered", "kith_fetch", FAULT_ANSWER, 403, NULL, "{\"code\":\"kith_not_registered\"}" },
  { "fetch-deep", "kith_fetch", FAULT_ANSWER, 200, NULL,
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" },
  { "ack-html", "kith_ack", FAULT_ANSWER, 502, NULL, HTML },
  { "ack-dropped", "kith_ack", FAULT_DROP_BEFORE, 0, NULL, NULL },
  { "ack-lost-answer", "kith_ack", FAULT_DROP_AFTER, 0, NULL, NULL },
  { "ack-lease-lost", "kith_ack", FAULT_ANSWER, 409, "1", "{\"code\":\"kith_leased\"}" },
  { "beat-html", "kith_beat", FAULT_ANSWER, 500, NULL, HTML },
  { "beat-types", "kith_beat", FAULT_ANSWER, 200, NULL, "{\"now\":5,\"peers\":\"x\"}" },
};

/* Each passes by itself: the row arrives, and is acknowledged, once it is stored. */
static void
test_fault (Fixture *self, gconstpointer data)
{
  const Case *c = data;
  g_autofree char *got = NULL;

  test_server_fail (self->server, c->function, 1, c->kind, c->status, c->retry_after, c->body);
  test_server_add_row (self->server, ID ("1"), "YQ==");
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (self->server->acked->len > 0 && self->server->rows->len == 0);
  wait_until (is_state (self, CONNECTED));
  wait_until (test_server_count (self->server, c->function) > 0);
  g_assert_null (fixture_get_error (self));
  got = fixture_take_received (self);
  g_assert_true (g_str_has_prefix (got, ID ("1") ":a"));
  g_assert_cmpuint (self->server->n_wrong, ==, 0);
}

static void
test_redirect (Fixture *self, gconstpointer data)
{
  static const guint statuses[] = { 303, 307 };
  TestServer *elsewhere = test_server_new ();
  g_autofree char *to = g_strconcat (elsewhere->url, "/rest/v1/rpc/kith_fetch", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    test_server_fail (self->server, "kith_fetch", 1, FAULT_REDIRECT, statuses[i], NULL, to);
  fixture_connect (self);
  g_assert_cmpuint (elsewhere->seen->len, ==, 0);
  test_server_free (elsewhere);
}

static void
test_retry_after (Fixture *self, gconstpointer data)
{
  gint64 start_us;

  fixture_connect (self);
  fixture_pass_ms (self, 100);
  test_server_fail (self->server, "kith_fetch", 1, FAULT_ANSWER, 429, "3", NULL);
  start_us = g_get_monotonic_time ();
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
  wait_until (!is_state (self, CONNECTED));
  test_server_forget (self->server);
  wait_until (test_server_count (self->server, "kith_fetch") > 0);
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, 2900 * 1000);
  wait_until (is_state (self, CONNECTED));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  test_network_init ();
  add_test ("settings", test_settings, NULL);
  add_test ("commits-first", test_commits_first, NULL);
  add_test ("store-fails", test_store_fails, NULL);
  add_test ("spurious-401", test_spurious_401, NULL);
  add_test ("failing-refresh", test_failing_refresh, NULL);
  add_test ("lost-1", test_lost, losses[0]);
  add_test ("lost-2", test_lost, losses[1]);
  add_test ("lost-3", test_lost, losses[2]);
  add_test ("explains", test_explains, NULL);
  add_test ("rows", test_rows, NULL);
  add_test ("pages", test_more_than_a_page, NULL);
  add_test ("full-store", test_full_store, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/supabase/fault/", cases[i].name, NULL);

      g_test_add (path, Fixture, &cases[i], fixture_set_up, test_fault, fixture_tear_down);
    }
  add_test ("redirect", test_redirect, NULL);
  add_test ("retry-after", test_retry_after, NULL);
  add_part_tests ();
  add_network_tests ();
  return g_test_run ();
}
