/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-server.h"

#include <json-glib/json-glib.h>
#include <string.h>

typedef struct
{
  char *function;
  guint times;
  FaultKind kind;
  guint status;
  char *retry_after, *body;
} Fault;

static void
fault_free (gpointer data)
{
  Fault *fault = data;

  g_free (fault->function);
  g_free (fault->retry_after);
  g_free (fault->body);
  g_free (fault);
}

void
test_server_fail (TestServer *self, const char *function, guint times, FaultKind kind, guint status,
                  const char *retry_after, const char *body)
{
  Fault *fault = g_new0 (Fault, 1);

  *fault = (Fault) { g_strdup (function), times, kind, status, g_strdup (retry_after), g_strdup (body) };
  g_queue_push_tail (&self->faults, fault);
}

guint
test_server_count (TestServer *self, const char *function)
{
  guint n = 0;

  for (guint i = 0; i < self->seen->len; i++)
    n += g_str_equal (g_ptr_array_index (self->seen, i), function);
  return n;
}

void
test_server_forget (TestServer *self)
{
  g_ptr_array_set_size (self->seen, 0);
}

void
test_server_add_row (TestServer *self, const char *id, const char *ct)
{
  g_ptr_array_add (self->rows, g_strdup_printf ("{\"id\":\"%s\",\"seq\":1,\"from_device\":\"%s\",\"from_user\":\"%s\","
                                                "\"from_name\":\"x\",\"ct\":\"%s\","
                                                "\"created_at\":\"1970-01-01T00:00:00+00:00\"}",
                                                id, TEST_DEVICE, TEST_ACCOUNT, ct));
}

/* --- what it does */

static void
answer (SoupServerMessage *message, guint status, const char *body)
{
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, body, strlen (body));
}

static void
give_session (TestServer *self, SoupServerMessage *message)
{
  g_autofree char *body = NULL;

  self->serial++;
  body = g_strdup_printf ("{\"access_token\":\"" TEST_SECRET "access-%u\",\"token_type\":\"bearer\",\"expires_in\":%u,"
                          "\"expires_at\":1,\"refresh_token\":\"" TEST_SECRET "refresh-%u\","
                          "\"user\":{\"id\":\"" TEST_DEVICE "\"}}", self->serial, self->expires_in, self->serial);
  answer (message, 200, body);
}

static JsonObject *
parse_body (SoupServerMessage *message, JsonNode **root)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (GBytes) bytes = soup_message_body_flatten (body);
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  *root = json_from_string (text, NULL);
  g_assert_nonnull (*root);
  return json_node_get_object (*root);
}

static void
give_rows (TestServer *self, SoupServerMessage *message)
{
  g_autoptr (GString) body = g_string_new ("{\"now\":\"1970-01-01T00:00:00+00:00\",\"messages\":[");
  guint n = MIN (self->rows->len, 25);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (body, "%s%s", i > 0 ? "," : "", (const char *) g_ptr_array_index (self->rows, i));
  g_string_append_printf (body, "],\"more\":%s}", self->rows->len > n ? "true" : "false");
  answer (message, 200, body->str);
}

static void
acknowledge (TestServer *self, SoupServerMessage *message)
{
  g_autoptr (JsonNode) root = NULL;
  JsonArray *ids = json_object_get_array_member (parse_body (message, &root), "p_ids");

  for (guint i = 0; i < json_array_get_length (ids); i++)
    {
      const char *id = json_array_get_string_element (ids, i);

      g_ptr_array_add (self->acked, g_strdup (id));
      for (guint k = self->rows->len; k-- > 0;)
        if (strstr (g_ptr_array_index (self->rows, k), id) != NULL)
          g_ptr_array_remove_index (self->rows, k);
    }
  answer (message, 200, "{\"deleted\":[]}");
}

static void
take_mail (TestServer *self, SoupServerMessage *message)
{
  g_autoptr (JsonNode) root = NULL;
  JsonArray *rows = json_object_get_array_member (parse_body (message, &root), "p_messages");
  g_autoptr (GString) body = g_string_new ("{\"results\":");

  g_free (self->sent);
  self->sent = json_to_string (root, FALSE);
  if (self->statuses != NULL)
    g_string_append (body, self->statuses);
  else
    {
      for (guint i = 0; i < json_array_get_length (rows); i++)
        g_string_append_printf (body, "%s{\"id\":\"%s\",\"status\":\"stored\"}", i > 0 ? "," : "[",
                                json_object_get_string_member (json_array_get_object_element (rows, i), "id"));
      g_string_append_c (body, ']');
    }
  g_string_append (body, ",\"retry_after\":1}");
  g_clear_pointer (&self->statuses, g_free);
  answer (message, 200, body->str);
}

static void
serve (TestServer *self, SoupServerMessage *message, const char *function)
{
  g_autofree char *text = NULL;

  if (g_str_equal (function, "signup") || g_str_equal (function, "token"))
    give_session (self, message);
  else if (g_str_equal (function, "kith_register") || g_str_equal (function, "kith_link_claim"))
    answer (message, 200, "{\"user_id\":\"" TEST_ACCOUNT "\",\"device_id\":\"" TEST_DEVICE "\"}");
  else if (g_str_equal (function, "kith_fetch"))
    give_rows (self, message);
  else if (g_str_equal (function, "kith_ack"))
    acknowledge (self, message);
  else if (g_str_equal (function, "kith_send"))
    take_mail (self, message);
  else if (g_str_equal (function, "kith_publish"))
    answer (message, 200, "{\"prekeys\":7}");
  else if (g_str_equal (function, "kith_marks"))
    answer (message, 200, "[]");
  else if (g_str_equal (function, "kith_beat"))
    {
      text = g_strdup_printf ("{\"now\":\"1970-01-01T00:10:00+00:00\",\"peers\":%s}",
                              self->peers != NULL ? self->peers : "[]");
      answer (message, 200, text);
    }
  else
    answer (message, 200, "null");
}

/* --- how it fails */

static void
drop (SoupServerMessage *message)
{
  g_socket_shutdown (soup_server_message_get_socket (message), TRUE, TRUE, NULL);
}

static void
on_chunk_wanted (SoupServerMessage *message, gpointer data)
{
  static char chunk[65536];

  memset (chunk, ' ', sizeof chunk);
  soup_message_body_append (soup_server_message_get_response_body (message), SOUP_MEMORY_STATIC, chunk, sizeof chunk);
  if (data != NULL)
    soup_server_message_unpause (message);
}

static void
never_end (SoupServerMessage *message)
{
  SoupMessageBody *body = soup_server_message_get_response_body (message);

  soup_server_message_set_status (message, 200, NULL);
  soup_message_body_set_accumulate (body, FALSE);
  soup_message_headers_set_encoding (soup_server_message_get_response_headers (message), SOUP_ENCODING_CHUNKED);
  on_chunk_wanted (message, NULL);
  g_signal_connect (message, "wrote-chunk", G_CALLBACK (on_chunk_wanted), message);
}

/* TRUE: answered. */
static gboolean
fail (TestServer *self, SoupServerMessage *message, const char *function)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  for (GList *l = self->faults.head; l != NULL; l = l->next)
    {
      Fault *fault = l->data;
      FaultKind kind = fault->kind;

      if (!g_str_equal (fault->function, function))
        continue;
      if (kind == FAULT_ANSWER)
        answer (message, fault->status, fault->body != NULL ? fault->body : "");
      if (fault->retry_after != NULL)
        soup_message_headers_replace (headers, "Retry-After", fault->retry_after);
      if (kind == FAULT_REDIRECT)
        soup_server_message_set_redirect (message, fault->status, fault->body);
      if (--fault->times == 0)
        {
          g_queue_delete_link (&self->faults, l);
          fault_free (fault);
        }
      if (kind == FAULT_DROP_AFTER)
        serve (self, message, function);
      if (kind == FAULT_DROP_BEFORE || kind == FAULT_DROP_AFTER)
        drop (message);     /* the answer goes nowhere */
      else if (kind == FAULT_ENDLESS)
        never_end (message);
      else if (kind == FAULT_HANG)
        soup_server_message_pause (message);
      return TRUE;
    }
  return FALSE;
}

static void
on_request (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  TestServer *self = data;
  const char *function = strrchr (path, '/') + 1;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *bearer = soup_message_headers_get_one (headers, "Authorization");

  g_ptr_array_add (self->seen, g_strdup (function));
  self->n_wrong += g_strcmp0 (soup_message_headers_get_one (headers, "apikey"), TEST_KEY) != 0;
  self->n_wrong += g_str_has_prefix (path, "/auth/") ? bearer != NULL
                                                     : bearer == NULL || strstr (bearer, TEST_SECRET "access") == NULL;
  if (!fail (self, message, function))
    serve (self, message, function);
}

/* --- its bell */

static void
on_frame (SoupWebsocketConnection *socket, SoupWebsocketDataType type, GBytes *bytes, gpointer data)
{
  TestServer *self = data;
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  if (strstr (text, "heartbeat") != NULL && !self->mute)
    soup_websocket_connection_send_text (socket, "[null,\"1\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\","
                                                 "\"response\":{}}]");
  if (strstr (text, "phx_join") == NULL && strstr (text, "\"access_token\"") == NULL)
    return;
  g_assert_nonnull (strstr (text, TEST_SECRET "access"));
  self->n_joined++;
  soup_websocket_connection_send_text (socket, "[\"1\",\"1\",\"realtime:inbox\",\"phx_reply\",{\"status\":\"ok\","
                                               "\"response\":{}}]");
  soup_websocket_connection_send_text (socket, "[\"1\",null,\"realtime:inbox\",\"system\",{\"extension\":"
                                               "\"postgres_changes\",\"status\":\"ok\",\"message\":"
                                               "\"Subscribed to PostgreSQL\",\"channel\":\"inbox\"}]");
}

static void
on_bell (SoupServer *server, SoupServerMessage *message, const char *path, SoupWebsocketConnection *socket,
         gpointer data)
{
  TestServer *self = data;

  g_set_object (&self->bell, socket);
  g_signal_connect (socket, "message", G_CALLBACK (on_frame), self);
}

void
test_server_ring (TestServer *self)
{
  soup_websocket_connection_send_text (self->bell, "[null,null,\"realtime:inbox\",\"postgres_changes\",{\"ids\":[1],"
                                                   "\"data\":{}}]");
}

/* --- life */

TestServer *
test_server_new (void)
{
  TestServer *self = g_new0 (TestServer, 1);
  GError *error = NULL;
  GSList *uris;

  self->server = soup_server_new (NULL, NULL);
  self->seen = g_ptr_array_new_with_free_func (g_free);
  self->rows = g_ptr_array_new_with_free_func (g_free);
  self->acked = g_ptr_array_new_with_free_func (g_free);
  self->expires_in = 3600;
  g_queue_init (&self->faults);
  soup_server_add_websocket_handler (self->server, "/realtime/v1/websocket", NULL, NULL, on_bell, self, NULL);
  soup_server_add_handler (self->server, NULL, on_request, self, NULL);
  /* Any free port: nobody outside this process has to know it. */
  soup_server_listen_local (self->server, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  uris = soup_server_get_uris (self->server);
  self->url = g_strdup_printf ("http://127.0.0.1:%d", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  return self;
}

void
test_server_free (TestServer *self)
{
  soup_server_disconnect (self->server);
  g_clear_object (&self->bell);
  g_object_unref (self->server);
  g_queue_clear_full (&self->faults, fault_free);
  g_ptr_array_unref (self->seen);
  g_ptr_array_unref (self->rows);
  g_ptr_array_unref (self->acked);
  g_free (self->url);
  g_free (self->sent);
  g_free (self->statuses);
  g_free (self->peers);
  g_free (self);
}
