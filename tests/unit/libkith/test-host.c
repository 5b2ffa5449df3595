/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-bus-private.h"
#include "kith-friend-private.h"
#include "kith-host-private.h"
#include "kith-request-private.h"

typedef struct
{
  KithWorld *world;
  KithBus *bus;
  KithBus *port;
  KithHost *host;
  KithFriend *friend;
  GString *log;
  GTask *task; /* what the plugin waits for */
  KithRequestFunc func;
  gpointer data;
} Fixture;

static const KithEventSpec said_spec = { "x.poll.said", KITH_KEEP_NONE, NULL, NULL, "", { NULL } };
static const KithEventSpec plain_spec = { "said", KITH_KEEP_NONE, NULL, NULL, "", { NULL } };
static const KithRouteSpec route_spec = { "GET", "polls/:id", NULL, NULL, NULL, "", NULL, 0 };

static gboolean
add_command (gpointer backend, KithHost *host, const KithEventSpec *spec, KithRequestFunc func, gpointer data,
             GError **error)
{
  Fixture *f = backend;

  f->func = func;
  f->data = data;
  g_string_append_printf (f->log, "+%s ", spec->name);
  return TRUE;
}

static void
drop_command (gpointer backend, KithHost *host, const KithEventSpec *spec)
{
  g_string_append_printf (((Fixture *) backend)->log, "-%s ", spec->name);
}

static gboolean
add_route (gpointer backend, KithHost *host, const KithRouteSpec *spec, KithRequestFunc func, gpointer data,
           GError **error)
{
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_CONFLICT, "taken");
  return FALSE;
}

static void
send_content (gpointer backend, KithHost *host, KithFriend *to, const char *kind, JsonObject *data, GTask *task)
{
  Fixture *f = backend;

  json_object_unref (data);
  g_assert_null (f->task);
  f->task = task;
}

static void
ask (gpointer backend, KithHost *host, const char *method, const char *path, JsonObject *body, GTask *task)
{
  Fixture *f = backend;

  g_string_append_printf (f->log, "ask:%s:%s:%s ", method, path, body != NULL ? "body" : "none");
  g_clear_pointer (&body, json_object_unref);
  g_assert_null (f->task);
  f->task = task;
}

static void
save (gpointer backend, KithHost *host, const char *key, GBytes *value, GTask *task)
{
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
set_presence (gpointer backend, KithHost *host, KithFriend *of, KithPresence presence)
{
  kith_friend_set_presence (of, presence);
}

static KithPresence
get_status (gpointer backend, KithHost *host)
{
  return KITH_PRESENCE_BUSY;
}

static const char *
get_username (gpointer backend, KithHost *host)
{
  return "me";
}

static const KithHostFuncs funcs = {
  .add_command = add_command,
  .drop_command = drop_command,
  .add_route = add_route,
  .send = send_content,
  .ask = ask,
  .save = save,
  .set_presence = set_presence,
  .get_status = get_status,
  .get_username = get_username,
};

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);

  f->world = kith_world_new_virtual (1);
  f->bus = kith_bus_new (f->world);
  f->port = kith_bus_add_port (f->bus, "poll");
  f->host = kith_host_new ("poll", &funcs, f, f->port, NULL, f->world);
  f->friend = kith_friend_new (key, "alice");
  f->log = g_string_new (NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  kith_host_cut (f->host);
  g_assert_finalize_object (f->host);
  g_assert_finalize_object (f->port);
  g_assert_finalize_object (f->bus);
  g_assert_finalize_object (f->friend);
  kith_world_unref (f->world);
  g_string_free (f->log, TRUE);
}

static KithRequest *held;

static void
on_request (KithRequest *request, gpointer data)
{
  held = request;
}

static void
on_content (KithContent *content, gpointer data)
{
  g_assert_not_reached ();
}

static void
on_destroy (gpointer data)
{
  g_string_append (((Fixture *) data)->log, "destroy ");
}

static void
on_answer (guint status, JsonNode *body, GError *error, gpointer data)
{
  g_string_append_printf (data, "answer:%u ", status);
  g_clear_error (&error);
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = kith_host_send_finish (KITH_HOST (source), result, &error);

  g_string_append_printf (f->log, "sent:%s ", id != NULL ? id : error->message);
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;

  gboolean saved = kith_host_save_finish (KITH_HOST (source), result, &error);

  g_string_append_printf (f->log, "saved:%d:%d ", saved, error != NULL ? error->code : -1);
}

static gboolean
on_timer (gpointer data)
{
  g_string_append (((Fixture *) data)->log, "tick ");
  return G_SOURCE_CONTINUE;
}

static void
on_event (KithBus *bus, KithEvent *event, Fixture *f)
{
  g_string_append_printf (f->log, "event:%s ", kith_event_get_name (event));
}

static void
on_notify (GObject *host, GParamSpec *pspec, Fixture *f)
{
  g_string_append_printf (f->log, "notify:%s ", pspec->name);
}

static void
test_names (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (kith_host_add_event (f->host, &said_spec, &error));
  g_assert_false (kith_host_add_event (f->host, &plain_spec, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (kith_host_add_ephemeral (f->host, "x.other.wave", NULL));
  g_assert_false (kith_host_add_ephemeral (f->host, "x.poll.", NULL));
  g_assert_true (kith_host_add_ephemeral (f->host, "x.poll.wave", NULL));
  kith_host_set_builtin (f->host, TRUE);
  g_assert_true (kith_host_add_event (f->host, &plain_spec, &error));
  g_assert_no_error (error);
  g_assert_false (kith_host_add_event (f->host, &plain_spec, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CONFLICT);
  g_clear_error (&error);
  /* Contents of plain names are chat's, whoever asks. */
  g_assert_false (kith_host_add_content (f->host, "message", on_content, NULL, NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
}

static void
test_publish (Fixture *f, gconstpointer data)
{
  g_signal_connect (f->bus, "event", G_CALLBACK (on_event), f);
  g_assert_true (kith_host_add_event (f->host, &said_spec, NULL));
  kith_host_publish (f->host, kith_event_new ("x.poll.said", json_object_new ()));
  kith_host_post (f->host, kith_event_new ("x.poll.said", json_object_new ()));
  g_string_append (f->log, "posted ");
  kith_world_run_until_idle (f->world);
  g_test_expect_message ("kith", G_LOG_LEVEL_WARNING, "*published \"other\", which it has not registered");
  kith_host_publish (f->host, kith_event_new ("other", json_object_new ()));
  g_test_assert_expected_messages ();
  g_assert_cmpstr (f->log->str, ==, "event:x.poll.said posted event:x.poll.said ");
}

static void
test_send (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) large = g_bytes_new_take (g_malloc0 (65537), 65537);

  kith_host_send_async (f->host, f->friend, "x.poll.vote", json_object_new (), NULL, on_sent, f);
  g_task_return_pointer (f->task, g_strdup ("the-id"), g_free);
  g_clear_object (&f->task);
  kith_world_run_until_idle (f->world);
  kith_host_send_async (f->host, f->friend, "edit", json_object_new (), NULL, on_sent, f);
  kith_world_run_until_idle (f->world);
  g_assert_cmpstr (f->log->str, ==, "sent:the-id sent:the plugin \"poll\" may not send \"edit\" ");
  g_string_truncate (f->log, 0);
  kith_host_save_async (f->host, "key", NULL, NULL, on_saved, f);
  kith_host_save_async (f->host, "key", large, NULL, on_saved, f);
  kith_host_load_async (f->host, "key", NULL, NULL, NULL);
  kith_world_run_until_idle (f->world);
  g_assert_cmpstr (f->log->str, ==, "saved:1:-1 saved:0:5 ");
}

static void
on_asked (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = NULL;

  if (kith_host_ask_finish (KITH_HOST (source), result, &answer, &error))
    g_string_append_printf (f->log, "asked:%s ", answer != NULL ? json_node_get_string (answer) : "none");
  else
    g_string_append_printf (f->log, "asked:%s:%d ", error->message, error->code);
}

/* An answer with a body, one without, an error, and one that comes when the plugin has gone. */
static void
test_ask (Fixture *f, gconstpointer data)
{
  kith_host_ask_async (f->host, "PUT", "/presence", json_object_new (), NULL, on_asked, f);
  g_task_return_pointer (f->task, json_node_init_string (json_node_alloc (), "done"),
                         (GDestroyNotify) json_node_unref);
  g_clear_object (&f->task);
  kith_world_run_until_idle (f->world);
  kith_host_ask_async (f->host, "POST", "/requests/bob/accept", NULL, NULL, on_asked, f);
  g_task_return_pointer (f->task, NULL, NULL);
  g_clear_object (&f->task);
  kith_world_run_until_idle (f->world);
  kith_host_ask_async (f->host, "GET", "/nowhere", NULL, NULL, on_asked, f);
  g_task_return_new_error (f->task, KITH_ERROR, KITH_ERROR_UNKNOWN, "no");
  g_clear_object (&f->task);
  kith_world_run_until_idle (f->world);
  g_assert_cmpstr (f->log->str, ==,
                   "ask:PUT:/presence:body asked:done ask:POST:/requests/bob/accept:none asked:none "
                   "ask:GET:/nowhere:none asked:no:3 ");
  g_string_truncate (f->log, 0);

  kith_host_ask_async (f->host, "GET", "/friends", NULL, NULL, on_asked, f);
  kith_host_cut (f->host);
  kith_host_ask_async (f->host, "PUT", "/presence", json_object_new (), NULL, on_asked, f);
  kith_world_run_until_idle (f->world);
  g_task_return_pointer (f->task, json_node_init_string (json_node_alloc (), "late"),
                         (GDestroyNotify) json_node_unref);
  g_clear_object (&f->task);
  kith_world_run_until_idle (f->world);
  g_assert_cmpstr (f->log->str, ==,
                   "ask:GET:/friends:none asked:the plugin \"poll\" has been deactivated:11 "
                   "asked:the plugin \"poll\" has been deactivated:11 ");
}

static void
test_abilities (Fixture *f, gconstpointer data)
{
  const char *const provides[] = { "presence", NULL };
  g_autoptr (GError) error = NULL;

  g_assert_false (kith_host_add_route (f->host, &route_spec, on_request, f, on_destroy, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_null (kith_host_derive (f->host, "everything", &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_null (kith_host_certify (f->host, "cheque", NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  kith_host_set_presence (f->host, f->friend, KITH_PRESENCE_AWAY);
  g_assert_cmpint (kith_friend_get_presence (f->friend), ==, KITH_PRESENCE_OFFLINE);
  kith_host_set_provides (f->host, provides);
  kith_host_set_presence (f->host, f->friend, KITH_PRESENCE_AWAY);
  g_assert_cmpint (kith_friend_get_presence (f->friend), ==, KITH_PRESENCE_AWAY);
  /* A kind that it has not registered is not said for it. */
  g_assert_false (kith_host_send_ephemeral (f->host, f->friend, "typing", json_object_new ()));
  g_assert_cmpstr (f->log->str, ==, "");
}

/* Everything is withdrawn, everybody who waits is answered, and every call afterwards is harmless. */
static void
test_cut (Fixture *f, gconstpointer data)
{
  KithRequest *request = kith_request_new (NULL, NULL, NULL, 1, NULL, on_answer, f->log, NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) addresses = NULL;
  guint timer;

  g_assert_true (kith_host_add_event (f->host, &said_spec, NULL));
  g_assert_true (kith_host_add_command (f->host, &said_spec, on_request, f, on_destroy, NULL));
  g_signal_connect (kith_host_get_bus (f->host), "event", G_CALLBACK (on_event), f);
  g_signal_connect (f->host, "notify::status", G_CALLBACK (on_notify), f);
  timer = kith_host_add_timer (f->host, 10, on_timer, f, on_destroy);
  kith_world_advance (f->world, 10000);
  kith_host_notify_status (f->host);
  kith_host_send_async (f->host, f->friend, "x.poll.vote", json_object_new (), NULL, on_sent, f);
  f->func (request, f->data);
  g_assert_cmpstr (f->log->str, ==, "+x.poll.said tick notify:status ");
  g_string_truncate (f->log, 0);

  kith_host_cut (f->host);
  kith_world_advance (f->world, 100000);
  g_assert_cmpstr (f->log->str, ==,
                   "destroy -x.poll.said destroy answer:503 sent:the plugin \"poll\" has been deactivated ");
  g_string_truncate (f->log, 0);
  kith_request_answer (held, 200, NULL);
  g_task_return_pointer (f->task, g_strdup ("too-late"), g_free);
  g_clear_object (&f->task);
  kith_host_notify_status (f->host);
  kith_host_drop_timer (f->host, timer);
  kith_host_publish (f->host, kith_event_new ("x.poll.said", json_object_new ()));
  kith_host_post (f->host, kith_event_new ("x.poll.said", json_object_new ()));
  kith_host_give_evidence (f->host, f->friend, KITH_PRESENCE_ONLINE, 1000);
  kith_world_advance (f->world, 100000);
  g_assert_cmpstr (f->log->str, ==, "");

  g_assert_false (kith_host_add_event (f->host, &said_spec, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CLOSED);
  kith_host_send_async (f->host, f->friend, "x.poll.vote", json_object_new (), NULL, on_sent, f);
  g_assert_cmpuint (kith_host_add_timer (f->host, 10, on_timer, f, on_destroy), ==, 0);
  kith_world_advance (f->world, 100000);
  g_assert_cmpstr (f->log->str, ==, "destroy sent:the plugin \"poll\" has been deactivated ");
  g_assert_cmpuint (g_list_model_get_n_items (kith_host_get_friends (f->host)), ==, 0);
  g_assert_cmpstr (kith_host_get_username (f->host), ==, "me");
  g_assert_cmpint (kith_host_get_status (f->host), ==, KITH_PRESENCE_OFFLINE);
  addresses = kith_host_dup_addresses (f->host);
  g_assert_nonnull (addresses);
  g_assert_false (kith_bus_knows_event (f->bus, "x.poll.said"));
}

#define ADD(path, func) g_test_add ("/host/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("names", test_names);
  ADD ("publish", test_publish);
  ADD ("send", test_send);
  ADD ("ask", test_ask);
  ADD ("abilities", test_abilities);
  ADD ("cut", test_cut);
  return g_test_run ();
}
