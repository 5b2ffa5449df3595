/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-sessions.h"

#include <kith/kith.h>
#include <string.h>

static gboolean
damaged (GError **error, const char *table)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
               "The table %s of the database holds something that was never written there", table);
  return FALSE;
}

/* Runs a look-up whose answer is only whether there is a row. */
static gboolean
exists (KithStmt *stmt, GError **error)
{
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  kith_stmt_reset (stmt);
  return TRUE;
}

/* Columns: sid, peer, device, stamp, state, top stamp. */
static gboolean
take_session (KithStmt *stmt, KithSessionRow *row, GError **error)
{
  const void *state;
  gboolean whole;

  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  whole = kith_stmt_copy_blob (stmt, 0, row->sid, 16) && kith_stmt_copy_blob (stmt, 1, row->peer, 32);
  row->device = (guint32)kith_stmt_get_int64 (stmt, 2);
  row->stamp = (guint64)kith_stmt_get_int64 (stmt, 3);
  state = kith_stmt_get_blob (stmt, 4, &row->n_state);
  whole = whole && state != NULL && row->n_state <= row->max_state;
  if (whole)
    memcpy (row->state, state, row->n_state);
  row->top_stamp = (guint64)kith_stmt_get_int64 (stmt, 5);
  kith_stmt_reset (stmt);
  return whole || damaged (error, "key_session");
}

gboolean
kith_table_sessions_load (KithDb *db, const guint8 sid[16], KithSessionRow *row, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT sid, peer, device, stamp, state, (SELECT max(t.stamp) FROM key_session t "
                             "WHERE t.peer = s.peer AND t.device = s.device) FROM key_session s WHERE sid = ?1");

  kith_stmt_bind_blob (stmt, 1, sid, 16);
  return take_session (stmt, row, error);
}

gboolean
kith_table_sessions_load_active (KithDb *db, const guint8 peer[32], guint32 device, KithSessionRow *row,
                                 GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT sid, peer, device, stamp, state, stamp FROM key_session WHERE peer = ?1 AND device = ?2 "
          "ORDER BY stamp DESC LIMIT 1");

  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  return take_session (stmt, row, error);
}

gboolean
kith_table_sessions_save (KithDb *db, const KithSessionRow *row, gint64 now_ms, GError **error)
{
  /* The stamp is in an index: most messages do not touch it. */
  gboolean moves = row->stamp > row->top_stamp;
  KithStmt *stmt
      = moves ? kith_db_prepare (db, "UPDATE key_session SET state = ?2, used_ms = ?3, stamp = ?4 WHERE sid = ?1")
              : kith_db_prepare (db, "UPDATE key_session SET state = ?2, used_ms = ?3 WHERE sid = ?1");

  kith_stmt_bind_blob (stmt, 1, row->sid, 16);
  kith_stmt_bind_blob (stmt, 2, row->state, row->n_state);
  kith_stmt_bind_int64 (stmt, 3, now_ms);
  if (moves)
    kith_stmt_bind_int64 (stmt, 4, (gint64)row->stamp);
  return kith_stmt_run (stmt, error);
}

static gboolean
evict (KithDb *db, const guint8 *peer, guint32 device, guint keep, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM key_skipped WHERE sid IN (SELECT sid FROM key_session WHERE peer = ?1 AND device = ?2 "
          "ORDER BY stamp DESC LIMIT -1 OFFSET ?3)");

  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  kith_stmt_bind_int64 (stmt, 3, keep);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (
      db, "DELETE FROM key_session WHERE sid IN (SELECT sid FROM key_session WHERE peer = ?1 AND device = ?2 "
          "ORDER BY stamp DESC LIMIT -1 OFFSET ?3)");
  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  kith_stmt_bind_int64 (stmt, 3, keep);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_add (KithDb *db, const KithSessionRow *row, gint64 now_ms, guint keep, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT INTO key_session (sid, peer, device, stamp, used_ms, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

  kith_stmt_bind_blob (stmt, 1, row->sid, 16);
  kith_stmt_bind_blob (stmt, 2, row->peer, 32);
  kith_stmt_bind_int64 (stmt, 3, row->device);
  kith_stmt_bind_int64 (stmt, 4, (gint64)row->stamp);
  kith_stmt_bind_int64 (stmt, 5, now_ms);
  kith_stmt_bind_blob (stmt, 6, row->state, row->n_state);
  return kith_stmt_run (stmt, error) && evict (db, row->peer, row->device, keep, error);
}

gboolean
kith_table_sessions_forget (KithDb *db, const guint8 peer[32], guint32 device, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "DELETE FROM key_skipped WHERE sid IN (SELECT sid FROM key_session WHERE peer = ?1 "
                             "AND (?2 = 0 OR device = ?2))");

  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (db, "DELETE FROM key_session WHERE peer = ?1 AND (?2 = 0 OR device = ?2)");
  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_forget_all (KithDb *db, GError **error)
{
  return kith_stmt_run (kith_db_prepare (db, "DELETE FROM key_skipped"), error)
         && kith_stmt_run (kith_db_prepare (db, "DELETE FROM key_session"), error);
}

static void
bind_place (KithStmt *stmt, const guint8 *sid, const guint8 *ratchet, guint32 n)
{
  kith_stmt_bind_blob (stmt, 1, sid, 16);
  kith_stmt_bind_blob (stmt, 2, ratchet, 32);
  kith_stmt_bind_int64 (stmt, 3, n);
}

gboolean
kith_table_sessions_find_skipped (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                                  gint64 since_ms, guint8 key[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT secret FROM key_skipped WHERE sid = ?1 AND ratchet = ?2 AND n = ?3 AND stored_ms >= ?4");
  gboolean whole;

  bind_place (stmt, sid, ratchet, n);
  kith_stmt_bind_int64 (stmt, 4, since_ms);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  whole = kith_stmt_copy_blob (stmt, 0, key, 32);
  kith_stmt_reset (stmt);
  return whole || damaged (error, "key_skipped");
}

static gboolean
trim_skipped (KithDb *db, const guint8 *sid, guint keep, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM key_skipped WHERE id IN (SELECT id FROM key_skipped WHERE sid = ?1 ORDER BY id "
          "LIMIT max(0, (SELECT count(*) FROM key_skipped WHERE sid = ?1) - ?2))");

  kith_stmt_bind_blob (stmt, 1, sid, 16);
  kith_stmt_bind_int64 (stmt, 2, keep);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_add_skipped (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 first,
                                 guint32 count, const guint8 *keys, gint64 now_ms, guint keep, GError **error)
{
  for (guint32 i = 0; i < count; i++)
    {
      /* OR REPLACE: a key that is there already under this place would be the same. */
      KithStmt *stmt = kith_db_prepare (db, "INSERT OR REPLACE INTO key_skipped (sid, ratchet, n, secret, stored_ms) "
                                            "VALUES (?1, ?2, ?3, ?4, ?5)");

      bind_place (stmt, sid, ratchet, first + i);
      kith_stmt_bind_blob (stmt, 4, keys + 32 * (gsize)i, 32);
      kith_stmt_bind_int64 (stmt, 5, now_ms);
      if (!kith_stmt_run (stmt, error))
        return FALSE;
    }
  return trim_skipped (db, sid, keep, error);
}

gboolean
kith_table_sessions_drop_skipped (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                                  GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM key_skipped WHERE sid = ?1 AND ratchet = ?2 AND n = ?3");

  bind_place (stmt, sid, ratchet, n);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_find_replay (KithDb *db, const guint8 spk[32], const guint8 ephemeral[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT 1 FROM key_replay WHERE spk = ?1 AND ephemeral = ?2");

  kith_stmt_bind_blob (stmt, 1, spk, 32);
  kith_stmt_bind_blob (stmt, 2, ephemeral, 32);
  return exists (stmt, error);
}

gboolean
kith_table_sessions_add_replay (KithDb *db, const guint8 spk[32], const guint8 ephemeral[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO key_replay (spk, ephemeral) VALUES (?1, ?2)");

  kith_stmt_bind_blob (stmt, 1, spk, 32);
  kith_stmt_bind_blob (stmt, 2, ephemeral, 32);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_find_seen (KithDb *db, const guint8 mark[KITH_SEEN_MARK_BYTES], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT 1 FROM key_seen WHERE mark = ?1");

  kith_stmt_bind_blob (stmt, 1, mark, KITH_SEEN_MARK_BYTES);
  return exists (stmt, error);
}

gboolean
kith_table_sessions_add_seen (KithDb *db, const guint8 mark[KITH_SEEN_MARK_BYTES], gint64 day, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO key_seen (mark, day) VALUES (?1, ?2)");

  kith_stmt_bind_blob (stmt, 1, mark, KITH_SEEN_MARK_BYTES);
  kith_stmt_bind_int64 (stmt, 2, day);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_add_sent (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                              const guint8 peer[32], const guint8 cid[16], gint64 day, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT OR REPLACE INTO key_sent (sid, ratchet, n, peer, cid, day) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

  bind_place (stmt, sid, ratchet, n);
  kith_stmt_bind_blob (stmt, 4, peer, 32);
  kith_stmt_bind_blob (stmt, 5, cid, 16);
  kith_stmt_bind_int64 (stmt, 6, day);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_find_sent (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                               const guint8 peer[32], gint64 since_day, guint8 cid[16], GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT cid FROM key_sent WHERE sid = ?1 AND ratchet = ?2 AND n = ?3 AND peer = ?4 AND day >= ?5");
  gboolean whole;

  bind_place (stmt, sid, ratchet, n);
  kith_stmt_bind_blob (stmt, 4, peer, 32);
  kith_stmt_bind_int64 (stmt, 5, since_day);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  whole = kith_stmt_copy_blob (stmt, 0, cid, 16);
  kith_stmt_reset (stmt);
  return whole || damaged (error, "key_sent");
}

gboolean
kith_table_sessions_get_created (KithDb *db, const guint8 peer[32], guint32 device, guint64 *created, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT created FROM key_peer WHERE peer = ?1 AND device = ?2");

  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  *created = (guint64)kith_stmt_get_int64 (stmt, 0);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_sessions_set_created (KithDb *db, const guint8 peer[32], guint32 device, guint64 created, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO key_peer (peer, device, created) VALUES (?1, ?2, ?3) "
                                        "ON CONFLICT (peer, device) DO UPDATE SET created = ?3");

  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  kith_stmt_bind_int64 (stmt, 3, (gint64)created);
  return kith_stmt_run (stmt, error);
}

/* Healing has a window of one, so its count is 1 wherever it has a time. */
static KithStmt *
prepare_limit (KithDb *db, KithPeerLimit which, gboolean writes)
{
  switch (which)
    {
    case KITH_PEER_HEALED:
      return writes ? kith_db_prepare (db, "INSERT INTO key_peer (peer, device, healed_ms) VALUES (?1, ?2, ?3) "
                                           "ON CONFLICT (peer, device) DO UPDATE SET healed_ms = ?3")
                    : kith_db_prepare (
                        db, "SELECT healed_ms, healed_ms > 0 FROM key_peer WHERE peer = ?1 AND device = ?2");
    case KITH_PEER_ASKED:
      return writes
                 ? kith_db_prepare (
                     db, "INSERT INTO key_peer (peer, device, asked_since_ms, asked) VALUES (?1, ?2, ?3, ?4) "
                         "ON CONFLICT (peer, device) DO UPDATE SET asked_since_ms = ?3, asked = ?4")
                 : kith_db_prepare (db, "SELECT asked_since_ms, asked FROM key_peer WHERE peer = ?1 AND device = ?2");
    case KITH_PEER_OBEYED:
    default:
      return writes ? kith_db_prepare (
                 db, "INSERT INTO key_peer (peer, device, obeyed_since_ms, obeyed) VALUES (?1, ?2, ?3, ?4) "
                     "ON CONFLICT (peer, device) DO UPDATE SET obeyed_since_ms = ?3, obeyed = ?4")
                    : kith_db_prepare (
                        db, "SELECT obeyed_since_ms, obeyed FROM key_peer WHERE peer = ?1 AND device = ?2");
    }
}

gboolean
kith_table_sessions_limit (KithDb *db, const guint8 peer[32], guint32 device, KithPeerLimit which, gint64 now_ms,
                           gint64 window_ms, guint limit, gboolean *given, GError **error)
{
  KithStmt *stmt = prepare_limit (db, which, FALSE);
  gint64 since_ms = now_ms, count = 0;
  KithStep step;

  *given = FALSE;
  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  step = kith_stmt_step (stmt, error);
  if (step == KITH_STEP_ERROR)
    return FALSE;
  /* A window that begins in the future was left by a clock that went back. */
  if (step == KITH_STEP_ROW && kith_stmt_get_int64 (stmt, 0) <= now_ms
      && now_ms - kith_stmt_get_int64 (stmt, 0) < window_ms)
    {
      since_ms = kith_stmt_get_int64 (stmt, 0);
      count = kith_stmt_get_int64 (stmt, 1);
    }
  kith_stmt_reset (stmt);
  if (count >= limit)
    return TRUE;
  *given = TRUE;
  stmt = prepare_limit (db, which, TRUE);
  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, device);
  kith_stmt_bind_int64 (stmt, 3, since_ms);
  if (which != KITH_PEER_HEALED)
    kith_stmt_bind_int64 (stmt, 4, count + 1);
  return kith_stmt_run (stmt, error);
}

static gboolean
run_slice (KithStmt *stmt, guint8 slice, const gint64 *limit, GError **error)
{
  guint8 from = slice, to[17];

  /* Above every blob that begins with the byte; 0xff has none after it but a longer row of them. */
  memset (to, 0xff, sizeof to);
  to[0] = (guint8)(slice + 1);
  kith_stmt_bind_blob (stmt, 1, &from, 1);
  kith_stmt_bind_blob (stmt, 2, slice == 0xff ? memset (to, 0xff, sizeof to) : to, slice == 0xff ? sizeof to : 1);
  if (limit != NULL)
    kith_stmt_bind_int64 (stmt, 3, *limit);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_sessions_prune (KithDb *db, guint8 slice, const KithSessionLimits *limits, GError **error)
{
  KithStmt *stmt;

  if (!run_slice (kith_db_prepare (db, "DELETE FROM key_seen WHERE mark >= ?1 AND mark < ?2 AND day < ?3"), slice,
                  &limits->seen_day, error))
    return FALSE;
  if (!run_slice (kith_db_prepare (db, "DELETE FROM key_sent WHERE sid >= ?1 AND sid < ?2 AND day < ?3"), slice,
                  &limits->sent_day, error))
    return FALSE;
  stmt = kith_db_prepare (
      db, "DELETE FROM key_session WHERE sid >= ?1 AND sid < ?2 AND used_ms < ?3 AND stamp < (SELECT max(t.stamp) "
          "FROM key_session t WHERE t.peer = key_session.peer AND t.device = key_session.device)");
  if (!run_slice (stmt, slice, &limits->idle_ms, error))
    return FALSE;
  stmt
      = kith_db_prepare (db, "DELETE FROM key_skipped WHERE sid >= ?1 AND sid < ?2 AND (stored_ms < ?3 OR sid NOT IN "
                             "(SELECT sid FROM key_session))");
  return run_slice (stmt, slice, &limits->skipped_ms, error);
}
