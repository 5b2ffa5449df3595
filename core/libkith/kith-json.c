/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-private.h"
#include "kith-json-writer.h"

JsonNode *
kith_json_parse (const char *text, gssize length, GError **error)
{
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) local = NULL;
  const char *why;
  gsize n;

  g_return_val_if_fail (text != NULL || length == 0, NULL);
  n = length < 0 ? strlen (text) : (gsize) length;
  why = n == 0 ? "empty" : kith_json_check (text, n, KITH_JSON_MAX_DEPTH, KITH_JSON_MAX_VALUES);
  if (why != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "not valid JSON: %s", why);
      return NULL;
    }
  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, text, (gssize) n, &local))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "not valid JSON: %s", local->message);
      return NULL;
    }
  return json_parser_steal_root (parser);
}

JsonObject *
kith_json_parse_object (const char *text, gssize length, GError **error)
{
  g_autoptr (JsonNode) node = kith_json_parse (text, length, error);

  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "a JSON object was expected, not %s",
                   json_node_type_name (node));
      return NULL;
    }
  return json_node_dup_object (node);
}

/* Our own printer: json-glib 1.6 writes 1e308 as "1e+308.0", which is no JSON. */
static void
print_value (KithJsonWriter *writer, JsonNode *node)
{
  GType type = json_node_get_value_type (node);

  if (type == G_TYPE_STRING)
    kith_json_writer_string (writer, json_node_get_string (node));
  else if (type == G_TYPE_BOOLEAN)
    kith_json_writer_bool (writer, json_node_get_boolean (node));
  else if (type == G_TYPE_INT64)
    kith_json_writer_int (writer, json_node_get_int (node));
  else if (type == G_TYPE_DOUBLE)
    kith_json_writer_double (writer, json_node_get_double (node));
  else
    kith_json_writer_null (writer);
}

static void print_node (KithJsonWriter *writer, JsonNode *node);

static void
print_object (KithJsonWriter *writer, JsonObject *object)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  kith_json_writer_begin_object (writer);
  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    {
      kith_json_writer_key (writer, name);
      print_node (writer, node);
    }
  kith_json_writer_end_object (writer);
}

static void
print_node (KithJsonWriter *writer, JsonNode *node)
{
  JsonArray *array;

  switch (json_node_get_node_type (node))
    {
    case JSON_NODE_OBJECT:
      print_object (writer, json_node_get_object (node));
      break;
    case JSON_NODE_ARRAY:
      array = json_node_get_array (node);
      kith_json_writer_begin_array (writer);
      for (guint i = 0; i < json_array_get_length (array); i++)
        print_node (writer, json_array_get_element (array, i));
      kith_json_writer_end_array (writer);
      break;
    case JSON_NODE_VALUE:
      print_value (writer, node);
      break;
    case JSON_NODE_NULL:
    default:
      kith_json_writer_null (writer);
      break;
    }
}

GBytes *
kith_json_print (JsonNode *node)
{
  g_auto (KithJsonWriter) writer = { NULL };

  kith_json_writer_init (&writer);
  print_node (&writer, node);
  return kith_json_writer_finish (&writer);
}
