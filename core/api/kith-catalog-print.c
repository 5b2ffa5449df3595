/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the catalog holds of events, for machines: /events/catalog and /events/schema.json, from the same tables that
 * are checked. */
#include "kith-describe.h"

static const char *
type_name (KithFieldType type)
{
  static const char *const names[] = { "string", "integer", "number", "boolean", "time", "id", "username", "object",
                                       "array" };

  return type < G_N_ELEMENTS (names) ? names[type] : "string";
}

static void
write_fields (KithJsonWriter *w, const KithField *fields, guint depth)
{
  kith_json_writer_begin_array (w);
  for (const KithField *field = fields; field != NULL && field->name != NULL; field++)
    {
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "name", field->name);
      kith_json_writer_member_string (w, "type", type_name (field->type));
      kith_json_writer_member_bool (w, "required", !(field->flags & KITH_FIELD_OPTIONAL));
      if (field->flags & KITH_FIELD_NULLABLE)
        kith_json_writer_member_bool (w, "nullable", TRUE);
      if (field->limit != 0)
        kith_json_writer_member_int (w, "limit", field->limit);
      if (field->doc != NULL)
        kith_json_writer_member_string (w, "doc", field->doc);
      if (field->values != NULL)
        {
          kith_json_writer_key (w, "values");
          kith_json_writer_begin_array (w);
          for (const char *const *value = field->values; *value != NULL; value++)
            kith_json_writer_string (w, *value);
          kith_json_writer_end_array (w);
        }
      if (field->fields != NULL && depth < 4)
        {
          kith_json_writer_key (w, "fields");
          write_fields (w, field->fields, depth + 1);
        }
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_array (w);
}

static void
write_spec (KithJsonWriter *w, const KithEventSpec *spec, const char *owner, gboolean from_client)
{
  static const char *const keeps[] = { "none", "latest", "all" };

  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "event", spec->name);
  kith_json_writer_member_string (w, "direction", from_client ? "client" : "server");
  if (owner != NULL)
    kith_json_writer_member_string (w, "plugin", owner);
  if (!from_client)
    kith_json_writer_member_string (w, "keep", keeps[spec->keep]);
  if (spec->doc != NULL)
    kith_json_writer_member_string (w, "doc", spec->doc);
  kith_json_writer_key (w, "fields");
  write_fields (w, spec->fields, 0);
  kith_json_writer_end_object (w);
}

GBytes *
kith_catalog_print_events (KithCatalog *self)
{
  g_autoptr (GArray) events = kith_describe_events (self);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_key (&w, "events");
  kith_json_writer_begin_array (&w);
  for (guint i = 0; i < events->len; i++)
    {
      KithDescribed *one = &g_array_index (events, KithDescribed, i);

      write_spec (&w, one->spec, one->owner, one->from_client);
    }
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

/* --- JSON Schema */

#define REFS "#/$defs/"

static void
write_ref (KithJsonWriter *w, const char *prefix, const char *name)
{
  g_autofree char *ref = g_strconcat (REFS, prefix, name, NULL);

  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "$ref", ref);
  kith_json_writer_end_object (w);
}

static void
write_direction (KithJsonWriter *w, GArray *events, gboolean from_client)
{
  kith_json_writer_key (w, from_client ? "client" : "server");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "description", from_client ? "what a client says" : "what the daemon says");
  kith_json_writer_key (w, "oneOf");
  kith_json_writer_begin_array (w);
  for (guint i = 0; i < events->len; i++)
    {
      KithDescribed *one = &g_array_index (events, KithDescribed, i);

      if (one->from_client == from_client)
        write_ref (w, from_client ? "client." : "server.", one->spec->name);
    }
  kith_json_writer_end_array (w);
  kith_json_writer_end_object (w);
}

static void
write_const (KithJsonWriter *w, const char *key, const char *value)
{
  kith_json_writer_key (w, key);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "const", value);
  kith_json_writer_end_object (w);
}

/* seq is not required: an event of the guide, which has none, is one all the same. */
static void
write_event (KithJsonWriter *w, const KithDescribed *one)
{
  g_autofree char *name = g_strconcat (one->from_client ? "client." : "server.", one->spec->name, NULL);

  kith_json_writer_key (w, name);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "type", "object");
  if (one->spec->doc != NULL)
    kith_json_writer_member_string (w, "description", one->spec->doc);
  kith_json_writer_key (w, "properties");
  kith_json_writer_begin_object (w);
  write_const (w, KITH_KEY_EVENT, one->spec->name);
  kith_json_writer_key (w, KITH_KEY_DATA);
  kith_describe_object (w, one->spec->fields, REFS, one->from_client);
  if (!one->from_client && one->spec->keep == KITH_KEEP_ALL)
    {
      kith_json_writer_key (w, KITH_KEY_SEQ);
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "type", "integer");
      kith_json_writer_member_int (w, "minimum", 1);
      kith_json_writer_member_string (w, "description", "its number in the journal");
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_object (w);
  kith_json_writer_key (w, "required");
  kith_json_writer_begin_array (w);
  kith_json_writer_string (w, KITH_KEY_EVENT);
  kith_json_writer_string (w, KITH_KEY_DATA);
  kith_json_writer_end_array (w);
  kith_json_writer_end_object (w);
}

GBytes *
kith_catalog_print_schema (KithCatalog *self)
{
  g_autoptr (GArray) events = kith_describe_events (self);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
  kith_json_writer_member_string (&w, "title", "The events of kith " KITH_DAEMON_VERSION);
  kith_json_writer_member_string (&w, "description", "One text frame of /events. Ignore names and members that you do "
                                                     "not know: later versions and plugins bring more of them.");
  kith_json_writer_key (&w, "anyOf");
  kith_json_writer_begin_array (&w);
  write_ref (&w, "", "server");
  write_ref (&w, "", "client");
  kith_json_writer_end_array (&w);
  kith_json_writer_key (&w, "$defs");
  kith_json_writer_begin_object (&w);
  write_direction (&w, events, FALSE);
  write_direction (&w, events, TRUE);
  kith_describe_named (&w, REFS);
  for (guint i = 0; i < events->len; i++)
    write_event (&w, &g_array_index (events, KithDescribed, i));
  kith_json_writer_end_object (&w);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}
