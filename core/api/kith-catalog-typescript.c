/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kith.d.ts: what a page in TypeScript imports, from the tables that are checked. */
#include <string.h>

#include "kith-describe.h"

#define DEPTH_MAX 8

/* Comments must not be ended by what they say. */
static void
add_doc (GString *out, guint indent, const char *doc)
{
  if (doc == NULL || *doc == '\0' || strstr (doc, "*/") != NULL)
    return;
  g_string_append_printf (out, "%*s/** %s */\n", (int) indent, "", doc);
}

static void
add_key (GString *out, const char *name)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";

  if (strspn (name, plain) == strlen (name) && !g_ascii_isdigit (*name))
    g_string_append (out, name);
  else
    g_string_append_printf (out, "\"%s\"", name);
}

static void add_type (GString *out, const KithField *field, guint indent, gboolean asked);

static void
add_members (GString *out, const KithField *fields, guint indent, gboolean asked)
{
  for (const KithField *field = fields; field->name != NULL; field++)
    {
      gboolean optional = (field->flags & KITH_FIELD_OPTIONAL) != 0;

      add_doc (out, indent, field->doc);
      g_string_append_printf (out, "%*s", (int) indent, "");
      add_key (out, field->name);
      g_string_append (out, optional ? "?: " : ": ");
      add_type (out, field, indent, asked);
      if ((field->flags & KITH_FIELD_NULLABLE) || (asked && optional))
        g_string_append (out, " | null");
      g_string_append (out, ";\n");
    }
}

static void
add_object (GString *out, const KithField *fields, guint indent, gboolean asked)
{
  const char *name = kith_describe_name_of (fields);

  if (name != NULL)
    g_string_append (out, name);
  else if (fields == NULL || indent / 2 >= DEPTH_MAX)
    g_string_append (out, "Record<string, unknown>");
  else
    {
      g_string_append (out, "{\n");
      add_members (out, fields, indent + 2, asked);
      g_string_append_printf (out, "%*s}", (int) indent, "");
    }
}

static void
add_values (GString *out, const char *const *values)
{
  for (guint i = 0; values[i] != NULL; i++)
    g_string_append_printf (out, "%s\"%s\"", i > 0 ? " | " : "", values[i]);
}

static void
add_type (GString *out, const KithField *field, guint indent, gboolean asked)
{
  switch (field->type)
    {
    case KITH_FIELD_INTEGER:
    case KITH_FIELD_NUMBER:
      g_string_append (out, "number");
      break;
    case KITH_FIELD_BOOLEAN:
      g_string_append (out, "boolean");
      break;
    case KITH_FIELD_OBJECT:
      add_object (out, field->fields, indent, asked);
      break;
    case KITH_FIELD_ARRAY:
      g_string_append (out, "Array<");
      if (field->fields != NULL && field->fields->name[0] == '\0')
        add_type (out, field->fields, indent, asked);
      else if (field->fields != NULL)
        add_object (out, field->fields, indent, asked);
      else
        g_string_append (out, "unknown");
      g_string_append (out, ">");
      break;
    case KITH_FIELD_STRING:
    case KITH_FIELD_TIME:
    case KITH_FIELD_ID:
    case KITH_FIELD_USERNAME:
    default:
      if (field->values != NULL)
        add_values (out, field->values);
      else
        g_string_append (out, "string");
    }
}

/* --- events */

static void
add_event (GString *out, const KithDescribed *one)
{
  g_autofree char *name = kith_describe_camel (one->spec->name);

  add_doc (out, 0, one->spec->doc);
  g_string_append_printf (out, "export interface %s%s {\n  event: \"%s\";\n  data: ", name,
                          one->from_client ? "Command" : "Event", one->spec->name);
  add_object (out, one->spec->fields, 2, one->from_client);
  g_string_append (out, ";\n");
  if (!one->from_client && one->spec->keep == KITH_KEEP_ALL)
    g_string_append (out, "  /** its number in the journal: where to resume with ?since= */\n  seq: number;\n");
  g_string_append (out, "}\n\n");
}

static void
add_union (GString *out, GArray *events, gboolean from_client)
{
  gboolean any = FALSE;

  g_string_append_printf (out, "export type %s =", from_client ? "KithClientEvent" : "KithServerEvent");
  for (guint i = 0; i < events->len; i++)
    {
      const KithDescribed *one = &g_array_index (events, KithDescribed, i);
      g_autofree char *name = kith_describe_camel (one->spec->name);

      if (one->from_client != from_client)
        continue;
      g_string_append_printf (out, "\n  | %s%s", name, from_client ? "Command" : "Event");
      any = TRUE;
    }
  g_string_append (out, any ? ";\n\n" : " never;\n\n");
}

/* --- routes */

static void
add_params (GString *out, const KithRoute *route, gboolean in_path)
{
  gboolean any = FALSE;

  for (const KithField *field = route->spec->params; field != NULL && field->name != NULL; field++)
    {
      const KithField one[] = { *field, { 0 } };

      if (kith_describe_in_path (route, field->name) != in_path)
        continue;
      if (!any)
        g_string_append_printf (out, "    %s: {\n", in_path ? "path" : "query");
      any = TRUE;
      add_members (out, one, 6, FALSE);
    }
  if (any)
    g_string_append (out, "    };\n");
  else
    g_string_append_printf (out, "    %s: {};\n", in_path ? "path" : "query");
}

static void
add_statuses (GString *out, const KithRouteSpec *spec, const char *key, gboolean bad)
{
  guint n = 0;

  g_string_append_printf (out, "    %s: ", key);
  for (const KithRouteStatus *s = spec->statuses; s != NULL && s->status != 0; s++)
    if ((s->status >= 400) == bad)
      g_string_append_printf (out, "%s%u", n++ > 0 ? " | " : "", s->status);
  if (n == 0 && bad)
    g_string_append (out, "never");
  else if (n == 0)
    g_string_append (out, spec->answer != NULL || (spec->flags & KITH_ROUTE_TEXT) ? "200" : "204");
  g_string_append (out, ";\n");
}

static gboolean
may_be_empty (const KithRouteSpec *spec)
{
  for (const KithRouteStatus *s = spec->statuses; s != NULL && s->status != 0; s++)
    if (s->status == 204)
      return TRUE;
  return spec->answer == NULL;
}

static void
add_route (GString *out, const KithRoute *route)
{
  const KithRouteSpec *spec = route->spec;
  g_autofree char *path = g_strjoinv ("/", route->segments);

  add_doc (out, 2, spec->doc);
  g_string_append_printf (out, "  \"%s /%s\": {\n", spec->method, path);
  add_params (out, route, TRUE);
  add_params (out, route, FALSE);
  g_string_append (out, "    body: ");
  if (spec->body != NULL)
    add_object (out, spec->body, 4, TRUE);
  else
    g_string_append (out, "undefined");
  g_string_append (out, ";\n    answer: ");
  if (spec->flags & KITH_ROUTE_TEXT)
    g_string_append (out, "string");
  else if (spec->answer != NULL)
    {
      g_string_append (out, spec->flags & KITH_ROUTE_LIST ? "Array<" : "");
      add_object (out, spec->answer, 4, FALSE);
      g_string_append (out, spec->flags & KITH_ROUTE_LIST ? ">" : "");
    }
  if (!(spec->flags & KITH_ROUTE_TEXT) && may_be_empty (spec))
    g_string_append (out, spec->answer != NULL ? " | undefined" : "undefined");
  g_string_append (out, ";\n");
  add_statuses (out, spec, "status", FALSE);
  add_statuses (out, spec, "refused", TRUE);
  g_string_append (out, "  };\n");
}

static const char head[] =
  "// SPDX-License-Identifier: LGPL-2.1-or-later\n"
  "// The local API of kith " KITH_DAEMON_VERSION ", printed from the daemon's own tables: do not edit.\n\n";

static const char tail[] =
  "/** The body of every answer with a status of 400 or more. */\n"
  "export interface KithFailure {\n  error: string;\n}\n\n"
  "/** The names that the first user interface has for them. */\n"
  "export type WSEvent = KithServerEvent;\n"
  "export type WSClientEvent = KithClientEvent;\n";

GBytes *
kith_catalog_print_typescript (KithCatalog *self)
{
  g_autoptr (GArray) events = kith_describe_events (self);
  GString *out = g_string_new (head);

  for (const KithNamedFields *named = kith_named_fields; named->name != NULL; named++)
    {
      g_string_append_printf (out, "export interface %s {\n", named->name);
      add_members (out, named->fields, 2, FALSE);
      g_string_append (out, "}\n\n");
    }
  for (guint i = 0; i < events->len; i++)
    add_event (out, &g_array_index (events, KithDescribed, i));
  add_union (out, events, FALSE);
  add_union (out, events, TRUE);
  g_string_append (out, "/** Every call of REST, by method and path. */\nexport interface KithRoutes {\n");
  for (guint i = 0; i < self->routes->len; i++)
    add_route (out, self->routes->pdata[i]);
  g_string_append (out, "}\n\n");
  g_string_append (out, tail);
  return g_string_free_to_bytes (out);
}
