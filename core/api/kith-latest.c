/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-latest.h"

typedef struct
{
  GList link;        /* in the queue, in order of change */
  char *key;
  gint64 seq;
  GBytes *frame;
} KithLatestValue;

struct _KithLatest
{
  GHashTable *values;   /* key → KithLatestValue */
  GQueue order;
};

static void
kith_latest_value_free (gpointer data)
{
  KithLatestValue *value = data;

  g_bytes_unref (value->frame);
  g_free (value->key);
  g_free (value);
}

KithLatest *
kith_latest_new (void)
{
  KithLatest *self = g_new0 (KithLatest, 1);

  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, kith_latest_value_free);
  g_queue_init (&self->order);
  return self;
}

void
kith_latest_free (KithLatest *self)
{
  g_hash_table_unref (self->values);
  g_free (self);
}

/* "presence", then the value of every key member; members of strings only are keys of states. */
static char *
make_key (const KithEventSpec *spec, KithEvent *event)
{
  GString *key = g_string_new (spec->state != NULL ? spec->state : spec->name);
  JsonObject *data = kith_event_get_data (event);

  for (const KithField *field = spec->fields; field != NULL && field->name != NULL; field++)
    {
      const char *value;

      if (!(field->flags & KITH_FIELD_STATE_KEY) || !json_object_has_member (data, field->name))
        continue;
      value = json_object_get_string_member_with_default (data, field->name, "");
      g_string_append_c (key, '\n');
      g_string_append (key, value != NULL ? value : "");
    }
  return g_string_free (key, FALSE);
}

void
kith_latest_put (KithLatest *self, const KithEventSpec *spec, KithEvent *event, gint64 seq, GBytes *frame)
{
  g_autofree char *key = make_key (spec, event);
  KithLatestValue *value = g_hash_table_lookup (self->values, key);

  if (value == NULL)
    {
      value = g_new0 (KithLatestValue, 1);
      value->key = g_steal_pointer (&key);
      value->link.data = value;
      g_hash_table_insert (self->values, value->key, value);
    }
  else
    {
      g_queue_unlink (&self->order, &value->link);
      g_bytes_unref (value->frame);
    }
  value->seq = seq;
  value->frame = g_bytes_ref (frame);
  g_queue_push_tail_link (&self->order, &value->link);
}

void
kith_latest_each (KithLatest *self, gint64 from, KithLatestFunc func, gpointer data)
{
  for (GList *l = self->order.head; l != NULL; l = l->next)
    {
      KithLatestValue *value = l->data;

      if (value->seq >= from)
        func (value->frame, data);
    }
}

guint
kith_latest_get_n (KithLatest *self)
{
  return g_hash_table_size (self->values);
}

void
kith_latest_clear (KithLatest *self)
{
  g_hash_table_remove_all (self->values);
  g_queue_init (&self->order);
}
