/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doorbell: of Supabase's Realtime just what a subscription to one's own row of public.bells needs. Phoenix
 * channels, vsn 2.0.0 (arrays) and 1.0.0 (objects). */
#include <string.h>

#include "kith-relay-private.h"

#define MOST_CHANNELS 4
#define MOST_CHANGES 4
#define MOST_TOPIC 128

struct _KithBells
{
  KithRelay *relay;
  GPtrArray *clients;      /* of KithBellClient, borrowed: each lives as long as its socket */
};

typedef struct
{
  KithBells *bells;
  KithSocket *socket;      /* borrowed */
  gboolean arrays;
  GPtrArray *channels;
} KithBellClient;

typedef struct
{
  char *topic;
  char *join_ref;          /* JSON */
  KithRelayClaims claims;
  GArray *ids;             /* gint64: those subscriptions that ring */
  guint n_changes;
} KithChannel;

typedef struct
{
  const char *topic, *event;
  char *join_ref, *ref;    /* JSON */
  JsonObject *payload;     /* nullable */
} KithFrame;

static void
channel_free (gpointer data)
{
  KithChannel *channel = data;

  g_free (channel->topic);
  g_free (channel->join_ref);
  g_array_unref (channel->ids);
  g_free (channel);
}

static void
put (KithBellClient *client, const char *join_ref, const char *ref, const char *topic, const char *event,
     const char *payload)
{
  g_auto(KithJsonWriter) w = { NULL };
  const char *parts[] = { join_ref != NULL ? join_ref : "null", ref != NULL ? ref : "null" };
  g_autofree char *text = NULL;

  kith_json_writer_init (&w);
  if (client->arrays)
    {
      kith_json_writer_begin_array (&w);
      kith_json_writer_raw (&w, parts[0], -1);
      kith_json_writer_raw (&w, parts[1], -1);
      kith_json_writer_string (&w, topic);
      kith_json_writer_string (&w, event);
      kith_json_writer_raw (&w, payload, -1);
      kith_json_writer_end_array (&w);
    }
  else
    {
      kith_json_writer_begin_object (&w);
      kith_json_writer_key (&w, "join_ref");
      kith_json_writer_raw (&w, parts[0], -1);
      kith_json_writer_key (&w, "ref");
      kith_json_writer_raw (&w, parts[1], -1);
      kith_json_writer_member_string (&w, "topic", topic);
      kith_json_writer_member_string (&w, "event", event);
      kith_json_writer_key (&w, "payload");
      kith_json_writer_raw (&w, payload, -1);
      kith_json_writer_end_object (&w);
    }
  text = kith_json_writer_finish_string (&w);
  kith_socket_send_text (client->socket, text, -1);
}

static void
reply (KithBellClient *client, const KithFrame *frame, gboolean good, const char *response)
{
  g_autofree char *payload = g_strdup_printf ("{\"status\":\"%s\",\"response\":%s}", good ? "ok" : "error", response);

  put (client, frame->join_ref, frame->ref, frame->topic, "phx_reply", payload);
}

static void
tell_system (KithBellClient *client, KithChannel *channel, const char *extension, gboolean good, const char *message)
{
  g_auto(KithJsonWriter) w = { NULL };
  g_autofree char *payload = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "extension", extension);
  kith_json_writer_member_string (&w, "status", good ? "ok" : "error");
  kith_json_writer_member_string (&w, "message", message);
  kith_json_writer_member_string (&w, "channel", channel->topic + strlen ("realtime:"));
  kith_json_writer_end_object (&w);
  payload = kith_json_writer_finish_string (&w);
  put (client, channel->join_ref, NULL, channel->topic, "system", payload);
}

static void
tell_subscribed (KithBellClient *client, KithChannel *channel)
{
  if (channel->ids->len == channel->n_changes && channel->n_changes > 0)
    tell_system (client, channel, "postgres_changes", TRUE, "Subscribed to PostgreSQL");
  else if (channel->n_changes > 0)
    tell_system (client, channel, "postgres_changes", FALSE,
                 "Unable to subscribe: only UPDATE on public.bells with filter device=eq.<own id>");
}

static void
stop_channel (KithBellClient *client, KithChannel *channel, const char *why)
{
  if (why != NULL)
    tell_system (client, channel, "system", FALSE, why);
  put (client, channel->join_ref, channel->join_ref, channel->topic, "phx_close", "{}");
  g_ptr_array_remove (client->channels, channel);
}

static KithChannel *
find_channel (KithBellClient *client, const char *topic)
{
  for (guint i = 0; i < client->channels->len; i++)
    if (strcmp (((KithChannel *) client->channels->pdata[i])->topic, topic) == 0)
      return client->channels->pdata[i];
  return NULL;
}

/* --- joining */

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
         ? json_node_get_string (node) : NULL;
}

static JsonNode *
get_changes (JsonObject *payload)
{
  JsonNode *config = payload != NULL ? json_object_get_member (payload, "config") : NULL;
  JsonNode *list = config != NULL && JSON_NODE_HOLDS_OBJECT (config)
                   ? json_object_get_member (json_node_get_object (config), "postgres_changes") : NULL;

  return list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? list : NULL;
}

static gboolean
is_own_bell (JsonObject *change, const char *device)
{
  g_autofree char *filter = g_strconcat ("device=eq.", device, NULL);
  const char *event = get_string (change, "event"), *said = get_string (change, "filter");

  return (g_strcmp0 (event, "UPDATE") == 0 || g_strcmp0 (event, "*") == 0) &&
         g_strcmp0 (get_string (change, "schema"), "public") == 0 &&
         g_strcmp0 (get_string (change, "table"), "bells") == 0 && (said == NULL || strcmp (said, filter) == 0);
}

/* Echoes what was asked for, each with a number; "ids" of a bell says which of them it is for. */
static char *
number_changes (KithChannel *channel, JsonNode *list)
{
  JsonArray *changes = list != NULL ? json_node_get_array (list) : NULL;
  g_autoptr(GString) text = g_string_new ("{\"postgres_changes\":[");

  channel->n_changes = changes != NULL ? json_array_get_length (changes) : 0;
  for (guint i = 0; i < channel->n_changes; i++)
    {
      JsonNode *node = json_array_get_element (changes, i);
      JsonObject *change = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      g_autoptr(GBytes) printed = NULL;
      gint64 id = 1 + i;
      gsize n;
      const char *at;

      if (change == NULL)
        return NULL;
      if (is_own_bell (change, channel->claims.user))
        g_array_append_val (channel->ids, id);
      json_object_set_int_member (change, "id", id);
      printed = kith_json_print (node);
      at = g_bytes_get_data (printed, &n);
      if (i > 0)
        g_string_append_c (text, ',');
      g_string_append_len (text, at, (gssize) n);
    }
  g_string_append (text, "]}");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
join (KithBellClient *client, const KithFrame *frame)
{
  const char *token = get_string (frame->payload, "access_token");
  JsonNode *list = get_changes (frame->payload);
  KithChannel *old = find_channel (client, frame->topic), *channel;
  KithRelayClaims claims = { 0 };
  g_autofree char *response = NULL;

  if (!g_str_has_prefix (frame->topic, "realtime:") || strlen (frame->topic) > MOST_TOPIC)
    {
      reply (client, frame, FALSE, "{\"reason\":\"unmatched topic\"}");
      return;
    }
  if (token == NULL || kith_relay_token_check (client->bells->relay, token, &claims) != NULL)
    {
      reply (client, frame, FALSE, "{\"reason\":\"InvalidJWTToken: sign in first, or renew the token\"}");
      return;
    }
  if (old != NULL)
    g_ptr_array_remove (client->channels, old);
  if (client->channels->len >= MOST_CHANNELS ||
      (list != NULL && json_array_get_length (json_node_get_array (list)) > MOST_CHANGES))
    {
      reply (client, frame, FALSE, "{\"reason\":\"too many channels\"}");
      return;
    }
  channel = g_new0 (KithChannel, 1);
  *channel = (KithChannel) { g_strdup (frame->topic), g_strdup (frame->join_ref), claims,
                             g_array_new (FALSE, FALSE, sizeof (gint64)), 0 };
  response = number_changes (channel, list);
  if (response == NULL)
    {
      reply (client, frame, FALSE, "{\"reason\":\"postgres_changes is not valid\"}");
      channel_free (channel);
      return;
    }
  g_ptr_array_add (client->channels, channel);
  reply (client, frame, TRUE, response);
  tell_subscribed (client, channel);
}

static void
renew (KithBellClient *client, KithChannel *channel, const KithFrame *frame)
{
  const char *token = get_string (frame->payload, "access_token");
  KithRelayClaims claims = { 0 };

  if (token == NULL || kith_relay_token_check (client->bells->relay, token, &claims) != NULL ||
      strcmp (claims.user, channel->claims.user) != 0)
    {
      stop_channel (client, channel, "The token provided is not a valid JWT");
      return;
    }
  channel->claims = claims;
  tell_subscribed (client, channel);
}

/* --- frames */

static char *
print_ref (JsonNode *node)
{
  g_autoptr(GBytes) printed = NULL;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return g_strdup ("null");
  printed = kith_json_print (node);
  return g_strndup (g_bytes_get_data (printed, NULL), g_bytes_get_size (printed));
}

static gboolean
read_frame (KithBellClient *client, JsonNode *root, KithFrame *frame)
{
  static const char *const names[] = { "join_ref", "ref", "topic", "event", "payload" };
  JsonNode *parts[5] = { NULL };

  if (client->arrays ? !JSON_NODE_HOLDS_ARRAY (root) || json_array_get_length (json_node_get_array (root)) != 5
                     : !JSON_NODE_HOLDS_OBJECT (root))
    return FALSE;
  for (guint i = 0; i < 5; i++)
    parts[i] = client->arrays ? json_array_get_element (json_node_get_array (root), i)
                              : json_object_get_member (json_node_get_object (root), names[i]);
  for (guint i = 2; i < 4; i++)
    if (parts[i] == NULL || !JSON_NODE_HOLDS_VALUE (parts[i]) ||
        json_node_get_value_type (parts[i]) != G_TYPE_STRING)
      return FALSE;
  *frame = (KithFrame) { json_node_get_string (parts[2]), json_node_get_string (parts[3]), print_ref (parts[0]),
                         print_ref (parts[1]), NULL };
  if (parts[4] != NULL && JSON_NODE_HOLDS_OBJECT (parts[4]))
    frame->payload = json_node_get_object (parts[4]);
  return TRUE;
}

static void
take_frame (KithBellClient *client, const KithFrame *frame)
{
  KithChannel *channel = find_channel (client, frame->topic);

  if (strcmp (frame->topic, "phoenix") == 0 && strcmp (frame->event, "heartbeat") == 0)
    reply (client, frame, TRUE, "{}");
  else if (strcmp (frame->event, "phx_join") == 0)
    join (client, frame);
  else if (channel == NULL)
    reply (client, frame, FALSE, "{\"reason\":\"unmatched topic\"}");
  else if (strcmp (frame->event, "access_token") == 0)
    renew (client, channel, frame);
  else if (strcmp (frame->event, "phx_leave") == 0)
    {
      reply (client, frame, TRUE, "{}");
      stop_channel (client, channel, NULL);
    }
  else
    reply (client, frame, FALSE, "{\"reason\":\"this is kith's mailbox API: bells only\"}");
}

static void
on_message (KithSocket *socket, const char *text, gsize n, gpointer data)
{
  KithBellClient *client = data;
  g_autoptr(JsonNode) root = kith_json_parse (text, (gssize) n, NULL);
  KithFrame frame = { NULL };

  if (root == NULL || !read_frame (client, root, &frame))
    {
      kith_socket_close (socket, 1008, "this is no frame of a Phoenix channel");
      return;
    }
  take_frame (client, &frame);
  g_free (frame.join_ref);
  g_free (frame.ref);
}

static void
on_binary (KithSocket *socket, gsize n, gpointer data)
{
  kith_socket_close (socket, 1003, "text only");
}

static void
on_written (KithSocket *socket, gsize n, gpointer data)
{
}

static void
on_closed (KithSocket *socket, guint code, gpointer data)
{
  KithBellClient *client = data;

  g_ptr_array_remove_fast (client->bells->clients, client);
}

static void
client_free (gpointer data)
{
  KithBellClient *client = data;

  g_ptr_array_unref (client->channels);
  g_free (client);
}

void
kith_bells_connect (KithBells *self, KithExchange *exchange)
{
  static const KithSocketFuncs funcs = { on_message, on_binary, on_written, on_closed };
  const char *vsn = g_hash_table_lookup (kith_exchange_get_query (exchange), "vsn");
  KithBellClient *client = g_new0 (KithBellClient, 1);

  client->bells = self;
  client->arrays = vsn != NULL && vsn[0] == '2';
  client->channels = g_ptr_array_new_with_free_func (channel_free);
  client->socket = kith_exchange_upgrade (exchange, &funcs, client, client_free);
  if (client->socket != NULL)
    g_ptr_array_add (self->clients, client);
}

static void
ring_channel (KithBellClient *client, KithChannel *channel, const char *device, gint64 seq)
{
  g_autoptr(GString) ids = g_string_new (NULL);
  g_autofree char *payload = NULL;
  g_autofree char *time = kith_format_time_ms (kith_world_get_date_ms (client->bells->relay->world));

  for (guint i = 0; i < channel->ids->len; i++)
    g_string_append_printf (ids, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", g_array_index (channel->ids, gint64, i));
  payload = g_strdup_printf (
    "{\"ids\":[%s],\"data\":{\"schema\":\"public\",\"table\":\"bells\",\"commit_timestamp\":\"%s\",\"type\":\"UPDATE\","
    "\"columns\":[{\"name\":\"device\",\"type\":\"uuid\"},{\"name\":\"seq\",\"type\":\"int8\"}],"
    "\"record\":{\"device\":\"%s\",\"seq\":%" G_GINT64_FORMAT "},\"old_record\":{\"device\":\"%s\"},\"errors\":null}}",
    ids->str, time, device, seq, device);
  put (client, NULL, NULL, channel->topic, "postgres_changes", payload);
}

void
kith_bells_ring (KithBells *self, const char *device, gint64 seq)
{
  for (guint i = 0; i < self->clients->len; i++)
    {
      KithBellClient *client = self->clients->pdata[i];

      for (guint k = 0; k < client->channels->len; k++)
        {
          KithChannel *channel = client->channels->pdata[k];

          if (channel->ids->len > 0 && strcmp (channel->claims.user, device) == 0)
            ring_channel (client, channel, device, seq);
        }
    }
}

void
kith_bells_sweep (KithBells *self)
{
  gint64 now_s = kith_world_get_date_ms (self->relay->world) / 1000;

  for (guint i = 0; i < self->clients->len; i++)
    {
      KithBellClient *client = self->clients->pdata[i];

      for (guint k = client->channels->len; k-- > 0;)
        if (((KithChannel *) client->channels->pdata[k])->claims.expires_s <= now_s)
          stop_channel (client, client->channels->pdata[k], "Token has expired");
    }
}

KithBells *
kith_bells_new (KithRelay *relay)
{
  KithBells *self = g_new0 (KithBells, 1);

  self->relay = relay;
  self->clients = g_ptr_array_new ();
  return self;
}

void
kith_bells_free (KithBells *self)
{
  g_ptr_array_unref (self->clients);
  g_free (self);
}
