/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat.h"
#include "kith-event-private.h"
#include "kith-invite.h"
#include "kith-json-writer.h"
#include "kith-people.h"
#include <sodium.h>
#include <string.h>

/* The contacts of an identity backup: {username, contacts:[{username, ik, verified, blocked, addresses}]} (e2ee.md
 * §12). */
typedef struct
{
  KithDb *db;
  KithJsonWriter *writer;
  GError *error;
} Printing;

static void
print_contact (const KithPersonRow *row, gpointer data)
{
  Printing *printing = data;
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);
  KithJsonWriter *writer = printing->writer;

  if (printing->error != NULL || (row->state != KITH_PERSON_FRIEND && !row->blocked) ||
      !kith_table_people_get_addresses (printing->db, row->id, 0, addresses, &printing->error))
    return;
  kith_json_writer_begin_object (writer);
  kith_json_writer_member_string (writer, KITH_KEY_USERNAME, row->username);
  kith_json_writer_member_base64 (writer, "ik", row->ik, sizeof row->ik);
  kith_json_writer_member_bool (writer, KITH_KEY_VERIFIED, row->verified);
  kith_json_writer_member_bool (writer, KITH_KEY_BLOCKED, row->blocked);
  kith_json_writer_member_bool (writer, "friend", row->state == KITH_PERSON_FRIEND);
  kith_json_writer_key (writer, "addresses");
  kith_json_writer_begin_array (writer);
  for (guint i = 0; i < addresses->len; i++)
    kith_json_writer_string (writer, g_ptr_array_index (addresses, i));
  kith_json_writer_end_array (writer);
  kith_json_writer_end_object (writer);
}

GBytes *
kith_contacts_print (KithDb *db, const char *username, GError **error)
{
  g_auto (KithJsonWriter) writer = { NULL };
  Printing printing = { db, &writer, NULL };

  kith_json_writer_init (&writer);
  kith_json_writer_begin_object (&writer);
  kith_json_writer_member_string (&writer, KITH_KEY_USERNAME, username);
  kith_json_writer_key (&writer, "contacts");
  kith_json_writer_begin_array (&writer);
  if (!kith_table_people_each (db, print_contact, &printing, error))
    return NULL;
  if (printing.error != NULL)
    {
      g_propagate_error (error, printing.error);
      return NULL;
    }
  kith_json_writer_end_array (&writer);
  kith_json_writer_end_object (&writer);
  return kith_json_writer_finish (&writer);
}

/* --- restoring */

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

static gboolean
get_flag (JsonObject *object, const char *name, gboolean otherwise)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN ? json_node_get_boolean (node) : otherwise;
}

static gboolean
read_key (JsonObject *contact, guint8 *ik)
{
  const char *text = get_string (contact, "ik");
  guint8 exchange[32];
  gsize n = 0;

  return text != NULL
         && sodium_base642bin (ik, 32, text, strlen (text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0
         && n == 32 && kith_e2ee_exchange_key (ik, exchange) == KITH_E2EE_OK;
}

static gboolean
restore_addresses (KithDb *db, gint64 person, JsonObject *contact, gint64 now_ms, GError **error)
{
  JsonNode *node = json_object_get_member (contact, "addresses");
  JsonArray *addresses = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = addresses == NULL ? 0 : MIN (json_array_get_length (addresses), KITH_ADDRESSES_MAX);

  for (guint i = 0; i < n; i++)
    {
      JsonNode *element = json_array_get_element (addresses, i);
      const char *address = json_node_get_value_type (element) == G_TYPE_STRING ? json_node_get_string (element) : NULL;

      if (address != NULL && kith_address_is_valid (address) &&
          !kith_table_people_add_address (db, person, address, now_ms, 0, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
restore_contact (KithDb *db, JsonNode *node, const char *own_name, gint64 now_ms, GError **error)
{
  JsonObject *contact = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *username = contact == NULL ? NULL : get_string (contact, KITH_KEY_USERNAME);
  g_auto (KithPersonRow) row = { 0 };
  guint8 ik[32];
  GError *failure = NULL;

  if (username == NULL || !kith_name_is_username (username, FALSE) || !read_key (contact, ik))
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                           "the backup has a contact without a valid name or key");
      return FALSE;
    }
  if (kith_table_people_get_ik (db, ik, &row, &failure) || failure != NULL)
    {
      if (failure != NULL)
        g_propagate_error (error, failure);
      return failure == NULL;
    }
  memcpy (row.ik, ik, sizeof row.ik);
  row.username = g_strdup (username);
  row.state = get_flag (contact, "friend", TRUE) ? KITH_PERSON_FRIEND : KITH_PERSON_NONE;
  row.verified = get_flag (contact, KITH_KEY_VERIFIED, FALSE);
  row.blocked = get_flag (contact, KITH_KEY_BLOCKED, FALSE);
  memset (row.allow, -1, sizeof row.allow);
  row.added_ms = now_ms;
  return kith_table_people_add (db, &row, own_name, error) && restore_addresses (db, row.id, contact, now_ms, error);
}

gboolean
kith_contacts_restore (KithDb *db, GBytes *json, gint64 now_ms, char **username, GError **error)
{
  gsize n = 0;
  const char *text = g_bytes_get_data (json, &n);
  g_autoptr (JsonNode) root = kith_json_parse (text, (gssize) n, error);
  JsonObject *object = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  JsonNode *list = object == NULL ? NULL : json_object_get_member (object, "contacts");
  const char *own = object == NULL ? NULL : get_string (object, KITH_KEY_USERNAME);

  if (root == NULL)
    return FALSE;
  if (own == NULL || !kith_name_is_username (own, FALSE) || list == NULL || !JSON_NODE_HOLDS_ARRAY (list))
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "the backup names no user and contacts");
      return FALSE;
    }
  for (guint i = 0; i < json_array_get_length (json_node_get_array (list)); i++)
    if (!restore_contact (db, json_array_get_element (json_node_get_array (list), i), own, now_ms, error))
      return FALSE;
  *username = g_strdup (own);
  return kith_db_set_meta (db, "chat-restored", "1", error);
}
