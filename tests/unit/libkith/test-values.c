/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-content-private.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"
#include "kith-json-private.h"
#include "kith-log.h"
#include "kith-request-private.h"

static void
test_event (void)
{
  g_autoptr (GBytes) good = g_bytes_new_static ("{\"a\":[1]}", 9), bad = g_bytes_new_static ("[1]", 3),
                     none = g_bytes_new_static ("", 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (KithEvent) event = kith_event_new_bytes ("x.a", good, &error);
  g_autoptr (KithEvent) journaled = kith_event_new_journaled ("x.b", good, 17);

  g_assert_no_error (error);
  g_assert_cmpstr (kith_event_get_name (event), ==, "x.a");
  g_assert_cmpint (kith_event_get_seq (event), ==, 0);
  g_assert_cmpint (kith_event_get_seq (journaled), ==, 17);
  g_assert_true (kith_event_get_bytes (event) == good);
  g_assert_true (json_object_has_member (kith_event_get_data (event), "a"));
  g_assert_true (json_object_is_immutable (kith_event_get_data (event)));
  g_assert_true (kith_event_get_data (event) == kith_event_get_data (event));
  g_assert_null (kith_event_new_bytes ("x.a", bad, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
  g_assert_null (kith_event_new_bytes ("x.a", none, NULL));
}

static void
test_names (void)
{
  static const char *const usernames[] = { "a", "0", "alice", "a.b_c-9", "abcdefghijklmnopqrstuvwxyz012345", NULL };
  static const char *const no_usernames[]
    = { "", "A", ".a", "-a", "_a", "a b", "a~", "\xc3\xa9", "abcdefghijklmnopqrstuvwxyz0123456", "a/b", NULL };

  for (gsize i = 0; usernames[i] != NULL; i++)
    g_assert_true (kith_name_is_username (usernames[i], FALSE));
  for (gsize i = 0; no_usernames[i] != NULL; i++)
    g_assert_false (kith_name_is_username (no_usernames[i], TRUE));
  g_assert_false (kith_name_is_username (NULL, TRUE));
  g_assert_false (kith_name_is_username ("alice~12ab", FALSE));
  g_assert_true (kith_name_is_username ("alice~12ab", TRUE));
  g_assert_false (kith_name_is_username ("alice~12a", TRUE));
  g_assert_false (kith_name_is_username ("alice~12AB", TRUE));
  g_assert_true (kith_name_is_plugin_id ("x-1") && kith_name_is_plugin_id ("abcdefghijklmnopqrstuvwxyz012345"));
  g_assert_false (kith_name_is_plugin_id ("1x") || kith_name_is_plugin_id ("") || kith_name_is_plugin_id ("a.b")
                  || kith_name_is_plugin_id ("abcdefghijklmnopqrstuvwxyz0123456"));
  g_assert_true (kith_name_is_uuid ("3b241101-e2bb-4255-8caf-4136c566a962"));
  g_assert_false (kith_name_is_uuid ("3B241101-e2bb-4255-8caf-4136c566a962")
                  || kith_name_is_uuid ("3b241101-e2bb-1255-8caf-4136c566a962")
                  || kith_name_is_uuid ("3b241101-e2bb-4255-7caf-4136c566a962")
                  || kith_name_is_uuid ("3b241101-e2bb-4255-8caf-4136c566a96") || kith_name_is_uuid (NULL));
}

static void
test_fields (void)
{
  static const char *const colours[] = { "red", "blue", NULL };
  static const KithField inner[] = { { "n", KITH_FIELD_INTEGER, KITH_FIELD_REQUIRED, 0, "", NULL, NULL, NULL }, { 0 } };
  static const KithField fields[] = {
    { "s", KITH_FIELD_STRING, KITH_FIELD_REQUIRED, 3, "", NULL, NULL, NULL },
    { "i", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "", NULL, NULL, NULL },
    { "d", KITH_FIELD_NUMBER, KITH_FIELD_OPTIONAL, 0, "", NULL, NULL, NULL },
    { "b", KITH_FIELD_BOOLEAN, KITH_FIELD_OPTIONAL, 0, "", NULL, NULL, NULL },
    { "t", KITH_FIELD_TIME, KITH_FIELD_OPTIONAL, 0, "", NULL, NULL, NULL },
    { "id", KITH_FIELD_ID, KITH_FIELD_OPTIONAL, 0, "", NULL, NULL, NULL },
    { "u", KITH_FIELD_USERNAME, KITH_FIELD_OPTIONAL, 0, "", NULL, NULL, NULL },
    { "c", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "", NULL, colours, NULL },
    { "o", KITH_FIELD_OBJECT, KITH_FIELD_OPTIONAL, 0, "", inner, NULL, NULL },
    { "a", KITH_FIELD_ARRAY, KITH_FIELD_OPTIONAL, 0, "", inner, NULL, NULL },
    { 0 },
  };
  static const struct
  {
    const char *json;
    const char *error;
  } rows[] = {
    { "{\"s\":\"\\u00e9\\u00e9\\u00e9\",\"i\":1,\"d\":1,\"b\":false,\"t\":\"2026-01-15T10:30:00.5Z\",\"u\":\"a~1234\","
      "\"c\":\"red\",\"o\":{\"n\":1,\"more\":2},\"a\":[{\"n\":1},{\"n\":2}],\"unknown\":[]}",
      NULL },
    { "{\"s\":\"\",\"i\":null,\"a\":[]}", NULL },
    { "{}", "the field \"s\" is missing" },
    { "{\"s\":null}", "the field \"s\" must be a string" },
    { "{\"s\":\"abcd\"}", "the field \"s\" is longer than 3 characters" },
    { "{\"s\":\"\",\"i\":1.5}", "the field \"i\" must be a whole number" },
    { "{\"s\":\"\",\"i\":\"1\"}", "the field \"i\" must be a whole number" },
    { "{\"s\":\"\",\"d\":true}", "the field \"d\" must be a number" },
    { "{\"s\":\"\",\"b\":0}", "the field \"b\" must be true or false" },
    { "{\"s\":\"\",\"t\":\"2026-01-15T10:30:00\"}", "the field \"t\" must be a time in UTC (2026-01-15T10:30:00Z)" },
    { "{\"s\":\"\",\"id\":\"x\"}", "the field \"id\" must be an id (a UUID v4 in lower case)" },
    { "{\"s\":\"\",\"u\":\"A\"}", "the field \"u\" must be a username" },
    { "{\"s\":\"\",\"c\":\"green\"}", "the field \"c\" must be one of: red, blue" },
    { "{\"s\":\"\",\"o\":[]}", "the field \"o\" must be an object" },
    { "{\"s\":\"\",\"o\":{}}", "the field \"n\" is missing" },
    { "{\"s\":\"\",\"a\":{}}", "the field \"a\" must be an array" },
    { "{\"s\":\"\",\"a\":[1]}", "the field \"a\" must hold objects" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (JsonObject) object = kith_json_parse_object (rows[i].json, -1, NULL);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", rows[i].json);
      g_assert_cmpint (kith_fields_check (fields, object, &error), ==, rows[i].error == NULL);
      g_assert_cmpstr (error != NULL ? error->message : NULL, ==, rows[i].error);
    }
  g_assert_true (kith_field_check_text (&fields[1], "-12", NULL));
  g_assert_false (kith_field_check_text (&fields[1], "12x", NULL));
  g_assert_false (kith_field_check_text (&fields[1], "", NULL));
  g_assert_false (kith_field_check_text (&fields[2], "nan", NULL));
  g_assert_true (kith_field_check_text (&fields[3], "true", NULL));
  g_assert_false (kith_field_check_text (&fields[7], "green", NULL));
}

static void
on_answer (guint status, JsonNode *body, GError *error, gpointer data)
{
  g_string_append_printf (data, "%u %s;", status, error != NULL ? error->message : body != NULL ? "body" : "none");
  g_clear_error (&error);
  g_clear_pointer (&body, json_node_unref);
}

static void
test_request (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  KithRequest *request = kith_request_new ("GET", NULL, NULL, 0, NULL, on_answer, log, NULL);
  KithRequest *kept;

  g_assert_cmpstr (kith_request_get_method (request), ==, "GET");
  g_assert_null (kith_request_get_param (request, "id"));
  g_assert_null (kith_request_get_body (request));
  g_assert_nonnull (kith_request_get_cancellable (request));
  kith_request_answer (request, 201, json_node_new (JSON_NODE_NULL));
  request = kith_request_new (NULL, NULL, NULL, 5, NULL, on_answer, log, NULL);
  kith_request_fail (request, g_error_new_literal (KITH_ERROR, KITH_ERROR_BUSY, "later"));
  /* Closed for a plugin that is stopped: what it answers afterwards is thrown away. */
  request = kith_request_new (NULL, NULL, NULL, 5, NULL, on_answer, log, NULL);
  kept = g_object_ref (request);
  kith_request_close (kept, g_error_new_literal (KITH_ERROR, KITH_ERROR_CLOSED, "closed"));
  kith_request_answer (request, 200, NULL);
  g_assert_finalize_object (kept);
  /* Dropped: told as our own mistake, and answered. */
  request = kith_request_new (NULL, NULL, NULL, 5, NULL, on_answer, log, NULL);
  g_test_expect_message ("kith", G_LOG_LEVEL_CRITICAL, "A request was dropped without an answer");
  g_object_unref (request);
  g_test_assert_expected_messages ();
  g_assert_cmpstr (log->str, ==, "201 body;503 later;503 closed;500 the request was dropped without an answer;");
}

static void
test_statuses (void)
{
  static const guint statuses[] = { 500, 400, 403, 404, 409, 413, 429, 503, 503, 507, 502, 503 };
  g_autoptr (GError) other = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "x");

  for (gint code = 0; code < (gint) G_N_ELEMENTS (statuses); code++)
    {
      g_autoptr (GError) error = g_error_new_literal (KITH_ERROR, code, "x");

      g_assert_cmpuint (kith_error_to_status (error), ==, statuses[code]);
    }
  g_assert_cmpuint (kith_error_to_status (other), ==, 500);
}

static void
on_done (KithContent *content, gpointer data)
{
  ++*(guint *) data;
}

static void
test_content (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (KithFriend) friend = kith_friend_new (key, "alice");
  guint done = 0;
  KithContent *content = kith_content_new (friend, "x.a.b", "id", json_object_new (), on_done, &done, NULL);

  g_assert_true (kith_content_get_friend (content) == friend);
  g_assert_true (json_object_is_immutable (kith_content_get_data (content)));
  kith_content_done (content);
  g_assert_cmpuint (done, ==, 1);
  content = kith_content_new (friend, "x.a.b", "id", json_object_new (), on_done, &done, NULL);
  g_assert_finalize_object (content);
  g_assert_cmpuint (done, ==, 1);
}

static void
on_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  g_string_append_printf (data, "%s ", pspec->name);
}

static void
test_friend (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (KithFriend) friend = kith_friend_new (key, "alice");
  g_autoptr (GString) log = g_string_new (NULL);
  KithPresence presence = KITH_PRESENCE_BUSY;

  g_signal_connect (friend, "notify", G_CALLBACK (on_notify), log);
  for (guint i = 0; i < 2; i++)
    {
      kith_friend_set_username (friend, "al");
      kith_friend_set_linked (friend, TRUE);
      kith_friend_set_presence (friend, KITH_PRESENCE_AWAY);
      kith_friend_set_allow (friend, KITH_ALLOW_TYPING);
      kith_friend_set_last_seen_ms (friend, 5);
    }
  g_assert_cmpstr (log->str, ==, "username linked presence allow last-seen-ms ");
  g_assert_true (kith_friend_allows (friend, KITH_ALLOW_TYPING));
  g_assert_false (kith_friend_allows (friend, KITH_ALLOW_TYPING | KITH_ALLOW_RECEIPTS));
  kith_friend_set_presence (friend, KITH_PRESENCE_INVISIBLE);
  g_assert_cmpint (kith_friend_get_presence (friend), ==, KITH_PRESENCE_OFFLINE);
  g_assert_cmpuint (strlen (kith_friend_get_fingerprint (friend)), ==, 32);
  g_assert_true (kith_presence_from_status ("away", &presence));
  g_assert_false (kith_presence_from_status ("asleep", &presence));
  g_assert_false (kith_presence_from_status (NULL, &presence));
  g_assert_cmpint (presence, ==, KITH_PRESENCE_AWAY);
}

static void
test_log_mask (void)
{
  static const struct
  {
    const char *text;
    const char *masked;
  } rows[] = {
    { "listening on 127.0.0.1:8080", "listening on 127.0.0.1:8080" },
    { "key 3mJr7AoUXx2Wqd1NxZ0sBpD8mQk4tYv6LhGfEcRbI5s= here", "key 3mJr… here" },
    { "3mJr7AoUXx2Wqd1N/Z0sBpD8mQk4tYv6LhGfEcRbI5s=", "3mJr…" },
    { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "0123…" },
    { "fingerprint 0123456789abcdef0123456789abcdef", "fingerprint 0123456789abcdef0123456789abcdef" },
    { "message 3b241101-e2bb-4255-8caf-4136c566a962", "message 3b241101-e2bb-4255-8caf-4136c566a962" },
    { "/usr/lib/x86_64-linux-gnu/kith/Plugins-1/tcp.so", "/usr/lib/x86_64-linux-gnu/kith/Plugins-1/tcp.so" },
    { "Authorization: Bearer abc.def", "Authorization: Bearer …" },
    { "GET /events?token=abcd&since=5", "GET /events?token=…&since=5" },
    { "{\"to\":\"bob\",\"text\":\"see you \\\"there\\\"\",\"x\":1}", "{\"to\":\"bob\",\"text\":…,\"x\":1}" },
    { "passphrase: hunter2, and more", "passphrase: …, and more" },
    { "the context is a text about tokens", "the context is a text about tokens" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *masked = kith_log_mask (rows[i].text);

      g_assert_cmpstr (masked, ==, rows[i].masked);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/values/event", test_event);
  g_test_add_func ("/values/names", test_names);
  g_test_add_func ("/values/fields", test_fields);
  g_test_add_func ("/values/request", test_request);
  g_test_add_func ("/values/statuses", test_statuses);
  g_test_add_func ("/values/content", test_content);
  g_test_add_func ("/values/friend", test_friend);
  g_test_add_func ("/values/log-mask", test_log_mask);
  return g_test_run ();
}
