/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking a back end for the key of the database, and making one where that is right. */
#include "kith-key-store.h"

#include <kith/kith.h>
#include <sodium.h>

#include "kith-e2ee.h"
#include "kith-key-store-private.h"

G_STATIC_ASSERT (sizeof (KithDbKey) == 48); /* as the store takes it */

KithKeyStore *
kith_key_store_new (const KithKeyStoreFuncs *funcs, gpointer backend)
{
  KithKeyStore *self = g_new0 (KithKeyStore, 1);

  self->funcs = funcs;
  self->backend = backend;
  return self;
}

void
kith_key_store_free (KithKeyStore *self)
{
  self->funcs->free (self->backend);
  g_free (self);
}

const char *
kith_key_store_get_name (KithKeyStore *self)
{
  return self->funcs->get_name != NULL ? self->funcs->get_name (self->backend) : self->funcs->name;
}

gint64
kith_key_store_get_starts (KithKeyStore *self)
{
  return self->starts;
}

void
kith_db_key_free (KithDbKey *key)
{
  sodium_free (key);
}

KithDbKey *
kith_key_store_obtain (KithKeyStore *self, gboolean database_exists, GCancellable *cancellable, GError **error)
{
  g_autoptr (KithDbKey) key = NULL;
  gboolean found = FALSE;

  if (sodium_init () < 0 || (key = sodium_malloc (sizeof *key)) == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "No locked memory for the key of the database");
      return NULL;
    }
  if (!self->funcs->load (self->backend, key, &found, cancellable, error))
    return NULL;
  if (!self->funcs->load_starts (self->backend, &self->starts, error))
    return NULL;
  if (found)
    return g_steal_pointer (&key);
  if (database_exists)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
                   "There is a database, but no key for it (looked in: %s). Put the key back, or move the database "
                   "away to begin anew",
                   kith_key_store_get_name (self));
      return NULL;
    }
  /* Not the world's chance: a key that a seed could repeat would be none. */
  kith_e2ee_sodium_random.fill (NULL, KITH_E2EE_DRAW_SALT, key, sizeof *key);
  if (!self->funcs->save (self->backend, key, cancellable, error))
    return NULL;
  return g_steal_pointer (&key);
}

typedef struct
{
  KithKeyStore *store;
  gboolean database_exists;
} Asking;

static void
obtain_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Asking *asking = data;
  GError *error = NULL;
  KithDbKey *key = kith_key_store_obtain (asking->store, asking->database_exists, cancellable, &error);

  if (key != NULL)
    g_task_return_pointer (task, key, (GDestroyNotify)kith_db_key_free);
  else
    g_task_return_error (task, error);
}

void
kith_key_store_obtain_async (KithKeyStore *self, gboolean database_exists, GCancellable *c, GAsyncReadyCallback cb,
                             gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, c, cb, data);
  Asking *asking = g_new0 (Asking, 1);

  g_task_set_source_tag (task, kith_key_store_obtain_async);
  asking->store = self;
  asking->database_exists = database_exists;
  g_task_set_task_data (task, asking, g_free);
  g_task_run_in_thread (task, obtain_thread);
}

KithDbKey *
kith_key_store_obtain_finish (KithKeyStore *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

typedef struct
{
  KithKeyStore *store;
  gint64 starts;
} Noting;

static void
note_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Noting *noting = data;
  KithKeyStore *self = noting->store;
  GError *error = NULL;
  gint64 before = 0;

  if (self->funcs->load_starts (self->backend, &before, &error)
      && self->funcs->save_starts (self->backend, noting->starts, &error))
    g_task_return_int (task, noting->starts <= before);
  else
    g_task_return_error (task, error);
}

void
kith_key_store_note_starts_async (KithKeyStore *self, gint64 starts, GCancellable *c, GAsyncReadyCallback cb,
                                  gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, c, cb, data);
  Noting *noting = g_new0 (Noting, 1);

  g_task_set_source_tag (task, kith_key_store_note_starts_async);
  noting->store = self;
  noting->starts = starts;
  g_task_set_task_data (task, noting, g_free);
  g_task_run_in_thread (task, note_thread);
}

gboolean
kith_key_store_note_starts_finish (KithKeyStore *self, GAsyncResult *result, gboolean *rolled_back, GError **error)
{
  gssize answer = g_task_propagate_int (G_TASK (result), error);

  *rolled_back = answer == 1;
  return answer >= 0;
}
