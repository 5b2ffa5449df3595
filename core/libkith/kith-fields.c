/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-event-private.h"

#include <math.h>

static const char *
field_type_name (KithFieldType type)
{
  static const char *const names[] = {
    [KITH_FIELD_STRING] = "a string",
    [KITH_FIELD_INTEGER] = "a whole number",
    [KITH_FIELD_NUMBER] = "a number",
    [KITH_FIELD_BOOLEAN] = "true or false",
    [KITH_FIELD_TIME] = "a time in UTC (2026-01-15T10:30:00Z)",
    [KITH_FIELD_ID] = "an id (a UUID v4 in lower case)",
    [KITH_FIELD_USERNAME] = "a username",
    [KITH_FIELD_OBJECT] = "an object",
    [KITH_FIELD_ARRAY] = "an array",
  };

  return (gsize) type < G_N_ELEMENTS (names) ? names[type] : "something else";
}

static gboolean
is_time (const char *text)
{
  g_autoptr (GDateTime) time = NULL;

  if (!g_str_has_suffix (text, "Z"))
    return FALSE;
  time = g_date_time_new_from_iso8601 (text, NULL);
  return time != NULL;
}

static gboolean
text_has_form (KithFieldType type, const char *text)
{
  switch (type)
    {
    case KITH_FIELD_TIME:
      return is_time (text);
    case KITH_FIELD_ID:
      return kith_name_is_uuid (text);
    case KITH_FIELD_USERNAME:
      return kith_name_is_username (text, TRUE);
    default:
      return TRUE;
    }
}

static gboolean
fail_type (const KithField *field, GError **error)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" must be %s", field->name,
               field_type_name (field->type));
  return FALSE;
}

static gboolean
check_string (const KithField *field, const char *text, GError **error)
{
  g_autofree char *list = NULL;

  if (!text_has_form (field->type, text))
    return fail_type (field, error);
  if (field->limit > 0 && g_utf8_strlen (text, -1) > (glong) field->limit)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" is longer than %u characters", field->name,
                   field->limit);
      return FALSE;
    }
  if (field->values == NULL || g_strv_contains (field->values, text))
    return TRUE;
  list = g_strjoinv (", ", (char **) field->values);
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" must be one of: %s", field->name, list);
  return FALSE;
}

static gboolean
check_number (const KithField *field, JsonNode *node, GError **error)
{
  gint64 number = json_node_get_int (node);

  if (field->limit == 0 || (number >= 0 && number <= field->limit))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" must be from 0 to %u", field->name,
               field->limit);
  return FALSE;
}

/* How deep we are, and whether it is what we say ourselves. */
typedef struct
{
  guint depth;
  gboolean told;
} Check;

static gboolean check_members (const KithField *fields, JsonObject *object, Check check, GError **error);
static gboolean check_value (const KithField *field, JsonNode *node, Check check, GError **error);

static Check
deeper (Check check)
{
  check.depth++;
  return check;
}

static gboolean
check_array (const KithField *field, JsonArray *array, Check check, GError **error)
{
  if (field->fields == NULL)
    return TRUE;
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (field->fields->name[0] == '\0')
        {
          if (check_value (field->fields, element, deeper (check), error))
            continue;
          g_prefix_error (error, "in \"%s\": ", field->name);
          return FALSE;
        }
      if (!JSON_NODE_HOLDS_OBJECT (element))
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" must hold objects", field->name);
          return FALSE;
        }
      if (!check_members (field->fields, json_node_get_object (element), deeper (check), error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_value (const KithField *field, JsonNode *node, Check check, GError **error)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;

  switch (field->type)
    {
    case KITH_FIELD_STRING:
    case KITH_FIELD_TIME:
    case KITH_FIELD_ID:
    case KITH_FIELD_USERNAME:
      return type == G_TYPE_STRING ? check_string (field, json_node_get_string (node), error)
                                   : fail_type (field, error);
    case KITH_FIELD_INTEGER:
      return type == G_TYPE_INT64 ? check_number (field, node, error) : fail_type (field, error);
    case KITH_FIELD_NUMBER:
      return type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? TRUE : fail_type (field, error);
    case KITH_FIELD_BOOLEAN:
      return type == G_TYPE_BOOLEAN ? TRUE : fail_type (field, error);
    case KITH_FIELD_OBJECT:
      if (!JSON_NODE_HOLDS_OBJECT (node))
        return fail_type (field, error);
      return field->fields == NULL || check_members (field->fields, json_node_get_object (node), deeper (check), error);
    case KITH_FIELD_ARRAY:
      if (!JSON_NODE_HOLDS_ARRAY (node))
        return fail_type (field, error);
      return check_array (field, json_node_get_array (node), check, error);
    default:
      return fail_type (field, error);
    }
}

static gboolean
is_known (const KithField *fields, const char *name)
{
  for (const KithField *field = fields; field->name != NULL; field++)
    if (g_str_equal (field->name, name))
      return TRUE;
  return FALSE;
}

static gboolean
check_unknown (const KithField *fields, JsonObject *object, GError **error)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &name, NULL))
    if (!is_known (fields, name))
      {
        g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" is not described", name);
        return FALSE;
      }
  return TRUE;
}

/* Whether nothing, or null, is as good as a value. */
static gboolean
may_lack (const KithField *field, JsonNode *node, gboolean told)
{
  if (node == NULL)
    return (field->flags & KITH_FIELD_OPTIONAL) != 0;
  return JSON_NODE_HOLDS_NULL (node)
         && (field->flags & (told ? KITH_FIELD_NULLABLE : KITH_FIELD_NULLABLE | KITH_FIELD_OPTIONAL)) != 0;
}

static gboolean
check_members (const KithField *fields, JsonObject *object, Check check, GError **error)
{
  /* A spec may describe itself; documents are at most this deep. */
  if (check.depth > KITH_JSON_MAX_DEPTH)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "nested too deep");
      return FALSE;
    }
  for (const KithField *field = fields; field->name != NULL; field++)
    {
      JsonNode *node = json_object_get_member (object, field->name);

      if (may_lack (field, node, check.told))
        continue;
      if (node == NULL)
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" is missing", field->name);
          return FALSE;
        }
      if (!check_value (field, node, check, error))
        return FALSE;
    }
  return !check.told || check_unknown (fields, object, error);
}

gboolean
kith_fields_check (const KithField *fields, JsonObject *object, GError **error)
{
  return fields == NULL || check_members (fields, object, (Check) { 0, FALSE }, error);
}

gboolean
kith_fields_check_told (const KithField *fields, JsonNode *node, gboolean list, GError **error)
{
  const KithField root = { "", list ? KITH_FIELD_ARRAY : KITH_FIELD_OBJECT, 0, 0, NULL, fields, NULL, NULL };

  if (node != NULL)
    return check_value (&root, node, (Check) { 0, TRUE }, error);
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "there is no JSON");
  return FALSE;
}

gboolean
kith_field_check_text (const KithField *field, const char *text, GError **error)
{
  g_autoptr (GError) local = NULL;
  char *end = NULL;
  double number;
  gint64 max = field->limit > 0 ? field->limit : G_MAXINT64;

  switch (field->type)
    {
    case KITH_FIELD_STRING:
    case KITH_FIELD_TIME:
    case KITH_FIELD_ID:
    case KITH_FIELD_USERNAME:
      return check_string (field, text, error);
    case KITH_FIELD_INTEGER:
      if (g_ascii_string_to_signed (text, 10, field->limit > 0 ? 0 : G_MININT64, max, NULL, &local))
        return TRUE;
      if (field->limit == 0 || !g_error_matches (local, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS))
        return fail_type (field, error);
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the field \"%s\" must be from 0 to %u", field->name,
                   field->limit);
      return FALSE;
    case KITH_FIELD_NUMBER:
      number = g_ascii_strtod (text, &end);
      return *text != '\0' && *end == '\0' && isfinite (number) ? TRUE : fail_type (field, error);
    case KITH_FIELD_BOOLEAN:
      return g_str_equal (text, "true") || g_str_equal (text, "false") ? TRUE : fail_type (field, error);
    case KITH_FIELD_OBJECT:
    case KITH_FIELD_ARRAY:
    default:
      return fail_type (field, error);
    }
}
