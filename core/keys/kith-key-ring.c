/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-key-ring.h"

#include <kith/kith.h>
#include <sodium.h>
#include <string.h>

#include "kith-key-source.h"
#include "kith-key-store-private.h"
#include "kith-log.h"

typedef struct
{
  char *path, *label;
  gboolean automatic, desktop;
  KithKeyKind wanted;
  KithKeyStore *file;        /* the key in the clear, and the start counter */
  KithPassphrase passphrase;
  int kind;                  /* where it is kept, as last seen; -1: not known yet. Atomic */
} Ring;

static const KithKeySource *
source_of (KithKeyKind kind)
{
  static const KithKeySource *const sources[]
      = { NULL, &kith_key_secret_service, &kith_key_portal, &kith_key_passphrase };

  return sources[kind];
}

static gpointer
data_of (Ring *ring, KithKeyKind kind)
{
  return kind == KITH_KEY_PASSPHRASE ? (gpointer)&ring->passphrase : ring->label;
}

/* --- an existing key */

static void
explain_none (KithKeyKind kind, GError **error)
{
  static const char *const texts[] = {
    [KITH_KEY_SECRET_SERVICE]
    = "The keyring gives no key for the message store: it is locked, or another one. Unlock it, "
      "then: kithctl key unlock",
    [KITH_KEY_PORTAL] = "The Secret portal gives no key for the message store; try: kithctl key unlock",
    [KITH_KEY_PASSPHRASE] = "The message store is locked by a passphrase: kithctl key unlock",
  };

  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_STORE, texts[kind]);
}

static gboolean
open_slot (Ring *ring, const KithKeySlot *slot, KithDbKey *key, GError **error)
{
  const KithKeySource *source = source_of (slot->kind);
  guint8 *secret = sodium_malloc (32);
  gboolean found = FALSE, ok = FALSE;

  if (source->get (data_of (ring, slot->kind), slot, secret, &found, error))
    {
      ok = found && kith_key_slot_unwrap (slot, secret, key);
      if (!found)
        explain_none (slot->kind, error);
      else if (!ok)
        g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "%s", slot->kind == KITH_KEY_PASSPHRASE
                         ? "This is not the passphrase of the message store"
                         : "The key that was found does not belong to this message store; put the right key file back");
    }
  sodium_free (secret);
  return ok;
}

static gboolean
ring_load (gpointer backend, KithDbKey *key, gboolean *found, GCancellable *cancellable, GError **error)
{
  Ring *ring = backend;
  KithKeySlot slot;

  if (!kith_key_slot_read (ring->path, &slot, NULL, found, error))
    return FALSE;
  if (!*found)
    return TRUE;
  g_atomic_int_set (&ring->kind, (int)slot.kind);
  if (slot.kind == KITH_KEY_FILE)
    return ring->file->funcs->load (ring->file->backend, key, found, cancellable, error);
  *found = open_slot (ring, &slot, key, error);
  return *found;
}

/* --- a new key, or another place for it */

static gboolean
keep_by (Ring *ring, KithKeyKind kind, const KithDbKey *key, GError **error)
{
  const KithKeySource *source = source_of (kind);
  KithKeySlot slot = { .kind = kind };
  guint8 *secret = sodium_malloc (32);
  KithDbKey *again = sodium_malloc (sizeof *again);
  gboolean ok;

  kith_e2ee_sodium_random.fill (NULL, KITH_E2EE_DRAW_SALT, slot.salt, sizeof slot.salt);
  ok = source->make (data_of (ring, kind), &slot, secret, error);
  if (ok)
    {
      kith_key_slot_wrap (&slot, secret, key);
      /* Asked again, as the next start will: nothing is replaced before that works. */
      ok = open_slot (ring, &slot, again, error) && sodium_memcmp (again, key, sizeof *key) == 0
           && kith_key_slot_write (ring->path, &slot, error);
    }
  sodium_free (secret);
  sodium_free (again);
  if (ok)
    g_atomic_int_set (&ring->kind, (int)kind);
  return ok;
}

static gboolean
try_automatic (Ring *ring, KithKeyKind kind, const KithDbKey *key)
{
  g_autoptr (GError) problem = NULL;

  if (keep_by (ring, kind, key, &problem))
    return TRUE;
  kith_warning ("The key of the message store is not kept by %s: %s", kith_key_kind_name (kind), problem->message);
  return FALSE;
}

static gboolean
ring_save (gpointer backend, const KithDbKey *key, GCancellable *cancellable, GError **error)
{
  Ring *ring = backend;

  if (!ring->automatic && ring->wanted != KITH_KEY_FILE)
    return keep_by (ring, ring->wanted, key, error);
  if (ring->automatic && kith_key_portal_is_there () && try_automatic (ring, KITH_KEY_PORTAL, key))
    return TRUE;
  if (ring->automatic && ring->desktop && kith_key_secret_service_is_there ()
      && try_automatic (ring, KITH_KEY_SECRET_SERVICE, key))
    return TRUE;
  if (!ring->file->funcs->save (ring->file->backend, key, cancellable, error))
    return FALSE;
  g_atomic_int_set (&ring->kind, KITH_KEY_FILE);
  return TRUE;
}

static gboolean
ring_load_starts (gpointer backend, gint64 *starts, GError **error)
{
  Ring *ring = backend;

  return ring->file->funcs->load_starts (ring->file->backend, starts, error);
}

static gboolean
ring_save_starts (gpointer backend, gint64 starts, GError **error)
{
  Ring *ring = backend;

  return ring->file->funcs->save_starts (ring->file->backend, starts, error);
}

static const char *
ring_get_name (gpointer backend)
{
  int kind = g_atomic_int_get (&((Ring *)backend)->kind);

  return kind < 0 ? "none" : kith_key_kind_name ((KithKeyKind)kind);
}

static void
clear_passphrase (Ring *ring)
{
  if (ring->passphrase.text != NULL)
    sodium_free (ring->passphrase.text);
  ring->passphrase.text = NULL;
}

static void
ring_free (gpointer backend)
{
  Ring *ring = backend;

  clear_passphrase (ring);
  kith_key_store_free (ring->file);
  g_free (ring->path);
  g_free (ring->label);
  g_free (ring);
}

static const KithKeyStoreFuncs funcs
    = { "ring", ring_load, ring_save, ring_load_starts, ring_save_starts, ring_free, ring_get_name };

KithKeyStore *
kith_key_ring_new (const char *path, const char *wanted, gboolean desktop, const char *label)
{
  Ring *ring = g_new0 (Ring, 1);

  ring->path = g_strdup (path);
  ring->label = g_strdup (label);
  ring->automatic = !kith_key_kind_parse (wanted, &ring->wanted);
  ring->desktop = desktop;
  ring->file = kith_key_file_new (path);
  ring->passphrase.cost = kith_e2ee_cost_moderate;
  ring->kind = -1;
  return kith_key_store_new (&funcs, ring);
}

void
kith_key_ring_give_passphrase (KithKeyStore *store, const char *passphrase)
{
  Ring *ring = store->backend;
  gsize n = passphrase == NULL ? 0 : strlen (passphrase) + 1;

  clear_passphrase (ring);
  if (n == 0)
    return;
  ring->passphrase.text = sodium_malloc (n);
  memcpy (ring->passphrase.text, passphrase, n);
}

void
kith_key_ring_set_cost (KithKeyStore *store, KithE2eeCost cost)
{
  ((Ring *)store->backend)->passphrase.cost = cost;
}

/* --- moving */

static gboolean
keep_anew (Ring *ring, KithKeyKind to, const KithDbKey *key, GError **error)
{
  if (to != KITH_KEY_FILE)
    return keep_by (ring, to, key, error);
  if (!kith_key_plain_write (ring->path, key, error))
    return FALSE;
  g_atomic_int_set (&ring->kind, KITH_KEY_FILE);
  return TRUE;
}

static void
move_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  KithKeyStore *store = g_task_get_task_data (task);
  Ring *ring = store->backend;
  KithKeyKind to = (KithKeyKind)GPOINTER_TO_INT (g_object_get_data (G_OBJECT (task), "to"));
  KithDbKey *key = g_object_get_data (G_OBJECT (task), "key");
  KithKeySlot old = { 0 };
  gboolean found = FALSE;
  GError *error = NULL;

  if (!kith_key_slot_read (ring->path, &old, NULL, &found, &error) || !keep_anew (ring, to, key, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (found && old.kind != KITH_KEY_FILE && source_of (old.kind)->forget != NULL)
    source_of (old.kind)->forget (data_of (ring, old.kind), &old);
  g_task_return_boolean (task, TRUE);
}

typedef struct
{
  KithKeyKind to;
  char *passphrase; /* sodium memory, nullable */
} Move;

static void
move_free (gpointer data)
{
  Move *move = data;

  if (move->passphrase != NULL)
    sodium_free (move->passphrase);
  g_free (move);
}

/* The present key is asked for first, with the passphrase that opened it; only then the new passphrase takes its place.
 */
static void
on_present_key (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  KithKeyStore *store = g_task_get_task_data (task);
  Move *move = g_object_get_data (G_OBJECT (task), "move");
  GError *error = NULL;
  KithDbKey *key = kith_key_store_obtain_finish (store, result, &error);

  if (key == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_object_set_data_full (G_OBJECT (task), "key", key, (GDestroyNotify)kith_db_key_free);
  g_object_set_data (G_OBJECT (task), "to", GINT_TO_POINTER (move->to));
  if (move->to == KITH_KEY_PASSPHRASE)
    kith_key_ring_give_passphrase (store, move->passphrase);
  g_task_run_in_thread (task, move_thread);
}

void
kith_key_ring_move_async (KithKeyStore *store, KithKeyKind to, const char *passphrase, GCancellable *c,
                          GAsyncReadyCallback cb, gpointer data)
{
  GTask *task = g_task_new (NULL, c, cb, data);
  Move *move = g_new0 (Move, 1);
  gsize n = passphrase == NULL ? 0 : strlen (passphrase) + 1;

  g_task_set_source_tag (task, kith_key_ring_move_async);
  g_task_set_task_data (task, store, NULL);
  move->to = to;
  if (n > 0)
    {
      move->passphrase = sodium_malloc (n);
      memcpy (move->passphrase, passphrase, n);
    }
  g_object_set_data_full (G_OBJECT (task), "move", move, move_free);
  kith_key_store_obtain_async (store, TRUE, c, on_present_key, task);
}

gboolean
kith_key_ring_move_finish (KithKeyStore *store, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
