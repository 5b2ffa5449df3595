/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a page, a search and an export take with so many messages: kith-bench-history [MESSAGES] [DIRECTORY]. */
#include "kith-chat.h"
#include "kith-keys.h"
#include "kith-table-message.h"
#include "kith-table-people.h"
#include "kith-table-search.h"

#include <glib/gstdio.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE 20
#define WORDS 20000
#define AT_ONCE 2000

typedef struct
{
  KithWorld *world;
  KithStore *store;
  KithChat *chat;
  GRand *rand;
  gint64 total, written;
  gint64 people[PEOPLE];
  gboolean done, more;
  gint64 started_us, bytes;
  char first_id[37]; /* of the page that was printed last */
} Bench;

static void
wait_done (Bench *bench)
{
  while (!bench->done)
    g_main_context_iteration (NULL, TRUE);
  bench->done = FALSE;
}

static void
on_job (gpointer data, const GError *error)
{
  if (error != NULL)
    g_error ("%s", error->message);
  ((Bench *)data)->done = TRUE;
}

/* Few words are in every second message, most are rare, as in a language. */
static void
append_word (Bench *bench, GString *text)
{
  double r = g_rand_double (bench->rand);
  guint n = (guint)(r * r * r * WORDS);

  for (n += 26; n > 0; n /= 26)
    g_string_append_c (text, (char)('a' + n % 26));
  g_string_append (text, "en ");
}

static gboolean
run_people (KithDb *db, gpointer data, GError **error)
{
  Bench *bench = data;

  for (guint i = 0; i < PEOPLE; i++)
    {
      g_auto (KithPersonRow) row = { .state = KITH_PERSON_FRIEND };

      randombytes_buf (row.ik, sizeof row.ik);
      row.username = g_strdup_printf ("friend%u", i);
      if (!kith_table_people_add (db, &row, "bench", error))
        return FALSE;
      bench->people[i] = row.id;
    }
  return TRUE;
}

/* Most of all with one friend. */
static gboolean
run_write (KithDb *db, gpointer data, GError **error)
{
  Bench *bench = data;
  GString *text = g_string_new (NULL);
  gboolean ok = TRUE;

  for (guint i = 0; ok && i < AT_ONCE; i++)
    {
      KithMessageRow row = { .sent = i % 2, .delivered = TRUE, .direct = TRUE };
      guint words = (guint)g_rand_int_range (bench->rand, 3, 16);

      g_string_truncate (text, 0);
      for (guint w = 0; w < words; w++)
        append_word (bench, text);
      if (i % 50 == 0)
        g_string_append (text, "北京大学");
      row.person = bench->people[i % 16 != 0 ? 0 : g_rand_int_range (bench->rand, 1, PEOPLE)];
      row.text = text->str;
      row.ts_ms = 1700000000000 + (bench->written + i) * 1000;
      randombytes_buf (row.id, sizeof row.id);
      row.id[6] = (guint8)((row.id[6] & 0x0f) | 0x40); /* a UUID v4 */
      row.id[8] = (guint8)((row.id[8] & 0x3f) | 0x80);
      ok = kith_table_message_add (db, &row, NULL, error);
    }
  g_string_free (text, TRUE);
  return ok;
}

static gboolean
run_index (KithDb *db, gpointer data, GError **error)
{
  Bench *bench = data;

  return kith_table_search_advance (db, bench->world, 20000, G_MAXINT64, &bench->more, error);
}

static void
job (Bench *bench, KithJobFunc run)
{
  kith_store_submit (bench->store, KITH_LANE_FRONT, run, on_job, bench, NULL);
  wait_done (bench);
}

static double
since_s (gint64 us)
{
  return (double)(g_get_monotonic_time () - us) / G_USEC_PER_SEC;
}

static void
fill (Bench *bench)
{
  gint64 start_us = g_get_monotonic_time ();

  job (bench, run_people);
  for (; bench->written < bench->total; bench->written += AT_ONCE)
    job (bench, run_write);
  printf ("wrote %" G_GINT64_FORMAT " messages in %.1f s\n", bench->total, since_s (start_us));
  start_us = g_get_monotonic_time ();
  do
    job (bench, run_index);
  while (bench->more);
  printf ("indexed them in %.1f s (%.0f a second)\n", since_s (start_us), (double)bench->total / since_s (start_us));
}

static void
on_printed (GObject *chat, GAsyncResult *result, gpointer data)
{
  Bench *bench = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) json = kith_chat_print_finish (KITH_CHAT (chat), result, &error);

  if (json == NULL)
    g_error ("%s", error->message);
  const char *id = g_strstr_len (g_bytes_get_data (json, NULL), (gssize)g_bytes_get_size (json), "\"msg_id\":\"");

  bench->bytes = (gint64)g_bytes_get_size (json);
  if (id != NULL)
    g_strlcpy (bench->first_id, id + strlen ("\"msg_id\":\""), sizeof bench->first_id);
  bench->done = TRUE;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double left = *(const double *)a, right = *(const double *)b;

  return left < right ? -1 : left > right;
}

static void
report (const char *what, GArray *ms)
{
  g_array_sort (ms, compare);
  printf ("%-44s p50 %8.3f ms   p99 %8.3f ms   (%u times)\n", what, g_array_index (ms, double, ms->len / 2),
          g_array_index (ms, double, MIN (ms->len - 1, ms->len * 99 / 100)), ms->len);
}

static void
bench_page (Bench *bench, guint64 offset, gboolean by_id)
{
  g_autoptr (GArray) ms = g_array_new (FALSE, FALSE, sizeof (double));
  g_autofree char *what
      = g_strdup_printf ("page of 50 %s %" G_GUINT64_FORMAT, by_id ? "before the message at" : "at offset", offset);
  g_autofree char *before = NULL;

  if (by_id)
    {
      kith_chat_page_async (bench->chat, "friend0", 1, offset, NULL, NULL, on_printed, bench);
      wait_done (bench);
      before = g_strdup (bench->first_id);
    }
  for (guint i = 0; i < 200; i++)
    {
      gint64 start_us = g_get_monotonic_time ();
      double took;

      kith_chat_page_async (bench->chat, "friend0", 50, by_id ? 0 : offset, before, NULL, on_printed, bench);
      wait_done (bench);
      took = since_s (start_us) * 1000;
      g_array_append_val (ms, took);
    }
  report (what, ms);
}

static void
bench_search (Bench *bench, const char *what, guint words, const char *fixed, const char *peer)
{
  g_autoptr (GArray) ms = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < 300; i++)
    {
      GString *query = g_string_new (fixed);
      gint64 start_us;
      double took;

      for (guint w = 0; w < words; w++)
        append_word (bench, query);
      /* A blank or not at the end: a whole word, or perhaps the beginning of one. */
      if (i % 2 == 0)
        g_string_append_c (query, '.');
      start_us = g_get_monotonic_time ();
      kith_chat_search_async (bench->chat, query->str, peer, NULL, 20, NULL, on_printed, bench);
      wait_done (bench);
      took = since_s (start_us) * 1000;
      g_array_append_val (ms, took);
      g_string_free (query, TRUE);
    }
  report (what, ms);
}

static char *next_place;

static void
on_exported (GObject *chat, GAsyncResult *result, gpointer data)
{
  Bench *bench = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (KithExported) exported = kith_chat_export_finish (KITH_CHAT (chat), result, &error);

  if (exported == NULL)
    g_error ("%s", error->message);
  bench->bytes += (gint64)g_bytes_get_size (exported->bytes);
  g_free (next_place);
  next_place = g_steal_pointer (&exported->next);
  bench->done = TRUE;
}

static void
bench_export (Bench *bench)
{
  gint64 start_us = g_get_monotonic_time ();
  double took;

  bench->bytes = 0;
  do
    {
      kith_chat_export_async (bench->chat, NULL, FALSE, next_place, 500, NULL, on_exported, bench);
      wait_done (bench);
    }
  while (next_place != NULL);
  took = since_s (start_us);
  printf ("export: %.0f MB in %.1f s: %.1f MB/s\n", (double)bench->bytes / 1e6, took,
          (double)bench->bytes / 1e6 / took);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = argc > 2 ? g_strdup (argv[2]) : g_dir_make_tmp ("kith-bench-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "kith.db", NULL);
  g_autoptr (GError) error = NULL;
  guint8 key[KITH_STORE_KEY_BYTES];
  Bench bench = { .world = kith_world_new (), .rand = g_rand_new_with_seed (1) };
  g_autoptr (KithBus) bus = kith_bus_new (bench.world);
  g_autoptr (KithKeys) keys = kith_keys_new (bench.world);
  GStatBuf info;

  if (sodium_init () < 0)
    return 1;
  bench.total = argc > 1 ? atoll (argv[1]) : 1066720; /* 1,000,050 with the first friend */
  randombytes_buf (key, sizeof key);
  bench.store = kith_store_new (bench.world);
  if (!kith_store_open (bench.store, path, key, KITH_STORE_OPEN_CREATE, &error))
    g_error ("%s", error->message);
  bench.chat = kith_chat_new (bench.world, bench.store, keys, bus, "bench");
  fill (&bench);
  g_stat (path, &info);
  printf ("the file has %.0f MB\n", (double)info.st_size / 1e6);
  for (gboolean by_id = FALSE; by_id <= TRUE; by_id++)
    {
      bench_page (&bench, 0, by_id);
      bench_page (&bench, (guint64)bench.total / 16 * 15 - 50, by_id);
    }
  bench_search (&bench, "search, one word", 1, "", NULL);
  bench_search (&bench, "search, two words", 2, "", NULL);
  bench_search (&bench, "search, one word, one friend", 1, "", "friend7");
  bench_search (&bench, "search, Chinese", 0, "京大", NULL);
  bench_export (&bench);
  g_object_unref (bench.chat);
  kith_store_close (bench.store);
  g_object_unref (bench.store);
  g_rand_free (bench.rand);
  kith_world_unref (bench.world);
  if (argc <= 2)
    {
      g_remove (path);
      g_rmdir (folder);
    }
  return 0;
}
