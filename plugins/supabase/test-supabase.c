/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that does whatever a server can do wrong: nothing may crash, block the queue, acknowledge what is not
 * stored, or write a token down (the fixture looks at the whole log after each test). */
#include "test-supabase.h"

#include <string.h>

#define ID(n) "00000000-0000-4000-8000-00000000000" n
#define BOX "33333333-3333-4333-8333-333333333333"
#define OTHER_BOX "44444444-4444-4444-8444-444444444444"
#define HTML "<html><body>502 Bad Gateway</body></html>"
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

static void
add_parcel (GPtrArray *parcels, const char *id, const char *mailbox)
{
  g_autoptr (GBytes) sealed = g_bytes_new (id, strlen (id));

  g_ptr_array_add (parcels, kith_parcel_new (id, mailbox, sealed, 0));
}

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
  add_parcel (parcels, ID ("1"), BOX);
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
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
  wait_until (!is_state (self, CONNECTED));
  start_us = g_get_monotonic_time ();
  test_server_forget (self->server);
  wait_until (test_server_count (self->server, "kith_fetch") > 0);
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, 2900 * 1000);
  wait_until (is_state (self, CONNECTED));
}

/* --- depositing */

static void
test_deposits (Fixture *self, gconstpointer data)
{
  static const char *const statuses[] = { "stored", "duplicate", "conflict", "no_device", "mailbox_full",
                                          "deferred", "too_large", "invalid", "who knows" };
  static const KithDeposit wanted[] = { KITH_DEPOSIT_STORED, KITH_DEPOSIT_DUPLICATE, KITH_DEPOSIT_CONFLICT,
                                        KITH_DEPOSIT_NO_MAILBOX, KITH_DEPOSIT_LATER, KITH_DEPOSIT_LATER,
                                        KITH_DEPOSIT_REFUSED, KITH_DEPOSIT_REFUSED, KITH_DEPOSIT_LATER };
  g_autoptr (GPtrArray) parcels = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  g_autoptr (GString) list = g_string_new ("[");
  g_autoptr (GArray) fates = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      g_autofree char *id = g_uuid_string_random ();

      add_parcel (parcels, id, BOX);
      g_string_append_printf (list, "%s{\"id\":\"%s\",\"status\":\"%s\"}", i > 0 ? "," : "", id, statuses[i]);
    }
  g_string_append_c (list, ']');
  g_assert_null (fixture_deposit (self, parcels, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNREACHABLE);
  g_clear_error (&error);
  fixture_connect (self);
  self->server->statuses = g_strdup (list->str);
  fates = fixture_deposit (self, parcels, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (fates->data, fates->len * sizeof (KithDeposit), wanted, sizeof wanted);
}

/* 120 for two mailboxes, the first of which is full from its second on: three requests, order kept. */
static void
test_batches (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) parcels = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  g_autoptr (GString) list = g_string_new ("[");
  g_autoptr (GArray) fates = NULL;

  for (guint i = 0; i < 120; i++)
    {
      g_autofree char *id = g_uuid_string_random ();

      add_parcel (parcels, id, i % 2 == 0 ? BOX : OTHER_BOX);
      if (i < 50)
        g_string_append_printf (list, "%s{\"id\":\"%s\",\"status\":\"%s\"}", i > 0 ? "," : "", id,
                                i % 2 != 0 ? "stored" : i == 0 ? "mailbox_full" : "deferred");
    }
  g_string_append_c (list, ']');
  fixture_connect (self);
  self->server->statuses = g_strdup (list->str);
  fates = fixture_deposit (self, parcels, NULL);
  g_assert_cmpuint (fates->len, ==, 120);
  for (guint i = 0; i < 120; i++)
    g_assert_cmpint (g_array_index (fates, KithDeposit, i), ==,
                     i % 2 == 0 ? KITH_DEPOSIT_LATER : KITH_DEPOSIT_STORED);
  g_assert_cmpuint (test_server_count (self->server, "kith_send"), ==, 2);
  g_assert_null (strstr (self->server->sent, BOX));
}

static void
test_lost_upload (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) parcels = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  g_autoptr (GArray) fates = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *first = NULL;

  add_parcel (parcels, ID ("1"), BOX);
  fixture_connect (self);
  test_server_fail (self->server, "kith_send", 1, FAULT_DROP_AFTER, 0, NULL, NULL);
  g_assert_null (fixture_deposit (self, parcels, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNREACHABLE);
  first = g_strdup (self->server->sent);
  fates = fixture_deposit (self, parcels, NULL);
  g_assert_cmpint (g_array_index (fates, KithDeposit, 0), ==, KITH_DEPOSIT_STORED);
  g_assert_cmpstr (self->server->sent, ==, first);
  /* Results that are not ours are none. */
  g_clear_error (&error);
  self->server->statuses = g_strdup ("[{\"id\":\"" ID ("2") "\",\"status\":\"stored\"}]");
  g_assert_null (fixture_deposit (self, parcels, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNREACHABLE);
}

/* --- bell, heartbeat, directory */

static void
test_bell (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  wait_until (self->server->n_joined == 1);
  fixture_pass_ms (self, 300);
  test_server_add_row (self->server, ID ("1"), "YQ==");
  test_server_ring (self->server);
  wait_until (self->server->acked->len == 1);
  /* Nonsense, and a closed channel: it comes back, and looks again. */
  test_server_add_row (self->server, ID ("2"), "YQ==");
  soup_websocket_connection_send_text (self->server->bell, "{\"what\":1}");
  wait_until (self->server->n_joined == 2 && self->server->acked->len == 2);
  soup_websocket_connection_send_text (self->server->bell, "[\"1\",\"1\",\"realtime:inbox\",\"phx_close\",{}]");
  wait_until (self->server->n_joined == 3);
  g_assert_true (is_state (self, CONNECTED));
}

static void
test_heartbeat (Fixture *self, gconstpointer data)
{
  /* Base64 of {"k":"addresses","a":["tcp:192.0.2.1:9100",5],"ts":7}; then a forged one. */
  static const char good[] = "eyJrIjoiYWRkcmVzc2VzIiwiYSI6WyJ0Y3A6MTkyLjAuMi4xOjkxMDAiLDVdLCJ0cyI6N30=";

  fixture_add_friend (self, "bob");
  test_server_fail (self->server, "kith_lookup", 1, FAULT_ANSWER, 200, NULL,
                    "{\"user_id\":\"" TEST_ACCOUNT "\",\"username\":\"bob\",\"identity_key\":"
                    "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"devices\":[]}");
  self->server->peers = g_strdup_printf ("[5,{},{\"user_id\":\"" TEST_ACCOUNT "\",\"sealed\":\"%s\",\"last_seen\":"
                                         "\"1970-01-01T00:08:00+00:00\"}]", good);
  fixture_connect (self);
  wait_until (self->evidence == KITH_PRESENCE_ONLINE);
  g_assert_cmpuint (self->lease_ms, ==, 180000);
  g_assert_cmpuint (self->addresses->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (self->addresses, 0), ==, "tcp:192.0.2.1:9100");
  wait_until (test_server_count (self->server, "kith_grant") == 1);
  /* Invisible, with something forged. */
  g_free (self->server->peers);
  self->server->peers = g_strdup ("[{\"user_id\":\"" TEST_ACCOUNT "\",\"sealed\":\"Zm9yZ2Vk\",\"last_seen\":null}]");
  kith_loader_notify_status (self->loader);
  wait_until (self->evidence == KITH_PRESENCE_OFFLINE);
  g_assert_cmpuint (self->addresses->len, ==, 1);
  /* Who is no friend any more sees nothing of us. */
  g_list_store_remove_all (self->friends);
  wait_until (test_server_count (self->server, "kith_ungrant") == 1);
}

static void
on_result (GObject *object, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static void
check_lookup (Fixture *self, const char *body, int code)
{
  KithDirectory *directory = KITH_DIRECTORY (self->transport);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  test_server_fail (self->server, "kith_lookup", 1, FAULT_ANSWER, 200, NULL, body);
  kith_directory_lookup_async (directory, "bob", NULL, on_result, &result);
  wait_until (result != NULL);
  g_assert_null (kith_directory_lookup_finish (directory, result, &error));
  g_assert_error (error, KITH_ERROR, code);
}

static void
test_directory (Fixture *self, gconstpointer data)
{
  KithDirectory *directory = KITH_DIRECTORY (self->transport);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) prekeys = g_ptr_array_new ();
  g_autoptr (GBytes) bundle = g_bytes_new ("x", 1);
  g_autoptr (GError) error = NULL;
  guint left = 0;

  fixture_connect (self);
  check_lookup (self, "null", KITH_ERROR_UNKNOWN);
  check_lookup (self, "{}", KITH_ERROR_PROTOCOL);
  check_lookup (self, "{\"user_id\":\"" TEST_ACCOUNT "\",\"username\":\"eve\",\"identity_key\":"
                      "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"devices\":[]}", KITH_ERROR_PROTOCOL);
  check_lookup (self, "{\"user_id\":\"" TEST_ACCOUNT "\",\"username\":\"bob\",\"identity_key\":\"AQ==\","
                      "\"devices\":[]}", KITH_ERROR_PROTOCOL);
  test_server_fail (self->server, "kith_claim", 1, FAULT_ANSWER, 200, NULL, "{\"bundle\":\"AQ==\",\"prekey\":null}");
  kith_directory_claim_async (directory, BOX, NULL, on_result, &result);
  wait_until (result != NULL);
  g_assert_null (kith_directory_claim_finish (directory, result, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL);
  g_clear_object (&result);
  kith_directory_publish_async (directory, bundle, prekeys, NULL, on_result, &result);
  wait_until (result != NULL);
  g_assert_true (kith_directory_publish_finish (directory, result, &left, NULL));
  g_assert_cmpuint (left, ==, 7);
}

/* --- read positions */

static void
test_marks (Fixture *self, gconstpointer data)
{
  static const KithEventSpec specs[] = { { KITH_EVENT_NEW_MESSAGE, KITH_KEEP_NONE, NULL, NULL, "x", { NULL } },
                                         { KITH_EVENT_UNREAD, KITH_KEEP_NONE, NULL, NULL, "x", { NULL } } };
  static const char *const told[] = {
    "{\"msg_id\":\"" ID ("1") "\",\"from\":\"bob\",\"direction\":\"received\",\"timestamp\":\"2001-01-01T00:00:01Z\"}",
    "{\"msg_id\":\"" ID ("2") "\",\"from\":\"bob\",\"direction\":\"received\",\"timestamp\":\"2001-01-01T00:00:02Z\"}",
  };
  g_autoptr (GBytes) unread = g_bytes_new_static ("{\"peer\":\"bob\",\"count\":1}", 24);

  for (guint i = 0; i < 2; i++)
    g_assert_true (kith_bus_add_event (self->bus, &specs[i], "kith", NULL));
  fixture_add_friend (self, "bob");
  fixture_connect (self);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (told[i], strlen (told[i]));
      g_autoptr (KithEvent) event = kith_event_new_bytes (KITH_EVENT_NEW_MESSAGE, bytes, NULL);

      kith_bus_tell_event (self->bus, event);
    }
  {
    g_autoptr (KithEvent) event = kith_event_new_bytes (KITH_EVENT_UNREAD, unread, NULL);

    kith_bus_tell_event (self->bus, event);
  }
  wait_until (test_server_count (self->server, "kith_mark_read") == 1);
  g_assert_cmpuint (self->marked->len, ==, 0);
}

/* A second device: what was read elsewhere is read here, and nothing more. */
static void
test_marks_from_there (Fixture *self, gconstpointer data)
{
  static const KithEventSpec spec = { KITH_EVENT_NEW_MESSAGE, KITH_KEEP_NONE, NULL, NULL, "x", { NULL } };
  static const guint8 secret[32] = { 5 }, key[32] = { 1 };
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA256, secret, sizeof secret);
  g_autofree char *conv = NULL;
  g_autofree char *body = NULL;
  guint8 digest[32];
  gsize n = sizeof digest;

  g_hmac_update (hmac, key, sizeof key);
  g_hmac_get_digest (hmac, digest, &n);
  g_hmac_unref (hmac);
  conv = g_base64_encode (digest, n);
  g_strdelimit (conv, "+", '-');
  g_strdelimit (conv, "/", '_');
  conv[43] = '\0';
  body = g_strdup_printf ("[{\"conv\":\"x\",\"pos\":9},7,{\"conv\":\"%s\",\"pos\":978307201500,\"sealed\":null}]",
                          conv);
  test_server_fail (self->server, "kith_marks", 1, FAULT_ANSWER, 200, NULL, body);
  g_assert_true (kith_bus_add_event (self->bus, &spec, "kith", NULL));
  fixture_add_friend (self, "bob");
  fixture_connect (self);
  wait_until (test_server_count (self->server, "kith_marks") == 1);
  fixture_pass_ms (self, 200);
  for (guint i = 1; i <= 3; i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"msg_id\":\"00000000-0000-4000-8000-00000000000%u\",\"from\":\"bob\","
                                               "\"direction\":\"received\",\"timestamp\":"
                                               "\"2001-01-01T00:00:0%uZ\"}", i, i);
      g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
      g_autoptr (KithEvent) event = kith_event_new_bytes (KITH_EVENT_NEW_MESSAGE, bytes, NULL);

      kith_bus_tell_event (self->bus, event);
    }
  fixture_pass_ms (self, 100);
  g_assert_cmpuint (self->marked->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (self->marked, 0), ==, ID ("1"));
}

/* One function that always fails neither hammers the server nor hides that the rest works. */
static void
test_one_thing_broken (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  test_server_fail (self->server, data, 1000, FAULT_ANSWER, 500, NULL, HTML);
  test_server_forget (self->server);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (GPtrArray) parcels = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);

      add_parcel (parcels, ID ("1"), BOX);
      kith_mailbox_transport_deposit_async (KITH_MAILBOX_TRANSPORT (self->transport), parcels, NULL, NULL, NULL);
    }
  fixture_pass_ms (self, 6000);
  g_assert_true (is_state (self, CONNECTED));
  g_assert_cmpuint (test_server_count (self->server, data), <=, 5);
}

#define add(path, func, data) g_test_add ("/supabase/" path, Fixture, data, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("settings", test_settings, NULL);
  add ("commits-first", test_commits_first, NULL);
  add ("store-fails", test_store_fails, NULL);
  add ("spurious-401", test_spurious_401, NULL);
  add ("failing-refresh", test_failing_refresh, NULL);
  add ("lost-1", test_lost, losses[0]);
  add ("lost-2", test_lost, losses[1]);
  add ("lost-3", test_lost, losses[2]);
  add ("explains", test_explains, NULL);
  add ("rows", test_rows, NULL);
  add ("pages", test_more_than_a_page, NULL);
  add ("full-store", test_full_store, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/supabase/fault/", cases[i].name, NULL);

      g_test_add (path, Fixture, &cases[i], fixture_set_up, test_fault, fixture_tear_down);
    }
  add ("redirect", test_redirect, NULL);
  add ("retry-after", test_retry_after, NULL);
  add ("deposits", test_deposits, NULL);
  add ("batches", test_batches, NULL);
  add ("lost-upload", test_lost_upload, NULL);
  add ("bell", test_bell, NULL);
  add ("heartbeat", test_heartbeat, NULL);
  add ("directory", test_directory, NULL);
  add ("marks", test_marks, NULL);
  add ("marks-from-there", test_marks_from_there, NULL);
  add ("broken-send", test_one_thing_broken, "kith_send");
  add ("broken-beat", test_one_thing_broken, "kith_beat");
  return g_test_run ();
}
