/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <kith/kith.h>

/* A poll is kept as {"poll", "peer", "question", "yes"} under its id. */
#define ASK "x.example.ask"
#define ANSWER "x.example.answer"
#define ASKED "x.example.asked"
#define ANSWERED "x.example.answered"

#define X_TYPE_EXAMPLE (x_example_get_type ())
G_DECLARE_FINAL_TYPE (XExample, x_example, X, EXAMPLE, KithPlugin)

struct _XExample
{
  KithPlugin parent_instance;
};

G_DEFINE_FINAL_TYPE (XExample, x_example, KITH_TYPE_PLUGIN)

#define POLL_FIELD { "poll", KITH_FIELD_ID, KITH_FIELD_REQUIRED, 0, "which poll", NULL, NULL, NULL }
#define ID_FIELD { "id", KITH_FIELD_ID, KITH_FIELD_REQUIRED, 0, "which poll", NULL, NULL, NULL }
#define USERNAME_FIELD { "username", KITH_FIELD_USERNAME, KITH_FIELD_REQUIRED, 0, "the friend", NULL, NULL, NULL }
#define PEER_FIELD { "peer", KITH_FIELD_USERNAME, KITH_FIELD_REQUIRED, 0, "the friend", NULL, NULL, NULL }
#define TO_FIELD { "to", KITH_FIELD_USERNAME, KITH_FIELD_REQUIRED, 0, "the friend", NULL, NULL, NULL }
#define QUESTION_FIELD { "question", KITH_FIELD_STRING, KITH_FIELD_REQUIRED, 300, "what is asked", NULL, NULL, NULL }
#define YES_FIELD(flags) { "yes", KITH_FIELD_BOOLEAN, flags, 0, "the answer", NULL, NULL, NULL }

static const KithField id_fields[] = { ID_FIELD, { 0 } };
static const KithField poll_fields[] = { POLL_FIELD, { 0 } };
static const KithField ask_fields[] = { TO_FIELD, QUESTION_FIELD, { 0 } };
static const KithField answer_fields[] = { YES_FIELD (KITH_FIELD_REQUIRED), { 0 } };
static const KithField show_fields[]
  = { POLL_FIELD, PEER_FIELD, QUESTION_FIELD, YES_FIELD (KITH_FIELD_OPTIONAL), { 0 } };
static const KithField asked_fields[] = { POLL_FIELD, USERNAME_FIELD, QUESTION_FIELD, { 0 } };
static const KithField answered_fields[] = { POLL_FIELD, USERNAME_FIELD, YES_FIELD (KITH_FIELD_REQUIRED), { 0 } };

static const KithEventSpec asked_spec
  = { ASKED, KITH_KEEP_ALL, NULL, asked_fields, "A friend asks something", { NULL } };
static const KithEventSpec answered_spec
  = { ANSWERED, KITH_KEEP_ALL, NULL, answered_fields, "A friend answered a poll", { NULL } };
static const KithRouteStatus ask_statuses[] = {
  { 201, "it is on its way" },
  { 404, "that is no friend" },
  { 0, NULL },
};
static const KithRouteSpec ask_route
  = { "POST", "polls", NULL, ask_fields, poll_fields, "Asks a friend something", ask_statuses, 0 };
static const KithRouteSpec answer_route
  = { "PUT", "polls/:id", id_fields, answer_fields, NULL, "Answers a friend's poll", NULL, 0 };
static const KithRouteSpec show_route
  = { "GET", "polls/:id", id_fields, NULL, show_fields, "Shows a poll", NULL, 0 };

static KithHost *
get_host (gpointer self)
{
  return kith_plugin_get_host (KITH_PLUGIN (self));
}

static JsonNode *
wrap (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  return node;
}

static GBytes *
make_poll (const char *id, const char *peer, const char *question)
{
  g_autoptr (JsonNode) node = wrap (json_object_new ());
  JsonObject *object = json_node_get_object (node);

  json_object_set_string_member (object, "poll", id);
  json_object_set_string_member (object, "peer", peer);
  json_object_set_string_member (object, "question", question);
  return kith_json_print (node);
}

/* The poll that load gave, or NULL with an error. */
static JsonNode *
load_poll_finish (GObject *host, GAsyncResult *result, GError **error)
{
  g_autoptr (GBytes) bytes = kith_host_load_finish (KITH_HOST (host), result, error);
  gsize n;
  const char *text;

  if (bytes == NULL)
    return NULL;
  text = g_bytes_get_data (bytes, &n);
  return kith_json_parse (text, (gssize) n, error);
}

/* POST polls: keep it, send it, then answer. */
static void
on_ask_sent (GObject *host, GAsyncResult *result, gpointer data)
{
  KithRequest *request = data;
  GError *error = NULL;
  g_autofree char *id = kith_host_send_finish (KITH_HOST (host), result, &error);
  JsonObject *answer;

  if (id == NULL)
    {
      kith_request_fail (request, error);
      return;
    }
  answer = json_object_new ();
  json_object_set_string_member (answer, "poll", g_object_get_data (G_OBJECT (request), "poll"));
  kith_request_answer (request, 201, wrap (answer));
}

static void
on_ask_kept (GObject *host, GAsyncResult *result, gpointer data)
{
  KithRequest *request = data;
  JsonObject *body = kith_request_get_body (request);
  KithFriend *friend = kith_host_find_friend (KITH_HOST (host), json_object_get_string_member (body, "to"));
  GError *error = NULL;
  JsonObject *content;

  if (!kith_host_save_finish (KITH_HOST (host), result, &error))
    kith_request_fail (request, error);
  else if (friend == NULL)
    kith_request_fail (request, g_error_new_literal (KITH_ERROR, KITH_ERROR_UNKNOWN, "\"to\": no longer a friend"));
  else
    {
      content = json_object_new ();
      json_object_set_string_member (content, "poll", g_object_get_data (G_OBJECT (request), "poll"));
      json_object_set_string_member (content, "question", json_object_get_string_member (body, "question"));
      kith_host_send_async (KITH_HOST (host), friend, ASK, content, NULL, on_ask_sent, request);
    }
}

static void
on_ask_route (KithRequest *request, gpointer self)
{
  JsonObject *body = kith_request_get_body (request);
  const char *to = json_object_get_string_member (body, "to");
  char *id = g_uuid_string_random ();
  g_autoptr (GBytes) poll = make_poll (id, to, json_object_get_string_member (body, "question"));

  g_object_set_data_full (G_OBJECT (request), "poll", id, g_free);
  if (kith_host_find_friend (get_host (self), to) != NULL)
    kith_host_save_async (get_host (self), id, poll, NULL, on_ask_kept, request);
  else
    kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "\"to\": there is no friend \"%s\"", to));
}

/* PUT polls/:id */
static void
on_answer_sent (GObject *host, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autofree char *id = kith_host_send_finish (KITH_HOST (host), result, &error);

  if (id != NULL)
    kith_request_answer (data, 204, NULL);
  else
    kith_request_fail (data, error);
}

static void
on_answer_loaded (GObject *host, GAsyncResult *result, gpointer data)
{
  KithRequest *request = data;
  GError *error = NULL;
  g_autoptr (JsonNode) poll = load_poll_finish (host, result, &error);
  KithFriend *friend;
  JsonObject *content;

  if (poll == NULL)
    {
      kith_request_fail (request, error);
      return;
    }
  friend = kith_host_find_friend (KITH_HOST (host),
                                  json_object_get_string_member (json_node_get_object (poll), "peer"));
  if (friend == NULL)
    {
      kith_request_fail (request, g_error_new_literal (KITH_ERROR, KITH_ERROR_UNKNOWN, "who asked is no friend now"));
      return;
    }
  content = json_object_new ();
  json_object_set_string_member (content, "poll", kith_request_get_param (request, "id"));
  json_object_set_boolean_member (content, "yes",
                                  json_object_get_boolean_member (kith_request_get_body (request), "yes"));
  kith_host_send_async (KITH_HOST (host), friend, ANSWER, content, NULL, on_answer_sent, request);
}

static void
on_answer_route (KithRequest *request, gpointer self)
{
  kith_host_load_async (get_host (self), kith_request_get_param (request, "id"), NULL, on_answer_loaded, request);
}

/* GET polls/:id */
static void
on_show_loaded (GObject *host, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  JsonNode *poll = load_poll_finish (host, result, &error);

  if (poll != NULL)
    kith_request_answer (data, 200, poll);
  else
    kith_request_fail (data, error);
}

static void
on_show_route (KithRequest *request, gpointer self)
{
  kith_host_load_async (get_host (self), kith_request_get_param (request, "id"), NULL, on_show_loaded, request);
}

/* What a friend sent is theirs to shape: look before using it. */
static const char *
get_text (JsonObject *data, const char *name)
{
  JsonNode *node = json_object_get_member (data, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

static void
publish_about (KithHost *host, KithContent *content, const char *event, JsonObject *data)
{
  json_object_set_string_member (data, "poll", get_text (kith_content_get_data (content), "poll"));
  json_object_set_string_member (data, "username", kith_friend_get_username (kith_content_get_friend (content)));
  kith_host_publish (host, kith_event_new (event, data));
}

static void
on_asked_kept (GObject *host, GAsyncResult *result, gpointer data)
{
  g_autoptr (KithContent) content = data;
  JsonObject *event;

  /* Not kept: it stays in the inbox and comes again. */
  if (!kith_host_save_finish (KITH_HOST (host), result, NULL))
    return;
  event = json_object_new ();
  json_object_set_string_member (event, "question", get_text (kith_content_get_data (content), "question"));
  publish_about (KITH_HOST (host), content, ASKED, event);
  kith_content_done (g_steal_pointer (&content));
}

static void
on_ask_content (KithContent *content, gpointer self)
{
  JsonObject *data = kith_content_get_data (content);
  const char *id = get_text (data, "poll"), *question = get_text (data, "question");
  g_autoptr (GBytes) poll = NULL;

  if (id == NULL || !g_uuid_string_is_valid (id) || question == NULL || g_utf8_strlen (question, -1) > 300)
    {
      kith_content_done (content);
      return;
    }
  poll = make_poll (id, kith_friend_get_username (kith_content_get_friend (content)), question);
  kith_host_save_async (get_host (self), id, poll, NULL, on_asked_kept, content);
}

static void
on_answer_content (KithContent *content, gpointer self)
{
  JsonObject *data = kith_content_get_data (content);
  const char *id = get_text (data, "poll");
  JsonNode *yes = json_object_get_member (data, "yes");
  JsonObject *event;

  if (id != NULL && g_uuid_string_is_valid (id) && yes != NULL && json_node_get_value_type (yes) == G_TYPE_BOOLEAN)
    {
      event = json_object_new ();
      json_object_set_boolean_member (event, "yes", json_node_get_boolean (yes));
      publish_about (get_host (self), content, ANSWERED, event);
    }
  kith_content_done (content);
}

static gboolean
x_example_activate (KithPlugin *self, KithHost *host, GError **error)
{
  return kith_host_add_event (host, &asked_spec, error) && kith_host_add_event (host, &answered_spec, error)
         && kith_host_add_route (host, &ask_route, on_ask_route, self, NULL, error)
         && kith_host_add_route (host, &answer_route, on_answer_route, self, NULL, error)
         && kith_host_add_route (host, &show_route, on_show_route, self, NULL, error)
         && kith_host_add_content (host, ASK, on_ask_content, self, NULL, error)
         && kith_host_add_content (host, ANSWER, on_answer_content, self, NULL, error);
}

static void
x_example_class_init (XExampleClass *class)
{
  KITH_PLUGIN_CLASS (class)->activate = x_example_activate;
}

static void
x_example_init (XExample *self)
{
}

KITH_DEFINE_PLUGIN (x_example, "example")
