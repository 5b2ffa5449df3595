/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other people's mailboxes, the bell, heartbeats, the directory and read positions, each with a server that lies. */
#include "test-supabase.h"

#include <string.h>

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

      fixture_add_parcel (parcels, id, BOX);
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

      fixture_add_parcel (parcels, id, i % 2 == 0 ? BOX : OTHER_BOX);
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

  fixture_add_parcel (parcels, ID ("1"), BOX);
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

static void
tell (Fixture *self, const char *name, char *json)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (json, strlen (json));
  g_autoptr (KithEvent) event = kith_event_new_bytes (name, bytes, NULL);

  kith_bus_tell_event (self->bus, event);
}

/* One that the server will never take does not hold the others up. */
static void
test_marks_refused (Fixture *self, gconstpointer data)
{
  static const KithEventSpec specs[] = { { KITH_EVENT_NEW_MESSAGE, KITH_KEEP_NONE, NULL, NULL, "x", { NULL } },
                                         { KITH_EVENT_UNREAD, KITH_KEEP_NONE, NULL, NULL, "x", { NULL } } };
  static const char *const names[] = { "bob", "carol" };

  for (guint i = 0; i < 2; i++)
    g_assert_true (kith_bus_add_event (self->bus, &specs[i], "kith", NULL));
  fixture_connect (self);
  test_server_fail (self->server, "kith_mark_read", 1, FAULT_ANSWER, 400, NULL, "{\"code\":\"kith_bad_request\"}");
  for (guint i = 0; i < 2; i++)
    {
      fixture_add_friend (self, names[i]);
      tell (self, KITH_EVENT_NEW_MESSAGE,
            g_strdup_printf ("{\"msg_id\":\"" ID ("1") "\",\"from\":\"%s\",\"direction\":\"received\","
                             "\"timestamp\":\"2001-01-01T00:00:01Z\"}", names[i]));
      tell (self, KITH_EVENT_UNREAD, g_strdup_printf ("{\"peer\":\"%s\",\"count\":0}", names[i]));
    }
  wait_until (test_server_count (self->server, "kith_mark_read") == 2);
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

      fixture_add_parcel (parcels, ID ("1"), BOX);
      kith_mailbox_transport_deposit_async (KITH_MAILBOX_TRANSPORT (self->transport), parcels, NULL, NULL, NULL);
    }
  fixture_pass_ms (self, 6000);
  g_assert_true (is_state (self, CONNECTED));
  g_assert_cmpuint (test_server_count (self->server, data), <=, 5);
}

void
add_part_tests (void)
{
  add_test ("deposits", test_deposits, NULL);
  add_test ("batches", test_batches, NULL);
  add_test ("lost-upload", test_lost_upload, NULL);
  add_test ("bell", test_bell, NULL);
  add_test ("heartbeat", test_heartbeat, NULL);
  add_test ("directory", test_directory, NULL);
  add_test ("marks", test_marks, NULL);
  add_test ("marks-refused", test_marks_refused, NULL);
  add_test ("marks-from-there", test_marks_from_there, NULL);
  add_test ("broken-send", test_one_thing_broken, "kith_send");
  add_test ("broken-beat", test_one_thing_broken, "kith_beat");
}
