/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /admin, what concerns the identity: its backup and its keys. Settings, token and store are the daemon's
 * (core/daemon). */
#include <string.h>

#include "kith-json-writer.h"
#include "kith-routes.h"
#include "kith-table-people.h"

/* --- POST /admin/backup */

typedef struct
{
  KithRequest *request;
  KithKeys *keys;
  char *username, *passphrase;
  gint64 now_ms;
  GBytes *json;           /* {username, contacts}, e2ee.md §12 */
} Backup;

static void
backup_free (gpointer data)
{
  Backup *backup = data;

  g_clear_pointer (&backup->json, g_bytes_unref);
  if (backup->passphrase != NULL)
    memset (backup->passphrase, 0, strlen (backup->passphrase));
  g_free (backup->passphrase);
  g_free (backup->username);
  g_free (backup);
}

static void
person_free (gpointer data)
{
  kith_person_row_clear (data);
  g_free (data);
}

static void
collect (const KithPersonRow *row, gpointer people)
{
  KithPersonRow *copy;

  if (row->state != KITH_PERSON_FRIEND && !row->blocked)
    return;
  copy = g_new0 (KithPersonRow, 1);
  kith_person_row_copy (copy, row);
  g_ptr_array_add (people, copy);
}

static gboolean
write_contact (KithJsonWriter *w, KithDb *db, const KithPersonRow *row, gint64 now_ms, GError **error)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);

  if (!kith_table_people_get_addresses (db, row->id, now_ms, addresses, error))
    return FALSE;
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_KEY_USERNAME, row->username);
  kith_json_writer_member_base64 (w, "ik", row->ik, sizeof row->ik);
  kith_json_writer_member_bool (w, KITH_KEY_VERIFIED, row->verified);
  kith_json_writer_member_bool (w, KITH_KEY_BLOCKED, row->blocked);
  kith_json_writer_key (w, "addresses");
  kith_json_writer_begin_array (w);
  for (guint i = 0; i < addresses->len; i++)
    kith_json_writer_string (w, addresses->pdata[i]);
  kith_json_writer_end_array (w);
  kith_json_writer_end_object (w);
  return TRUE;
}

static gboolean
read_contacts (KithDb *db, gpointer data, GError **error)
{
  Backup *backup = data;
  g_autoptr (GPtrArray) people = g_ptr_array_new_with_free_func (person_free);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  if (!kith_table_people_each (db, collect, people, error))
    return FALSE;
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_USERNAME, backup->username);
  kith_json_writer_key (&w, "contacts");
  kith_json_writer_begin_array (&w);
  for (guint i = 0; i < people->len; i++)
    if (!write_contact (&w, db, people->pdata[i], backup->now_ms, error))
      return FALSE;
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  backup->json = kith_json_writer_finish (&w);
  return TRUE;
}

static void
on_backup_made (GObject *keys, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  g_autoptr (GBytes) file = kith_keys_backup_finish (KITH_KEYS (keys), result, &error);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  if (file != NULL)
    {
      gsize n;
      const void *bytes = g_bytes_get_data (file, &n);

      kith_json_writer_member_base64 (&w, "backup", bytes, n);
    }
  kith_json_writer_end_object (&w);
  kith_call_finish (request, error, 200, kith_json_writer_finish (&w));
}

static void
on_contacts_read (gpointer data, const GError *error)
{
  Backup *backup = data;

  if (error != NULL)
    {
      kith_request_fail (g_steal_pointer (&backup->request), g_error_copy (error));
      return;
    }
  kith_keys_backup_async (backup->keys, backup->passphrase, backup->json, NULL, NULL, on_backup_made,
                          g_steal_pointer (&backup->request));
}

static void
post_backup (KithRequest *request, gpointer api)
{
  const KithRooms *rooms = kith_api_get_rooms (api);
  Backup *backup;

  if (!kith_keys_is_open (rooms->keys))
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_STORE,
                                               "there is no identity: the database is not open"));
      return;
    }
  backup = g_new0 (Backup, 1);
  backup->request = request;
  backup->keys = rooms->keys;
  backup->passphrase = g_strdup (kith_route_body_string (request, "passphrase"));
  backup->now_ms = kith_world_get_date_ms (rooms->world);
  g_object_get (rooms->chat, "username", &backup->username, NULL);
  kith_store_read (rooms->store, read_contacts, on_contacts_read, backup, backup_free);
}

/* --- GET /admin/keys */

static void
get_keys (KithRequest *request, gpointer api)
{
  const KithRooms *rooms = kith_api_get_rooms (api);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string_or_null (&w, "key_store",
                                         rooms->key_store != NULL ? kith_key_store_get_name (rooms->key_store) : NULL);
  if (kith_keys_is_open (rooms->keys))
    {
      g_autofree char *fingerprint = kith_keys_dup_fingerprint (rooms->keys);

      kith_json_writer_member_string (&w, KITH_KEY_FINGERPRINT, fingerprint);
      kith_json_writer_member_int (&w, "device", kith_keys_get_device (rooms->keys));
      kith_json_writer_member_time_ms (&w, "created_at", kith_keys_get_created_ms (rooms->keys));
    }
  kith_json_writer_end_object (&w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

static const KithField backup_fields[] = {
  { "passphrase", KITH_FIELD_STRING, 0, 1024, "protects the backup" },
  { 0 },
};

static const KithField backed_fields[] = {
  { "backup", KITH_FIELD_STRING, 0, 0, "the file, base64" },
  { 0 },
};

static const KithField keys_fields[] = {
  { "key_store", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "where the key of the database is kept" },
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "of the identity key; missing: no database" },
  { "device", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "our number among the devices of this identity" },
  { "created_at", KITH_FIELD_TIME, KITH_FIELD_OPTIONAL, 0, "when the identity was made" },
  { 0 },
};

const KithHouseRoute kith_routes_admin[] = {
  { { "POST", "admin/backup", NULL, backup_fields, backed_fields, "A backup of identity and contacts" }, post_backup },
  { { "GET", "admin/keys", NULL, NULL, keys_fields, "Where the keys are, and our device" }, get_keys },
  { { 0 } },
};
