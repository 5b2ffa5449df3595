/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keys-fixture.h"

#include <glib/gstdio.h>
#include <kith/kith.h>
#include <string.h>

static void
on_changed (KithKeys *keys, gpointer data)
{
  ((Person *)data)->changed++;
}

void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static gboolean
on_watchdog (gpointer data)
{
  g_critical ("Nothing came for a minute");
  return G_SOURCE_CONTINUE;
}

GAsyncResult *
wait_for (GAsyncResult **result)
{
  guint watchdog = g_timeout_add_seconds (60, on_watchdog, NULL);

  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (watchdog);
  return *result;
}

static void
open_all (Person *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  GError *error = NULL;

  self->store = kith_store_new (self->world);
  kith_store_open (self->store, self->path, self->key, KITH_STORE_OPEN_CREATE, &error);
  g_assert_no_error (error);
  self->keys = kith_keys_new (self->world);
  g_signal_connect (self->keys, "bundle-changed", G_CALLBACK (on_changed), self);
  kith_keys_open_async (self->keys, self->store, NULL, keep_result, &result);
  while (result == NULL)
    kith_world_run_until_idle (self->world);
  kith_keys_open_finish (self->keys, result, &error);
  g_assert_no_error (error);
  kith_world_run_until_idle (self->world);
}

static void
close_all (Person *self)
{
  kith_keys_close (self->keys);
  kith_store_close (self->store);
  g_clear_object (&self->keys);
  g_clear_object (&self->store);
  kith_world_run_until_idle (self->world);
}

static Person *
open_at (char *folder, guint64 seed, gboolean stays)
{
  Person *self = g_new0 (Person, 1);

  self->world = kith_world_new_virtual (seed);
  self->folder = folder;
  self->stays = stays;
  self->path = g_build_filename (self->folder, "kith.db", NULL);
  memset (self->key, 0x4b, sizeof self->key);
  open_all (self);
  return self;
}

Person *
person_new (guint64 seed)
{
  GError *error = NULL;
  char *folder = g_dir_make_tmp ("kith-keys-XXXXXX", &error);

  g_assert_no_error (error);
  return open_at (folder, seed, FALSE);
}

Person *
person_new_at (const char *folder, guint64 seed)
{
  return open_at (g_strdup (folder), seed, TRUE);
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

void
person_free (Person *self)
{
  close_all (self);
  if (!self->stays)
    remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
  kith_world_unref (self->world);
  g_free (self);
}

void
person_restart (Person *self)
{
  close_all (self);
  open_all (self);
}

void
person_advance (Person *self, gint64 ms)
{
  kith_world_advance (self->world, (guint64)ms * 1000);
  kith_world_run_until_idle (self->world);
}

typedef struct
{
  Person *person;
  PersonFunc func;
  gpointer data;
  gboolean done;
  GError *error;
} Job;

static gboolean
job_run (KithDb *db, gpointer data, GError **error)
{
  Job *job = data;

  return job->func (job->person, db, job->data, error);
}

static void
job_done (gpointer data, const GError *error)
{
  Job *job = data;

  job->error = error != NULL ? g_error_copy (error) : NULL;
  job->done = TRUE;
}

GError *
person_try (Person *self, PersonFunc func, gpointer data)
{
  Job job = { .person = self, .func = func, .data = data };

  kith_store_submit (self->store, KITH_LANE_FRONT, job_run, job_done, &job, NULL);
  while (!job.done)
    kith_world_run_until_idle (self->world);
  return job.error;
}

void
person_run (Person *self, PersonFunc func, gpointer data)
{
  GError *error = person_try (self, func, data);

  g_assert_no_error (error);
}

typedef struct
{
  const char *sql;
  gint64 value;
} Query;

static gboolean
query (Person *self, KithDb *db, gpointer data, GError **error)
{
  Query *q = data;

  return kith_db_query_int64 (db, q->sql, &q->value, error);
}

gint64
person_count (Person *self, const char *sql)
{
  Query q = { sql, 0 };

  person_run (self, query, &q);
  return q.value;
}

static gboolean
hash_rows (KithDb *db, const char *sql, GChecksum *sum, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, sql);
  KithStep step;

  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    g_checksum_update (sum, (const guchar *)kith_stmt_get_text (stmt, 0), -1);
  return step == KITH_STEP_DONE;
}

static gboolean
hash_all (Person *self, KithDb *db, gpointer data, GError **error)
{
  GChecksum *sum = data;

  g_checksum_reset (sum);
  return hash_rows (db, "SELECT 'i' || hex (seed) || device || '.' || last_created FROM key_identity", sum, error)
         && hash_rows (db, "SELECT 's' || hex (pub) || hex (secret) || created FROM key_spk ORDER BY created", sum,
                       error)
         && hash_rows (db, "SELECT 'o' || hex (pub) || hex (secret) || mark FROM key_opk ORDER BY id", sum, error)
         && hash_rows (db, "SELECT 'g' || hex (peer) || since_ms || '.' || given FROM key_grant", sum, error)
         && hash_rows (
             db, "SELECT 'n' || hex (sid) || hex (peer) || device || '.' || stamp || hex (state) FROM key_session",
             sum, error)
         && hash_rows (db,
                       "SELECT 'k' || hex (sid) || hex (ratchet) || n || hex (secret) FROM key_skipped ORDER BY id",
                       sum, error)
         && hash_rows (db, "SELECT 'r' || hex (spk) || hex (ephemeral) FROM key_replay", sum, error)
         && hash_rows (db, "SELECT 'd' || hex (mark) || day FROM key_seen", sum, error)
         && hash_rows (db, "SELECT 't' || hex (sid) || hex (ratchet) || n || hex (cid) FROM key_sent", sum, error)
         && hash_rows (db, "SELECT 'p' || hex (peer) || device || '.' || created || '.' || healed_ms FROM key_peer",
                       sum, error);
}

char *
person_hash (Person *self)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  person_run (self, hash_all, sum);
  return g_strdup (g_checksum_get_string (sum));
}

typedef struct
{
  Person *other;
  gboolean is_friend;
  GBytes *bytes;
  const char *text;
  char *read;
  KithE2eeCode code;
} Call;

static gboolean
make_bundle (Person *self, KithDb *db, gpointer data, GError **error)
{
  Call *call = data;

  g_clear_pointer (&call->bytes, g_bytes_unref);
  call->bytes
      = kith_keys_make_bundle (self->keys, db, kith_keys_get_identity (call->other->keys), call->is_friend, error);
  return call->bytes != NULL;
}

GBytes *
person_bundle (Person *self, Person *by, gboolean is_friend)
{
  Call call = { .other = by, .is_friend = is_friend };

  person_run (self, make_bundle, &call);
  return call.bytes;
}

gsize
bundle_opks (GBytes *bundle)
{
  KithE2eeBundle parsed;

  g_assert_cmpint (kith_e2ee_bundle_parse (g_bytes_get_data (bundle, NULL), g_bytes_get_size (bundle), &parsed), ==,
                   KITH_E2EE_OK);
  return parsed.n_opks;
}

static gboolean
start (Person *self, KithDb *db, gpointer data, GError **error)
{
  Call *call = data;
  guint32 device = 0;

  return kith_courier_start (self->keys, db, kith_keys_get_identity (call->other->keys), call->bytes, &device,
                             &call->code, error)
         && device == kith_keys_get_device (call->other->keys);
}

void
person_start (Person *self, Person *with, GBytes *bundle)
{
  Call call = { .other = with, .bytes = bundle };

  person_run (self, start, &call);
}

static gboolean
send (Person *self, KithDb *db, gpointer data, GError **error)
{
  Call *call = data;
  g_auto (KithSent) sent = { 0 };

  if (!kith_courier_encrypt (self->keys, db, kith_keys_get_identity (call->other->keys),
                             kith_keys_get_device (call->other->keys), KITH_COURIER_JSON, call->text,
                             strlen (call->text), &sent, error))
    return FALSE;
  g_clear_pointer (&call->bytes, g_bytes_unref);
  call->bytes = g_steal_pointer (&sent.wire);
  return TRUE;
}

GBytes *
person_send (Person *self, Person *to, const char *text)
{
  Call call = { .other = to, .text = text };

  person_run (self, send, &call);
  return call.bytes;
}

/* As chat does: what cannot be read is no failure of the job, for it changed nothing. */
static gboolean
receive (Person *self, KithDb *db, gpointer data, GError **error)
{
  Call *call = data;
  g_auto (KithOpened) opened = { 0 };
  g_autoptr (GError) why = NULL;

  g_clear_pointer (&call->read, g_free);
  if (!kith_courier_decrypt (self->keys, db, kith_keys_get_identity (call->other->keys), 0, call->bytes, &opened,
                             &call->code, &why))
    {
      g_assert_nonnull (why);
      return call->code != KITH_E2EE_FAILED;
    }
  g_assert_cmpint (opened.kind, ==, KITH_COURIER_JSON);
  g_assert_cmpuint (opened.peer_device, ==, kith_keys_get_device (call->other->keys));
  call->read = g_strndup (g_bytes_get_data (opened.content, NULL), g_bytes_get_size (opened.content));
  return TRUE;
}

KithE2eeCode
person_receive (Person *self, Person *from, GBytes *wire, char **text)
{
  Call call = { .other = from, .bytes = wire };

  person_run (self, receive, &call);
  if (text != NULL)
    *text = g_steal_pointer (&call.read);
  g_free (call.read);
  return call.code;
}

void
assert_receives (Person *self, Person *from, GBytes *wire, const char *text)
{
  g_autofree char *read = NULL;

  g_assert_cmpint (person_receive (self, from, wire, &read), ==, KITH_E2EE_OK);
  g_assert_cmpstr (read, ==, text);
}
