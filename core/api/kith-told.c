/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-api"
#include "kith-told.h"

#ifndef NDEBUG

#include "kith-event-private.h"
#include "kith-json-private.h"

#include <string.h>

/* Our own answers may be longer than what we take from others. */
#define KITH_TOLD_DEPTH 64

static JsonNode *
read_json (const char *text, gsize n, GError **error)
{
  const char *why = kith_json_check (text, n, KITH_TOLD_DEPTH, G_MAXUINT);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();

  if (why == NULL)
    return json_parser_load_from_data (parser, text, (gssize) n, error) ? json_parser_steal_root (parser) : NULL;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "no good JSON: %s", why);
  return NULL;
}

static gboolean
check_event (const KithEventSpec *spec, const KithJsonSpan *data, gboolean replayed, GError **error)
{
  g_autoptr (JsonNode) node = data->start != NULL ? read_json (data->start, data->length, error) : NULL;

  if (node == NULL)
    return FALSE;
  if (replayed && JSON_NODE_HOLDS_OBJECT (node) && json_object_get_size (json_node_get_object (node)) == 0)
    return TRUE;
  return replayed && JSON_NODE_HOLDS_OBJECT (node)
           ? kith_fields_check (spec->fields, json_node_get_object (node), error)
           : kith_fields_check_told (spec->fields, node, FALSE, error);
}

void
kith_told_event (KithBus *bus, const char *text, gsize n, gboolean replayed)
{
  static const char *const names[] = { KITH_KEY_EVENT, KITH_KEY_DATA, KITH_KEY_SEQ };
  KithJsonSpan spans[G_N_ELEMENTS (names)];
  const char *why = NULL;
  g_autofree char *name = NULL;
  g_autoptr (GError) error = NULL;
  const KithEventSpec *spec;

  if (!kith_json_scan (text, n, names, spans, G_N_ELEMENTS (names), &why)
      || (name = kith_json_span_string (&spans[0])) == NULL)
    {
      g_critical ("an event is no event: %s", why != NULL ? why : "it has no name");
      return;
    }
  spec = kith_bus_find_event (bus, name);
  if (spec == NULL)
    {
      if (!replayed)
        g_critical ("the event “%s” is not described", name);
      return;
    }
  if ((spec->keep == KITH_KEEP_ALL) != (spans[2].start != NULL))
    g_critical ("the event “%s” has %s seq", name, spans[2].start != NULL ? "a" : "no");
  if (!check_event (spec, &spans[1], replayed, &error))
    g_critical ("the event “%s” is not as it is described: %s", name,
                error != NULL ? error->message : "it has no data");
}

void
kith_told_frame (KithBus *bus, GBytes *frame, gboolean replayed)
{
  gsize n, head = 2;
  const guint8 *bytes = g_bytes_get_data (frame, &n);

  if (n > 1 && (bytes[1] & 0x7f) >= 126)
    head = (bytes[1] & 0x7f) == 126 ? 4 : 10;
  if (n < head)
    g_critical ("a frame of %" G_GSIZE_FORMAT " bytes is no frame", n);
  else
    kith_told_event (bus, (const char *) bytes + head, n - head, replayed);
}

/* --- answers */

/* What the catalog, the door and the errors of the rooms may answer to anything. */
static gboolean
is_common (guint status)
{
  static const guint common[] = { 400, 413, 429, 500, 503, 507 };

  for (guint i = 0; i < G_N_ELEMENTS (common); i++)
    if (common[i] == status)
      return TRUE;
  return FALSE;
}

static gboolean
is_described (const KithRouteSpec *spec, guint status)
{
  if (spec->statuses == NULL)
    return TRUE;
  for (const KithRouteStatus *s = spec->statuses; s->status != 0; s++)
    if (s->status == status)
      return TRUE;
  return is_common (status);
}

/* "text/plain; charset=utf-8" is text/plain. */
static gboolean
has_type (const KithRouteSpec *spec, const char *type, GError **error)
{
  static const char *const plain[] = { "text/plain", NULL };
  g_autofree char *bare = g_strndup (type != NULL ? type : "", strcspn (type != NULL ? type : "", ";"));

  if (g_strv_contains (spec->types != NULL ? spec->types : plain, bare))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "its type is “%s”", bare);
  return FALSE;
}

static gboolean
check_body (const KithRouteSpec *spec, guint status, const char *type, GBytes *body, GError **error)
{
  gsize n = 0;
  const char *text = body != NULL ? g_bytes_get_data (body, &n) : NULL;
  g_autoptr (JsonNode) node = NULL;

  if (spec->flags & KITH_ROUTE_TEXT)
    return has_type (spec, type, error);
  if (type != NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "it is %s", type);
  else if ((status == 204 || spec->answer == NULL) && body == NULL)
    return TRUE;
  else if (status == 204 || spec->answer == NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "its body is not described");
  else if (body == NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "it has no body");
  else
    {
      node = read_json (text, n, error);
      return node != NULL
             && kith_fields_check_told (spec->answer, node, (spec->flags & KITH_ROUTE_LIST) != 0, error);
    }
  return FALSE;
}

void
kith_told_answer (const KithRouteSpec *spec, guint status, const char *type, GBytes *body, const GError *error)
{
  g_autoptr (GError) why = NULL;

  if (!is_described (spec, status))
    g_critical ("%s /%s answers %u, which is not described%s%s", spec->method, spec->path, status,
                error != NULL ? ": " : "", error != NULL ? error->message : "");
  if (error == NULL && !check_body (spec, status, type, body, &why))
    g_critical ("%s /%s answers %u not as it is described: %s", spec->method, spec->path, status, why->message);
}

#endif
