/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object: who we are, for every thread. */
#include <sodium.h>
#include <string.h>

#include "kith-keys-private.h"

G_DEFINE_FINAL_TYPE (KithKeys, kith_keys, G_TYPE_OBJECT)

static void
fill_from_world (void *data, KithE2eeDraw purpose, void *out, size_t n)
{
  KithKeys *self = data;

  kith_world_fill_random (self->world, out, n);
}

static void
kith_keys_finalize (GObject *object)
{
  KithKeys *self = KITH_KEYS (object);

  kith_keys_close (self);
  g_clear_pointer (&self->retired, g_ptr_array_unref);
  kith_e2ee_account_free (self->loaded);
  kith_e2ee_account_free (self->account);
  kith_e2ee_arena_free (self->arena);
  g_mutex_clear (&self->lock);
  g_clear_pointer (&self->world, kith_world_unref);
  G_OBJECT_CLASS (kith_keys_parent_class)->finalize (object);
}

static void
kith_keys_class_init (KithKeysClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = kith_keys_finalize;
  /* Main thread: the signed prekey is another one, or one-time prekeys were made. */
  g_signal_new ("bundle-changed", KITH_TYPE_KEYS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kith_keys_init (KithKeys *self)
{
  g_mutex_init (&self->lock);
  self->retired = g_ptr_array_new_with_free_func ((GDestroyNotify)kith_e2ee_account_free);
  self->pruned_day = -1;
}

/* sodium_malloc() goes on without; but whoever reads the log may raise RLIMIT_MEMLOCK. */
static void
tell_if_unlocked (void)
{
  guint8 probe[64];

  if (sodium_mlock (probe, sizeof probe) != 0)
    g_message ("Memory for secrets cannot be locked: it may be written to swap (see RLIMIT_MEMLOCK)");
  else
    sodium_munlock (probe, sizeof probe);
}

KithKeys *
kith_keys_new (KithWorld *world)
{
  KithKeys *self = g_object_new (KITH_TYPE_KEYS, NULL);

  if (sodium_init () < 0)
    g_critical ("libsodium does not start");
  tell_if_unlocked ();
  self->world = kith_world_ref (world);
  self->random.fill = fill_from_world;
  self->random.data = self;
  self->arena = kith_e2ee_arena_new ();
  if (self->arena == NULL)
    g_critical ("No locked memory for the keys");
  return self;
}

const KithE2eeAccount *
kith_keys_get_account (KithKeys *self)
{
  return g_atomic_pointer_get (&self->account);
}

const KithE2eeAccount *
kith_keys_get_newest_account (KithKeys *self)
{
  const KithE2eeAccount *account;

  g_mutex_lock (&self->lock);
  account = self->loaded != NULL ? self->loaded : self->account;
  g_mutex_unlock (&self->lock);
  return account;
}

gint64
kith_keys_now_ms (KithKeys *self)
{
  return kith_world_get_date_ms (self->world);
}

void
kith_keys_set_loaded (KithKeys *self, KithE2eeAccount *account, gint64 created_ms)
{
  g_mutex_lock (&self->lock);
  /* A job that runs a second time replaces what its first run made. */
  kith_e2ee_account_free (self->loaded);
  self->loaded = account;
  self->loaded_created_ms = created_ms;
  g_mutex_unlock (&self->lock);
}

void
kith_keys_adopt (KithKeys *self)
{
  g_mutex_lock (&self->lock);
  if (self->loaded != NULL)
    {
      if (self->account != NULL)
        g_ptr_array_add (self->retired, self->account);
      g_atomic_pointer_set (&self->account, self->loaded);
      self->created_ms = self->loaded_created_ms;
      self->loaded = NULL;
    }
  g_mutex_unlock (&self->lock);
}

gboolean
kith_keys_is_open (KithKeys *self)
{
  return kith_keys_get_account (self) != NULL;
}

gboolean
kith_keys_check_open (KithKeys *self, GError **error)
{
  if (kith_keys_get_newest_account (self) != NULL && self->arena != NULL)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_CLOSED, "The identity is not there: its store is not open");
  return FALSE;
}

const guint8 *
kith_keys_get_identity (KithKeys *self)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  return account != NULL ? account->identity : NULL;
}

GBytes *
kith_keys_dup_identity_key (KithKeys *self)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  return account != NULL ? g_bytes_new (account->identity, 32) : NULL;
}

GBytes *
kith_keys_dup_exchange_key (KithKeys *self)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  return account != NULL ? g_bytes_new (account->exchange, 32) : NULL;
}

guint32
kith_keys_get_device (KithKeys *self)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  return account != NULL ? account->device : 0;
}

gint64
kith_keys_get_created_ms (KithKeys *self)
{
  return self->created_ms;
}

char *
kith_keys_fingerprint_of (const guint8 identity[32])
{
  char out[33];

  kith_e2ee_fingerprint (identity, out);
  return g_strdup (out);
}

char *
kith_keys_dup_fingerprint (KithKeys *self)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  return account != NULL ? kith_keys_fingerprint_of (account->identity) : NULL;
}

static char *
write_number (const guint8 *a, const guint8 *b)
{
  GString *out = g_string_sized_new (72);
  char digits[61];

  kith_e2ee_safety_number (a, b, digits);
  for (guint i = 0; i < 60; i += 5)
    {
      if (i > 0)
        g_string_append_c (out, ' ');
      g_string_append_len (out, digits + i, 5);
    }
  return g_string_free (out, FALSE);
}

char *
kith_keys_safety_number (KithKeys *self, const guint8 peer[32])
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  return account != NULL ? write_number (account->identity, peer) : NULL;
}

static void
number_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const guint8 *pair = data;

  g_task_return_pointer (task, write_number (pair, pair + 32), g_free);
}

void
kith_keys_safety_number_async (KithKeys *self, const guint8 peer[32], GCancellable *c, GAsyncReadyCallback cb,
                               gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, c, cb, data);
  const KithE2eeAccount *account = kith_keys_get_account (self);
  guint8 *pair;

  g_task_set_source_tag (task, kith_keys_safety_number_async);
  if (account == NULL)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_CLOSED,
                               "The identity is not there: its store is not open");
      return;
    }
  pair = g_malloc (64);
  memcpy (pair, account->identity, 32);
  memcpy (pair + 32, peer, 32);
  g_task_set_task_data (task, pair, g_free);
  g_task_run_in_thread (task, number_thread);
}

char *
kith_keys_safety_number_finish (KithKeys *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
kith_keys_copy_exchange_secret (KithKeys *self, guint8 out[32])
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  g_return_if_fail (account != NULL);
  memcpy (out, account->exchange_secret, 32);
}

void
kith_keys_set_code_error (GError **error, KithE2eeCode code, const char *doing)
{
  KithError kind = KITH_ERROR_PROTOCOL;

  if (code == KITH_E2EE_FAILED)
    kind = KITH_ERROR_FAILED;
  else if (code == KITH_E2EE_E_IDENTITY)
    kind = KITH_ERROR_CONFLICT;
  g_set_error (error, KITH_ERROR, kind, "%s: %s", doing, kith_e2ee_code_name (code));
}
