/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes, commands, and what is checked of them. */
#include <string.h>

#include "kith-catalog.h"
#include "kith-events.h"

static const char *const colours[] = { "red", "green", NULL };

static const KithField params[] = {
  { "id", KITH_FIELD_ID, 0, 0, "which" },
  { "peer", KITH_FIELD_USERNAME, KITH_FIELD_OPTIONAL, 0, "whose" },
  { "limit", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "how many" },
  { 0 },
};

static const KithField body_fields[] = {
  { "text", KITH_FIELD_STRING, 0, 5, "what" },
  { "colour", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "which", NULL, colours },
  { "deep", KITH_FIELD_OBJECT, KITH_FIELD_OPTIONAL, 0, "more", params },
  { 0 },
};

static const KithField nothing[] = { { 0 } };

static const KithRouteSpec get_spec = { "GET", "things/:id", params, NULL, nothing, "one thing" };
static const KithRouteSpec put_spec = { "PUT", "things/:id", params, body_fields, nothing, "changes it" };
static const KithRouteSpec word_spec = { "GET", "things/all", NULL, NULL, NULL, "all things", NULL, KITH_ROUTE_TEXT };
static const KithRouteSpec admin_spec = { "POST", "admin/things", NULL, NULL, nothing, "for the owner" };

#define ID "6ba7b810-9dad-41d1-80b4-00c04fd430c8"

typedef struct
{
  KithBus *bus;
  KithWorld *world;
  KithCatalog *catalog;
  guint status, answers, destroyed;
  char *text, *allow;
  const KithRouteSpec *asked;
  char *seen;
} Fixture;

static void
on_answer (guint status, GBytes *json, GError *error, const char *const *headers, gpointer data)
{
  Fixture *f = data;

  f->answers++;
  f->status = status;
  g_free (f->text);
  f->text = error != NULL ? g_strdup (error->message)
            : json != NULL ? g_strndup (g_bytes_get_data (json, NULL), g_bytes_get_size (json)) : NULL;
  g_free (f->allow);
  f->allow = headers != NULL && strcmp (headers[0], "Allow") == 0 ? g_strdup (headers[1]) : NULL;
  g_clear_error (&error);
  g_clear_pointer (&json, g_bytes_unref);
}

static void
on_destroy (gpointer data)
{
  ((Fixture *) data)->destroyed++;
}

static const KithCaller caller = { on_answer, on_destroy };

static void
on_request (KithRequest *request, gpointer data)
{
  Fixture *f = data;
  JsonObject *body = kith_request_get_body (request);

  g_free (f->seen);
  f->seen = g_strdup_printf ("%s %s %s %s",
                             kith_request_get_method (request) != NULL ? kith_request_get_method (request) : "-",
                             kith_request_get_param (request, "id"), kith_request_get_param (request, "peer"),
                             body != NULL ? json_object_get_string_member_with_default (body, "text", "?") : "-");
  kith_call_answer (request, 200, g_bytes_new_static ("{}", 2));
}

static void
on_word (KithRequest *request, gpointer data)
{
  kith_call_answer_type (request, 201, "text/plain; charset=utf-8", g_bytes_new_static ("word", 4));
}

static void
setup (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  f->world = kith_world_new_virtual (1);
  f->bus = kith_bus_new (f->world);
  f->catalog = kith_catalog_new (f->bus);
  g_assert_true (kith_catalog_add_route (f->catalog, NULL, NULL, &get_spec, on_request, f, NULL, &error));
  g_assert_true (kith_catalog_add_route (f->catalog, NULL, NULL, &put_spec, on_request, f, NULL, &error));
  g_assert_true (kith_catalog_add_route (f->catalog, NULL, NULL, &word_spec, on_word, f, NULL, &error));
  g_assert_true (kith_catalog_add_route (f->catalog, NULL, NULL, &admin_spec, on_request, f, NULL, &error));
}

static void
teardown (Fixture *f, gconstpointer unused)
{
  g_object_unref (f->catalog);
  g_object_unref (f->bus);
  kith_world_unref (f->world);
  g_free (f->text);
  g_free (f->allow);
  g_free (f->seen);
}

static void
ask (Fixture *f, KithReach reach, const char *method, const char *path, const char *peer, const char *body)
{
  g_autoptr (GHashTable) query = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GBytes) bytes = body != NULL ? g_bytes_new_static (body, strlen (body)) : NULL;
  guint answers = f->answers, destroyed = f->destroyed;

  if (peer != NULL)
    g_hash_table_insert (query, (char *) "peer", (char *) peer);
  g_hash_table_insert (query, (char *) "unknown", (char *) "ignored");
  kith_catalog_ask (f->catalog, reach, method, path, query, bytes, NULL, &caller, f);
  g_assert_cmpuint (f->answers, ==, answers + 1);
  g_assert_cmpuint (f->destroyed, ==, destroyed + 1);
}

static void
test_routes (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *method, *path, *peer, *body;
    guint status;
    const char *names;   /* what the answer must hold */
  } cases[] = {
    { "GET", "/things/" ID, NULL, NULL, 200, "{}" },
    { "HEAD", "/things/" ID, NULL, NULL, 200, "{}" },
    { "GET", "/things/" ID, "bob", NULL, 200, "{}" },
    { "GET", "/things/all", NULL, NULL, 201, "word" },
    { "GET", "/things/none", NULL, NULL, 400, "id" },
    { "GET", "/things/" ID, "Not A Name", NULL, 400, "peer" },
    { "GET", "/things", NULL, NULL, 404, "/things" },
    { "GET", "/", NULL, NULL, 404, "/" },
    { "GET", "/things/" ID "/more", NULL, NULL, 404, "more" },
    { "POST", "/things/" ID, NULL, NULL, 405, "POST" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"hello\"}", 200, "{}" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"hello\",\"colour\":null,\"other\":[1]}", 200, "{}" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"h\xc3\xa9llo\"}", 200, "{}" },
    { "PUT", "/things/" ID, NULL, NULL, 400, "body" },
    { "PUT", "/things/" ID, NULL, "", 400, "body" },
    { "PUT", "/things/" ID, NULL, "{}", 400, "text" },
    { "PUT", "/things/" ID, NULL, "[]", 400, "object" },
    { "PUT", "/things/" ID, NULL, "{\"text\":null}", 400, "text" },
    { "PUT", "/things/" ID, NULL, "{\"text\":7}", 400, "text" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"toolong\"}", 400, "text" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"a\",\"colour\":\"blue\"}", 400, "colour" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"a\",\"deep\":{}}", 400, "id" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"a\",\"text\":\"b\"}", 400, "body" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"a\"} ", 200, "{}" },
    { "PUT", "/things/" ID, NULL, "{\"text\":\"a\"}x", 400, "body" },
    { "PUT", "/things/" ID, NULL, "{'text':'a'}", 400, "body" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s %s %s", cases[i].method, cases[i].path, cases[i].body);
      ask (f, KITH_REACH_LOCAL, cases[i].method, cases[i].path, cases[i].peer, cases[i].body);
      g_assert_cmpuint (f->status, ==, cases[i].status);
      g_assert_nonnull (strstr (f->text, cases[i].names));
    }
  ask (f, KITH_REACH_LOCAL, "PUT", "/things/" ID, "bob", "{\"text\":\"yes\"}");
  g_assert_cmpstr (f->seen, ==, "PUT " ID " bob yes");
}

static void
test_allow (Fixture *f, gconstpointer unused)
{
  ask (f, KITH_REACH_LOCAL, "DELETE", "/things/" ID, NULL, NULL);
  g_assert_cmpuint (f->status, ==, 405);
  g_assert_cmpstr (f->allow, ==, "GET, HEAD, PUT");
  ask (f, KITH_REACH_LOCAL, "OPTIONS", "/things/" ID, NULL, NULL);
  g_assert_cmpuint (f->status, ==, 204);
  g_assert_cmpstr (f->allow, ==, "GET, HEAD, PUT");
  ask (f, KITH_REACH_LOCAL, "OPTIONS", "/nothing", NULL, NULL);
  g_assert_cmpuint (f->status, ==, 404);
}

static void
test_reach (Fixture *f, gconstpointer unused)
{
  ask (f, KITH_REACH_LOCAL, "POST", "/admin/things", NULL, NULL);
  g_assert_cmpuint (f->status, ==, 404);
  ask (f, KITH_REACH_LOCAL, "GET", "/admin/things", NULL, NULL);
  g_assert_cmpuint (f->status, ==, 404);
  ask (f, KITH_REACH_OWNER, "POST", "/admin/things", NULL, NULL);
  g_assert_cmpuint (f->status, ==, 200);
}

static void
test_owners (Fixture *f, gconstpointer unused)
{
  static const KithRouteSpec other = { "GET", "things/:name", NULL, NULL, nothing, "the same place" };
  static const KithRouteSpec bad = { "GET", "/things", NULL, NULL, NULL, "a slash in front" };
  static const KithRouteSpec verb = { "BREW", "things", NULL, NULL, NULL, "no method" };
  g_autoptr (GError) error = NULL;

  g_assert_false (kith_catalog_add_route (f->catalog, "polls", NULL, &other, on_request, f, NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (kith_catalog_add_route (f->catalog, "polls", NULL, &bad, on_request, f, NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (kith_catalog_add_route (f->catalog, "polls", NULL, &verb, on_request, f, NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_true (kith_catalog_add_route (f->catalog, "polls", "plugins/polls", &other, on_request, f, NULL, &error));
  ask (f, KITH_REACH_LOCAL, "GET", "/plugins/polls/things/x", NULL, NULL);
  g_assert_cmpuint (f->status, ==, 200);
  kith_catalog_drop_route (f->catalog, &other);
  ask (f, KITH_REACH_LOCAL, "GET", "/plugins/polls/things/x", NULL, NULL);
  g_assert_cmpuint (f->status, ==, 404);
}

/* --- commands */

static const KithField command_fields[] = {
  { "to", KITH_FIELD_USERNAME, 0, 0, "whom" },
  { "typing", KITH_FIELD_BOOLEAN, 0, 0, "whether" },
  { "count", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "how often" },
  { "more", KITH_FIELD_OBJECT, KITH_FIELD_OPTIONAL, 0, "and more" },
  { 0 },
};

static const KithEventSpec command_spec = { "typing", KITH_KEEP_NONE, NULL, command_fields, "is typing" };

static void
on_command (KithRequest *request, gpointer data)
{
  Fixture *f = data;
  JsonObject *body = kith_request_get_body (request);

  g_assert_null (kith_request_get_method (request));
  g_free (f->seen);
  f->seen = g_strdup_printf ("%s %d %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT,
                             json_object_get_string_member (body, "to"),
                             json_object_get_boolean_member (body, "typing"),
                             json_object_get_int_member_with_default (body, "count", -1),
                             kith_request_get_client (request));
  kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "nobody"));
}

static void
test_commands (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *name, *data, *seen, *fails;
  } cases[] = {
    { "typing", "{\"to\":\"bob\",\"typing\":true}", "bob 1 -1 9", NULL },
    { "typing", "{ \"typing\" : false , \"x\" : [1,{}], \"to\" : \"b\\u006fb\", \"count\": 3, \"more\": {\"a\":[]} }",
      "bob 0 3 9", NULL },
    { "typing", "{\"to\":\"bob\",\"typing\":true,\"count\":null}", "bob 1 -1 9", NULL },
    { "typing", "{\"to\":\"bob\",\"typing\":1}", NULL, "typing" },
    { "typing", "{\"to\":\"bob\",\"typing\":null}", NULL, "typing" },
    { "typing", "{\"to\":\"bob\"}", NULL, "typing" },
    { "typing", "{\"to\":\"Bob!\",\"typing\":true}", NULL, "to" },
    { "typing", "{\"to\":{},\"typing\":true}", NULL, "to" },
    { "typing", "{\"to\":\"bob\",\"typing\":true,\"count\":1.5}", NULL, "count" },
    { "typing", "{\"to\":\"bob\",\"typing\":true,\"more\":[]}", NULL, "more" },
    { "typing", "[]", NULL, "data" },
    { "nothing", "{}", NULL, "nothing" },
  };
  g_autoptr (GError) error = NULL;

  g_assert_true (kith_catalog_add_command (f->catalog, "typing", &command_spec, on_command, f, NULL, &error));
  g_assert_false (kith_catalog_add_command (f->catalog, "other", &command_spec, on_command, f, NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CONFLICT);
  g_clear_error (&error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gboolean taken;

      g_test_message ("%s", cases[i].data);
      taken = kith_catalog_command (f->catalog, cases[i].name, cases[i].data, strlen (cases[i].data), 9, NULL, &caller,
                                    f, &error);
      g_assert_true (taken == (cases[i].fails == NULL));
      if (taken)
        {
          g_assert_cmpstr (f->seen, ==, cases[i].seen);
          g_assert_cmpuint (f->status, ==, 404);
          continue;
        }
      g_assert_nonnull (strstr (error->message, cases[i].fails));
      g_clear_error (&error);
    }
  kith_catalog_drop_command (f->catalog, &command_spec);
  g_assert_null (kith_catalog_find_command (f->catalog, "typing"));
}

static JsonNode *
parse (GBytes *bytes)
{
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);
  g_autoptr (GError) error = NULL;
  JsonNode *node = kith_json_parse (text, (gssize) n, &error);

  g_assert_no_error (error);
  return node;
}

static void
test_printed (Fixture *f, gconstpointer unused)
{
  g_autoptr (GBytes) events = NULL;
  g_autoptr (GBytes) api = kith_catalog_print_openapi (f->catalog);
  g_autoptr (JsonNode) event_root = NULL;
  g_autoptr (JsonNode) api_root = parse (api);
  JsonObject *paths = json_object_get_object_member (json_node_get_object (api_root), "paths");

  kith_events_register (f->bus);
  kith_catalog_add_command (f->catalog, "typing", &command_spec, on_command, f, NULL, NULL);
  events = kith_catalog_print_events (f->catalog);
  event_root = parse (events);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (json_node_get_object (event_root), "events")),
                    ==, 18);
  g_assert_true (json_object_has_member (paths, "/things/{id}"));
  g_assert_true (json_object_has_member (json_object_get_object_member (paths, "/things/{id}"), "put"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/api/catalog/" name, Fixture, NULL, setup, func, teardown)
  ADD ("routes", test_routes);
  ADD ("allow", test_allow);
  ADD ("reach", test_reach);
  ADD ("owners", test_owners);
  ADD ("commands", test_commands);
  ADD ("printed", test_printed);
  return g_test_run ();
}
