/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-describe.h"

#include <string.h>

/* Lists may hold themselves only under a name. */
#define KITH_DESCRIBE_DEPTH 8

/* --- who is there */

static void
add_event (const KithEventSpec *spec, const char *owner, gpointer data)
{
  KithDescribed one = { spec, g_strcmp0 (owner, KITH_HOUSE) == 0 ? NULL : owner, FALSE };

  g_array_append_val ((GArray *) data, one);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const KithDescribed *one = a, *other = b;
  int by_name = strcmp (one->spec->name, other->spec->name);

  return by_name != 0 ? by_name : one->from_client - other->from_client;
}

GArray *
kith_describe_events (KithCatalog *catalog)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (KithDescribed));
  GHashTableIter iter;
  KithCommand *command;

  kith_bus_foreach_event (catalog->bus, add_event, all);
  g_hash_table_iter_init (&iter, catalog->commands);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &command))
    {
      KithDescribed one = { command->spec, command->owner, TRUE };

      g_array_append_val (all, one);
    }
  g_array_sort (all, compare);
  return all;
}

const char *
kith_describe_name_of (const KithField *fields)
{
  for (const KithNamedFields *named = kith_named_fields; fields != NULL && named->name != NULL; named++)
    if (named->fields == fields)
      return named->name;
  return NULL;
}

gboolean
kith_describe_in_path (const KithRoute *route, const char *name)
{
  for (guint i = 0; i < route->n_segments; i++)
    if (route->segments[i][0] == ':' && strcmp (route->segments[i] + 1, name) == 0)
      return TRUE;
  return FALSE;
}

char *
kith_describe_camel (const char *name)
{
  GString *camel = g_string_new (NULL);
  gboolean first = TRUE;

  for (const char *p = name; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p))
        g_string_append_c (camel, first ? g_ascii_toupper (*p) : *p);
      first = !g_ascii_isalnum (*p);
    }
  return g_string_free (camel, FALSE);
}

/* --- JSON Schema */

typedef struct
{
  KithJsonWriter *w;
  const char *refs;
  gboolean asked;
  guint depth;
} Describing;

static void write_value (Describing *d, const KithField *field);

static void
write_members (Describing *d, const KithField *fields)
{
  gboolean any = FALSE;

  kith_json_writer_key (d->w, "properties");
  kith_json_writer_begin_object (d->w);
  for (const KithField *field = fields; field->name != NULL; field++)
    {
      kith_json_writer_key (d->w, field->name);
      write_value (d, field);
      any |= !(field->flags & KITH_FIELD_OPTIONAL);
    }
  kith_json_writer_end_object (d->w);
  if (!any)
    return;
  kith_json_writer_key (d->w, "required");
  kith_json_writer_begin_array (d->w);
  for (const KithField *field = fields; field->name != NULL; field++)
    if (!(field->flags & KITH_FIELD_OPTIONAL))
      kith_json_writer_string (d->w, field->name);
  kith_json_writer_end_array (d->w);
}

/* The inside of an object's schema. */
static void
write_list (Describing *d, const KithField *fields)
{
  const char *name = kith_describe_name_of (fields);

  if (name != NULL)
    {
      g_autofree char *ref = g_strconcat (d->refs, name, NULL);

      kith_json_writer_member_string (d->w, "$ref", ref);
      return;
    }
  kith_json_writer_member_string (d->w, "type", "object");
  if (fields == NULL || d->depth >= KITH_DESCRIBE_DEPTH)
    return;
  d->depth++;
  write_members (d, fields);
  d->depth--;
}

static void
write_type (KithJsonWriter *w, const char *type, gboolean nullable)
{
  kith_json_writer_key (w, "type");
  if (!nullable)
    {
      kith_json_writer_string (w, type);
      return;
    }
  kith_json_writer_begin_array (w);
  kith_json_writer_string (w, type);
  kith_json_writer_string (w, "null");
  kith_json_writer_end_array (w);
}

static void
write_values (KithJsonWriter *w, const KithField *field, gboolean nullable)
{
  kith_json_writer_key (w, "enum");
  kith_json_writer_begin_array (w);
  for (const char *const *value = field->values; *value != NULL; value++)
    kith_json_writer_string (w, *value);
  if (nullable)
    kith_json_writer_null (w);
  kith_json_writer_end_array (w);
}

static void
write_plain (Describing *d, const KithField *field, gboolean nullable)
{
  static const struct { const char *type, *format; } types[] = {
    [KITH_FIELD_STRING] = { "string", NULL },     [KITH_FIELD_INTEGER] = { "integer", NULL },
    [KITH_FIELD_NUMBER] = { "number", NULL },     [KITH_FIELD_BOOLEAN] = { "boolean", NULL },
    [KITH_FIELD_TIME] = { "string", "date-time" }, [KITH_FIELD_ID] = { "string", "uuid" },
    [KITH_FIELD_USERNAME] = { "string", NULL },   [KITH_FIELD_OBJECT] = { "object", NULL },
    [KITH_FIELD_ARRAY] = { "array", NULL },
  };

  write_type (d->w, types[field->type].type, nullable);
  if (types[field->type].format != NULL)
    kith_json_writer_member_string (d->w, "format", types[field->type].format);
  if (field->type == KITH_FIELD_USERNAME)
    kith_json_writer_member_string (d->w, "pattern", "^[a-z0-9][a-z0-9._-]{0,31}(~[0-9a-f]+)?$");
  if (field->limit != 0 && field->type == KITH_FIELD_STRING)
    kith_json_writer_member_int (d->w, "maxLength", field->limit);
  if (field->limit != 0 && field->type == KITH_FIELD_INTEGER)
    {
      kith_json_writer_member_int (d->w, "minimum", 0);
      kith_json_writer_member_int (d->w, "maximum", field->limit);
    }
  if (field->values != NULL)
    write_values (d->w, field, nullable);
}

static void
write_value (Describing *d, const KithField *field)
{
  gboolean nullable = (field->flags & KITH_FIELD_NULLABLE) || (d->asked && (field->flags & KITH_FIELD_OPTIONAL));

  kith_json_writer_begin_object (d->w);
  if (field->type == KITH_FIELD_OBJECT && field->fields != NULL && !nullable)
    write_list (d, field->fields);
  else
    write_plain (d, field, nullable);
  if (field->type == KITH_FIELD_OBJECT && field->fields != NULL && nullable && d->depth < KITH_DESCRIBE_DEPTH)
    write_members (d, field->fields);
  if (field->type == KITH_FIELD_ARRAY && field->fields != NULL)
    {
      kith_json_writer_key (d->w, "items");
      if (field->fields->name[0] == '\0')
        write_value (d, field->fields);
      else
        {
          kith_json_writer_begin_object (d->w);
          write_list (d, field->fields);
          kith_json_writer_end_object (d->w);
        }
    }
  if (field->doc != NULL && *field->doc != '\0')
    kith_json_writer_member_string (d->w, "description", field->doc);
  kith_json_writer_end_object (d->w);
}

void
kith_describe_value (KithJsonWriter *w, const KithField *field, const char *refs, gboolean asked)
{
  Describing d = { w, refs, asked, 0 };

  write_value (&d, field);
}

void
kith_describe_object (KithJsonWriter *w, const KithField *fields, const char *refs, gboolean asked)
{
  Describing d = { w, refs, asked, 0 };

  kith_json_writer_begin_object (w);
  write_list (&d, fields);
  kith_json_writer_end_object (w);
}

void
kith_describe_named (KithJsonWriter *w, const char *refs)
{
  for (const KithNamedFields *named = kith_named_fields; named->name != NULL; named++)
    {
      Describing d = { w, refs, FALSE, 0 };

      kith_json_writer_key (w, named->name);
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "type", "object");
      write_members (&d, named->fields);
      kith_json_writer_end_object (w);
    }
}
