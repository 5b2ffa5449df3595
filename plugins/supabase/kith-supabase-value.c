/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-supabase-value.h"

#include <string.h>

JsonObject *
kith_supabase_get_object (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
kith_supabase_get_array (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonNode *
get_value (JsonObject *object, const char *name, GType type)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node : NULL;
}

const char *
kith_supabase_get_string (JsonObject *object, const char *name, gsize most)
{
  JsonNode *node = get_value (object, name, G_TYPE_STRING);
  const char *text = node != NULL ? json_node_get_string (node) : NULL;

  return text != NULL && strlen (text) <= most ? text : NULL;
}

const char *
kith_supabase_get_element (JsonArray *array, guint i)
{
  JsonNode *node = json_array_get_element (array, i);

  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node)
                                                                                          : NULL;
}

const char *
kith_supabase_get_uuid (JsonObject *object, const char *name)
{
  const char *text = kith_supabase_get_string (object, name, 36);

  return text != NULL && g_uuid_string_is_valid (text) ? text : NULL;
}

gboolean
kith_supabase_get_int (JsonObject *object, const char *name, gint64 least, gint64 most, gint64 *value)
{
  JsonNode *node = get_value (object, name, G_TYPE_INT64);

  if (node == NULL || json_node_get_int (node) < least || json_node_get_int (node) > most)
    return FALSE;
  *value = json_node_get_int (node);
  return TRUE;
}

gboolean
kith_supabase_get_boolean (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name, G_TYPE_BOOLEAN);

  return node != NULL && json_node_get_boolean (node);
}

gboolean
kith_supabase_get_time (JsonObject *object, const char *name, gint64 *time_us)
{
  const char *text = kith_supabase_get_string (object, name, 40);
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = text != NULL ? g_date_time_new_from_iso8601 (text, utc) : NULL;

  if (time == NULL)
    return FALSE;
  *time_us = g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
  return TRUE;
}

static gboolean
is_base64 (const char *text, gsize n)
{
  gsize n_signs = strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

  return n % 4 == 0 && n - n_signs <= 2 && strspn (text + n_signs, "=") == n - n_signs;
}

GBytes *
kith_supabase_decode (const char *text, gsize least, gsize most)
{
  gsize n = strlen (text);
  guchar *bytes;

  if (n > (most + 2) / 3 * 4 || !is_base64 (text, n))
    return NULL;
  bytes = g_base64_decode (text, &n);
  if (n >= least && n <= most)
    return g_bytes_new_take (bytes, n);
  g_free (bytes);
  return NULL;
}

char *
kith_supabase_encode (GBytes *bytes)
{
  gsize n;
  const guchar *data = g_bytes_get_data (bytes, &n);

  return g_base64_encode (data, n);
}

char *
kith_supabase_hex (GBytes *bytes)
{
  gsize n;
  const guint8 *data = g_bytes_get_data (bytes, &n);
  GString *text = g_string_sized_new (2 * n);

  for (gsize i = 0; i < n; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (text, FALSE);
}

gboolean
kith_supabase_parse_uuid (const char *uuid, guint8 bytes[16])
{
  gsize n = 0;

  if (!g_uuid_string_is_valid (uuid))
    return FALSE;
  for (const char *p = uuid; *p != '\0'; p++)
    if (*p != '-')
      {
        guint8 digit = (guint8) g_ascii_xdigit_value (*p);

        bytes[n / 2] = (guint8) (n % 2 == 0 ? digit << 4 : bytes[n / 2] | digit);
        n++;
      }
  return TRUE;
}
