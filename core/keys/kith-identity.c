/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The identity and the store: first start, later starts, restore; and who looks after the prekeys meanwhile. */
#include <string.h>

#include "kith-courier.h"
#include "kith-keys-private.h"
#include "kith-table-keys.h"
#include "kith-table-sessions.h"

#define FIRST_OPKS 100
#define LOOK_EVERY_MS (3600 * 1000)

static gboolean
take_account (KithKeys *self, const KithIdentityRow *row, const guint8 *seed, GError **error)
{
  KithE2eeAccount *account = kith_e2ee_account_new (seed, row->device);

  if (account == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "No memory for the identity");
      return FALSE;
    }
  kith_keys_set_loaded (self, account, row->created_ms);
  return TRUE;
}

static gboolean
make_device (KithKeys *self, KithDb *db, const KithIdentityRow *row, const guint8 *seed, GError **error)
{
  if (!kith_table_keys_set_identity (db, row, seed, error) || !take_account (self, row, seed, error))
    return FALSE;
  return kith_keys_rotate (self, db, error) && kith_keys_make_opks (self, db, FIRST_OPKS, error);
}

gboolean
kith_keys_load (KithKeys *self, KithDb *db, GError **error)
{
  guint8 *seed = kith_db_alloc_secret (db, 32);
  KithIdentityRow row = { 0 };
  GError *problem = NULL;

  if (kith_table_keys_get_identity (db, &row, seed, &problem))
    return take_account (self, &row, seed, error);
  if (problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  self->random.fill (self->random.data, KITH_E2EE_DRAW_IDENTITY, seed, 32);
  row.created_ms = kith_keys_now_ms (self);
  row.device = kith_e2ee_draw_device (&self->random);
  return make_device (self, db, &row, seed, error);
}

gboolean
kith_keys_restore (KithKeys *self, KithDb *db, KithBackup *backup, GError **error)
{
  guint8 *seed = kith_db_alloc_secret (db, 32);
  KithIdentityRow old = { 0 }, row = { 0 };
  GError *problem = NULL;

  if (!kith_table_keys_get_identity (db, &old, seed, &problem) && problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  kith_backup_copy_seed (backup, seed);
  row.created_ms = kith_backup_get_created_ms (backup);
  do
    row.device = kith_e2ee_draw_device (&self->random);
  while (row.device == old.device);
  return kith_table_keys_clear (db, error) && make_device (self, db, &row, seed, error);
}

/* Opening: */

typedef struct
{
  GTask *task;
  KithStore *store;
} Opening;

static void
opening_free (gpointer data)
{
  Opening *opening = data;

  g_object_unref (opening->task);
  g_object_unref (opening->store);
  g_free (opening);
}

/* Sending on with a ratchet of yesterday would use its keys twice, and the peer would take the messages for those
 * that it has. New sessions cost a round trip. */
static gboolean
drop_old_sessions (KithDb *db, GError **error)
{
  GError *problem = NULL;
  g_autofree char *rolled_back = kith_db_get_meta (db, KITH_META_ROLLED_BACK, &problem);
  KithIdentityRow row = { 0 };

  if (problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  if (g_strcmp0 (rolled_back, "1") != 0)
    return TRUE;
  if (!kith_table_keys_get_identity (db, &row, kith_db_alloc_secret (db, 32), &problem))
    {
      if (problem == NULL)
        problem = g_error_new (KITH_ERROR, KITH_ERROR_STORE,
                               "The database is an older copy, from before there was an identity in it: nothing was "
                               "begun anew. Restore a copy or begin anew with `kithctl store`");
      g_propagate_error (error, problem);
      return FALSE;
    }
  return kith_table_sessions_forget_all (db, error) && kith_db_set_meta (db, KITH_META_ROLLED_BACK, "0", error);
}

static gboolean
open_run (KithDb *db, gpointer data, GError **error)
{
  KithKeys *self = g_task_get_source_object (((Opening *)data)->task);

  return drop_old_sessions (db, error) && kith_keys_load (self, db, error);
}

static void
open_done (gpointer data, const GError *error)
{
  Opening *opening = data;
  KithKeys *self = g_task_get_source_object (opening->task);

  if (error != NULL)
    {
      kith_keys_set_loaded (self, NULL, 0);
      g_task_return_error (opening->task, g_error_copy (error));
      return;
    }
  kith_keys_adopt (self);
  kith_keys_start_looking_after (self, opening->store);
  g_task_return_boolean (opening->task, TRUE);
}

void
kith_keys_open_async (KithKeys *self, KithStore *store, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  Opening *opening = g_new0 (Opening, 1);

  opening->task = g_task_new (self, cancellable, callback, data);
  g_task_set_source_tag (opening->task, kith_keys_open_async);
  opening->store = g_object_ref (store);
  kith_store_submit (store, KITH_LANE_FRONT, open_run, open_done, opening, opening_free);
}

gboolean
kith_keys_open_finish (KithKeys *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Looking after: an hourly slice, and one whenever a job finds that prekeys run out. */

typedef struct
{
  KithKeys *keys;
  gboolean more;
} Round;

static void
round_free (gpointer data)
{
  Round *turn = data;

  g_object_unref (turn->keys);
  g_free (turn);
}

static gboolean
round_run (KithDb *db, gpointer data, GError **error)
{
  Round *turn = data;

  return kith_keys_maintain (turn->keys, db, &turn->more, error);
}

static void submit_round (KithKeys *self);

static void
round_done (gpointer data, const GError *error)
{
  Round *turn = data;
  KithKeys *self = turn->keys;

  self->busy = FALSE;
  /* The store closes before this gets its turn: the next start sees to it. */
  if (self->store == NULL)
    return;
  if (error != NULL)
    {
      g_warning ("The prekeys could not be looked after: %s", error->message);
      return;
    }
  if (g_atomic_int_compare_and_exchange (&self->renewed, TRUE, FALSE))
    g_signal_emit_by_name (self, "bundle-changed");
  if (turn->more && self->store != NULL)
    submit_round (self);
}

static void
submit_round (KithKeys *self)
{
  Round *turn;

  if (self->busy || self->store == NULL || kith_store_is_full (self->store))
    return;
  self->busy = TRUE;
  turn = g_new0 (Round, 1);
  turn->keys = g_object_ref (self);
  kith_store_submit (self->store, KITH_LANE_BULK, round_run, round_done, turn, round_free);
}

static gboolean
on_kick (gpointer data)
{
  submit_round (data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_hour (gpointer data)
{
  submit_round (data);
  return G_SOURCE_CONTINUE;
}

void
kith_keys_kick (KithKeys *self)
{
  kith_world_post (self->world, on_kick, g_object_ref (self), g_object_unref);
}

void
kith_keys_start_looking_after (KithKeys *self, KithStore *store)
{
  kith_keys_close (self);
  self->store = g_object_ref (store);
  self->timer = kith_world_add_timer (self->world, LOOK_EVERY_MS, on_hour, self, NULL);
  submit_round (self);
}

void
kith_keys_close (KithKeys *self)
{
  if (self->timer != 0)
    kith_world_drop_timer (self->world, self->timer);
  self->timer = 0;
  g_clear_object (&self->store);
}
