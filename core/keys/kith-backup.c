/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backup files, made and opened in a worker thread: Argon2id takes its time and 256 MiB. */
#include <sodium.h>
#include <string.h>

#include "kith-keys-private.h"

struct _KithBackup
{
  KithE2eeAccount *account; /* holds the seed; its device means nothing */
  gint64 created_ms;
  GBytes *json;
};

/* What the thread works on. Secrets in locked memory. */
typedef struct
{
  char *passphrase;
  guint8 *seed; /* NULL: opening */
  guint64 created;
  GBytes *bytes; /* JSON, or the file */
  KithE2eeCost cost;
  const KithE2eeRandom *random;
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  sodium_free (work->passphrase);
  sodium_free (work->seed);
  g_bytes_unref (work->bytes);
  g_free (work);
}

/* UTF-8 in form NFC, in locked memory: the same passphrase typed on another keyboard has the same bytes. */
static char *
normalize (const char *passphrase, GError **error)
{
  char *normal = g_utf8_validate (passphrase, -1, NULL) ? g_utf8_normalize (passphrase, -1, G_NORMALIZE_NFC) : NULL;
  gsize n = normal != NULL ? strlen (normal) : 0;
  char *out = n > 0 ? sodium_malloc (n + 1) : NULL;

  if (out != NULL)
    memcpy (out, normal, n + 1);
  else
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "A passphrase is UTF-8 text of at least one character");
  if (normal != NULL)
    sodium_memzero (normal, n);
  g_free (normal);
  return out;
}

static Work *
work_new (const char *passphrase, GBytes *bytes, GError **error)
{
  char *normal = normalize (passphrase, error);
  Work *work;

  if (normal == NULL)
    return NULL;
  work = g_new0 (Work, 1);
  work->passphrase = normal;
  work->bytes = g_bytes_ref (bytes);
  return work;
}

static void
write_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Work *work = data;
  gsize n_json, n = 0;
  const void *json = g_bytes_get_data (work->bytes, &n_json);
  guint8 *out = g_malloc (kith_e2ee_backup_bound (n_json));
  KithE2eeCode code = kith_e2ee_backup_write (work->random, work->passphrase, work->seed, work->created, json, n_json,
                                              work->cost, out, &n);

  if (code == KITH_E2EE_OK)
    {
      g_task_return_pointer (task, g_bytes_new_take (out, n), (GDestroyNotify)g_bytes_unref);
      return;
    }
  g_free (out);
  if (code == KITH_E2EE_FAILED)
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_FAILED,
                             "A backup needs %u MiB of memory for its passphrase", work->cost.memlimit_kib / 1024);
  else
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_INVALID,
                             "A backup of that size or at that cost is not made");
}

void
kith_keys_backup_async (KithKeys *self, const char *passphrase, GBytes *json, const KithE2eeCost *cost,
                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  const KithE2eeAccount *account = kith_keys_get_account (self);
  GError *error = NULL;
  Work *work = NULL;

  g_task_set_source_tag (task, kith_keys_backup_async);
  if (kith_keys_check_open (self, &error) && account != NULL)
    work = work_new (passphrase, json, &error);
  if (work == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  work->seed = sodium_malloc (32);
  if (work->seed == NULL)
    {
      work_free (work);
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_FAILED, "No memory for a backup");
      return;
    }
  memcpy (work->seed, account->seed, 32);
  work->created = (guint64)kith_keys_now_ms (self);
  work->cost = cost != NULL ? *cost : kith_e2ee_cost_moderate;
  work->random = &self->random;
  g_task_set_task_data (task, work, work_free);
  g_task_run_in_thread (task, write_thread);
}

GBytes *
kith_keys_backup_finish (KithKeys *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
kith_backup_free (KithBackup *self)
{
  kith_e2ee_account_free (self->account);
  g_bytes_unref (self->json);
  g_free (self);
}

static KithE2eeCode
open_file (const Work *work, guint8 *out, guint8 *seed, KithBackup **backup)
{
  gsize n, at, n_json;
  const void *file = g_bytes_get_data (work->bytes, &n);
  guint64 created;
  KithE2eeCode code = kith_e2ee_backup_open (work->passphrase, file, n, out, seed, &created, &at, &n_json);
  KithE2eeAccount *account;

  if (code != KITH_E2EE_OK)
    return code;
  account = created <= G_MAXINT64 ? kith_e2ee_account_new (seed, 1) : NULL;
  if (account == NULL)
    return created <= G_MAXINT64 ? KITH_E2EE_FAILED : KITH_E2EE_E_LENGTH;
  *backup = g_new0 (KithBackup, 1);
  (*backup)->account = account;
  (*backup)->created_ms = (gint64)created;
  (*backup)->json = g_bytes_new (out + at, n_json);
  return KITH_E2EE_OK;
}

static void
return_open_error (GTask *task, KithE2eeCode code, guint32 memlimit_kib)
{
  switch (code)
    {
    case KITH_E2EE_E_AUTH:
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_REFUSED,
                               "The passphrase is wrong, or the backup was damaged");
      break;
    case KITH_E2EE_FAILED:
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_FAILED, "The backup needs %u MiB of memory to be opened",
                               memlimit_kib / 1024);
      break;
    case KITH_E2EE_E_VERSION:
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_INVALID,
                               "This is no identity backup of kith, or one of a newer kith");
      break;
    default:
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_INVALID,
                               "The backup is malformed, or asks for more than 1 GiB of memory");
      break;
    }
}

static void
open_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Work *work = data;
  gsize n = g_bytes_get_size (work->bytes);
  KithE2eeCost cost = { 0, 0 };
  KithBackup *backup = NULL;
  KithE2eeCode code = kith_e2ee_backup_peek (g_bytes_get_data (work->bytes, NULL), n, &cost);

  if (code == KITH_E2EE_OK)
    {
      /* The seed stands in the body, too. */
      guint8 *out = sodium_malloc (n), *seed = sodium_malloc (32);

      code = out != NULL && seed != NULL ? open_file (work, out, seed, &backup) : KITH_E2EE_FAILED;
      sodium_free (out);
      sodium_free (seed);
    }
  if (code == KITH_E2EE_OK)
    g_task_return_pointer (task, backup, (GDestroyNotify)kith_backup_free);
  else
    return_open_error (task, code, cost.memlimit_kib);
}

void
kith_backup_open_async (GBytes *file, const char *passphrase, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  GError *error = NULL;
  Work *work;

  g_task_set_source_tag (task, kith_backup_open_async);
  if (sodium_init () < 0)
    g_critical ("libsodium does not start");
  work = work_new (passphrase, file, &error);
  if (work == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_task_set_task_data (task, work, work_free);
  g_task_run_in_thread (task, open_thread);
}

KithBackup *
kith_backup_open_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

GBytes *
kith_backup_get_json (KithBackup *self)
{
  return self->json;
}

const guint8 *
kith_backup_get_identity (KithBackup *self)
{
  return self->account->identity;
}

gint64
kith_backup_get_created_ms (KithBackup *self)
{
  return self->created_ms;
}

void
kith_backup_copy_seed (KithBackup *self, guint8 seed[32])
{
  memcpy (seed, self->account->seed, 32);
}
