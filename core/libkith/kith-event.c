/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-event-private.h"

#include "kith-json-private.h"

struct _KithEvent
{
  gatomicrefcount refs;
  gint64 seq;
  GBytes *bytes;
  JsonNode *tree; /* main thread; made when somebody looks */
  char name[];
};

G_DEFINE_BOXED_TYPE (KithEvent, kith_event, kith_event_ref, kith_event_unref)

KithEvent *
kith_event_new_journaled (const char *name, GBytes *data, gint64 seq)
{
  gsize n = strlen (name) + 1;
  KithEvent *event = g_malloc0 (sizeof (KithEvent) + n);

  g_atomic_ref_count_init (&event->refs);
  event->seq = seq;
  event->bytes = g_bytes_ref (data);
  memcpy (event->name, name, n);
  return event;
}

KithEvent *
kith_event_new_trusted (const char *name, GBytes *data)
{
  return kith_event_new_journaled (name, data, 0);
}

KithEvent *
kith_event_new (const char *name, JsonObject *data)
{
  g_autoptr (JsonNode) node = json_node_alloc ();
  g_autoptr (GBytes) bytes = NULL;

  json_node_init_object (node, data);
  json_object_unref (data);
  bytes = kith_json_print (node);
  return kith_event_new_trusted (name, bytes);
}

KithEvent *
kith_event_new_bytes (const char *name, GBytes *data, GError **error)
{
  gsize n;
  const char *text = g_bytes_get_data (data, &n);
  const char *why;

  if (!kith_json_scan (text != NULL ? text : "", n, NULL, NULL, 0, &why))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the data of \"%s\" are not a JSON object: %s", name, why);
      return NULL;
    }
  return kith_event_new_trusted (name, data);
}

KithEvent *
kith_event_ref (KithEvent *event)
{
  g_atomic_ref_count_inc (&event->refs);
  return event;
}

void
kith_event_unref (KithEvent *event)
{
  if (!g_atomic_ref_count_dec (&event->refs))
    return;
  g_bytes_unref (event->bytes);
  g_clear_pointer (&event->tree, json_node_unref);
  g_free (event);
}

const char *
kith_event_get_name (KithEvent *event)
{
  return event->name;
}

gint64
kith_event_get_seq (KithEvent *event)
{
  return event->seq;
}

GBytes *
kith_event_get_bytes (KithEvent *event)
{
  return event->bytes;
}

JsonObject *
kith_event_get_data (KithEvent *event)
{
  g_autoptr (GError) error = NULL;
  gsize n;
  const char *text;

  if (event->tree == NULL)
    {
      text = g_bytes_get_data (event->bytes, &n);
      event->tree = kith_json_parse (text, (gssize) n, &error);
      if (event->tree == NULL || !JSON_NODE_HOLDS_OBJECT (event->tree))
        {
          g_critical ("The event \"%s\" was made of bytes that are no object", event->name);
          g_clear_pointer (&event->tree, json_node_unref);
          event->tree = json_node_new (JSON_NODE_OBJECT);
          json_node_take_object (event->tree, json_object_new ());
        }
      json_node_seal (event->tree);
    }
  return json_node_get_object (event->tree);
}
