/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-hello.h"
#include "kith-frame.h"
#include <kith/kith-error.h>
#include <kith/kith-json.h>
#include <kith/kith-names.h>
#include <string.h>

void
kith_link_hello_clear (KithLinkHello *hello)
{
  g_clear_pointer (&hello->username, g_free);
  g_clear_pointer (&hello->addresses, g_strfreev);
  g_clear_pointer (&hello->features, g_strfreev);
  g_clear_pointer (&hello->version, g_free);
  memset (hello, 0, sizeof *hello);
}

static gboolean
refuse (GError **error, const char *member)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL, "HELLO: '%s' is missing or no good", member);
  return FALSE;
}

/* A missing member is an empty string; another type is refused. */
static gboolean
read_string (JsonObject *object, const char *member, const char **out)
{
  JsonNode *node = json_object_get_member (object, member);

  *out = "";
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return FALSE;
  *out = json_node_get_string (node);
  return TRUE;
}

/* A missing member is an empty list. */
static gboolean
read_strings (JsonObject *object, const char *member, guint max, GStrv *out)
{
  JsonNode *node = json_object_get_member (object, member);
  g_autoptr (GStrvBuilder) strings = g_strv_builder_new ();
  JsonArray *array;

  if (node != NULL && !JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  array = node == NULL ? NULL : json_node_get_array (node);
  if (array != NULL && json_array_get_length (array) > max)
    return FALSE;
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_STRING)
        return FALSE;
      g_strv_builder_add (strings, json_node_get_string (element));
    }
  *out = g_strv_builder_end (strings);
  return TRUE;
}

static gboolean
username_is_good (const char *name)
{
  gsize n = strlen (name);

  return n >= 1 && n <= 32 && (g_ascii_islower (name[0]) || g_ascii_isdigit (name[0]))
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static gboolean
read_key (JsonObject *object, guint8 out[32])
{
  const char *text;
  g_autofree guint8 *bytes = NULL;
  gsize n;

  if (!read_string (object, KITH_HELLO_IDENTITY_KEY, &text) || strlen (text) != 44)
    return FALSE;
  bytes = g_base64_decode (text, &n);
  if (n != 32)
    return FALSE;
  memcpy (out, bytes, 32);
  return TRUE;
}

static gboolean
read_device (JsonObject *object, guint32 *out)
{
  JsonNode *node = json_object_get_member (object, KITH_HELLO_DEVICE);
  gint64 device;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  device = json_node_get_int (node);
  *out = (guint32) device;
  return device >= 1 && device <= G_MAXUINT32;
}

gboolean
kith_link_hello_parse (KithLinkHello *hello, const guint8 *json, gsize n, GError **error)
{
  g_autoptr (JsonNode) root = NULL;
  KithLinkHello read = { 0 };
  JsonObject *object;
  const char *text, *wrong = NULL;

  if (n > KITH_FRAME_MAX_HELLO)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL, "HELLO: %" G_GSIZE_FORMAT " bytes, %d are allowed", n,
                   KITH_FRAME_MAX_HELLO);
      return FALSE;
    }
  root = kith_json_parse ((const char *) json, (gssize) n, error);
  if (root == NULL)
    {
      g_prefix_error (error, "HELLO: ");
      return FALSE;
    }
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return refuse (error, "{}");
  object = json_node_get_object (root);
  if (!read_string (object, KITH_HELLO_USERNAME, &text) || !username_is_good (text))
    return refuse (error, KITH_HELLO_USERNAME);
  read.username = g_strdup (text);
  if (!read_key (object, read.identity_key))
    wrong = KITH_HELLO_IDENTITY_KEY;
  else if (!read_device (object, &read.device))
    wrong = KITH_HELLO_DEVICE;
  else if (!read_strings (object, KITH_HELLO_ADDRESSES, KITH_HELLO_MAX_ADDRESSES, &read.addresses))
    wrong = KITH_HELLO_ADDRESSES;
  else if (!read_strings (object, KITH_HELLO_FEATURES, KITH_HELLO_MAX_FEATURES, &read.features))
    wrong = KITH_HELLO_FEATURES;
  else if (!read_string (object, KITH_HELLO_VERSION, &text))
    wrong = KITH_HELLO_VERSION;
  if (wrong != NULL)
    {
      kith_link_hello_clear (&read);
      return refuse (error, wrong);
    }
  read.version = g_strdup (text);
  *hello = read;
  return TRUE;
}

static void
add_strings (JsonBuilder *builder, const char *member, const char *const *strings, guint count)
{
  json_builder_set_member_name (builder, member);
  json_builder_begin_array (builder);
  for (guint i = 0; i < count; i++)
    json_builder_add_string_value (builder, strings[i]);
  json_builder_end_array (builder);
}

static GBytes *
print (const KithLinkHello *hello, guint n_addresses, guint n_features)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *key = g_base64_encode (hello->identity_key, 32);
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, KITH_HELLO_USERNAME);
  json_builder_add_string_value (builder, hello->username);
  json_builder_set_member_name (builder, KITH_HELLO_IDENTITY_KEY);
  json_builder_add_string_value (builder, key);
  json_builder_set_member_name (builder, KITH_HELLO_DEVICE);
  json_builder_add_int_value (builder, hello->device);
  add_strings (builder, KITH_HELLO_ADDRESSES, (const char *const *) hello->addresses, n_addresses);
  add_strings (builder, KITH_HELLO_FEATURES, (const char *const *) hello->features, n_features);
  json_builder_set_member_name (builder, KITH_HELLO_VERSION);
  json_builder_add_string_value (builder, hello->version);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return kith_json_print (root);
}

GBytes *
kith_link_hello_print (const KithLinkHello *hello)
{
  guint n_addresses = hello->addresses == NULL ? 0 : MIN (g_strv_length (hello->addresses), KITH_HELLO_MAX_ADDRESSES);
  guint n_features = hello->features == NULL ? 0 : MIN (g_strv_length (hello->features), KITH_HELLO_MAX_FEATURES);
  GBytes *json = print (hello, n_addresses, n_features);

  while (g_bytes_get_size (json) > KITH_FRAME_MAX_HELLO && n_addresses + n_features > 0)
    {
      if (n_addresses > 0)
        n_addresses--;
      else
        n_features--;
      g_bytes_unref (json);
      json = print (hello, n_addresses, n_features);
    }
  return json;
}
