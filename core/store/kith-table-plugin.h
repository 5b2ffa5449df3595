/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a plugin keeps (its own small store), and contents of plugins' own kinds that wait until they are taken in. */

#include "kith-db.h"

G_BEGIN_DECLS

#define KITH_PLUGIN_KEYS_MAX 1024
#define KITH_PLUGIN_KEY_BYTES_MAX 256
#define KITH_PLUGIN_VALUE_BYTES_MAX (64 * 1024)

/* NULL without error when there is no such key. */
GBytes  *kith_db_get_plugin_value (KithDb *db, const char *plugin_id, const char *key, GError **error);
/* KITH_ERROR_TOO_LARGE past 64 KiB or 1,024 keys; NULL removes. */
gboolean kith_db_set_plugin_value (KithDb *db, const char *plugin_id, const char *key, GBytes *value, GError **error);
/* Keys that begin with @prefix (nullable), sorted. */
GStrv    kith_db_list_plugin_keys (KithDb *db, const char *plugin_id, const char *prefix, GError **error);
gboolean kith_db_drop_plugin_values (KithDb *db, const char *plugin_id, GError **error);

/* The kinds that enabled plugins have registered, also in a former run. */
gboolean   kith_db_add_kind (KithDb *db, const char *kind, GError **error);
gboolean   kith_db_drop_kind (KithDb *db, const char *kind, GError **error);
GPtrArray *kith_db_list_kinds (KithDb *db, GError **error); /* full; of char* */

typedef struct
{
  gint64  row;          /* in order of arrival */
  char   *kind;         /* "x.ID.name" */
  char   *id;           /* the content's id */
  guint8  friend_key[32];
  gint64  received_ms;
  GBytes *data;         /* the content's data object as JSON */
} KithInboxRow;

void       kith_inbox_row_free (KithInboxRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithInboxRow, kith_inbox_row_free)

#define KITH_INBOX_ROWS_MAX 10000
/* In the job that received it. The same (friend, id) twice is kept once and gives 0 without error. One that
 * waits goes when KITH_INBOX_ROWS_MAX newer ones of its friend and kind have come. */
gint64 kith_db_add_inbox (KithDb *db,
                          const char *kind,
                          const guint8 friend_key[32],
                          const char *id,
                          gint64 received_ms,
                          GBytes *data,
                          GError **error);
/* Rows of @kind after row @after, at most @limit (transfer full, element KithInboxRow). */
GPtrArray *kith_db_list_inbox (KithDb *db, const char *kind, gint64 after, guint limit, GError **error);
/* The plugin said done. */
gboolean   kith_db_drop_inbox (KithDb *db, gint64 row, GError **error);

G_END_DECLS
