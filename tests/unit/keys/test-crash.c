/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two daemons' sessions in a process that is killed at random moments, over and over, amid a ping-pong: every message
 * is read, once, and none is lost. The process keeps the order of e2ee.md §8.2: step and outbox in one transaction,
 * then deliver; decrypt and inbox in one transaction, then acknowledge. */
#include <errno.h>
#include <glib/gstdio.h>
#include <kith/kith.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys-fixture.h"

#define MESSAGES 2000

/* In the process that is killed: */

typedef struct
{
  Person *other;
  gint64 n;
  GBytes *wire;
  GBytes *bundle;
  KithE2eeCode code;
} Step;

static gboolean
make_tables (Person *self, KithDb *db, gpointer data, GError **error)
{
  return kith_db_exec (db,
                       "CREATE TABLE IF NOT EXISTS test_outbox (n INTEGER PRIMARY KEY, wire BLOB);"
                       "CREATE TABLE IF NOT EXISTS test_inbox (n INTEGER PRIMARY KEY, text TEXT)",
                       error);
}

static gboolean
make_bundle (Person *self, KithDb *db, gpointer data, GError **error)
{
  Step *step = data;

  g_clear_pointer (&step->bundle, g_bytes_unref);
  step->bundle = kith_keys_make_bundle (self->keys, db, kith_keys_get_identity (step->other->keys), TRUE, error);
  return step->bundle != NULL;
}

/* The stored bytes, if there are any; else none yet. */
static gboolean
load_wire (Person *self, KithDb *db, gpointer data, GError **error)
{
  Step *step = data;
  KithStmt *stmt = kith_db_prepare (db, "SELECT wire FROM test_outbox WHERE n = ?1");
  KithStep got;

  kith_stmt_bind_int64 (stmt, 1, step->n);
  got = kith_stmt_step (stmt, error);
  if (got == KITH_STEP_ROW)
    step->wire = kith_stmt_get_bytes (stmt, 0);
  kith_stmt_reset (stmt);
  return got != KITH_STEP_ERROR;
}

static gboolean
send_step (Person *self, KithDb *db, gpointer data, GError **error)
{
  Step *step = data;
  const guint8 *peer = kith_keys_get_identity (step->other->keys);
  g_autofree char *text = g_strdup_printf ("message %" G_GINT64_FORMAT, step->n);
  g_auto (KithSent) sent = { 0 };
  KithStmt *stmt;

  if (step->bundle != NULL && !kith_courier_start (self->keys, db, peer, step->bundle, NULL, NULL, error))
    return FALSE;
  if (!kith_courier_encrypt (self->keys, db, peer, kith_keys_get_device (step->other->keys), KITH_COURIER_JSON, text,
                             strlen (text), &sent, error))
    return FALSE;
  stmt = kith_db_prepare (db, "INSERT INTO test_outbox (n, wire) VALUES (?1, ?2)");
  kith_stmt_bind_int64 (stmt, 1, step->n);
  kith_stmt_bind_bytes (stmt, 2, sent.wire);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  g_clear_pointer (&step->wire, g_bytes_unref);
  step->wire = g_steal_pointer (&sent.wire);
  return TRUE;
}

static gboolean
receive_step (Person *self, KithDb *db, gpointer data, GError **error)
{
  Step *step = data;
  g_auto (KithOpened) opened = { 0 };
  g_autoptr (GError) why = NULL;
  g_autofree char *text = NULL;
  KithStmt *stmt;

  if (!kith_courier_decrypt (self->keys, db, kith_keys_get_identity (step->other->keys), 0, step->wire, &opened,
                             &step->code, &why))
    return step->code != KITH_E2EE_FAILED;
  text = g_strndup (g_bytes_get_data (opened.content, NULL), g_bytes_get_size (opened.content));
  stmt = kith_db_prepare (db, "INSERT INTO test_inbox (n, text) VALUES (?1, ?2)");
  kith_stmt_bind_int64 (stmt, 1, step->n);
  kith_stmt_bind_text (stmt, 2, text);
  return kith_stmt_run (stmt, error);
}

static void
deliver (Person *from, Person *to, gint64 n, KithE2eeCode expected)
{
  Step step = { .other = to, .n = n };

  person_run (from, load_wire, &step);
  if (step.wire == NULL && n == 0)
    {
      step.other = from;
      person_run (to, make_bundle, &step);
      step.other = to;
    }
  if (step.wire == NULL)
    person_run (from, send_step, &step);
  step.other = from;
  person_run (to, receive_step, &step);
  g_assert_cmpint (step.code, ==, expected);
  g_clear_pointer (&step.bundle, g_bytes_unref);
  g_bytes_unref (step.wire);
}

static int
run_child (const char *folder, guint64 seed)
{
  g_autofree char *one = g_build_filename (folder, "alice", NULL), *two = g_build_filename (folder, "bob", NULL);
  Person *people[2] = { person_new_at (one, seed), person_new_at (two, seed + 1) };
  gint64 done;

  person_run (people[0], make_tables, NULL);
  person_run (people[1], make_tables, NULL);
  done = person_count (people[0], "SELECT count(*) FROM test_inbox")
         + person_count (people[1], "SELECT count(*) FROM test_inbox");
  /* What was acknowledged by nobody comes again. */
  if (done > 0)
    deliver (people[(done - 1) % 2], people[done % 2], done - 1, KITH_E2EE_E_DUPLICATE);
  for (; done < MESSAGES; done++)
    deliver (people[done % 2], people[(done + 1) % 2], done, KITH_E2EE_OK);
  for (guint who = 0; who < 2; who++)
    {
      g_assert_cmpint (person_count (people[who], "SELECT count(*) FROM test_inbox WHERE text = 'message ' || n"), ==,
                       MESSAGES / 2);
      g_assert_cmpint (person_count (people[who], "SELECT count(*) FROM key_session"), ==, 1);
      g_assert_cmpint (person_count (people[who], "SELECT count(*) FROM key_skipped"), ==, 0);
      person_free (people[who]);
    }
  return 0;
}

/* In the test: */

static char *program;

static gboolean
has_ended (GPid pid, int *status)
{
  pid_t got;

  do
    got = waitpid (pid, status, WNOHANG);
  while (got < 0 && errno == EINTR);
  return got == pid;
}

/* TRUE when it ended by itself before its time. */
static gboolean
run_until (const char *folder, guint64 seed, guint ms, int *status)
{
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, seed);
  char *argv[] = { program, (char *)"--child", (char *)folder, number, NULL };
  gint64 until = g_get_monotonic_time () + (gint64)ms * 1000;
  GError *error = NULL;
  GPid pid;

  g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error);
  g_assert_no_error (error);
  while (g_get_monotonic_time () < until)
    {
      if (has_ended (pid, status))
        return TRUE;
      g_usleep (1000);
    }
  kill (pid, SIGKILL);
  while (!has_ended (pid, status))
    g_usleep (1000);
  return WIFEXITED (*status);
}

static void
remove_all (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        remove_all (path);
      g_unlink (path);
    }
  g_rmdir (folder);
}

static void
test_killed (void)
{
  g_autofree char *folder = g_dir_make_tmp ("kith-crash-XXXXXX", NULL);
  g_autofree char *one = g_build_filename (folder, "alice", NULL), *two = g_build_filename (folder, "bob", NULL);
  guint kills = 0;
  int status = 0;

  g_mkdir (one, 0700);
  g_mkdir (two, 0700);
  /* Each life a bit longer than it takes to open, so that it gets on, and other randomness. */
  while (!run_until (folder, (guint64)g_test_rand_int () * 2, 60 + kills + (guint)g_test_rand_int_range (0, 250),
                     &status))
    g_assert_cmpuint (++kills, <, 2000);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  g_test_message ("killed %u times", kills);
  remove_all (folder);
}

int
main (int argc, char **argv)
{
  if (argc == 4 && strcmp (argv[1], "--child") == 0)
    return run_child (argv[2], g_ascii_strtoull (argv[3], NULL, 10));
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/courier/killed", test_killed);
  return g_test_run ();
}
