/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a store big, between two runs of kithd: fill-store DATA COUNT adds COUNT messages of the first person and as
 * many events. Then the latency of commits with 1, 8 and 64 senders that each wait for their answer: one JSON object.
 */
#include <stdlib.h>
#include <string.h>

#include "kith-journal.h"
#include "kith-store.h"

#define ROUND_US G_USEC_PER_SEC
#define NUMBERS "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
#define TEXT "substr (hex (randomblob (150)), 1, 300)"

typedef struct
{
  KithStore *store;
  gint64     stop_us;
  guint      under_way;
  GArray    *latencies;   /* of gint64, us */
} Run;

typedef struct
{
  Run   *run;
  gint64 begin_us;
} Sender;

static gboolean
fill (KithDb *db, gpointer data, GError **error)
{
  int count = *(const int *) data;
  g_autofree char *messages = g_strdup_printf (
    "INSERT INTO message (id, person, pos, sent, text, ts_ms, delivered, direct) " NUMBERS
    "SELECT randomblob (16), 1, i + (SELECT ifnull (max (pos), 0) FROM message WHERE person = 1), i %% 2, " TEXT
    ", 1700000000000 + i * 1000, 1, 1 FROM n", count);
  g_autofree char *events = g_strdup_printf (
    "INSERT INTO journal (seq, event, data) " NUMBERS
    "SELECT i + (SELECT ifnull (max (seq), 0) FROM journal), 'new_message', "
    "CAST ('{\"msg_id\":\"' || i || '\",\"from\":\"bob\",\"text\":\"' || " TEXT " || '\"}' AS BLOB) FROM n", count);

  return kith_db_exec (db, messages, error) && kith_db_exec (db, events, error)
         && kith_db_exec (db, "UPDATE search_state SET done = (SELECT max (row) FROM message)", error);
}

static gboolean
nothing (KithDb *db, gpointer data, GError **error)
{
  return TRUE;
}

static void
filled (gpointer data, const GError *error)
{
  if (error != NULL)
    g_error ("%s", error->message);
  *(int *) data = 0;
}

static void submit (Sender *sender);

static gboolean
work (KithDb *db, gpointer data, GError **error)
{
  return kith_db_exec (db, "INSERT OR REPLACE INTO meta VALUES ('bench', hex (randomblob (150)))", error);
}

static void
worked (gpointer data, const GError *error)
{
  Sender *sender = data;
  gint64  now_us = g_get_monotonic_time (), took_us = now_us - sender->begin_us;

  if (error != NULL)
    g_error ("%s", error->message);
  g_array_append_val (sender->run->latencies, took_us);
  sender->run->under_way--;
  if (now_us < sender->run->stop_us)
    submit (sender);
}

static void
submit (Sender *sender)
{
  sender->begin_us = g_get_monotonic_time ();
  sender->run->under_way++;
  kith_store_submit (sender->run->store, KITH_LANE_FRONT, work, worked, sender, NULL);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return x < y ? -1 : x > y;
}

static void
measure (KithStore *store, guint senders, const char *end)
{
  g_autoptr (GArray) latencies = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autofree Sender *all = g_new0 (Sender, senders);
  Run run = { store, g_get_monotonic_time () + ROUND_US, 0, latencies };

  for (guint i = 0; i < senders; i++)
    {
      all[i].run = &run;
      submit (&all[i]);
    }
  while (run.under_way > 0)
    g_main_context_iteration (NULL, TRUE);
  g_array_sort (latencies, compare);
  g_print ("\"%u\": {\"p50_us\": %" G_GINT64_FORMAT ", \"p99_us\": %" G_GINT64_FORMAT ", \"per_s\": %u}%s", senders,
           g_array_index (latencies, gint64, latencies->len / 2),
           g_array_index (latencies, gint64, latencies->len * 99 / 100), latencies->len, end);
}

int
main (int argc, char **argv)
{
  KithWorld       *world = kith_world_new ();
  KithStore       *store = kith_store_new (world);
  g_autofree char *key_path = argc == 3 ? g_build_filename (argv[1], "kith.key", NULL) : NULL;
  g_autofree char *path = argc == 3 ? g_build_filename (argv[1], "kith.db", NULL) : NULL;
  g_autofree char *key = NULL;
  gsize            n = 0;
  g_autoptr (GError) error = NULL;
  int count = argc == 3 ? atoi (argv[2]) : 0;

  if (count <= 0)
    g_error ("fill-store DATA COUNT");
  if (!g_file_get_contents (key_path, &key, &n, &error) || n < KITH_STORE_KEY_BYTES
      || !kith_store_open (store, path, (const guint8 *) key, KITH_STORE_OPEN_NONE, &error))
    g_error ("%s", error != NULL ? error->message : "no key");
  kith_store_set_journal_limit (store, 10000000);
  kith_store_submit (store, KITH_LANE_FRONT, fill, filled, &count, NULL);
  while (count != 0)
    g_main_context_iteration (NULL, TRUE);
  /* What was filled in is moved from the log to the file before the next job begins; that is not measured. */
  count = 1;
  kith_store_submit (store, KITH_LANE_FRONT, nothing, filled, &count, NULL);
  while (count != 0)
    g_main_context_iteration (NULL, TRUE);
  g_print ("{");
  measure (store, 1, ", ");
  measure (store, 8, ", ");
  measure (store, 64, "}\n");
  kith_store_close (store);
  g_object_unref (store);
  kith_world_unref (world);
  return 0;
}
