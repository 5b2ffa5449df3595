/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chat-fixture.h"
#include "kith-event-private.h"
#include "kith-journal.h"
#include "kith-transport-private.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>

#define WATCHDOG_S 60

/* --- a transport of socket pairs: "pair:NAME" */

#define TEST_TYPE_TRANSPORT (test_transport_get_type ())
G_DECLARE_FINAL_TYPE (TestTransport, test_transport, TEST, TRANSPORT, KithStreamTransport)

struct _TestTransport
{
  KithStreamTransport parent_instance;
  Side *side;
};

G_DEFINE_FINAL_TYPE (TestTransport, test_transport, KITH_TYPE_STREAM_TRANSPORT)

static GIOStream *
wrap (int fd)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, NULL);

  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static Side *
find_side (Net *net, const char *name)
{
  for (guint i = 0; i < net->sides->len; i++)
    if (g_str_equal (((Side *)net->sides->pdata[i])->name, name))
      return net->sides->pdata[i];
  return NULL;
}

static void
test_dial_async (
    KithStreamTransport *transport, const char *address, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Side *self = TEST_TRANSPORT (transport)->side;
  Side *other = find_side (self->net, address + strlen ("pair:"));
  g_autoptr (GTask) task = g_task_new (transport, c, cb, data);
  g_autofree char *from = g_strconcat ("pair:", self->name, NULL);
  int fds[2];

  if (other == NULL || other->transport == NULL || other->unreachable)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "nobody at %s", address);
      return;
    }
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  kith_stream_transport_accept (KITH_STREAM_TRANSPORT (other->transport), wrap (fds[1]), from);
  g_task_return_pointer (task, wrap (fds[0]), g_object_unref);
}

static GIOStream *
test_dial_finish (KithStreamTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GStrv
test_dup_addresses (KithStreamTransport *transport)
{
  g_auto (GStrv) addresses = g_new0 (char *, 2);

  addresses[0] = g_strconcat ("pair:", TEST_TRANSPORT (transport)->side->name, NULL);
  return g_steal_pointer (&addresses);
}

static void
test_transport_class_init (TestTransportClass *klass)
{
  KithStreamTransportClass *stream_class = KITH_STREAM_TRANSPORT_CLASS (klass);

  stream_class->scheme = "pair";
  stream_class->dial_async = test_dial_async;
  stream_class->dial_finish = test_dial_finish;
  stream_class->dup_addresses = test_dup_addresses;
}

static void
test_transport_init (TestTransport *self)
{
}

/* --- the net */

static gboolean
bark (gpointer data)
{
  g_error ("The test hangs");
  return G_SOURCE_REMOVE;
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

void
net_set_up (Net *net, gconstpointer data)
{
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  net->context = g_main_context_new ();
  g_main_context_push_thread_default (net->context);
  net->watchdog = g_timeout_source_new_seconds (WATCHDOG_S);
  g_source_set_callback (net->watchdog, bark, NULL, NULL);
  g_source_attach (net->watchdog, net->context);
  net->tick = g_timeout_source_new (5);
  g_source_set_callback (net->tick, on_tick, NULL, NULL);
  g_source_attach (net->tick, net->context);
  net->world = kith_world_new ();
  net->sides = g_ptr_array_new ();
}

void
net_turn (Net *net)
{
  while (g_main_context_iteration (net->context, FALSE))
    ;
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

static void
side_free (Side *side)
{
  remove_folder (side->folder);
  g_string_free (side->events, TRUE);
  g_free (side->name);
  g_free (side->folder);
  g_free (side->path);
  g_free (side);
}

void
net_tear_down (Net *net, gconstpointer data)
{
  for (guint i = 0; i < net->sides->len; i++)
    side_stop (net->sides->pdata[i]);
  net_turn (net);
  for (guint i = 0; i < net->sides->len; i++)
    side_free (net->sides->pdata[i]);
  g_ptr_array_unref (net->sides);
  kith_world_unref (net->world);
  g_source_destroy (net->tick);
  g_source_unref (net->tick);
  g_source_destroy (net->watchdog);
  g_source_unref (net->watchdog);
  g_main_context_pop_thread_default (net->context);
  g_main_context_unref (net->context);
}

/* --- one side */

static void
on_told (KithEvent *event, gpointer data)
{
  Side *side = data;
  gsize n;
  const char *text = g_bytes_get_data (kith_event_get_bytes (event), &n);

  g_string_append_printf (side->events, "%s %.*s\n", kith_event_get_name (event), (int)n, text);
  if (g_strcmp0 (side->cut_at, kith_event_get_name (event)) == 0)
    side_cut (side);
}

static void
on_unread (KithBus *bus, KithEvent *event, gpointer data)
{
  ((Side *)data)->unread_events++;
}

Side *
net_add (Net *net, const char *name)
{
  Side *side = g_new0 (Side, 1);

  side->net = net;
  side->name = g_strdup (name);
  side->folder = g_dir_make_tmp ("kith-chat-XXXXXX", NULL);
  side->path = g_build_filename (side->folder, "kith.db", NULL);
  memset (side->key, (int)net->sides->len + 1, sizeof side->key);
  side->events = g_string_new (NULL);
  g_ptr_array_add (net->sides, side);
  side_start (side);
  return side;
}

static const KithEventSpec unread_spec = { .name = KITH_EVENT_UNREAD, .keep = KITH_KEEP_LATEST };

void
side_start (Side *side)
{
  Wait opened = { 0 }, started = { 0 };
  g_autoptr (GError) error = NULL;

  side->store = kith_store_new (side->net->world);
  kith_store_open (side->store, side->path, side->key, KITH_STORE_OPEN_CREATE, &error);
  g_assert_no_error (error);
  kith_store_set_tell_func (side->store, on_told, side);
  side->bus = kith_bus_new (side->net->world);
  kith_bus_add_event (side->bus, &unread_spec, "core", NULL);
  g_signal_connect (side->bus, "event::" KITH_EVENT_UNREAD, G_CALLBACK (on_unread), side);
  side->keys = kith_keys_new (side->net->world);
  kith_keys_open_async (side->keys, side->store, NULL, wait_callback, &opened);
  kith_keys_open_finish (side->keys, side_wait (side, &opened), &error);
  g_assert_no_error (error);
  wait_clear (&opened);
  side->chat = kith_chat_new (side->net->world, side->store, side->keys, side->bus, side->name);
  kith_chat_start_async (side->chat, NULL, wait_callback, &started);
  kith_chat_start_finish (side->chat, side_wait (side, &started), &error);
  g_assert_no_error (error);
  wait_clear (&started);
  side_plug (side);
}

void
side_plug (Side *side)
{
  g_autoptr (GError) error = NULL;
  TestTransport *transport = g_object_new (TEST_TYPE_TRANSPORT, "id", "pair", NULL);

  transport->side = side;
  side->transport = KITH_TRANSPORT (transport);
  kith_transport_attach (side->transport, side->net->world);
  kith_chat_add_transport (side->chat, side->transport, &error);
  g_assert_no_error (error);
  kith_transport_set_state (side->transport, KITH_TRANSPORT_CONNECTED, NULL);
}

void
side_cut (Side *side)
{
  if (side->transport == NULL)
    return;
  kith_chat_drop_transport (side->chat, side->transport);
  g_clear_object (&side->transport);
}

void
side_stop (Side *side)
{
  if (side->chat == NULL)
    return;
  kith_chat_stop (side->chat);
  g_clear_object (&side->transport);
  kith_keys_close (side->keys);
  kith_store_close (side->store);
  net_turn (side->net);
  g_assert_finalize_object (g_steal_pointer (&side->chat));
  g_clear_object (&side->keys);
  g_assert_finalize_object (g_steal_pointer (&side->store));
  g_clear_object (&side->bus);
}

/* --- verbs */

void
wait_callback (GObject *source, GAsyncResult *result, gpointer data)
{
  Wait *wait = data;

  wait->result = g_object_ref (result);
  wait->done = TRUE;
}

GAsyncResult *
side_wait (Side *side, Wait *wait)
{
  net_wait (side->net, wait->done);
  return wait->result;
}

void
wait_clear (Wait *wait)
{
  g_clear_object (&wait->result);
  wait->done = FALSE;
}

char *
side_add (Side *side, Side *friend, const char *note)
{
  g_autofree char *invite = kith_chat_make_invite (friend->chat);
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };
  char *name;

  kith_chat_add_async (side->chat, NULL, invite, note, NULL, wait_callback, &wait);
  name = kith_chat_add_finish (side->chat, side_wait (side, &wait), &error);
  g_assert_no_error (error);
  wait_clear (&wait);
  return name;
}

gboolean
side_linked (Side *side, const char *name)
{
  KithPerson *person = kith_people_find_name (side->chat->people, name);

  return person != NULL && kith_links_find (side->chat->links, person) != NULL;
}

void
net_befriend (Side *a, Side *b)
{
  g_free (side_add (a, b, NULL));
  g_free (side_add (b, a, NULL));
  net_wait (a->net, side_linked (a, b->name) && side_linked (b, a->name));
}

gboolean
side_change (Side *side,
             void (*start) (KithChat *, const char *, GCancellable *, GAsyncReadyCallback, gpointer),
             const char *name)
{
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };
  gboolean ok;

  start (side->chat, name, NULL, wait_callback, &wait);
  ok = kith_chat_change_finish (side->chat, side_wait (side, &wait), &error);
  if (!ok)
    g_test_message ("%s", error->message);
  wait_clear (&wait);
  return ok;
}

char *
side_post (Side *side, const char *to, const char *text, gboolean *delivered)
{
  g_autoptr (KithPosted) posted = NULL;
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };

  kith_chat_post_async (side->chat, to, text, NULL, NULL, NULL, wait_callback, &wait);
  posted = kith_chat_post_finish (side->chat, side_wait (side, &wait), &error);
  g_assert_no_error (error);
  wait_clear (&wait);
  if (delivered != NULL)
    *delivered = posted->delivered;
  return g_strdup (posted->msg_id);
}

static char *
print (Side *side, Wait *wait)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = kith_chat_print_finish (side->chat, side_wait (side, wait), &error);
  gsize n;
  const char *text;

  g_assert_no_error (error);
  wait_clear (wait);
  text = g_bytes_get_data (bytes, &n);
  return g_strndup (text, n);
}

char *
side_page (Side *side, const char *peer)
{
  Wait wait = { 0 };

  kith_chat_page_async (side->chat, peer, 500, 0, NULL, NULL, wait_callback, &wait);
  return print (side, &wait);
}

char *
side_requests (Side *side)
{
  Wait wait = { 0 };

  kith_chat_list_requests_async (side->chat, NULL, wait_callback, &wait);
  return print (side, &wait);
}

static gboolean
is_event (const char *line, const char *event)
{
  return g_str_has_prefix (line, event) && line[strlen (event)] == ' ';
}

guint
side_count (Side *side, const char *event)
{
  g_auto (GStrv) lines = g_strsplit (side->events->str, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    n += is_event (lines[i], event);
  return n;
}

gboolean
side_told (Side *side, const char *event, const char *part)
{
  g_auto (GStrv) lines = g_strsplit (side->events->str, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (is_event (lines[i], event) && strstr (lines[i], part) != NULL)
      return TRUE;
  return FALSE;
}

typedef struct
{
  const char *sql;
  gint64 value;
  gboolean done;
} Query;

static gboolean
run_query (KithDb *db, gpointer data, GError **error)
{
  Query *query = data;

  return kith_db_query_int64 (db, query->sql, &query->value, error);
}

static void
on_query (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Query *)data)->done = TRUE;
}

gint64
side_query (Side *side, const char *sql)
{
  Query query = { sql, 0, FALSE };

  kith_store_submit (side->store, KITH_LANE_FRONT, run_query, on_query, &query, NULL);
  net_wait (side->net, query.done);
  return query.value;
}
