/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /openapi.json: OpenAPI 3.1 from the tables that are checked; routes of plugins are in it, too. */
#include <string.h>

#include "kith-describe.h"

#define REFS "#/components/schemas/"

/* --- what any route may answer */

typedef struct
{
  guint status;
  const char *name, *doc;
  gboolean only_asked, only_body;
} Common;

static const Common common[] = {
  { 400, "Malformed", "The parameters or the body are wrong; the text names the field.", TRUE, FALSE },
  { 401, "NoToken", "The setting require-token is on and the token is missing or wrong.", FALSE, FALSE },
  { 403, "NotAllowed", "The page's origin is not in allowed-origins, or the caller is another user.", FALSE, FALSE },
  { 413, "TooLarge", "The body is too large.", FALSE, TRUE },
  { 415, "NotJson", "The body is not application/json.", FALSE, TRUE },
  { 421, "WrongHost", "The Host is none of ours.", FALSE, FALSE },
  { 429, "TooFast", "Too many at once: try again later.", FALSE, FALSE },
  { 431, "TooManyHeaders", "The headers are too many or too long.", FALSE, FALSE },
  { 500, "Failed", "Our own fault.", FALSE, FALSE },
  { 503, "NotNow", "The daemon is starting, stopping or overloaded, or has no database.", FALSE, FALSE },
  { 507, "DiskFull", "Nothing can be stored: the disk is full.", FALSE, TRUE },
};

static void
write_error_content (KithJsonWriter *w)
{
  kith_json_writer_key (w, "content");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "application/json");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "schema");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "$ref", REFS "Error");
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
}

static void
write_status_key (KithJsonWriter *w, guint status)
{
  char key[12];

  g_snprintf (key, sizeof key, "%u", status);
  kith_json_writer_key (w, key);
}

static gboolean
has_status (const KithRouteSpec *spec, guint status)
{
  for (const KithRouteStatus *s = spec->statuses; s != NULL && s->status != 0; s++)
    if (s->status == status)
      return TRUE;
  return FALSE;
}

static void
write_common (KithJsonWriter *w, const KithRouteSpec *spec)
{
  for (guint i = 0; i < G_N_ELEMENTS (common); i++)
    {
      g_autofree char *ref = g_strconcat ("#/components/responses/", common[i].name, NULL);
      gboolean changes = strcmp (spec->method, "GET") != 0;

      if (has_status (spec, common[i].status) || (common[i].only_asked && spec->params == NULL && spec->body == NULL)
          || (common[i].only_body && !changes))
        continue;
      write_status_key (w, common[i].status);
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "$ref", ref);
      kith_json_writer_end_object (w);
    }
}

/* --- one route */

static void
write_answer_content (KithJsonWriter *w, const KithRouteSpec *spec)
{
  gboolean text = (spec->flags & KITH_ROUTE_TEXT) != 0, list = (spec->flags & KITH_ROUTE_LIST) != 0;
  static const char *const plain[] = { "text/plain", NULL };
  static const char *const json[] = { "application/json", NULL };

  if (spec->answer == NULL && !text)
    return;
  kith_json_writer_key (w, "content");
  kith_json_writer_begin_object (w);
  for (const char *const *type = !text ? json : spec->types != NULL ? spec->types : plain; *type != NULL; type++)
    {
      kith_json_writer_key (w, *type);
      kith_json_writer_begin_object (w);
      kith_json_writer_key (w, "schema");
      if (list || text)
        {
          kith_json_writer_begin_object (w);
          kith_json_writer_member_string (w, "type", list ? "array" : "string");
        }
      if (list)
        kith_json_writer_key (w, "items");
      if (!text)
        kith_describe_object (w, spec->answer, REFS, FALSE);
      if (list || text)
        kith_json_writer_end_object (w);
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_object (w);
}

static void
write_response (KithJsonWriter *w, const KithRouteSpec *spec, guint status, const char *doc)
{
  write_status_key (w, status);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "description", doc);
  if (status >= 400)
    write_error_content (w);
  else if (status >= 200 && status != 204)
    write_answer_content (w, spec);
  kith_json_writer_end_object (w);
}

static void
write_responses (KithJsonWriter *w, const KithRouteSpec *spec)
{
  gboolean has_answer = spec->answer != NULL || (spec->flags & KITH_ROUTE_TEXT);

  kith_json_writer_key (w, "responses");
  kith_json_writer_begin_object (w);
  if (spec->statuses == NULL)
    write_response (w, spec, has_answer ? 200 : 204, "done");
  for (const KithRouteStatus *s = spec->statuses; s != NULL && s->status != 0; s++)
    write_response (w, spec, s->status, s->doc);
  write_common (w, spec);
  kith_json_writer_end_object (w);
}

static void
write_parameters (KithJsonWriter *w, const KithRoute *route)
{
  if (route->spec->params == NULL)
    return;
  kith_json_writer_key (w, "parameters");
  kith_json_writer_begin_array (w);
  for (const KithField *field = route->spec->params; field->name != NULL; field++)
    {
      gboolean in_path = kith_describe_in_path (route, field->name);

      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "name", field->name);
      kith_json_writer_member_string (w, "in", in_path ? "path" : "query");
      kith_json_writer_member_bool (w, "required", in_path || !(field->flags & KITH_FIELD_OPTIONAL));
      if (field->doc != NULL)
        kith_json_writer_member_string (w, "description", field->doc);
      kith_json_writer_key (w, "schema");
      kith_describe_value (w, field, REFS, FALSE);
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_array (w);
}

static void
write_body (KithJsonWriter *w, const KithField *fields)
{
  gboolean needed = FALSE;

  for (const KithField *field = fields; field->name != NULL; field++)
    needed |= !(field->flags & KITH_FIELD_OPTIONAL);
  kith_json_writer_key (w, "requestBody");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_bool (w, "required", needed);
  kith_json_writer_key (w, "content");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "application/json");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "schema");
  kith_describe_object (w, fields, REFS, TRUE);
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
}

/* The resource, or the plugin that brings it. */
static const char *
get_tag (const KithRoute *route)
{
  return route->owner != NULL ? route->owner : route->segments[0];
}

static void
write_server (KithJsonWriter *w, const char *url, const char *doc)
{
  kith_json_writer_key (w, "servers");
  kith_json_writer_begin_array (w);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "url", url);
  kith_json_writer_member_string (w, "description", doc);
  kith_json_writer_end_object (w);
  kith_json_writer_end_array (w);
}

static void
write_operation (KithJsonWriter *w, const KithRoute *route, const char *path)
{
  g_autofree char *method = g_ascii_strdown (route->spec->method, -1);
  g_autofree char *camel = kith_describe_camel (path);
  g_autofree char *id = g_strconcat (method, camel, NULL);

  kith_json_writer_key (w, method);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "operationId", id);
  if (route->spec->doc != NULL)
    kith_json_writer_member_string (w, "summary", route->spec->doc);
  kith_json_writer_key (w, "tags");
  kith_json_writer_begin_array (w);
  kith_json_writer_string (w, get_tag (route));
  kith_json_writer_end_array (w);
  if (route->spec == &kith_events_route)
    write_server (w, "ws://127.0.0.1:8081", "the setting events-port");
  write_parameters (w, route);
  if (route->spec->body != NULL)
    write_body (w, route->spec->body);
  write_responses (w, route->spec);
  kith_json_writer_end_object (w);
}

/* "messages/:id" → "/messages/{id}" */
static char *
print_path (const KithRoute *route)
{
  GString *path = g_string_new (NULL);

  for (guint i = 0; i < route->n_segments; i++)
    if (route->segments[i][0] == ':')
      g_string_append_printf (path, "/{%s}", route->segments[i] + 1);
    else
      g_string_append_printf (path, "/%s", route->segments[i]);
  return g_string_free (path, FALSE);
}

/* No route of the catalog, since its answer is a WebSocket, but a call like any other for who reads about it. */
static void
write_events_path (KithJsonWriter *w)
{
  char *segments[] = { (char *) kith_events_route.path, NULL };
  KithRoute route = { .spec = &kith_events_route, .segments = segments, .n_segments = 1 };

  kith_json_writer_key (w, "/events");
  kith_json_writer_begin_object (w);
  write_operation (w, &route, "/events");
  kith_json_writer_end_object (w);
}

static void
write_paths (KithJsonWriter *w, GPtrArray *routes)
{
  g_autoptr (GHashTable) done = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  kith_json_writer_key (w, "paths");
  kith_json_writer_begin_object (w);
  for (guint i = 0; i < routes->len; i++)
    {
      g_autofree char *path = print_path (routes->pdata[i]);

      if (!g_hash_table_add (done, g_strdup (path)))
        continue;
      kith_json_writer_key (w, path);
      kith_json_writer_begin_object (w);
      for (guint j = i; j < routes->len; j++)
        {
          g_autofree char *other = print_path (routes->pdata[j]);

          if (strcmp (path, other) == 0)
            write_operation (w, routes->pdata[j], path);
        }
      kith_json_writer_end_object (w);
    }
  write_events_path (w);
  kith_json_writer_end_object (w);
}

/* --- the whole */

static void
write_info (KithJsonWriter *w)
{
  kith_json_writer_key (w, "info");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "title", "kith");
  kith_json_writer_member_string (w, "version", KITH_DAEMON_VERSION);
  kith_json_writer_member_string (w, "summary", "Messages between friends, for any user interface on the same machine");
  kith_json_writer_member_string (
    w, "description", "Everything below /admin is on the Unix socket only. Events are on a WebSocket, /events: "
                      "/events/schema.json describes them. Ignore members that you do not know.");
  kith_json_writer_key (w, "license");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "name", "LGPL-2.1-or-later");
  kith_json_writer_member_string (w, "identifier", "LGPL-2.1-or-later");
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
  write_server (w, "http://127.0.0.1:8080", "the setting api-port");
}

/* Nothing is needed, or a token is: the setting require-token. */
static void
write_security (KithJsonWriter *w)
{
  kith_json_writer_key (w, "security");
  kith_json_writer_begin_array (w);
  kith_json_writer_begin_object (w);
  kith_json_writer_end_object (w);
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "token");
  kith_json_writer_begin_array (w);
  kith_json_writer_end_array (w);
  kith_json_writer_end_object (w);
  kith_json_writer_end_array (w);
}

static void
write_tags (KithJsonWriter *w, GPtrArray *routes)
{
  g_autoptr (GHashTable) done = g_hash_table_new (g_str_hash, g_str_equal);

  kith_json_writer_key (w, "tags");
  kith_json_writer_begin_array (w);
  for (guint i = 0; i < routes->len; i++)
    {
      const KithRoute *route = routes->pdata[i];

      if (!g_hash_table_add (done, (gpointer) get_tag (route)))
        continue;
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "name", get_tag (route));
      if (route->owner != NULL)
        kith_json_writer_member_string (w, "description", "brought by the plugin of that name");
      else if (strcmp (get_tag (route), "admin") == 0)
        kith_json_writer_member_string (w, "description", "on the Unix socket only");
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_array (w);
}

static void
write_components (KithJsonWriter *w)
{
  static const KithField error_fields[] = {
    { "error", KITH_FIELD_STRING, 0, 0, "a text that a person understands" },
    { 0 },
  };

  kith_json_writer_key (w, "components");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "schemas");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "Error");
  kith_describe_object (w, error_fields, REFS, FALSE);
  kith_describe_named (w, REFS);
  kith_json_writer_end_object (w);
  kith_json_writer_key (w, "responses");
  kith_json_writer_begin_object (w);
  for (guint i = 0; i < G_N_ELEMENTS (common); i++)
    {
      kith_json_writer_key (w, common[i].name);
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "description", common[i].doc);
      write_error_content (w);
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_object (w);
  kith_json_writer_key (w, "securitySchemes");
  kith_json_writer_begin_object (w);
  kith_json_writer_key (w, "token");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "type", "http");
  kith_json_writer_member_string (w, "scheme", "bearer");
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
  kith_json_writer_end_object (w);
}

GBytes *
kith_catalog_print_openapi (KithCatalog *self)
{
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "openapi", "3.1.0");
  write_info (&w);
  write_security (&w);
  write_tags (&w, self->routes);
  write_paths (&w, self->routes);
  write_components (&w);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}
