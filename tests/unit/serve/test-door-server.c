/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A door with a handler that says what it got, for tests that attack it from outside.
 *   test-door-server [--api-port N] [--events-port N] [--unix PATH] [--token T] [--origin O]… [--set NAME=VALUE]…
 * Prints one line "ready API EVENTS" and runs until SIGTERM; then closes the door in order and exits 0. */
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kith-door.h"

static int api_port, events_port;
static char *unix_path, *token;
static char **origins, **settings;
static gboolean shows_log;

static const GOptionEntry entries[] = {
  { "api-port", 0, 0, G_OPTION_ARG_INT, &api_port, "0: a free one", "N" },
  { "events-port", 0, 0, G_OPTION_ARG_INT, &events_port, "0: a free one", "N" },
  { "unix", 0, 0, G_OPTION_ARG_FILENAME, &unix_path, "socket file", "PATH" },
  { "token", 0, 0, G_OPTION_ARG_STRING, &token, "require this token", "T" },
  { "origin", 0, 0, G_OPTION_ARG_STRING_ARRAY, &origins, "allow only these origins", "O" },
  { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings, "set a property of the door", "NAME=VALUE" },
  { "log", 0, 0, G_OPTION_ARG_NONE, &shows_log, "show the log lines", NULL },
  { NULL },
};

typedef struct
{
  GMainLoop *loop;
  KithDoor *door;
  GPtrArray *sockets;
  guint n_cancelled;
  guint64 n_written;
  guint n_closed;
  guint last_code;
} Server;

/* --- answers --- */

static void
add_counter (const char *name, const char *reason, guint64 value, gboolean total, gpointer data)
{
  g_string_append_printf (data, ",\"%s%s%s\":%" G_GUINT64_FORMAT, name, reason != NULL ? ":" : "",
                          reason != NULL ? reason : "", value);
}

static guint
count_fds (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static guint64
get_rss_kb (void)
{
  g_autofree char *text = NULL;
  const char *at;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  at = strstr (text, "VmRSS:");
  return at != NULL ? g_ascii_strtoull (at + 6, NULL, 10) : 0;
}

static void
answer_text (KithExchange *exchange, guint status, GString *json)
{
  g_autoptr(GBytes) body = g_string_free_to_bytes (json);

  kith_exchange_answer (exchange, status, body, NULL);
}

static void
answer_counters (Server *server, KithExchange *exchange)
{
  GString *json = g_string_new (NULL);

  g_string_printf (json, "{\"rss_kb\":%" G_GUINT64_FORMAT ",\"fds\":%u,\"cancelled\":%u,\"written\":%" G_GUINT64_FORMAT
                   ",\"closed\":%u,\"last_code\":%u", get_rss_kb (), count_fds (), server->n_cancelled,
                   server->n_written, server->n_closed, server->last_code);
  kith_door_foreach_counter (server->door, add_counter, json);
  g_string_append_c (json, '}');
  answer_text (exchange, 200, json);
}

/* Everything unusual as <hex>, so that a test sees the very bytes. */
static void
add_string (GString *json, const char *name, const char *value)
{
  g_string_append_printf (json, "\"%s\":", name);
  if (value == NULL)
    {
      g_string_append (json, "null");
      return;
    }
  g_string_append_c (json, '"');
  for (const char *p = value; *p != '\0'; p++)
    if (g_ascii_isalnum (*p) || strchr ("/:.-_ ?=&", *p) != NULL)
      g_string_append_c (json, *p);
    else
      g_string_append_printf (json, "<%02x>", (guint) (guchar) *p);
  g_string_append_c (json, '"');
}

static void
answer_echo (KithExchange *exchange)
{
  GString *json = g_string_new ("{");
  GBytes *body = kith_exchange_get_body (exchange);
  GHashTableIter iter;
  gpointer name, value;

  add_string (json, "method", kith_exchange_get_method (exchange));
  g_string_append_c (json, ',');
  add_string (json, "path", kith_exchange_get_path (exchange));
  g_string_append_c (json, ',');
  add_string (json, "origin", kith_exchange_get_origin (exchange));
  g_string_append_printf (json, ",\"way\":%d,\"body\":%d,\"query\":{", (int) kith_exchange_get_way (exchange),
                          body != NULL ? (int) g_bytes_get_size (body) : -1);
  g_hash_table_iter_init (&iter, kith_exchange_get_query (exchange));
  for (gboolean first = TRUE; g_hash_table_iter_next (&iter, &name, &value); first = FALSE)
    {
      if (!first)
        g_string_append_c (json, ',');
      add_string (json, name, value);
    }
  g_string_append (json, "}}");
  answer_text (exchange, 200, json);
}

static gboolean
answer_late (gpointer data)
{
  kith_exchange_answer (data, 204, NULL, NULL);
  return G_SOURCE_REMOVE;
}

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  Server *server = data;

  server->n_cancelled++;
}

static void
set_property (Server *server, KithExchange *exchange, GHashTable *query)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, query);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_object_set (server->door, name, (guint) g_ascii_strtoull (value, NULL, 10), NULL);
  kith_exchange_answer (exchange, 204, NULL, NULL);
}

/* --- WebSockets: an echo, and a few orders --- */

static void
send_many (KithSocket *socket, const char *order)
{
  guint n = 0, size = 0;

  if (sscanf (order, "%u %u", &n, &size) != 2 || size > (1 << 20))
    return;
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strnfill (size, 'x');

      if (!kith_socket_send_text (socket, text, size))
        return;
    }
}

static void
tell_everybody (Server *server, const char *text, gsize n)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, n);
  g_autoptr(GBytes) frame = kith_frame_text (bytes);

  for (guint i = 0; i < server->sockets->len; i++)
    kith_socket_send_frame (server->sockets->pdata[i], frame);
}

static void
on_message (KithSocket *socket, const char *text, gsize n, gpointer data)
{
  Server *server = data;

  if (g_str_has_prefix (text, "many "))
    send_many (socket, text + 5);
  else if (g_str_has_prefix (text, "all "))
    tell_everybody (server, text + 4, n - 4);
  else if (g_str_has_prefix (text, "close "))
    kith_socket_close (socket, (guint) g_ascii_strtoull (text + 6, NULL, 10), "as you wish");
  else
    kith_socket_send_text (socket, text, (gssize) n);
}

static void
on_binary (KithSocket *socket, gsize n, gpointer data)
{
  g_autofree char *text = g_strdup_printf ("binary %" G_GSIZE_FORMAT, n);

  kith_socket_send_text (socket, text, -1);
}

static void
on_written (KithSocket *socket, gsize n, gpointer data)
{
  ((Server *) data)->n_written += n;
}

static void
on_closed (KithSocket *socket, guint code, gpointer data)
{
  Server *server = data;

  server->n_closed++;
  server->last_code = code;
  g_ptr_array_remove_fast (server->sockets, socket);
}

static void
open_socket (Server *server, KithExchange *exchange)
{
  static const KithSocketFuncs funcs = { on_message, on_binary, on_written, on_closed };
  KithSocket *socket = kith_exchange_upgrade (exchange, &funcs, server, NULL);

  if (socket == NULL)
    return;
  g_ptr_array_add (server->sockets, socket);
  if (g_hash_table_contains (kith_exchange_get_query (exchange), "hello"))
    kith_socket_send_text (socket, "hello", -1);
}

static void
on_exchange (KithExchange *exchange, gpointer data)
{
  Server *server = data;
  const char *path = kith_exchange_get_path (exchange);
  GHashTable *query = kith_exchange_get_query (exchange);

  if (strcmp (path, "/events") == 0)
    open_socket (server, exchange);
  else if (strcmp (path, "/counters") == 0)
    answer_counters (server, exchange);
  else if (strcmp (path, "/set") == 0)
    set_property (server, exchange, query);
  else if (strcmp (path, "/missing") == 0)
    kith_exchange_answer_error (exchange, 404, "there is no \"such\" thing", NULL);
  else if (strcmp (path, "/big") == 0)
    {
      g_autofree char *text = g_strnfill (4 << 20, '1');
      g_autoptr(GBytes) body = g_bytes_new (text, 4 << 20);

      kith_exchange_answer (exchange, 200, body, NULL);
    }
  else if (strcmp (path, "/slow") == 0)
    {
      const char *ms = g_hash_table_lookup (query, "ms");

      g_cancellable_connect (kith_exchange_get_cancellable (exchange), G_CALLBACK (on_cancelled), server, NULL);
      g_timeout_add_full (G_PRIORITY_DEFAULT, (guint) g_ascii_strtoull (ms != NULL ? ms : "50", NULL, 10), answer_late,
                          g_object_ref (exchange), g_object_unref);
    }
  else
    answer_echo (exchange);
}

/* --- the program --- */

static void
on_door_closed (GObject *object, GAsyncResult *result, gpointer data)
{
  kith_door_close_finish (KITH_DOOR (object), result, NULL);
  g_main_loop_quit (data);
}

static gboolean
on_term (gpointer data)
{
  Server *server = data;

  kith_door_close_async (server->door, 1000, on_door_closed, server->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
prepare (Server *server, GError **error)
{
  for (char **s = settings; s != NULL && *s != NULL; s++)
    {
      g_auto(GStrv) parts = g_strsplit (*s, "=", 2);

      g_object_set (server->door, parts[0], (guint) g_ascii_strtoull (parts[1], NULL, 10), NULL);
    }
  if (origins != NULL)
    kith_door_set_origins (server->door, (const char *const *) origins);
  if (token != NULL)
    kith_door_set_token (server->door, TRUE, token, strlen (token));
  kith_door_set_handler (server->door, on_exchange, server, NULL);
  return kith_door_listen_tcp (server->door, KITH_WAY_API, (guint16) api_port, error) &&
         kith_door_listen_tcp (server->door, KITH_WAY_EVENTS, (guint16) events_port, error) &&
         (unix_path == NULL || kith_door_listen_unix (server->door, unix_path, error));
}

static GLogWriterOutput
write_no_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
    return g_log_writer_standard_streams (level, fields, n_fields, data);
  return G_LOG_WRITER_HANDLED;
}

int
main (int argc, char **argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;
  Server server = { 0 };

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  if (!shows_log)
    g_log_set_writer_func (write_no_log, NULL, NULL);
  server.loop = g_main_loop_new (NULL, FALSE);
  server.door = kith_door_new ();
  server.sockets = g_ptr_array_new ();
  if (!prepare (&server, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_unix_signal_add (SIGTERM, on_term, &server);
  g_print ("ready %u %u\n", kith_door_get_port (server.door, KITH_WAY_API),
           kith_door_get_port (server.door, KITH_WAY_EVENTS));
  g_main_loop_run (server.loop);
  g_object_unref (server.door);
  g_ptr_array_unref (server.sockets);
  g_main_loop_unref (server.loop);
  return 0;
}
