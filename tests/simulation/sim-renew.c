/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A machine is lost, and its identity comes back from a backup on another one: a new device without a history. */
#include "sim.h"

static const KithE2eeCost cheap = { 1, 8 };

typedef struct
{
  const char *name;
  GBytes *json, *file;
  KithBackup *backup;
} Making;

static gboolean
print_contacts (KithDb *db, gpointer data, GError **error)
{
  Making *making = data;

  g_clear_pointer (&making->json, g_bytes_unref);
  making->json = kith_contacts_print (db, making->name, error);
  return making->json != NULL;
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  ((Making *)data)->file = kith_keys_backup_finish (KITH_KEYS (source), result, NULL);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer data)
{
  ((Making *)data)->backup = kith_backup_open_finish (result, NULL);
}

/* Takes a real thread, so only while everything is prepared. */
KithBackup *
sim_node_backup (Node *node)
{
  Making making = { node->name, NULL, NULL, NULL };

  sim_node_read (node, print_contacts, &making);
  kith_keys_backup_async (node->keys, "passphrase", making.json, &cheap, NULL, on_written, &making);
  while (making.file == NULL)
    g_main_context_iteration (node->sim->context, TRUE);
  kith_backup_open_async (making.file, "passphrase", NULL, on_opened, &making);
  while (making.backup == NULL)
    g_main_context_iteration (node->sim->context, TRUE);
  g_bytes_unref (making.json);
  g_bytes_unref (making.file);
  return making.backup;
}

typedef struct
{
  Node *node;
  KithKeys *keys;
  KithBackup *backup;
} Restoring;

static gboolean
restore (KithDb *db, gpointer data, GError **error)
{
  Restoring *restoring = data;
  g_autofree char *username = NULL;

  return kith_keys_restore (restoring->keys, db, restoring->backup, error)
         && kith_contacts_restore (db, kith_backup_get_json (restoring->backup),
                                   kith_world_get_date_ms (restoring->node->world), &username, error);
}

/* Nothing that was said to them or by them before is asked for any more. */
static void
void_messages (Node *node)
{
  Sim *sim = node->sim;

  for (guint i = 0; i < sim->messages->len; i++)
    {
      Message *message = g_ptr_array_index (sim->messages, i);

      message->voided = message->voided || message->from == node || message->to == node;
    }
  for (guint i = 0; i < sim->n_nodes; i++)
    sim->disturbed[node->index][i] = sim->disturbed[i][node->index] = TRUE;
}

/* Of one that is up; it is up again afterwards. */
void
sim_node_renew (Node *node, KithBackup *backup)
{
  Restoring restoring = { node, NULL, backup };
  g_autoptr (GError) error = NULL;

  sim_node_kill (node, sim_percent (node->sim, 50));
  void_messages (node);
  sim_node_lose_files (node);
  node->renewed = TRUE;
  node->store = kith_store_new (node->world);
  kith_store_open (node->store, node->path, node->key, KITH_STORE_OPEN_CREATE, &error);
  g_assert_no_error (error);
  restoring.keys = kith_keys_new (node->world);
  sim_node_read (node, restore, &restoring);
  kith_keys_adopt (restoring.keys);
  kith_store_close (node->store);
  sim_turn (node->sim);
  g_object_unref (restoring.keys);
  g_clear_object (&node->store);
  sim_node_start (node);
}
