/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Works on the files of a stopped daemon: the identity of a backup, on a new device number, with its contacts. */
#include "kith-cli.h"
#include "kith-home.h"
#include "kith-key-store.h"
#include "kith-keys.h"
#include "kith-key-ring.h"
#include "kith-settings.h"
#include "kith-table-people.h"
#include <glib/gstdio.h>
#include <kith/kith.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_BACKUP_BYTES (64 * 1024 * 1024)

typedef struct
{
  KithCli *cli;
  GMainLoop *loop;
  KithWorld *world;
  KithHome *home;
  KithStore *store;
  KithKeys *keys;
  KithBackup *backup;
  JsonObject *contents;            /* username, contacts; none */
  JsonNode *root;
  gboolean had_database;
  guint n_contacts;
  GAsyncResult *result;
  GError *error;
} Restore;

/* --- the backup */

static void
on_opened (GObject *source, GAsyncResult *result, gpointer data)
{
  Restore *self = data;

  self->result = g_object_ref (result);
  g_main_loop_quit (self->loop);
}

static GBytes *
read_file (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);

  if (file == NULL)
    return NULL;
  if (g_mapped_file_get_length (file) > MAX_BACKUP_BYTES)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, _("%s is too large for a backup"), path);
      return NULL;
    }
  return g_bytes_new (g_mapped_file_get_contents (file), g_mapped_file_get_length (file));
}

static gboolean
open_backup (Restore *self, const char *path, GError **error)
{
  g_autoptr (GBytes) file = read_file (path, error);
  char *passphrase;
  gsize n;
  const char *text;

  if (file == NULL)
    return FALSE;
  passphrase = kith_cli_read_passphrase (self->cli, FALSE, error);
  if (passphrase == NULL)
    return FALSE;
  kith_backup_open_async (file, passphrase, NULL, on_opened, self);
  g_main_loop_run (self->loop);
  sodium_memzero (passphrase, strlen (passphrase));
  g_free (passphrase);
  self->backup = kith_backup_open_finish (self->result, error);
  if (self->backup == NULL)
    return FALSE;
  text = g_bytes_get_data (kith_backup_get_json (self->backup), &n);
  self->root = kith_json_parse (text, (gssize) n, error);
  if (self->root == NULL)
    return FALSE;
  if (JSON_NODE_HOLDS_OBJECT (self->root))
    self->contents = json_node_get_object (self->root);
  return TRUE;
}

/* --- the database */

static gboolean
open_store (Restore *self, GError **error)
{
  g_autoptr (KithSettings) settings = kith_settings_new (self->cli->profile, self->cli->config, error);
  g_autofree char *wanted
      = settings == NULL ? NULL : g_settings_get_string (kith_settings_get_main (settings), "key-store");
  g_autoptr (KithKeyStore) key_store
      = kith_key_ring_new (self->home->key, wanted, self->cli->config == NULL,
                           self->cli->profile != NULL ? self->cli->profile : "default");
  g_auto (GStrv) copies = kith_store_list_copies (self->home->database);
  g_autoptr (KithDbKey) key = NULL;
  KithStoreOpenFlags flags = KITH_STORE_OPEN_CREATE;

  if (settings == NULL)
    return FALSE;
  self->had_database = g_access (self->home->database, F_OK) == 0;
  key = kith_key_store_obtain (key_store, self->had_database || (copies != NULL && copies[0] != NULL), NULL, error);
  if (key == NULL)
    return FALSE;
  if (!self->had_database && (copies == NULL || copies[0] == NULL))
    flags |= KITH_STORE_OPEN_ANEW;   /* an identity of one's own making is the wish, whatever was here before */
  kith_store_expect_starts (self->store, kith_key_store_get_starts (key_store));
  return kith_store_open (self->store, self->home->database, (const guint8 *) key, flags, error);
}

static void
on_done (gpointer data, const GError *error)
{
  Restore *self = data;

  self->error = error == NULL ? NULL : g_error_copy (error);
  g_main_loop_quit (self->loop);
}

static gboolean
run_job (Restore *self, KithJobFunc job, GError **error)
{
  kith_store_submit (self->store, KITH_LANE_FRONT, job, on_done, self, NULL);
  g_main_loop_run (self->loop);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

/* An identity that is there already and is another one goes for good: that must be wanted. */
static gboolean
check_identity (KithDb *db, gpointer data, GError **error)
{
  Restore *self = data;

  if (!kith_keys_load (self->keys, db, error))
    return FALSE;
  if (memcmp (kith_keys_get_identity (self->keys), kith_backup_get_identity (self->backup), 32) == 0
      || self->cli->force)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT,
               _ ("another identity lives in %s and would be lost: back it up first, give another --profile or --data, "
                  "or say --force"),
               self->home->data);
  return FALSE;
}

/* --- contacts */

static gboolean
read_contact (JsonObject *contact, KithPersonRow *row)
{
  const char *username = kith_cli_string (contact, "username");
  g_autofree guint8 *ik = NULL;
  gsize n = 0;

  if (*kith_cli_string (contact, "ik") != '\0')
    ik = g_base64_decode (kith_cli_string (contact, "ik"), &n);
  if (n != sizeof row->ik || *username == '\0')
    return FALSE;
  memcpy (row->ik, ik, sizeof row->ik);
  g_free (row->username);
  row->username = g_strdup (username);
  row->verified = kith_cli_bool (contact, "verified");
  row->blocked = kith_cli_bool (contact, "blocked");
  /* Whether a blocked one had been a friend is not in a backup; they come back as what is safe. */
  row->state = row->blocked ? KITH_PERSON_NONE : KITH_PERSON_FRIEND;
  return TRUE;
}

static gboolean
save_addresses (KithDb *db, gint64 person, JsonObject *contact, gint64 now_ms, GError **error)
{
  JsonNode *node = json_object_get_member (contact, "addresses");
  JsonArray *addresses = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; addresses != NULL && i < json_array_get_length (addresses) && i < KITH_ADDRESSES_MAX; i++)
    {
      JsonNode *uri = json_array_get_element (addresses, i);

      if (JSON_NODE_HOLDS_VALUE (uri) && json_node_get_value_type (uri) == G_TYPE_STRING
          && !kith_table_people_add_address (db, person, json_node_get_string (uri), now_ms, 0, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
save_contact (Restore *self, KithDb *db, JsonObject *contact, GError **error)
{
  gint64 now_ms = kith_world_get_date_ms (self->world);
  g_auto (KithPersonRow) known = { 0 };
  g_auto (KithPersonRow) row = { .allow = { -1, -1, -1 }, .added_ms = now_ms };
  g_autoptr (GError) why = NULL;
  gboolean is_known;

  if (!read_contact (contact, &row))
    return TRUE;
  is_known = kith_table_people_get_ik (db, row.ik, &known, &why);
  if (why != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  self->n_contacts++;
  if (is_known)
    {
      read_contact (contact, &known);
      return kith_table_people_save (db, &known, error) && save_addresses (db, known.id, contact, now_ms, error);
    }
  return kith_table_people_add (db, &row, kith_cli_string (self->contents, "username"), error)
         && kith_table_people_save (db, &row, error) && save_addresses (db, row.id, contact, now_ms, error);
}

static gboolean
restore_all (KithDb *db, gpointer data, GError **error)
{
  Restore *self = data;
  JsonNode *node = self->contents == NULL ? NULL : json_object_get_member (self->contents, "contacts");
  JsonArray *contacts = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  self->n_contacts = 0;            /* a job may run twice */
  if (!kith_keys_restore (self->keys, db, self->backup, error))
    return FALSE;
  for (guint i = 0; contacts != NULL && i < json_array_get_length (contacts); i++)
    {
      JsonNode *contact = json_array_get_element (contacts, i);

      if (JSON_NODE_HOLDS_OBJECT (contact) && !save_contact (self, db, json_node_get_object (contact), error))
        return FALSE;
    }
  /* The daemon's next start tells them: content.md §4. */
  return kith_db_set_meta (db, "chat-restored", "1", error);
}

/* The name of the backup, unless the settings name one already. */
static gboolean
restore_username (Restore *self, GError **error)
{
  const char *username = self->contents == NULL ? "" : kith_cli_string (self->contents, "username");
  g_autoptr (KithSettings) settings = kith_settings_new (self->cli->profile, self->cli->config, error);
  g_autoptr (GVariant) chosen = NULL;

  if (settings == NULL)
    return FALSE;
  chosen = g_settings_get_user_value (kith_settings_get_main (settings), "username");
  if (chosen == NULL && *username != '\0')
    g_settings_set_string (kith_settings_get_main (settings), "username", username);
  g_settings_sync ();
  return TRUE;
}

/* --- all of it */

static gboolean
restore (Restore *self, const char *path, GError **error)
{
  self->home = kith_home_new (self->cli->profile, self->cli->data, error);
  if (self->home == NULL || !open_backup (self, path, error))
    return FALSE;
  self->store = kith_store_new (self->world);
  self->keys = kith_keys_new (self->world);
  if (!open_store (self, error))
    return FALSE;
  if (self->had_database && !run_job (self, check_identity, error))
    return FALSE;
  if (!run_job (self, restore_all, error))
    return FALSE;
  kith_keys_adopt (self->keys);
  return restore_username (self, error);
}

int
kith_cli_restore (KithCli *cli, int argc, char **argv)
{
  Restore self = { .cli = cli, .world = kith_world_new (), .loop = g_main_loop_new (NULL, FALSE) };
  g_autoptr (GError) error = NULL;
  int status = KITH_CLI_OK;

  if (!kith_process_harden (&error) || !restore (&self, argv[0], &error))
    status = kith_cli_fail (cli, KITH_CLI_ERROR, "%s", error->message);
  else if (cli->json)
    printf ("{\"contacts\":%u}\n", self.n_contacts);
  else
    printf (
        ngettext ("The identity is back, with %u contact. Start kithd: it tells your friends of this new device.\n",
                  "The identity is back, with %u contacts. Start kithd: it tells your friends of this new device.\n",
                  self.n_contacts),
        self.n_contacts);
  if (self.store != NULL)
    kith_store_close (self.store);
  g_clear_object (&self.keys);
  g_clear_object (&self.store);
  g_clear_object (&self.result);
  g_clear_pointer (&self.backup, kith_backup_free);
  g_clear_pointer (&self.root, json_node_unref);
  g_clear_pointer (&self.home, kith_home_free);
  g_main_loop_unref (self.loop);
  kith_world_unref (self.world);
  return status;
}
