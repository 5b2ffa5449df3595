/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-store"

#include "kith-journal.h"

#include "kith-log.h"
#include "kith-store-private.h"

#define LIMIT_LEAST 1000
/* Trimming begins when so much of the limit is exceeded, in slices that leave the writer free for others. */
#define SLACK_PERCENT 1
#define SLICE_ROWS 100
#define SLICES_MOST 5
#define SLICE_US 1500
#define SHOWN_DELAY_MS 1000

/* ---- writing ---- */

gint64
kith_db_journal (KithDb *db, const char *event, GBytes *data, const char *msg_id, GError **error)
{
  KithStmt      *stmt = kith_db_prepare (db, "INSERT INTO journal (seq, event, data, msg_id) VALUES (?1, ?2, ?3, ?4)");
  KithJournaled *entry;

  kith_stmt_bind_int64 (stmt, 1, db->journal_next);
  kith_stmt_bind_text (stmt, 2, event);
  kith_stmt_bind_bytes (stmt, 3, data);
  kith_stmt_bind_text (stmt, 4, msg_id);
  if (!kith_stmt_run (stmt, error))
    return 0;
  entry = g_new0 (KithJournaled, 1);
  entry->seq = db->journal_next++;
  entry->event = g_strdup (event);
  entry->data = g_bytes_ref (data);
  g_ptr_array_add (db->journaled, entry);
  return entry->seq;
}

static GBytes *
blank_texts (const char *event, gint64 seq, GBytes *data, gpointer user_data)
{
  gsize       n;
  const char *text = g_bytes_get_data (data, &n);
  g_autoptr (JsonNode) node = kith_json_parse (text, (gssize) n, NULL);
  JsonObject *object;

  /* What cannot be read cannot be kept either. */
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return g_bytes_new_static ("{}", 2);
  object = json_node_get_object (node);
  if (json_object_has_member (object, "text"))
    json_object_set_string_member (object, "text", "");
  json_object_remove_member (object, "message");
  json_object_remove_member (object, "snippet");
  return kith_json_print (node);
}

typedef struct
{
  gint64  seq;
  GBytes *data;
} Blanked;

static void
blanked_clear (gpointer data)
{
  g_bytes_unref (((Blanked *) data)->data);
}

/* Read first, write then: a cursor does not see rows change under it. */
static gboolean
collect_blanked (KithDb *db, const char *msg_id, KithBlankFunc blank, gpointer user_data, GArray *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT seq, event, data FROM journal WHERE msg_id = ?1 ORDER BY seq");
  KithStep  step;

  kith_stmt_bind_text (stmt, 1, msg_id);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      g_autoptr (GBytes) data = kith_stmt_get_bytes (stmt, 2);
      Blanked row = { kith_stmt_get_int64 (stmt, 0), NULL };

      row.data = blank (kith_stmt_get_text (stmt, 1), row.seq, data, user_data);
      if (row.data != NULL)
        g_array_append_val (out, row);
    }
  return step == KITH_STEP_DONE;
}

gboolean
kith_db_blank_journal (KithDb *db, const char *msg_id, KithBlankFunc blank, gpointer user_data, GError **error)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Blanked));

  g_array_set_clear_func (rows, blanked_clear);
  if (!collect_blanked (db, msg_id, blank != NULL ? blank : blank_texts, user_data, rows, error))
    return FALSE;
  for (guint i = 0; i < rows->len; i++)
    {
      Blanked  *row = &g_array_index (rows, Blanked, i);
      KithStmt *stmt = kith_db_prepare (db, "UPDATE journal SET data = ?2 WHERE seq = ?1");

      kith_stmt_bind_int64 (stmt, 1, row->seq);
      kith_stmt_bind_bytes (stmt, 2, row->data);
      if (!kith_stmt_run (stmt, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- reading ---- */

gboolean
kith_db_foreach_journal (
    KithDb *db, gint64 after, guint limit, KithJournalFunc func, gpointer user_data, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT seq, event, data FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2");
  KithStep  step;
  gboolean  more = TRUE;

  kith_stmt_bind_int64 (stmt, 1, after);
  kith_stmt_bind_int64 (stmt, 2, limit);
  while (more && (step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      gsize       n;
      const char *data = kith_stmt_get_blob (stmt, 2, &n);

      more = func (kith_stmt_get_int64 (stmt, 0), kith_stmt_get_text (stmt, 1), data, n, user_data);
    }
  kith_stmt_reset (stmt);
  return !more || step == KITH_STEP_DONE;
}

void
kith_store_get_journal (KithStore *store, KithJournalBounds *out)
{
  *out = store->journal;
}

/* ---- trimming ---- */

typedef struct
{
  KithStore *store;
  KithWorld *world;
  gint64     keep_from;
  gint64     oldest;      /* what the job left */
} Trim;

static void consider_trimming (KithStore *store);

static void
trim_free (gpointer data)
{
  Trim *trim = data;

  kith_world_unref (trim->world);
  g_object_unref (trim->store);
  g_free (trim);
}

static gboolean
trim_slice (KithDb *db, gpointer data, GError **error)
{
  Trim  *trim = data;
  gint64 stop_us = kith_world_get_time_us (trim->world) + SLICE_US;
  gint64 from = trim->oldest;

  for (guint i = 0; i < SLICES_MOST && from < trim->keep_from; i++)
    {
      KithStmt *stmt = kith_db_prepare (db, "DELETE FROM journal WHERE seq < ?1");

      from = MIN (from + SLICE_ROWS, trim->keep_from);
      kith_stmt_bind_int64 (stmt, 1, from);
      if (!kith_stmt_run (stmt, error))
        return FALSE;
      if (kith_world_get_time_us (trim->world) >= stop_us)
        break;
    }
  trim->oldest = from;
  return TRUE;
}

static void
trim_done (gpointer data, const GError *error)
{
  Trim      *trim = data;
  KithStore *store = trim->store;

  store->trimming = FALSE;
  if (error != NULL)
    {
      kith_debug ("The journal was not trimmed: %s", error->message);
      return;
    }
  store->journal.oldest = trim->oldest;
  consider_trimming (store);
}

static void
consider_trimming (KithStore *store)
{
  gint64 kept = store->journal.newest - store->journal.oldest + 1;
  gint64 limit = store->journal_limit;
  gint64 slack = store->trim_all ? 0 : limit * SLACK_PERCENT / 100;
  Trim  *trim;

  if (store->trimming || store->state != KITH_STORE_OPEN)
    return;
  store->trim_all = kept > limit + slack;
  if (!store->trim_all)
    return;
  trim = g_new0 (Trim, 1);
  trim->store = g_object_ref (store);
  trim->world = kith_world_ref (store->world);
  trim->oldest = store->journal.oldest;
  trim->keep_from = store->journal.newest - limit + 1;
  store->trimming = TRUE;
  kith_store_submit (store, KITH_LANE_BULK, trim_slice, trim_done, trim, trim_free);
}

void
kith_journal_told (KithStore *store, gint64 seq)
{
  store->journal.newest = seq;
  consider_trimming (store);
}

void
kith_store_set_journal_limit (KithStore *store, gint64 limit)
{
  store->journal_limit = MAX (limit, LIMIT_LEAST);
  consider_trimming (store);
}

/* ---- another life ---- */

typedef struct
{
  KithStore *store;
  char      *epoch;
} Renewal;

static gboolean
write_epoch (KithDb *db, gpointer data, GError **error)
{
  return kith_db_set_meta (db, "journal-epoch", ((Renewal *) data)->epoch, error);
}

static void
epoch_written (gpointer data, const GError *error)
{
  Renewal *renewal = data;

  if (error != NULL)
    kith_warning ("The journal keeps its epoch though the database was rolled back: %s", error->message);
  else
    g_strlcpy (renewal->store->journal.epoch, renewal->epoch, sizeof renewal->store->journal.epoch);
}

static void
renewal_free (gpointer data)
{
  Renewal *renewal = data;

  g_free (renewal->epoch);
  g_object_unref (renewal->store);
  g_free (renewal);
}

void
kith_store_renew_journal (KithStore *store)
{
  Renewal *renewal = g_new0 (Renewal, 1);

  renewal->store = g_object_ref (store);
  renewal->epoch = kith_world_new_uuid (store->world);
  kith_store_submit (store, KITH_LANE_FRONT, write_epoch, epoch_written, renewal, renewal_free);
}

/* ---- what was shown ---- */

static gboolean
write_shown (KithDb *db, gpointer data, GError **error)
{
  return kith_db_set_meta (db, "journal-shown", data, error);
}

static gboolean
keep_shown (gpointer data)
{
  KithStore *store = data;

  store->shown_timer = 0;
  kith_store_submit (store, KITH_LANE_BULK, write_shown, NULL,
                     g_strdup_printf ("%" G_GINT64_FORMAT, store->journal.shown), g_free);
  return G_SOURCE_REMOVE;
}

void
kith_store_set_shown (KithStore *store, gint64 seq)
{
  if (seq <= store->journal.shown || store->state != KITH_STORE_OPEN)
    return;
  store->journal.shown = seq;
  if (store->shown_timer == 0)
    store->shown_timer = kith_world_add_timer (store->world, SHOWN_DELAY_MS, keep_shown, store, NULL);
}

void
kith_journal_stop (KithStore *store)
{
  if (store->shown_timer != 0)
    kith_world_drop_timer (store->world, store->shown_timer);
  store->shown_timer = 0;
}
