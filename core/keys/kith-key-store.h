/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the key of the database is kept. A back end is a small table of functions; the 0600 file is one of them. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  guint8 key[32];
  guint8 salt[16];
} KithDbKey;

typedef struct _KithKeyStore KithKeyStore;

typedef struct
{
  const char *name; /* as /status reports it: "file", … */
  /* Blocking, on a worker thread. TRUE with *found = FALSE: it answered that there is none. */
  gboolean (*load) (gpointer backend, KithDbKey *key, gboolean *found, GCancellable *cancellable, GError **error);
  gboolean (*save) (gpointer backend, const KithDbKey *key, GCancellable *cancellable,
                    GError **error); /* durable when it returns */
  /* Beside the key: how often the database had been opened at its last start. 0: never noted. */
  gboolean (*load_starts) (gpointer backend, gint64 *starts, GError **error);
  gboolean (*save_starts) (gpointer backend, gint64 starts, GError **error);
  void (*free) (gpointer backend);
  const char *(*get_name) (
      gpointer backend); /* nullable: where it is kept at the moment, in place of name. Any thread */
} KithKeyStoreFuncs;

KithKeyStore *kith_key_store_new (const KithKeyStoreFuncs *funcs, gpointer backend);
/* The 0600 file: 48 bytes beside the database, in a 0700 directory of ours. */
KithKeyStore *kith_key_file_new (const char *path);
void kith_key_store_free (KithKeyStore *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithKeyStore, kith_key_store_free)
const char *kith_key_store_get_name (KithKeyStore *self);

/* The key in locked memory (free with kith_db_key_free()). Makes one when there is none, unless `database_exists`:
 * then "none" is an error and never a reason for a new key. Blocking: a worker's work, or the _async form. */
KithDbKey *kith_key_store_obtain (KithKeyStore *self, gboolean database_exists, GCancellable *cancellable,
                                  GError **error);
void kith_key_store_obtain_async (KithKeyStore *self, gboolean database_exists, GCancellable *c,
                                  GAsyncReadyCallback cb, gpointer data);
KithDbKey *kith_key_store_obtain_finish (KithKeyStore *self, GAsyncResult *result, GError **error);
/* Once the key is there: what was noted beside it (see below) at the last start, for kith_store_expect_starts(). */
gint64 kith_key_store_get_starts (KithKeyStore *self);
/* After each start, with the number that the database holds: notes the number beside the key, and says whether the
 * database is
 * older than it was at the last start, i.e. somebody put an old copy in its place (e2ee.md §13: say so, healing
 * repairs the sessions). On a worker. */
void kith_key_store_note_starts_async (KithKeyStore *self, gint64 starts, GCancellable *c, GAsyncReadyCallback cb,
                                       gpointer data);
gboolean kith_key_store_note_starts_finish (KithKeyStore *self, GAsyncResult *result, gboolean *rolled_back,
                                            GError **error);
void kith_db_key_free (KithDbKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithDbKey, kith_db_key_free)

G_END_DECLS
