/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of functions, and which arguments fit them. */
#include <string.h>

#include "kith-relay-private.h"

static const KithRelayFunction functions[] = {
  { "kith_register", kith_relay_register,
    { { "p_username", 't', FALSE }, { "p_identity_key", 't', FALSE }, { "p_cert", 't', FALSE },
      { "p_recovery_hash", 't', FALSE } } },
  { "kith_link_begin", kith_relay_link_begin, { { "p_code_hash", 't', FALSE } } },
  { "kith_link_claim", kith_relay_link_claim, { { "p_code", 't', FALSE }, { "p_cert", 't', FALSE } } },
  { "kith_publish", kith_relay_publish, { { "p_bundle", 't', FALSE }, { "p_prekeys", 'T', TRUE } } },
  { "kith_lookup", kith_relay_lookup, { { "p_username", 't', FALSE } } },
  { "kith_claim", kith_relay_claim, { { "p_device", 'u', FALSE } } },
  { "kith_send", kith_relay_send, { { "p_messages", 'j', FALSE } } },
  { "kith_fetch", kith_relay_fetch,
    { { "p_consumer", 'u', FALSE }, { "p_limit", 'i', TRUE }, { "p_lease", 'i', TRUE } } },
  { "kith_ack", kith_relay_ack, { { "p_consumer", 'u', FALSE }, { "p_ids", 'U', FALSE } } },
  { "kith_release", kith_relay_release, { { "p_consumer", 'u', FALSE } } },
  { "kith_grant", kith_relay_grant, { { "p_peer", 'u', FALSE }, { "p_sealed", 't', TRUE } } },
  { "kith_ungrant", kith_relay_ungrant, { { "p_peer", 'u', FALSE } } },
  { "kith_beat", kith_relay_beat, { { "p_visible", 'b', TRUE } } },
  { "kith_mark_read", kith_relay_mark_read,
    { { "p_conv", 't', FALSE }, { "p_pos", 'l', FALSE }, { "p_sealed", 't', TRUE } } },
  { "kith_marks", kith_relay_marks, { { NULL, 0, FALSE } } },
  { "kith_delete_account", kith_relay_delete_account, { { NULL, 0, FALSE } } },
  { "kith_purge", NULL, { { NULL, 0, FALSE } } },
};

/* --- arguments */

static gboolean
is_list_of (JsonNode *node, gboolean uuids)
{
  JsonArray *array;
  char out[KITH_RELAY_UUID];

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *item = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_NULL (item))
        continue;
      if (json_node_get_value_type (item) != G_TYPE_STRING ||
          (uuids && !kith_relay_parse_uuid (json_node_get_string (item), out)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_typed (JsonNode *node, char type)
{
  GType value = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
  char out[KITH_RELAY_UUID];

  if (JSON_NODE_HOLDS_NULL (node) || type == 'j')
    return TRUE;
  switch (type)
    {
    case 't':
      return value == G_TYPE_STRING;
    case 'u':
      return value == G_TYPE_STRING && kith_relay_parse_uuid (json_node_get_string (node), out);
    case 'i':
      return value == G_TYPE_INT64 && json_node_get_int (node) >= G_MININT32 && json_node_get_int (node) <= G_MAXINT32;
    case 'l':
      return value == G_TYPE_INT64;
    case 'b':
      return value == G_TYPE_BOOLEAN;
    default:
      return is_list_of (node, type == 'U');
    }
}

static const KithRelayArg *
find_arg (const KithRelayFunction *function, const char *name)
{
  for (guint i = 0; i < KITH_RELAY_MOST_ARGS && function->args[i].name != NULL; i++)
    if (strcmp (function->args[i].name, name) == 0)
      return &function->args[i];
  return NULL;
}

gboolean
kith_relay_args_fit (const KithRelayFunction *function, JsonObject *args)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, args);
  while (json_object_iter_next (&iter, &name, NULL))
    if (find_arg (function, name) == NULL)
      return FALSE;
  for (guint i = 0; i < KITH_RELAY_MOST_ARGS && function->args[i].name != NULL; i++)
    if (!function->args[i].optional && !json_object_has_member (args, function->args[i].name))
      return FALSE;
  return TRUE;
}

const char *
kith_relay_find_mistyped (const KithRelayFunction *function, JsonObject *args)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init (&iter, args);
  while (json_object_iter_next (&iter, &name, &node))
    if (!is_typed (node, find_arg (function, name)->type))
      return find_arg (function, name)->name;
  return NULL;
}

const KithRelayFunction *
kith_relay_find_function (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    if (strcmp (functions[i].name, name) == 0)
      return &functions[i];
  return NULL;
}

JsonObject *
kith_relay_parse_args (GBytes *body, GError **error)
{
  g_autoptr(JsonNode) root = NULL;
  gconstpointer text;
  gsize n;

  if (body == NULL || g_bytes_get_size (body) == 0)
    return json_object_new ();
  text = g_bytes_get_data (body, &n);
  root = kith_json_parse (text, (gssize) n, error);
  if (root == NULL)
    return NULL;
  if (JSON_NODE_HOLDS_OBJECT (root))
    return json_node_dup_object (root);
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "the body is no object");
  return NULL;
}
