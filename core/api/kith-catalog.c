/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-api"
#include "kith-catalog.h"

#include <string.h>

#include "kith-catalog-private.h"
#include "kith-event-private.h"
#include "kith-json-private.h"
#include "kith-log.h"
#include "kith-request-private.h"

G_DEFINE_FINAL_TYPE (KithCatalog, kith_catalog, G_TYPE_OBJECT)

static void
kith_route_free (gpointer data)
{
  KithRoute *route = data;

  if (route->destroy != NULL)
    route->destroy (route->data);
  g_strfreev (route->segments);
  g_free (route->owner);
  g_free (route);
}

static void
kith_command_free (gpointer data)
{
  KithCommand *command = data;

  if (command->destroy != NULL)
    command->destroy (command->data);
  g_free (command->names);
  g_free (command->owner);
  g_free (command);
}

static void
kith_catalog_finalize (GObject *object)
{
  KithCatalog *self = KITH_CATALOG (object);

  g_ptr_array_unref (self->routes);
  g_hash_table_unref (self->commands);
  g_object_unref (self->bus);
  G_OBJECT_CLASS (kith_catalog_parent_class)->finalize (object);
}

static void
kith_catalog_class_init (KithCatalogClass *class)
{
  G_OBJECT_CLASS (class)->finalize = kith_catalog_finalize;
}

static void
kith_catalog_init (KithCatalog *self)
{
  self->routes = g_ptr_array_new_with_free_func (kith_route_free);
  self->commands = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, kith_command_free);
}

KithCatalog *
kith_catalog_new (KithBus *bus)
{
  KithCatalog *self = g_object_new (KITH_TYPE_CATALOG, NULL);

  self->bus = g_object_ref (bus);
  return self;
}

/* --- registration */

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", NULL };

/* Two paths are one when they differ in the names of parameters only. */
static gboolean
same_place (char **one, char **other)
{
  for (; *one != NULL && *other != NULL; one++, other++)
    if (!(**one == ':' && **other == ':') && strcmp (*one, *other) != 0)
      return FALSE;
  return *one == NULL && *other == NULL;
}

static gboolean
check_segments (char **segments, const char *path, GError **error)
{
  for (char **s = segments; *s != NULL; s++)
    {
      const char *p = *s + (**s == ':');

      if (*p == 0 || strspn (p, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != strlen (p))
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                       "the path “%s” must be made of a-z 0-9 _ - . and :parameters, without a slash in front", path);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
kith_catalog_add_route (KithCatalog *self, const char *owner, const char *prefix, const KithRouteSpec *spec,
                        KithRequestFunc func, gpointer data, GDestroyNotify destroy, GError **error)
{
  g_autofree char *path = prefix != NULL ? g_strconcat (prefix, "/", spec->path, NULL) : g_strdup (spec->path);
  g_auto (GStrv) segments = g_strsplit (path, "/", -1);
  KithRoute *route;

  if (!g_strv_contains (methods, spec->method))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "“%s” is no method of a route", spec->method);
      return FALSE;
    }
  if (!check_segments (segments, spec->path, error))
    return FALSE;
  for (guint i = 0; i < self->routes->len; i++)
    {
      KithRoute *other = self->routes->pdata[i];

      if (strcmp (other->spec->method, spec->method) != 0 || !same_place (other->segments, segments))
        continue;
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "the route %s /%s belongs to %s", spec->method, path,
                   other->owner != NULL ? other->owner : "kith itself");
      return FALSE;
    }
  route = g_new0 (KithRoute, 1);
  route->owner = g_strdup (owner);
  route->spec = spec;
  route->n_segments = g_strv_length (segments);
  route->segments = g_steal_pointer (&segments);
  route->func = func;
  route->data = data;
  route->destroy = destroy;
  g_ptr_array_add (self->routes, route);
  return TRUE;
}

void
kith_catalog_drop_route (KithCatalog *self, const KithRouteSpec *spec)
{
  for (guint i = 0; i < self->routes->len; i++)
    if (((KithRoute *) self->routes->pdata[i])->spec == spec)
      {
        g_ptr_array_remove_index (self->routes, i);
        return;
      }
}

void
kith_catalog_add_house (KithCatalog *self, const KithHouseRoute *routes, gpointer data)
{
  for (; routes->spec.path != NULL; routes++)
    {
      g_autoptr (GError) error = NULL;

      if (!kith_catalog_add_route (self, NULL, NULL, &routes->spec, routes->func, data, NULL, &error))
        g_critical ("%s", error->message);
    }
}

gboolean
kith_catalog_add_command (KithCatalog *self, const char *owner, const KithEventSpec *spec, KithRequestFunc func,
                          gpointer data, GDestroyNotify destroy, GError **error)
{
  KithCommand *command = g_hash_table_lookup (self->commands, spec->name);
  guint n = 0;

  if (command != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "the command “%s” belongs to %s", spec->name,
                   command->owner != NULL ? command->owner : "kith itself");
      return FALSE;
    }
  command = g_new0 (KithCommand, 1);
  command->owner = g_strdup (owner);
  command->spec = spec;
  while (spec->fields != NULL && spec->fields[n].name != NULL)
    n++;
  command->n_names = n;
  command->names = g_new0 (const char *, n + 1);
  for (guint i = 0; i < n; i++)
    command->names[i] = spec->fields[i].name;
  command->func = func;
  command->data = data;
  command->destroy = destroy;
  g_hash_table_insert (self->commands, (gpointer) spec->name, command);
  return TRUE;
}

void
kith_catalog_drop_command (KithCatalog *self, const KithEventSpec *spec)
{
  KithCommand *command = g_hash_table_lookup (self->commands, spec->name);

  if (command != NULL && command->spec == spec)
    g_hash_table_remove (self->commands, spec->name);
}

const KithEventSpec *
kith_catalog_find_command (KithCatalog *self, const char *name)
{
  KithCommand *command = g_hash_table_lookup (self->commands, name);

  return command != NULL ? command->spec : NULL;
}

/* --- asking a route */

static gboolean
route_matches (KithRoute *route, KithReach reach, char **segments, guint n)
{
  if (route->n_segments != n || (reach != KITH_REACH_OWNER && strcmp (route->segments[0], "admin") == 0))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (route->segments[i][0] != ':' && strcmp (route->segments[i], segments[i]) != 0)
      return FALSE;
  return TRUE;
}

/* Where two match, the one with a word is meant and not the one with a parameter. */
static gboolean
route_is_closer (KithRoute *route, KithRoute *than)
{
  for (guint i = 0; i < route->n_segments; i++)
    {
      gboolean word = route->segments[i][0] != ':', other = than->segments[i][0] != ':';

      if (word != other)
        return word;
    }
  return FALSE;
}

/* NULL with *allow (full): there is something, but not for this method; NULL without: there is nothing. */
static KithRoute *
find_route (KithCatalog *self, KithReach reach, const char *method, char **segments, char **allow)
{
  guint n = g_strv_length (segments);
  GString *allowed = g_string_new (NULL);
  KithRoute *best = NULL;

  for (const char *const *m = methods; *m != NULL; m++)
    {
      gboolean has = FALSE;

      for (guint i = 0; i < self->routes->len; i++)
        {
          KithRoute *route = self->routes->pdata[i];

          if (strcmp (route->spec->method, *m) != 0 || !route_matches (route, reach, segments, n))
            continue;
          has = TRUE;
          if (strcmp (*m, method) == 0 && (best == NULL || route_is_closer (route, best)))
            best = route;
        }
      if (has)
        g_string_append_printf (allowed, "%s%s%s", allowed->len > 0 ? ", " : "", *m,
                                strcmp (*m, "GET") == 0 ? ", HEAD" : "");
    }
  *allow = g_string_free (allowed, allowed->len == 0);
  return best;
}

static GHashTable *
take_params (KithRoute *route, char **segments, GHashTable *query, GError **error)
{
  g_autoptr (GHashTable) params = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = 0; i < route->n_segments; i++)
    if (route->segments[i][0] == ':')
      g_hash_table_insert (params, g_strdup (route->segments[i] + 1), g_strdup (segments[i]));
  for (const KithField *field = route->spec->params; field != NULL && field->name != NULL; field++)
    {
      const char *value = g_hash_table_lookup (params, field->name);

      if (value == NULL && query != NULL && (value = g_hash_table_lookup (query, field->name)) != NULL)
        g_hash_table_insert (params, g_strdup (field->name), g_strdup (value));
      if (value == NULL && (field->flags & KITH_FIELD_OPTIONAL))
        continue;
      if (value == NULL)
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the parameter “%s” is missing", field->name);
          return NULL;
        }
      if (!kith_field_check_text (field, value, error))
        return NULL;
    }
  return g_steal_pointer (&params);
}

static gboolean
take_body (KithRoute *route, GBytes *bytes, JsonObject **out, GError **error)
{
  g_autoptr (JsonObject) body = NULL;
  gsize n = 0;
  const char *text = bytes != NULL ? g_bytes_get_data (bytes, &n) : NULL;

  *out = NULL;
  if (route->spec->body == NULL)
    return TRUE;
  body = n > 0 ? kith_json_parse_object (text, (gssize) n, error) : json_object_new ();
  if (body == NULL || !kith_fields_check (route->spec->body, body, error))
    {
      g_prefix_error (error, n > 0 ? "in the body: " : "the body is missing: ");
      return FALSE;
    }
  *out = g_steal_pointer (&body);
  return TRUE;
}

static void
refuse (const KithCaller *caller, gpointer data, GError *error, guint status, const char *allow)
{
  const char *headers[] = { "Allow", allow, NULL };

  caller->answer (status != 0 ? status : kith_error_to_status (error), NULL, error, allow != NULL ? headers : NULL,
                  data);
  if (caller->destroy != NULL)
    caller->destroy (data);
}

static void
answer_nowhere (const KithCaller *caller, gpointer data, const char *method, const char *path, const char *allow)
{
  if (allow == NULL)
    refuse (caller, data, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "there is nothing at %s", path), 404, NULL);
  else if (strcmp (method, "OPTIONS") == 0)
    refuse (caller, data, NULL, 204, allow);
  else
    refuse (caller, data,
            g_error_new (KITH_ERROR, KITH_ERROR_INVALID, "%s is not possible at %s; possible: %s", method, path, allow),
            405, allow);
}

void
kith_catalog_ask (KithCatalog *self, KithReach reach, const char *method, const char *path, GHashTable *query,
                  GBytes *body, GCancellable *cancellable, const KithCaller *caller, gpointer data)
{
  g_auto (GStrv) segments = g_strsplit (path + (*path == '/'), "/", -1);
  const char *meant = strcmp (method, "HEAD") == 0 ? "GET" : method;
  g_autofree char *allow = NULL;
  g_autoptr (GHashTable) params = NULL;
  g_autoptr (JsonObject) object = NULL;
  GError *error = NULL;
  KithRoute *route = segments[0] != NULL ? find_route (self, reach, meant, segments, &allow) : NULL;
  KithRequest *request;

  if (route == NULL)
    {
      answer_nowhere (caller, data, method, path, allow);
      return;
    }
  params = take_params (route, segments, query, &error);
  if (params == NULL || !take_body (route, body, &object, &error))
    {
      refuse (caller, data, error, 0, NULL);
      return;
    }
  request = kith_call_new (caller, data, route->spec->method, g_steal_pointer (&params), g_steal_pointer (&object), 0,
                           cancellable);
  kith_call_set_spec (request, route->spec);
  route->func (request, route->data);
}

/* --- commands of windows */

/* The scanner has checked the text: what begins like a number is one. */
static JsonNode *
span_to_node (const KithJsonSpan *span)
{
  gboolean truth;
  gint64 number;
  char *text;

  if ((text = kith_json_span_string (span)) != NULL)
    {
      JsonNode *node = json_node_init_string (json_node_alloc (), text);

      g_free (text);
      return node;
    }
  if (kith_json_span_boolean (span, &truth))
    return json_node_init_boolean (json_node_alloc (), truth);
  if (kith_json_span_integer (span, &number))
    return json_node_init_int (json_node_alloc (), number);
  return kith_json_parse (span->start, (gssize) span->length, NULL);
}

static JsonObject *
spans_to_object (const KithCommand *command, const KithJsonSpan *spans)
{
  JsonObject *object = json_object_new ();

  for (guint i = 0; i < command->n_names; i++)
    {
      const KithField *field = &command->spec->fields[i];
      JsonNode *node;

      if (spans[i].start == NULL || ((field->flags & KITH_FIELD_OPTIONAL) && kith_json_span_is_null (&spans[i])))
        continue;
      node = span_to_node (&spans[i]);
      if (node != NULL)
        json_object_set_member (object, field->name, node);
    }
  return object;
}

gboolean
kith_catalog_command (KithCatalog *self, const char *name, const char *data, gsize n, guint64 client,
                      GCancellable *cancellable, const KithCaller *caller, gpointer user_data, GError **error)
{
  KithCommand *command = g_hash_table_lookup (self->commands, name);
  g_autoptr (JsonObject) object = NULL;
  g_autofree KithJsonSpan *many = NULL;
  KithJsonSpan few[8], *spans = few;
  const char *why = NULL;

  if (command == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no event “%.64s” that a client can send", name);
      return FALSE;
    }
  if (command->n_names > G_N_ELEMENTS (few))
    spans = many = g_new0 (KithJsonSpan, command->n_names);
  if (!kith_json_scan (data, n, command->names, spans, command->n_names, &why))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "“data” is no good: %s", why);
      return FALSE;
    }
  object = spans_to_object (command, spans);
  if (command->spec->fields != NULL && !kith_fields_check (command->spec->fields, object, error))
    return FALSE;
  command->func (kith_call_new (caller, user_data, NULL, NULL, g_steal_pointer (&object), client, cancellable),
                 command->data);
  return TRUE;
}
