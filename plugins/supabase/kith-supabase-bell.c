/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doorbell: a Phoenix channel on which the server says that our row of `bells` has changed. It only wakes; whoever
 * rings falsely makes us look, no more. */
#include "kith-supabase-private.h"

#include <string.h>

#define HEARTBEAT_MS 25000
#define MOST_UNANSWERED 2
#define PROBE_MS 5000
#define MOST_FRAME 65536
#define TOPIC "realtime:inbox"
#define JOIN_REF "1"

struct _KithSupabaseBell
{
  SoupWebsocketConnection *socket;
  gboolean connecting;
  gboolean live;               /* subscribed */
  guint ref;                   /* of our next message */
  guint heartbeat, retry, probe;   /* timers */
  guint unanswered;
  char *token;                 /* with which we joined */
  char *refused;               /* one that the server did not take */
  KithSupabaseBackoff backoff;
};

static void hang_up (KithSupabase *self, const char *why);

/* --- saying */

static void
say (KithSupabase *self, const char *topic, const char *event, JsonObject *payload)
{
  KithSupabaseBell *bell = self->bell;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);
  g_autofree char *ref = g_strdup_printf ("%u", bell->ref++);
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  JsonArray *frame = json_array_new ();

  if (strcmp (topic, TOPIC) == 0)
    json_array_add_string_element (frame, JOIN_REF);
  else
    json_array_add_null_element (frame);
  json_array_add_string_element (frame, ref);
  json_array_add_string_element (frame, topic);
  json_array_add_string_element (frame, event);
  json_array_add_object_element (frame, payload);
  json_node_take_array (node, frame);
  bytes = kith_json_print (node);
  text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  /* While it is closing nothing may be sent; that it is closed is said soon. */
  if (soup_websocket_connection_get_state (bell->socket) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_send_text (bell->socket, text);
}

static JsonObject *
make_subscription (KithSupabase *self)
{
  g_autofree char *filter = g_strconcat ("device=eq.", kith_supabase_session_get_device (self), NULL);
  JsonObject *change = json_object_new (), *config = json_object_new (), *broadcast = json_object_new (),
             *presence = json_object_new ();
  JsonArray *changes = json_array_new ();

  json_object_set_string_member (change, "event", "UPDATE");
  json_object_set_string_member (change, "schema", "public");
  json_object_set_string_member (change, "table", "bells");
  json_object_set_string_member (change, "filter", filter);
  json_array_add_object_element (changes, change);
  json_object_set_boolean_member (broadcast, "ack", FALSE);
  json_object_set_boolean_member (broadcast, "self", FALSE);
  json_object_set_string_member (presence, "key", "");
  json_object_set_boolean_member (presence, "enabled", FALSE);
  json_object_set_object_member (config, "broadcast", broadcast);
  json_object_set_object_member (config, "presence", presence);
  json_object_set_array_member (config, "postgres_changes", changes);
  json_object_set_boolean_member (config, "private", FALSE);
  return config;
}

static void
join (KithSupabase *self)
{
  JsonObject *payload = json_object_new ();

  json_object_set_object_member (payload, "config", make_subscription (self));
  json_object_set_string_member (payload, "access_token", self->bell->token);
  say (self, TOPIC, "phx_join", payload);
}

static void
on_fresh (KithSupabase *self, const char *token, const GError *error, gpointer data)
{
  /* Nothing: when it is another one, kith_supabase_bell_renew () was called. */
}

static void
knock (KithSupabase *self)
{
  self->bell->unanswered++;
  say (self, "phoenix", "heartbeat", json_object_new ());
}

static gboolean
on_probe (gpointer data)
{
  KithSupabase *self = data;

  self->bell->probe = 0;
  if (self->bell->unanswered > 0)
    hang_up (self, "it does not answer any more");
  return G_SOURCE_REMOVE;
}

static gboolean
on_heartbeat (gpointer data)
{
  KithSupabase *self = data;
  KithSupabaseBell *bell = self->bell;

  if (bell->unanswered >= MOST_UNANSWERED)
    {
      hang_up (self, "it does not answer");
      return G_SOURCE_REMOVE;
    }
  knock (self);
  kith_supabase_session_get_token (self, NULL, on_fresh, NULL);
  return G_SOURCE_CONTINUE;
}

void
kith_supabase_bell_renew (KithSupabase *self, const char *token)
{
  KithSupabaseBell *bell = self->bell;
  JsonObject *payload;

  if (bell->socket == NULL || g_strcmp0 (token, bell->token) == 0)
    return;
  g_free (bell->token);
  bell->token = g_strdup (token);
  payload = json_object_new ();
  json_object_set_string_member (payload, "access_token", token);
  say (self, TOPIC, "access_token", payload);
}

/* --- hearing */

static void
take_system (KithSupabase *self, JsonObject *payload)
{
  KithSupabaseBell *bell = self->bell;
  const char *extension = kith_supabase_get_string (payload, "extension", 64);
  const char *status = kith_supabase_get_string (payload, "status", 16);

  if (g_strcmp0 (status, "ok") != 0)
    {
      g_free (bell->refused);
      bell->refused = g_strdup (bell->token);
      hang_up (self, "the subscription was refused");
      return;
    }
  if (g_strcmp0 (extension, "postgres_changes") != 0)
    return;
  bell->live = TRUE;
  kith_supabase_backoff_clear (&bell->backoff);
  g_clear_pointer (&bell->refused, g_free);
  kith_supabase_incoming_wake (self);
}

static void
take_frame (KithSupabase *self, const char *topic, const char *event, JsonObject *payload)
{
  KithSupabaseBell *bell = self->bell;

  if (strcmp (topic, "phoenix") == 0)
    bell->unanswered = 0;
  else if (strcmp (topic, TOPIC) != 0)
    return;
  else if (strcmp (event, "postgres_changes") == 0)
    kith_supabase_incoming_wake (self);
  else if (strcmp (event, "system") == 0)
    take_system (self, payload);
  else if (strcmp (event, "phx_reply") == 0
           && g_strcmp0 (kith_supabase_get_string (payload, "status", 16), "error") == 0)
    {
      g_free (bell->refused);
      bell->refused = g_strdup (bell->token);
      hang_up (self, "the channel was refused");
    }
  else if (strcmp (event, "phx_close") == 0 || strcmp (event, "phx_error") == 0)
    hang_up (self, "the channel was closed");
}

static void
on_message (SoupWebsocketConnection *socket, SoupWebsocketDataType type, GBytes *message, KithSupabase *self)
{
  gsize n;
  const char *text = g_bytes_get_data (message, &n);
  g_autoptr (JsonNode) root
    = type == SOUP_WEBSOCKET_DATA_TEXT ? kith_json_parse (text, (gssize) n, NULL) : NULL;
  JsonArray *frame = root != NULL && JSON_NODE_HOLDS_ARRAY (root) ? json_node_get_array (root) : NULL;
  JsonObject *payload;
  const char *topic, *event;

  if (frame == NULL || json_array_get_length (frame) != 5)
    {
      hang_up (self, "what came is no frame of a channel");
      return;
    }
  topic = kith_supabase_get_element (frame, 2);
  event = kith_supabase_get_element (frame, 3);
  payload = kith_supabase_get_object (json_array_get_element (frame, 4));
  if (topic == NULL || event == NULL || payload == NULL)
    hang_up (self, "what came is no frame of a channel");
  else
    take_frame (self, topic, event, payload);
}

static void
on_closed (SoupWebsocketConnection *socket, KithSupabase *self)
{
  hang_up (self, "the connection was closed");
}

/* --- connecting */

static gboolean
on_retry (gpointer data)
{
  KithSupabase *self = data;

  self->bell->retry = 0;
  kith_supabase_bell_kick (self);
  return G_SOURCE_REMOVE;
}

static void
try_later (KithSupabase *self)
{
  kith_supabase_try_later (self, &self->bell->backoff, &self->bell->retry, 0, on_retry);
}

static void
drop_socket (KithSupabase *self)
{
  KithSupabaseBell *bell = self->bell;
  g_autoptr (SoupWebsocketConnection) socket = g_steal_pointer (&bell->socket);

  bell->live = FALSE;
  kith_host_drop_timer (self->host, bell->heartbeat);
  kith_host_drop_timer (self->host, bell->probe);
  bell->heartbeat = bell->probe = 0;
  if (socket == NULL)
    return;
  g_signal_handlers_disconnect_by_data (socket, self);
  if (soup_websocket_connection_get_state (socket) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close (socket, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
}

static void
hang_up (KithSupabase *self, const char *why)
{
  g_debug ("The doorbell is silent: %s", why);
  drop_socket (self);
  try_later (self);
}

static void
on_connected (GObject *session, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;
  KithSupabaseBell *bell = self->bell;
  g_autoptr (GError) error = NULL;
  g_autoptr (SoupWebsocketConnection) socket
    = soup_session_websocket_connect_finish (SOUP_SESSION (session), result, &error);

  bell->connecting = FALSE;
  if (!self->stopped && socket != NULL)
    {
      bell->socket = g_steal_pointer (&socket);
      bell->unanswered = 0;
      bell->ref = 1;
      soup_websocket_connection_set_max_incoming_payload_size (bell->socket, MOST_FRAME);
      g_signal_connect (bell->socket, "message", G_CALLBACK (on_message), self);
      g_signal_connect (bell->socket, "closed", G_CALLBACK (on_closed), self);
      bell->heartbeat = kith_host_add_timer (self->host, HEARTBEAT_MS, on_heartbeat, self, NULL);
      join (self);
    }
  else if (!self->stopped)
    hang_up (self, error->message);
  kith_supabase_unref (self);
}

static void
on_token (KithSupabase *self, const char *token, const GError *error, gpointer data)
{
  KithSupabaseBell *bell = self->bell;
  g_autoptr (SoupMessage) message = NULL;

  if (self->stopped || token == NULL || self->leaving)
    {
      bell->connecting = FALSE;
      if (!self->stopped && !self->lost)
        try_later (self);
      return;
    }
  g_free (bell->token);
  bell->token = g_strdup (token);
  message = kith_supabase_http_new_bell (self->http);
  soup_session_websocket_connect_async (kith_supabase_http_get_session (self->http), message, NULL, NULL,
                                        G_PRIORITY_DEFAULT, self->cancellable, on_connected, kith_supabase_ref (self));
}

void
kith_supabase_bell_kick (KithSupabase *self)
{
  KithSupabaseBell *bell = self->bell;

  if (bell->socket != NULL || bell->connecting || bell->retry != 0 || !self->ready || self->leaving)
    return;
  bell->connecting = TRUE;
  kith_supabase_session_get_token (self, bell->refused, on_token, NULL);
}

/* What connection there was may be dead, which the heartbeats would find out within a minute. */
void
kith_supabase_bell_hurry (KithSupabase *self)
{
  KithSupabaseBell *bell = self->bell;

  kith_supabase_retry_now (self, &bell->backoff, &bell->retry);
  if (bell->socket == NULL || bell->probe != 0)
    return;
  knock (self);
  bell->probe = kith_supabase_after (self, PROBE_MS, on_probe, self);
}

gboolean
kith_supabase_bell_is_live (KithSupabase *self)
{
  return self->bell->live;
}

KithSupabaseBell *
kith_supabase_bell_new (void)
{
  return g_new0 (KithSupabaseBell, 1);
}

void
kith_supabase_bell_free (KithSupabaseBell *bell)
{
  g_clear_object (&bell->socket);
  g_free (bell->token);
  g_free (bell->refused);
  g_free (bell);
}

void
kith_supabase_bell_stop (KithSupabase *self)
{
  drop_socket (self);
  kith_host_drop_timer (self->host, self->bell->retry);
  self->bell->retry = 0;
}
