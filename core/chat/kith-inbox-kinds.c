/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-inbox-private.h"
#include "kith-content-private.h"
#include "kith-json-private.h"
#include "kith-log.h"
#include "kith-table-plugin.h"

#include <string.h>

#define BATCH 32

/* A plugin's own kind. Its contents wait in a table and are handed out in order, once in each run (or registration),
 * until it says done. */
typedef struct
{
  gatomicrefcount ref;
  KithChat *chat; /* none */
  char *kind;
  KithContentFunc func; /* NULL: it was dropped */
  gpointer data;
  gint64 last; /* row that was handed out last */
  gboolean reading, again;
} KithInboxKind;

static KithInboxKind *
kind_ref (KithInboxKind *self)
{
  g_atomic_ref_count_inc (&self->ref);
  return self;
}

static void
kind_unref (gpointer data)
{
  KithInboxKind *self = data;

  if (!g_atomic_ref_count_dec (&self->ref))
    return;
  g_free (self->kind);
  g_free (self);
}

static void
kind_drop (gpointer data)
{
  ((KithInboxKind *)data)->func = NULL;
  kind_unref (data);
}

static void
renew_known (KithInbox *self)
{
  GHashTable *known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, self->kinds);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (known, g_strdup (name));
  g_hash_table_iter_init (&iter, self->remembered);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (known, g_strdup (name));
  g_clear_pointer (&self->known, g_hash_table_unref);
  self->known = known;
}

void
kith_inbox_open_kinds (KithInbox *self)
{
  self->kinds = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, kind_drop);
  self->remembered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  renew_known (self);
}

void
kith_inbox_close_kinds (KithInbox *self)
{
  g_hash_table_unref (self->kinds);
  g_hash_table_unref (self->remembered);
  g_hash_table_unref (self->known);
}

GHashTable *
kith_inbox_ref_kinds (KithInbox *self)
{
  return g_hash_table_ref (self->known);
}

/* --- done */

typedef struct
{
  KithInboxKind *kind;
  gint64 row;
} Handed;

static void
handed_free (gpointer data)
{
  Handed *handed = data;

  kind_unref (handed->kind);
  g_free (handed);
}

static gboolean
run_drop (KithDb *db, gpointer data, GError **error)
{
  return kith_db_drop_inbox (db, *(gint64 *)data, error);
}

static void
on_dropped (gpointer data, const GError *error)
{
  if (error != NULL)
    kith_warning ("a plugin will see a content once more: %s", error->message);
}

static void
drop_row (KithChat *chat, gint64 row)
{
  kith_store_submit (chat->store, KITH_LANE_FRONT, run_drop, on_dropped, g_memdup2 (&row, sizeof row), g_free);
}

static void
on_content_done (KithContent *content, gpointer data)
{
  Handed *handed = data;

  /* After the daemon has closed it comes again with the next start. */
  if (handed->kind->func != NULL)
    drop_row (handed->kind->chat, handed->row);
}

/* --- handing out */

typedef struct
{
  KithInboxKind *kind;
  gint64 after;
  GPtrArray *rows;
} Reading;

static void
reading_free (gpointer data)
{
  Reading *reading = data;

  g_clear_pointer (&reading->rows, g_ptr_array_unref);
  kind_unref (reading->kind);
  g_free (reading);
}

static gboolean
run_reading (KithDb *db, gpointer data, GError **error)
{
  Reading *reading = data;

  g_clear_pointer (&reading->rows, g_ptr_array_unref);
  reading->rows = kith_db_list_inbox (db, reading->kind->kind, reading->after, BATCH, error);
  return reading->rows != NULL;
}

static void
hand (KithInboxKind *kind, const KithInboxRow *row)
{
  KithPerson *person = kith_people_find_ik (kind->chat->people, row->friend_key);
  g_autoptr (GError) error = NULL;
  gsize n;
  const char *text = g_bytes_get_data (row->data, &n);
  JsonObject *object = kith_json_parse_object (text, (gssize)n, &error);
  Handed *handed;

  kind->last = row->row;
  if (person == NULL || person->friend == NULL || object == NULL)
    {
      g_clear_pointer (&object, json_object_unref);
      drop_row (kind->chat, row->row);
      return;
    }
  json_object_remove_member (object, KITH_CONTENT_KEY_KIND);
  json_object_remove_member (object, KITH_CONTENT_KEY_CID);
  json_object_remove_member (object, KITH_CONTENT_KEY_TS);
  handed = g_new (Handed, 1);
  handed->kind = kind_ref (kind);
  handed->row = row->row;
  kind->func (kith_content_new (person->friend, row->kind, row->id, object, on_content_done, handed, handed_free),
              kind->data);
}

static void read_more (KithInboxKind *kind);

static void
on_reading (gpointer data, const GError *error)
{
  Reading *reading = data;
  KithInboxKind *kind = reading->kind;
  gboolean more = kind->again;

  kind->reading = kind->again = FALSE;
  if (error != NULL)
    {
      kith_warning ("cannot read what waits for a plugin: %s", error->message);
      return;
    }
  for (guint i = 0; i < reading->rows->len && kind->func != NULL; i++)
    hand (kind, reading->rows->pdata[i]);
  if (kind->func != NULL && (more || reading->rows->len == BATCH))
    read_more (kind);
}

static void
read_more (KithInboxKind *kind)
{
  Reading *reading;

  if (kind->reading)
    {
      kind->again = TRUE;
      return;
    }
  kind->reading = TRUE;
  reading = g_new0 (Reading, 1);
  reading->kind = kind_ref (kind);
  reading->after = kind->last;
  kith_store_read (kind->chat->store, run_reading, on_reading, reading, reading_free);
}

void
kith_inbox_hand_out (KithInbox *self, const char *name)
{
  KithInboxKind *kind = g_hash_table_lookup (self->kinds, name);

  if (kind != NULL)
    read_more (kind);
}

/* --- which kinds there are, beyond the run of their plugin: what comes while it is not (yet) active waits for it */

typedef struct
{
  GPtrArray *names; /* of char* */
  gboolean (*change) (KithDb *db, const char *kind, GError **error);
} KindChange;

static void
kind_change_free (gpointer data)
{
  KindChange *change = data;

  g_ptr_array_unref (change->names);
  g_free (change);
}

static gboolean
run_kind_change (KithDb *db, gpointer data, GError **error)
{
  KindChange *change = data;

  for (guint i = 0; i < change->names->len; i++)
    if (!change->change (db, change->names->pdata[i], error))
      return FALSE;
  return TRUE;
}

static void
on_kind_change (gpointer data, const GError *error)
{
  if (error != NULL)
    kith_warning ("the kinds of plugins are not kept: %s", error->message);
}

static void
submit_kind_change (KithChat *chat,
                    GPtrArray *names,
                    gboolean (*func) (KithDb *db, const char *kind, GError **error))
{
  KindChange *change = g_new (KindChange, 1);

  change->names = names;
  change->change = func;
  kith_store_submit (chat->store, KITH_LANE_FRONT, run_kind_change, on_kind_change, change, kind_change_free);
}

static void
remember (KithChat *chat, const char *name)
{
  GPtrArray *names;

  if (!g_hash_table_add (chat->inbox->remembered, g_strdup (name)) || !chat->started)
    return;
  names = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (names, g_strdup (name));
  submit_kind_change (chat, names, kith_db_add_kind);
}

/* x.ID.NAME: is the plugin ID among these? */
static gboolean
is_of (const char *name, const char *const *plugins)
{
  for (; *plugins != NULL; plugins++)
    {
      gsize n = strlen (*plugins);

      if (strncmp (name + 2, *plugins, n) == 0 && name[2 + n] == '.')
        return TRUE;
    }
  return FALSE;
}

void
kith_chat_keep_kinds (KithChat *self, const char *const *plugins)
{
  GPtrArray *gone;
  GHashTableIter iter;
  gpointer name;

  if (!self->started || self->stopped)
    return;
  gone = g_ptr_array_new_with_free_func (g_free);
  g_hash_table_iter_init (&iter, self->inbox->remembered);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!is_of (name, plugins))
      {
        g_ptr_array_add (gone, g_strdup (name));
        g_hash_table_iter_remove (&iter);
      }
  if (gone->len == 0)
    {
      g_ptr_array_unref (gone);
      return;
    }
  renew_known (self->inbox);
  submit_kind_change (self, gone, kith_db_drop_kind);
}

void
kith_inbox_recall_kinds (KithInbox *self, GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    g_hash_table_add (self->remembered, g_strdup (names->pdata[i]));
  renew_known (self);
}

gboolean
kith_chat_add_kind (KithChat *self, const char *name, KithContentFunc func, gpointer data, GError **error)
{
  KithInboxKind *kind;

  if (!g_str_has_prefix (name, "x.") || strlen (name) > 100)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "\"%s\" is no kind of a plugin's own: it must be x.ID.NAME",
                   name);
      return FALSE;
    }
  if (g_hash_table_contains (self->inbox->kinds, name))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "the kind \"%s\" is registered already", name);
      return FALSE;
    }
  kind = g_new0 (KithInboxKind, 1);
  g_atomic_ref_count_init (&kind->ref);
  kind->chat = self;
  kind->kind = g_strdup (name);
  kind->func = func;
  kind->data = data;
  g_hash_table_insert (self->inbox->kinds, kind->kind, kind);
  remember (self, name);
  renew_known (self->inbox);
  if (self->started)
    read_more (kind);
  return TRUE;
}

void
kith_chat_drop_kind (KithChat *self, const char *name)
{
  if (g_hash_table_remove (self->inbox->kinds, name))
    renew_known (self->inbox);
}

void
kith_inbox_start_kinds (KithInbox *self)
{
  GHashTableIter iter;
  gpointer kind;

  g_hash_table_iter_init (&iter, self->kinds);
  while (g_hash_table_iter_next (&iter, NULL, &kind))
    read_more (kind);
}
