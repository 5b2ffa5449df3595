/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /events from its socket to the journal: pending, since, resync, latest values, budget, commands. Real door, real
 * store. */
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>

#include "kith-door.h"
#include "kith-events.h"
#include "kith-windows.h"

#define WATCHDOG_S 60

typedef struct
{
  GMainContext *context;
  GSource *watchdog;
  KithWorld *world;
  KithBus *bus;
  KithStore *store;
  KithCatalog *catalog;
  KithDoor *door;
  KithWindows *windows;
  char *folder, *database, *socket;
  guint opened, closed;
} Fixture;

static gboolean
bark (gpointer data)
{
  g_error ("The test hangs");
  return G_SOURCE_REMOVE;
}

static void
tell (KithEvent *event, gpointer data)
{
  kith_bus_tell_event (((Fixture *) data)->bus, event);
}

static void
on_exchange (KithExchange *exchange, gpointer data)
{
  kith_windows_open (((Fixture *) data)->windows, exchange);
}

static void
on_client_opened (KithBus *bus, guint64 client, Fixture *f)
{
  f->opened++;
}

static void
on_client_closed (KithBus *bus, guint64 client, Fixture *f)
{
  f->closed++;
}

static const KithField presence_fields[] = {
  { "username", KITH_FIELD_USERNAME, KITH_FIELD_STATE_KEY, 0, "who" },
  { "status", KITH_FIELD_STRING, 0, 0, "what" },
  { 0 },
};

static const KithField hello_fields[] = {
  { "text", KITH_FIELD_STRING, 0, 100, "what" },
  { 0 },
};

static const KithEventSpec presence_spec = { "presence", KITH_KEEP_LATEST, NULL, presence_fields, "latest" };
static const KithEventSpec typing_spec = { "typing", KITH_KEEP_NONE, NULL, presence_fields, "none" };
static const KithEventSpec hello_spec = { "hello", KITH_KEEP_NONE, NULL, hello_fields, "a command" };

static void
on_hello (KithRequest *request, gpointer data)
{
  const char *text = json_object_get_string_member (kith_request_get_body (request), "text");

  if (strcmp (text, "fail") == 0)
    kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_REFUSED, "not today"));
  else
    kith_request_answer (request, 200, NULL);
}

static void
start (Fixture *f)
{
  guint8 key[KITH_STORE_KEY_BYTES] = { 7 };
  g_autoptr (GError) error = NULL;

  f->bus = kith_bus_new (f->world);
  kith_events_register (f->bus);
  kith_bus_add_event (f->bus, &presence_spec, "presence", &error);
  kith_bus_add_event (f->bus, &typing_spec, "typing", &error);
  f->store = kith_store_new (f->world);
  kith_store_set_tell_func (f->store, tell, f);
  kith_store_open (f->store, f->database, key, KITH_STORE_OPEN_CREATE, &error);
  g_assert_no_error (error);
  f->catalog = kith_catalog_new (f->bus);
  kith_catalog_add_command (f->catalog, "hello", &hello_spec, on_hello, f, NULL, &error);
  f->windows = kith_windows_new (f->world, f->bus, f->store, f->catalog);
  f->door = kith_door_new ();
  kith_door_set_handler (f->door, on_exchange, f, NULL);
  kith_door_listen_unix (f->door, f->socket, &error);
  g_assert_no_error (error);
  g_signal_connect (f->bus, "client::opened", G_CALLBACK (on_client_opened), f);
  g_signal_connect (f->bus, "client::closed", G_CALLBACK (on_client_closed), f);
}

static void
on_door_closed (GObject *door, GAsyncResult *result, gpointer done)
{
  kith_door_close_finish (KITH_DOOR (door), result, NULL);
  *(gboolean *) done = TRUE;
}

static void
stop (Fixture *f)
{
  gboolean done = FALSE;

  kith_windows_stop (f->windows);
  kith_door_close_async (f->door, 100, on_door_closed, &done);
  while (!done)
    g_main_context_iteration (f->context, TRUE);
  kith_store_close (f->store);
  while (g_main_context_iteration (f->context, FALSE))
    continue;
  g_assert_finalize_object (f->windows);
  g_clear_object (&f->door);
  g_clear_object (&f->catalog);
  g_clear_object (&f->store);
  g_clear_object (&f->bus);
}

static void
setup (Fixture *f, gconstpointer unused)
{
  f->context = g_main_context_default ();
  f->watchdog = g_timeout_source_new_seconds (WATCHDOG_S);
  g_source_set_callback (f->watchdog, bark, NULL, NULL);
  g_source_attach (f->watchdog, f->context);
  f->world = kith_world_new ();
  f->folder = g_dir_make_tmp ("kith-api-XXXXXX", NULL);
  f->database = g_build_filename (f->folder, "kith.db", NULL);
  f->socket = g_build_filename (f->folder, "api.sock", NULL);
  start (f);
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
teardown (Fixture *f, gconstpointer unused)
{
  stop (f);
  g_source_destroy (f->watchdog);
  g_source_unref (f->watchdog);
  kith_world_unref (f->world);
  remove_folder (f->folder);
  g_free (f->folder);
  g_free (f->database);
  g_free (f->socket);
}

/* --- a client that reads when it is told to */

typedef struct
{
  Fixture *f;
  GSocket *socket;
  GByteArray *in;
  GString *seen;      /* "event:seq " or "event:member " of each frame */
  guint frames, code;
  gboolean gone;
} Client;

static void
client_send (Client *c, const void *data, gsize n)
{
  const char *at = data;

  while (n > 0)
    {
      gssize sent = g_socket_send (c->socket, at, n, NULL, NULL);

      if (sent > 0)
        {
          at += sent;
          n -= (gsize) sent;
        }
      else
        g_main_context_iteration (c->f->context, FALSE);
    }
}

static void
client_say (Client *c, guint8 opcode, const char *text)
{
  gsize n = strlen (text);
  guint8 head[8] = { (guint8) (0x80 | opcode), (guint8) (0x80 | n) };

  g_assert_cmpuint (n, <, 126);
  client_send (c, head, 6);
  client_send (c, text, n);
}

static void
note_frame (Client *c, const char *text, gsize n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = kith_json_parse (text, (gssize) n, &error);
  JsonObject *frame, *data;

  g_assert_no_error (error);
  frame = json_node_get_object (root);
  data = json_object_get_object_member (frame, "data");
  c->frames++;
  g_string_append (c->seen, json_object_get_string_member (frame, "event"));
  if (json_object_has_member (frame, "seq"))
    g_string_append_printf (c->seen, ":%" G_GINT64_FORMAT, json_object_get_int_member (frame, "seq"));
  else if (json_object_has_member (data, "status"))
    g_string_append_printf (c->seen, ":%s", json_object_get_string_member (data, "status"));
  else if (json_object_has_member (data, "code"))
    g_string_append_printf (c->seen, ":%s", json_object_get_string_member (data, "code"));
  else if (json_object_has_member (data, "newest"))
    g_string_append_printf (c->seen, ":%" G_GINT64_FORMAT, json_object_get_int_member (data, "newest"));
  g_string_append_c (c->seen, ' ');
}

static gboolean
take_frame (Client *c)
{
  gsize n, at = 2;

  if (c->in->len < 2)
    return FALSE;
  n = c->in->data[1] & 127;
  if (n >= 126)
    at += n == 126 ? 2 : 8;
  if (c->in->len < at)
    return FALSE;
  if (n >= 126)
    {
      guint size = n == 126 ? 2 : 8;

      n = 0;
      for (guint i = 0; i < size; i++)
        n = n << 8 | c->in->data[2 + i];
    }
  if (c->in->len < at + n)
    return FALSE;
  if ((c->in->data[0] & 15) == 1)
    note_frame (c, (const char *) c->in->data + at, n);
  else if ((c->in->data[0] & 15) == 8 && n >= 2)
    c->code = (guint) c->in->data[at] << 8 | c->in->data[at + 1];
  g_byte_array_remove_range (c->in, 0, (guint) (at + n));
  return TRUE;
}

static void
client_read (Client *c)
{
  char buffer[65536];
  gssize n = g_socket_receive (c->socket, buffer, sizeof buffer, NULL, NULL);

  if (n > 0)
    g_byte_array_append (c->in, (const guint8 *) buffer, (guint) n);
  else if (n == 0 || (n < 0 && !g_socket_is_connected (c->socket)))
    c->gone = TRUE;
}

static void
client_head (Client *c)
{
  for (;;)
    {
      const char *end = c->in->len > 0 ? g_strstr_len ((const char *) c->in->data, c->in->len, "\r\n\r\n") : NULL;

      if (end != NULL)
        {
          g_byte_array_remove_range (c->in, 0, (guint) (end + 4 - (const char *) c->in->data));
          return;
        }
      g_assert_false (c->gone);
      g_main_context_iteration (c->f->context, FALSE);
      client_read (c);
    }
}

static Client *
client_new (Fixture *f, const char *query)
{
  Client *c = g_new0 (Client, 1);
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (f->socket);
  g_autofree char *head =
    g_strdup_printf ("GET /events%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", query);
  g_autoptr (GError) error = NULL;

  c->f = f;
  c->in = g_byte_array_new ();
  c->seen = g_string_new (NULL);
  c->socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  g_socket_connect (c->socket, address, NULL, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (c->socket, FALSE);
  client_send (c, head, strlen (head));
  client_head (c);
  return c;
}

static void
client_free (Client *c)
{
  guint closed = c->f->closed;

  g_socket_close (c->socket, NULL);
  while (!c->gone && c->f->closed == closed)
    g_main_context_iteration (c->f->context, FALSE);
  g_object_unref (c->socket);
  g_byte_array_unref (c->in);
  g_string_free (c->seen, TRUE);
  g_free (c);
}

/* Reads until so many frames came, or the end. */
static void
client_wait (Client *c, guint frames)
{
  while (c->frames < frames && !c->gone)
    {
      client_read (c);
      while (take_frame (c))
        continue;
      g_main_context_iteration (c->f->context, FALSE);
    }
}

/* An unknown event is answered in order: everything before it has come. */
static void
client_expect (Client *c, const char *seen)
{
  guint frames = c->frames;

  client_say (c, 1, "{\"event\":\"mark\",\"data\":{}}");
  while (!c->gone && !g_str_has_suffix (c->seen->str, "error:unknown "))
    client_wait (c, ++frames);
  g_string_truncate (c->seen, c->seen->len - strlen ("error:unknown "));
  g_assert_cmpstr (c->seen->str, ==, seen);
  g_string_truncate (c->seen, 0);
}

/* --- what happens */

typedef struct
{
  char *name, *data;
  gboolean done;
} Happening;

static gboolean
run_journal (KithDb *db, gpointer data, GError **error)
{
  Happening *h = data;
  g_autoptr (GBytes) bytes = g_bytes_new (h->data, strlen (h->data));

  return kith_db_journal (db, h->name, bytes, NULL, error) != 0;
}

static void
on_done (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Happening *) data)->done = TRUE;
}

static void
journal (Fixture *f, const char *name, const char *data)
{
  Happening h = { (char *) name, (char *) data, FALSE };

  kith_store_submit (f->store, KITH_LANE_FRONT, run_journal, on_done, &h, NULL);
  while (!h.done)
    g_main_context_iteration (f->context, TRUE);
}

static void
happen (Fixture *f, const char *name, const char *data)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, strlen (data));
  g_autoptr (GError) error = NULL;
  g_autoptr (KithEvent) event = kith_event_new_bytes (name, bytes, &error);

  g_assert_no_error (error);
  kith_bus_tell_event (f->bus, event);
}

static void
test_pending (Fixture *f, gconstpointer unused)
{
  Client *one, *two;

  journal (f, "friend_added", "{\"username\":\"bob\"}");
  journal (f, "friend_added", "{\"username\":\"carol\"}");
  one = client_new (f, "");
  client_expect (one, "friend_added:1 friend_added:2 ");
  g_assert_cmpuint (f->opened, ==, 1);
  two = client_new (f, "");
  client_expect (two, "");
  journal (f, "friend_removed", "{\"username\":\"bob\"}");
  client_expect (one, "friend_removed:3 ");
  client_expect (two, "friend_removed:3 ");
  client_free (one);
  client_free (two);
  g_assert_cmpuint (f->closed, ==, 2);
  journal (f, "friend_removed", "{\"username\":\"carol\"}");
  stop (f);
  start (f);
  one = client_new (f, "");
  client_expect (one, "friend_removed:4 ");
  client_free (one);
}

static void
test_since (Fixture *f, gconstpointer unused)
{
  KithJournalBounds bounds;
  g_autofree char *query = NULL;
  Client *c;

  for (guint i = 0; i < 5; i++)
    journal (f, "friend_added", "{\"username\":\"bob\"}");
  kith_store_get_journal (f->store, &bounds);
  query = g_strdup_printf ("?since=3&epoch=%s", bounds.epoch);
  c = client_new (f, query);
  client_expect (c, "friend_added:4 friend_added:5 ");
  client_free (c);
  c = client_new (f, "?since=5");
  client_expect (c, "");
  client_free (c);
  c = client_new (f, "?since=6");
  client_expect (c, "resync:5 ");
  journal (f, "friend_added", "{\"username\":\"bob\"}");
  client_expect (c, "friend_added:6 ");
  client_free (c);
  c = client_new (f, "?since=0&epoch=00000000-0000-4000-8000-000000000000");
  client_expect (c, "resync:6 ");
  client_free (c);
}

static void
test_latest (Fixture *f, gconstpointer unused)
{
  Client *here = client_new (f, ""), *late;

  client_expect (here, "");
  happen (f, "presence", "{\"username\":\"bob\",\"status\":\"away\"}");
  happen (f, "presence", "{\"username\":\"carol\",\"status\":\"busy\"}");
  happen (f, "presence", "{\"username\":\"bob\",\"status\":\"online\"}");
  happen (f, "typing", "{\"username\":\"bob\",\"status\":\"x\"}");
  client_expect (here, "presence:away presence:busy presence:online typing:x ");
  late = client_new (f, "?since=0");
  client_expect (late, "presence:busy presence:online ");
  client_free (late);
  journal (f, "friend_added", "{\"username\":\"dave\"}");
  happen (f, "presence", "{\"username\":\"carol\",\"status\":\"away\"}");
  late = client_new (f, "?since=1");
  client_expect (late, "presence:away ");
  client_free (late);
  late = client_new (f, "?since=0");
  client_expect (late, "friend_added:1 presence:online presence:away ");
  client_free (late);
  client_free (here);
}

static void
test_commands (Fixture *f, gconstpointer unused)
{
  Client *c = client_new (f, "");

  client_say (c, 1, "{\"event\":\"hello\",\"data\":{\"text\":\"good\"}}");
  client_say (c, 1, "{\"event\":\"hello\",\"data\":{\"text\":\"fail\"}}");
  client_say (c, 1, "{\"event\":\"hello\",\"data\":{}}");
  client_say (c, 1, "{\"event\":\"hello\",\"data\":[]}");
  client_say (c, 1, "{\"event\":7,\"data\":{}}");
  client_say (c, 1, "nonsense");
  client_say (c, 1, "");
  client_say (c, 2, "binary");
  client_expect (c,
                 "error:refused error:invalid error:invalid error:invalid error:invalid error:invalid error:invalid ");
  client_free (c);
}

static void
test_overrun (Fixture *f, gconstpointer unused)
{
  Client *slow, *quick;
  g_autofree char *text = g_strnfill (8000, 'x');
  g_autofree char *data = g_strdup_printf ("{\"username\":\"bob\",\"fingerprint\":\"%s\"}", text);
  guint sent = 0;

  g_object_set (f->windows, "budget", 64 * 1024, NULL);
  slow = client_new (f, "");
  quick = client_new (f, "");
  client_expect (slow, "");
  while (kith_windows_get_n_overrun (f->windows) == 0 && sent < 2000)
    {
      journal (f, "identity_changed", data);
      client_wait (quick, ++sent);
    }
  g_assert_cmpuint (kith_windows_get_n_overrun (f->windows), ==, 1);
  client_wait (slow, G_MAXUINT);
  g_assert_cmpuint (slow->code, ==, 1013);
  while (f->closed == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpuint (quick->frames, >=, sent);
  client_free (quick);
  slow->gone = TRUE;
  client_free (slow);
}

/* A replay longer than the budget goes at the pace of the reader. */
static void
test_long_replay (Fixture *f, gconstpointer unused)
{
  g_autofree char *text = g_strnfill (8000, 'x');
  g_autofree char *data = g_strdup_printf ("{\"username\":\"bob\",\"fingerprint\":\"%s\"}", text);
  Client *c;

  g_object_set (f->windows, "budget", 64 * 1024, NULL);
  for (guint i = 0; i < 200; i++)
    journal (f, "identity_changed", data);
  c = client_new (f, "?since=0");
  client_wait (c, 200);
  g_assert_cmpuint (c->frames, ==, 200);
  g_string_truncate (c->seen, 0);
  journal (f, "friend_removed", "{\"username\":\"bob\"}");
  client_expect (c, "friend_removed:201 ");
  client_free (c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/api/windows/" name, Fixture, NULL, setup, func, teardown)
  ADD ("pending", test_pending);
  ADD ("since", test_since);
  ADD ("latest", test_latest);
  ADD ("commands", test_commands);
  ADD ("overrun", test_overrun);
  ADD ("long-replay", test_long_replay);
  return g_test_run ();
}
