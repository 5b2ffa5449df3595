/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backup and restore, and the key of the database. */
#include <glib/gstdio.h>
#include <kith/kith.h>
#include <string.h>
#include <unistd.h>

#include "keys-fixture.h"
#include "kith-key-store.h"

static const KithE2eeCost cheap = { 1, 8 };

static GBytes *
make_backup (Person *who, const char *passphrase, const char *json, const KithE2eeCost *cost)
{
  g_autoptr (GBytes) text = g_bytes_new (json, strlen (json));
  g_autoptr (GAsyncResult) result = NULL;
  GError *error = NULL;
  GBytes *file;

  kith_keys_backup_async (who->keys, passphrase, text, cost, NULL, keep_result, &result);
  file = kith_keys_backup_finish (who->keys, wait_for (&result), &error);
  g_assert_no_error (error);
  return file;
}

static KithBackup *
open_backup (GBytes *file, const char *passphrase, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  kith_backup_open_async (file, passphrase, NULL, keep_result, &result);
  return kith_backup_open_finish (wait_for (&result), error);
}

static gboolean
restore (Person *self, KithDb *db, gpointer data, GError **error)
{
  return kith_keys_restore (self->keys, db, data, error);
}

static void
test_restore (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2), fresh = person_new (3);
  g_autoptr (GBytes) bundle = person_bundle (bob, alice, TRUE), hello = NULL, file = NULL, old = NULL, again = NULL;
  g_autoptr (GBytes) bundle2 = NULL;
  g_autoptr (KithBackup) backup = NULL;
  g_autofree char *number = kith_keys_safety_number (bob->keys, kith_keys_get_identity (alice->keys));
  g_autofree char *number2 = NULL;
  GError *error = NULL;

  person_start (alice, bob, bundle);
  hello = person_send (alice, bob, "hello");
  assert_receives (bob, alice, hello, "hello");
  file = make_backup (alice, "caf\xc3\xa9", "{\"username\":\"alice\"}", &cheap);

  /* Typed as letter and accent apart, it is the same passphrase. */
  backup = open_backup (file, "cafe\xcc\x81", &error);
  g_assert_no_error (error);
  g_assert_cmpmem (kith_backup_get_identity (backup), 32, kith_keys_get_identity (alice->keys), 32);
  g_assert_cmpmem (g_bytes_get_data (kith_backup_get_json (backup), NULL),
                   g_bytes_get_size (kith_backup_get_json (backup)), "{\"username\":\"alice\"}", 20);

  person_run (fresh, restore, backup);
  kith_keys_adopt (fresh->keys);
  g_assert_cmpmem (kith_keys_get_identity (fresh->keys), 32, kith_keys_get_identity (alice->keys), 32);
  g_assert_cmpuint (kith_keys_get_device (fresh->keys), !=, kith_keys_get_device (alice->keys));
  g_assert_cmpint (person_count (fresh, "SELECT count(*) FROM key_session"), ==, 0);
  g_assert_cmpint (person_count (fresh, "SELECT count(*) FROM key_opk WHERE mark = 0"), ==, 100);
  g_assert_cmpint (person_count (fresh, "SELECT count(*) FROM key_spk"), ==, 1);
  number2 = kith_keys_safety_number (fresh->keys, kith_keys_get_identity (bob->keys));
  g_assert_cmpstr (number, ==, number2);

  old = person_send (bob, alice, "for the old device");
  g_assert_cmpint (person_receive (fresh, bob, old, NULL), ==, KITH_E2EE_E_NO_SESSION);
  bundle2 = person_bundle (bob, fresh, TRUE);
  person_start (fresh, bob, bundle2);
  again = person_send (fresh, bob, "it is me");
  assert_receives (bob, fresh, again, "it is me");
  person_restart (fresh);
  g_assert_cmpmem (kith_keys_get_identity (fresh->keys), 32, kith_keys_get_identity (alice->keys), 32);
}

static void
assert_not_opened (GBytes *file, const char *passphrase, int code)
{
  GError *error = NULL;
  KithBackup *backup = open_backup (file, passphrase, &error);

  g_assert_null (backup);
  g_assert_error (error, KITH_ERROR, code);
  g_error_free (error);
}

static GBytes *
with_byte (GBytes *file, gsize at, guint8 value)
{
  gsize n = g_bytes_get_size (file);
  guint8 *bytes = g_memdup2 (g_bytes_get_data (file, NULL), n);

  bytes[at] = value;
  return g_bytes_new_take (bytes, n);
}

static void
test_refused (void)
{
  g_autoptr (Person) alice = person_new (1);
  g_autoptr (GBytes) file = make_backup (alice, "correct horse", "{}", &cheap);
  g_autoptr (GBytes) greedy = with_byte (file, 16, 0x7f), slow = with_byte (file, 13, 1),
                     newer = with_byte (file, 8, 3);
  g_autoptr (GBytes) damaged = with_byte (file, 70, 1), cut = g_bytes_new_from_bytes (file, 0, 100);
  g_autoptr (GBytes) none = g_bytes_new (NULL, 0);

  assert_not_opened (file, "wrong horse", KITH_ERROR_REFUSED);
  assert_not_opened (damaged, "correct horse", KITH_ERROR_REFUSED);
  assert_not_opened (greedy, "correct horse", KITH_ERROR_INVALID);
  assert_not_opened (slow, "correct horse", KITH_ERROR_INVALID);
  assert_not_opened (newer, "correct horse", KITH_ERROR_INVALID);
  assert_not_opened (cut, "correct horse", KITH_ERROR_INVALID);
  assert_not_opened (none, "correct horse", KITH_ERROR_INVALID);
  assert_not_opened (file, "", KITH_ERROR_INVALID);
  assert_not_opened (file, "\xff", KITH_ERROR_INVALID);
}

/* As the user's backups are. */
static void
test_moderate (void)
{
  g_autoptr (Person) alice = person_new (1);
  g_autoptr (GBytes) file = make_backup (alice, "correct horse", "{}", NULL);
  KithE2eeCost cost;

  g_assert_cmpint (kith_e2ee_backup_peek (g_bytes_get_data (file, NULL), g_bytes_get_size (file), &cost), ==,
                   KITH_E2EE_OK);
  g_assert_cmpuint (cost.opslimit, ==, 3);
  g_assert_cmpuint (cost.memlimit_kib, ==, 262144);
}

typedef struct
{
  char *folder;
  char *path;
  KithKeyStore *store;
} KeyFixture;

static void
key_set_up (KeyFixture *f, gconstpointer data)
{
  g_autofree char *top = g_dir_make_tmp ("kith-key-XXXXXX", NULL);

  f->folder = g_build_filename (top, "data", NULL);
  f->path = g_build_filename (f->folder, "db.key", NULL);
  f->store = kith_key_file_new (f->path);
}

static void
key_tear_down (KeyFixture *f, gconstpointer data)
{
  g_autofree char *top = g_path_get_dirname (f->folder);

  kith_key_store_free (f->store);
  g_unlink (f->path);
  g_rmdir (f->folder);
  g_rmdir (top);
  g_free (f->path);
  g_free (f->folder);
}

static void
assert_no_key (KeyFixture *f, gboolean exists, const char *says)
{
  GError *error = NULL;

  g_assert_null (kith_key_store_obtain (f->store, exists, NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_STORE);
  g_assert_nonnull (strstr (error->message, says));
  g_error_free (error);
}

static void
test_key_file (KeyFixture *f, gconstpointer data)
{
  g_autoptr (KithDbKey) key = kith_key_store_obtain (f->store, FALSE, NULL, NULL);
  g_autoptr (KithDbKey) again = kith_key_store_obtain (f->store, TRUE, NULL, NULL);
  GStatBuf file, folder;

  g_assert_cmpstr (kith_key_store_get_name (f->store), ==, "file");
  g_assert_nonnull (key);
  g_assert_nonnull (again);
  g_assert_cmpmem (key, sizeof *key, again, sizeof *again);
  g_assert_cmpint (g_stat (f->path, &file), ==, 0);
  g_assert_cmpint (g_stat (f->folder, &folder), ==, 0);
  g_assert_cmpint (file.st_mode & 0777, ==, 0600);
  g_assert_cmpint (folder.st_mode & 0777, ==, 0700);
  g_assert_cmpint (file.st_size, ==, 48);
}

static void
test_key_missing (KeyFixture *f, gconstpointer data)
{
  assert_no_key (f, TRUE, "no key");
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
}

static void
test_key_async (KeyFixture *f, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (KithDbKey) key = NULL;

  kith_key_store_obtain_async (f->store, FALSE, NULL, keep_result, &result);
  key = kith_key_store_obtain_finish (f->store, wait_for (&result), NULL);
  g_assert_nonnull (key);
}

static void
test_key_unfit (KeyFixture *f, gconstpointer data)
{
  g_autoptr (KithDbKey) key = kith_key_store_obtain (f->store, FALSE, NULL, NULL);

  g_assert_nonnull (key);
  g_assert_cmpint (g_chmod (f->path, 0644), ==, 0);
  assert_no_key (f, TRUE, "mode 600");
  g_assert_cmpint (g_chmod (f->path, 0600), ==, 0);
  g_assert_cmpint (g_chmod (f->folder, 0755), ==, 0);
  assert_no_key (f, TRUE, "chmod 700");
  g_assert_cmpint (g_chmod (f->folder, 0700), ==, 0);
  g_assert_cmpint (truncate (f->path, 47), ==, 0);
  assert_no_key (f, FALSE, "47 bytes");
  g_unlink (f->path);
  g_assert_cmpint (symlink ("/dev/zero", f->path), ==, 0);
  assert_no_key (f, FALSE, "cannot be opened");
}

static gboolean
note_starts (KeyFixture *f, gint64 starts)
{
  g_autoptr (GAsyncResult) result = NULL;
  gboolean rolled_back = FALSE;
  GError *error = NULL;

  kith_key_store_note_starts_async (f->store, starts, NULL, keep_result, &result);
  kith_key_store_note_starts_finish (f->store, wait_for (&result), &rolled_back, &error);
  g_assert_no_error (error);
  return rolled_back;
}

static void
test_key_starts (KeyFixture *f, gconstpointer data)
{
  g_autoptr (KithDbKey) key = kith_key_store_obtain (f->store, FALSE, NULL, NULL);
  g_autofree char *path = g_strconcat (f->path, ".starts", NULL);

  g_assert_nonnull (key);
  g_assert_false (note_starts (f, 1));
  g_assert_false (note_starts (f, 2));
  /* The note of 3 was lost with the power. */
  g_assert_false (note_starts (f, 4));
  g_assert_true (note_starts (f, 3));
  g_assert_false (note_starts (f, 4));
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/backup/restore", test_restore);
  g_test_add_func ("/backup/refused", test_refused);
  g_test_add_func ("/backup/moderate", test_moderate);
  g_test_add ("/key-store/file", KeyFixture, NULL, key_set_up, test_key_file, key_tear_down);
  g_test_add ("/key-store/missing", KeyFixture, NULL, key_set_up, test_key_missing, key_tear_down);
  g_test_add ("/key-store/async", KeyFixture, NULL, key_set_up, test_key_async, key_tear_down);
  g_test_add ("/key-store/unfit", KeyFixture, NULL, key_set_up, test_key_unfit, key_tear_down);
  g_test_add ("/key-store/starts", KeyFixture, NULL, key_set_up, test_key_starts, key_tear_down);
  return g_test_run ();
}
