/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-signal-private.h"

#include <sodium.h>
#include <string.h>

#include <kith/kith.h>

#define RATE 20.0
#define BURST 100.0
#define MOST_WATCHED 1000
#define AUTH_CONTEXT "kith/signal/1 auth"

static const char *const statuses[] = { "online", "away", "busy", "invisible", "offline" };

void
kith_signal_say (KithSignalClient *client, const char *const *members)
{
  g_auto(KithJsonWriter) w = { NULL };
  g_autofree char *text = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  for (; members[0] != NULL; members += 2)
    kith_json_writer_member_string (&w, members[0], members[1]);
  kith_json_writer_end_object (&w);
  text = kith_json_writer_finish_string (&w);
  kith_socket_send_text (client->socket, text, -1);
}

static void
complain (KithSignalClient *client, const char *what, const char *target)
{
  kith_signal_say (client, (const char *const[]) { "type", "error", "error", what, target != NULL ? "target" : NULL,
                                                   target, NULL });
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
         ? json_node_get_string (node) : NULL;
}

/* --- who may know */

static gboolean
may_know (KithSignalClient *who, KithSignalClient *about)
{
  if (who == about)
    return FALSE;
  return who->signal->open || (g_hash_table_contains (who->watched, about->key) &&
                               g_hash_table_contains (about->watched, who->key));
}

static void
tell (KithSignalClient *who, const char *key, const char *status)
{
  /* "invisible" is told to nobody. */
  kith_signal_say (who, (const char *const[]) { "type", who->first_generation ? "presence_update" : "presence",
                                                "public_key", key, "status",
                                                strcmp (status, "invisible") == 0 ? "offline" : status, NULL });
}

void
kith_signal_tell_all (KithSignalClient *client, const char *status)
{
  GHashTableIter iter;
  gpointer other;

  g_hash_table_iter_init (&iter, client->signal->by_key);
  while (g_hash_table_iter_next (&iter, NULL, &other))
    if (may_know (other, client))
      tell (other, client->key, status != NULL ? status : client->status);
}

/* --- proving a key */

static gboolean
is_signed (KithSignalClient *client, gint64 version, const guint8 *signature, const guint8 *key)
{
  if (version != 2)
    return crypto_sign_verify_detached (signature, client->challenge, sizeof client->challenge, key) == 0;
  for (char **host = client->signal->hosts; *host != NULL; host++)
    {
      g_autoptr(GByteArray) said = g_byte_array_new ();

      g_byte_array_append (said, (const guint8 *) AUTH_CONTEXT, strlen (AUTH_CONTEXT));
      g_byte_array_append (said, (const guint8 *) *host, (guint) strlen (*host));
      g_byte_array_append (said, client->challenge, sizeof client->challenge);
      if (crypto_sign_verify_detached (signature, said->data, said->len, key) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
decode (const char *text, guint8 *out, gsize n)
{
  gsize size = 0;

  return text != NULL && sodium_base642bin (out, n, text, strlen (text), NULL, &size, NULL,
                                            sodium_base64_VARIANT_ORIGINAL) == 0 && size == n;
}

static const char *
check_proof (KithSignalClient *client, JsonObject *said)
{
  JsonNode *v = json_object_get_member (said, "v");
  gint64 version = v != NULL && JSON_NODE_HOLDS_VALUE (v) && json_node_get_value_type (v) == G_TYPE_INT64
                   ? json_node_get_int (v) : 1;
  guint8 key[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES];

  if (g_strcmp0 (get_string (said, "type"), "auth_response") != 0)
    return "authenticate first";
  if (!decode (get_string (said, "public_key"), key, sizeof key) ||
      !decode (get_string (said, "signature"), signature, sizeof signature))
    return "public_key and signature: base64 of 32 and 64 bytes";
  if (!is_signed (client, version, signature, key))
    return "the signature is wrong";
  client->first_generation = version != 2;
  return NULL;
}

static void
come_in (KithSignalClient *client, JsonObject *said)
{
  KithSignal *self = client->signal;
  const char *why = check_proof (client, said);
  KithSignalClient *old;

  kith_world_drop_timer (self->world, client->timer);
  client->timer = 0;
  if (why != NULL)
    {
      kith_signal_say (client, (const char *const[]) { "type", "auth_failure", "reason", why, NULL });
      kith_socket_close (client->socket, 4401, "not authenticated");
      return;
    }
  client->key = g_strdup (get_string (said, "public_key"));
  old = g_hash_table_lookup (self->by_key, client->key);
  g_hash_table_replace (self->by_key, client->key, client);
  if (old != NULL)
    {
      GHashTableIter iter;
      gpointer watched;

      /* The same person comes back: nobody needs to hear of a change that is none. */
      client->status = old->status;
      g_hash_table_iter_init (&iter, old->watched);
      while (g_hash_table_iter_next (&iter, &watched, NULL))
        g_hash_table_add (client->watched, g_strdup (watched));
      kith_socket_close (old->socket, 4409, "replaced by a newer connection of this key");
    }
  kith_signal_say (client, (const char *const[]) { "type", "auth_success", NULL });
  /* First-generation clients count as here once they are in; ours say what they want to be. */
  if (client->first_generation)
    client->status = "online";
  kith_signal_tell_all (client, NULL);
}

/* --- once inside */

static void
set_status (KithSignalClient *client, JsonObject *said)
{
  const char *wanted = get_string (said, "status");

  for (guint i = 0; wanted != NULL && i < G_N_ELEMENTS (statuses); i++)
    if (strcmp (statuses[i], wanted) == 0)
      {
        client->status = statuses[i];
        kith_signal_tell_all (client, NULL);
        return;
      }
  complain (client, "bad_message", NULL);
}

static void
watch (KithSignalClient *client, JsonObject *said)
{
  JsonNode *list = json_object_get_member (said, "public_keys");
  JsonArray *keys = list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;
  guint n = keys != NULL ? json_array_get_length (keys) : 0;
  g_autoptr(GHashTable) before = NULL;

  if (keys == NULL || n > MOST_WATCHED)
    {
      complain (client, "bad_message", NULL);
      return;
    }
  before = client->watched;
  client->watched = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < n; i++)
    {
      JsonNode *item = json_array_get_element (keys, i);
      guint8 key[crypto_sign_PUBLICKEYBYTES];

      if (json_node_get_value_type (item) == G_TYPE_STRING && decode (json_node_get_string (item), key, sizeof key))
        g_hash_table_add (client->watched, g_strdup (json_node_get_string (item)));
    }
  for (guint i = 0; i < n; i++)
    {
      JsonNode *item = json_array_get_element (keys, i);
      const char *key = json_node_get_value_type (item) == G_TYPE_STRING ? json_node_get_string (item) : NULL;
      KithSignalClient *other = key != NULL ? g_hash_table_lookup (client->signal->by_key, key) : NULL;

      if (other == NULL || !may_know (client, other))
        continue;
      tell (client, other->key, other->status);
      if (!g_hash_table_contains (before, key) && !client->signal->open)
        tell (other, client->key, client->status);
    }
}

static void
relay (KithSignalClient *client, JsonObject *said, const char *type)
{
  const char *target = get_string (said, "target");
  KithSignalClient *other = target != NULL ? g_hash_table_lookup (client->signal->by_key, target) : NULL;
  g_autoptr(JsonNode) node = NULL;
  g_autoptr(GBytes) printed = NULL;
  g_autofree char *named = g_strdup (target);

  if (target == NULL || !(json_object_has_member (said, "sealed") || json_object_has_member (said, "sdp") ||
                          json_object_has_member (said, "candidate")))
    {
      complain (client, "bad_message", NULL);
      return;
    }
  /* Whether it is there is nothing for a key that it does not watch. */
  if (other == NULL || other == client ||
      !(client->signal->open || g_hash_table_contains (other->watched, client->key)))
    {
      complain (client, "target_offline", target);
      return;
    }
  json_object_remove_member (said, "target");
  json_object_set_string_member (said, "from", client->key);
  node = json_node_init_object (json_node_alloc (), said);
  printed = kith_json_print (node);
  if (!kith_socket_send_text (other->socket, g_bytes_get_data (printed, NULL), (gssize) g_bytes_get_size (printed)))
    complain (client, "target_offline", named);
}

static gboolean
may_speak (KithSignalClient *client)
{
  gint64 now_us = kith_world_get_time_us (client->signal->world);

  client->tokens = MIN (BURST, client->tokens + RATE * (double) (now_us - client->at_us) / G_USEC_PER_SEC);
  client->at_us = now_us;
  if (client->tokens < 1)
    return FALSE;
  client->tokens--;
  return TRUE;
}

void
kith_signal_take (KithSignalClient *client, const char *text, gsize n)
{
  g_autoptr(JsonNode) root = NULL;
  JsonObject *said;
  const char *type;

  if (!kith_socket_is_open (client->socket))
    return;
  if (!may_speak (client))
    {
      complain (client, "rate_limited", NULL);
      return;
    }
  root = kith_json_parse (text, (gssize) n, NULL);
  said = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  type = said != NULL ? get_string (said, "type") : NULL;
  if (client->key == NULL)
    {
      g_autoptr(JsonObject) nothing = json_object_new ();

      come_in (client, said != NULL ? said : nothing);
    }
  else if (type == NULL)
    complain (client, "bad_message", NULL);
  else if (strcmp (type, "presence") == 0 || strcmp (type, "status_update") == 0)
    set_status (client, said);
  else if (strcmp (type, "watch") == 0)
    watch (client, said);
  else if (strcmp (type, "p2p_offer") == 0 || strcmp (type, "p2p_answer") == 0 || strcmp (type, "p2p_candidate") == 0)
    relay (client, said, type);
  else
    complain (client, "bad_message", NULL);
}
