/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-keys.h"

#include <kith/kith.h>

static gboolean
damaged (GError **error, const char *table)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
               "The table %s of the database holds something that was never written there", table);
  return FALSE;
}

gboolean
kith_table_keys_get_identity (KithDb *db, KithIdentityRow *out, guint8 seed[32], GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT seed, created_ms, device, last_created FROM key_identity WHERE id = 1");
  gboolean whole;

  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  whole = kith_stmt_copy_blob (stmt, 0, seed, 32);
  out->created_ms = kith_stmt_get_int64 (stmt, 1);
  out->device = (guint32)kith_stmt_get_int64 (stmt, 2);
  out->last_created = kith_stmt_get_int64 (stmt, 3);
  kith_stmt_reset (stmt);
  return (whole && out->device != 0) || damaged (error, "key_identity");
}

gboolean
kith_table_keys_set_identity (KithDb *db, const KithIdentityRow *row, const guint8 seed[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db,
      "INSERT OR REPLACE INTO key_identity (id, seed, created_ms, device, last_created) VALUES (1, ?1, ?2, ?3, ?4)");

  kith_stmt_bind_blob (stmt, 1, seed, 32);
  kith_stmt_bind_int64 (stmt, 2, row->created_ms);
  kith_stmt_bind_int64 (stmt, 3, row->device);
  kith_stmt_bind_int64 (stmt, 4, row->last_created);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_keys_add_spk (KithDb *db, const KithSpkRow *row, const guint8 secret[32], GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "INSERT INTO key_spk (created, made_ms, pub, secret) VALUES (?1, ?2, ?3, ?4)");

  kith_stmt_bind_int64 (stmt, 1, row->created);
  kith_stmt_bind_int64 (stmt, 2, row->made_ms);
  kith_stmt_bind_blob (stmt, 3, row->pub, 32);
  kith_stmt_bind_blob (stmt, 4, secret, 32);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (db, "UPDATE key_identity SET last_created = ?1 WHERE id = 1");
  kith_stmt_bind_int64 (stmt, 1, row->created);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (
      db, "DELETE FROM key_spk WHERE created NOT IN (SELECT created FROM key_spk ORDER BY created DESC LIMIT ?1)");
  kith_stmt_bind_int64 (stmt, 1, KITH_OLD_SPKS + 1);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  return kith_stmt_run (kith_db_prepare (db, "DELETE FROM key_replay WHERE spk NOT IN (SELECT pub FROM key_spk)"),
                        error);
}

gboolean
kith_table_keys_get_spk (KithDb *db, KithSpkRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT created, made_ms, pub FROM key_spk ORDER BY created DESC LIMIT 1");
  gboolean whole;

  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  out->created = kith_stmt_get_int64 (stmt, 0);
  out->made_ms = kith_stmt_get_int64 (stmt, 1);
  whole = kith_stmt_copy_blob (stmt, 2, out->pub, 32);
  kith_stmt_reset (stmt);
  return whole || damaged (error, "key_spk");
}

static gboolean
find_secret (KithStmt *stmt, const guint8 pub[32], guint8 secret[32], const char *table, GError **error)
{
  gboolean whole;

  kith_stmt_bind_blob (stmt, 1, pub, 32);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  whole = kith_stmt_copy_blob (stmt, 0, secret, 32);
  kith_stmt_reset (stmt);
  return whole || damaged (error, table);
}

gboolean
kith_table_keys_find_spk (KithDb *db, const guint8 pub[32], guint8 secret[32], GError **error)
{
  return find_secret (kith_db_prepare (db, "SELECT secret FROM key_spk WHERE pub = ?1"), pub, secret, "key_spk",
                      error);
}

gboolean
kith_table_keys_add_opk (KithDb *db, const guint8 pub[32], const guint8 secret[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO key_opk (pub, secret) VALUES (?1, ?2)");

  kith_stmt_bind_blob (stmt, 1, pub, 32);
  kith_stmt_bind_blob (stmt, 2, secret, 32);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_keys_find_opk (KithDb *db, const guint8 pub[32], guint8 secret[32], GError **error)
{
  return find_secret (kith_db_prepare (db, "SELECT secret FROM key_opk WHERE pub = ?1"), pub, secret, "key_opk",
                      error);
}

gboolean
kith_table_keys_drop_opk (KithDb *db, const guint8 pub[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM key_opk WHERE pub = ?1");

  kith_stmt_bind_blob (stmt, 1, pub, 32);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_keys_take_opk (KithDb *db, KithOpkMark mark, guint8 pub[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT id, pub FROM key_opk WHERE mark = 0 ORDER BY id LIMIT 1");
  gint64 id;
  gboolean whole;

  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  id = kith_stmt_get_int64 (stmt, 0);
  whole = kith_stmt_copy_blob (stmt, 1, pub, 32);
  kith_stmt_reset (stmt);
  if (!whole)
    return damaged (error, "key_opk");
  stmt = kith_db_prepare (db, "UPDATE key_opk SET mark = ?2 WHERE id = ?1");
  kith_stmt_bind_int64 (stmt, 1, id);
  kith_stmt_bind_int64 (stmt, 2, mark);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_keys_count_opks (KithDb *db, KithOpkMark mark, guint *n, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT count(*) FROM key_opk WHERE mark = ?1");

  kith_stmt_bind_int64 (stmt, 1, mark);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  *n = (guint)kith_stmt_get_int64 (stmt, 0);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_keys_trim_opks (KithDb *db, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "DELETE FROM key_opk WHERE id IN (SELECT id FROM key_opk WHERE mark > 0 ORDER BY id "
                             "LIMIT max(0, (SELECT count(*) FROM key_opk) - ?1))");

  kith_stmt_bind_int64 (stmt, 1, KITH_MAX_OPKS);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_keys_grant (KithDb *db, const guint8 peer[32], gint64 now_ms, gint64 window_ms, guint limit,
                       gboolean *given, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT since_ms, given FROM key_grant WHERE peer = ?1");
  gint64 since_ms = now_ms, count = 0;
  KithStep step;

  *given = FALSE;
  kith_stmt_bind_blob (stmt, 1, peer, 32);
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
  stmt = kith_db_prepare (db, "INSERT OR REPLACE INTO key_grant (peer, since_ms, given) VALUES (?1, ?2, ?3)");
  kith_stmt_bind_blob (stmt, 1, peer, 32);
  kith_stmt_bind_int64 (stmt, 2, since_ms);
  kith_stmt_bind_int64 (stmt, 3, count + 1);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_keys_clear (KithDb *db, GError **error)
{
  return kith_db_exec (db,
                       "DELETE FROM key_spk; DELETE FROM key_opk; DELETE FROM key_grant; DELETE FROM key_session; "
                       "DELETE FROM key_skipped; "
                       "DELETE FROM key_replay; DELETE FROM key_sent; DELETE FROM key_peer;",
                       error);
}
