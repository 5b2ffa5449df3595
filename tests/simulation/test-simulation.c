/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-simulation                      seeds from 1 on, as a TAP test
 * test-simulation --seed N --verbose   one of them again, with all that happens
 * test-simulation --seeds N --from M   others */
#include "sim.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 2000
#define BUDGET_S 55
#define HEAL_STEP_MS 20000
#define HEAL_STEPS 90 /* half an hour: dialling backs off to five minutes, refusals to more */

static const char *const names[SIM_NODES_MAX] = { "alice", "bob", "carol" };

/* Databases of friends who have nothing to tell each other yet, made once: every seed begins with a copy. */
static GBytes *prepared[SIM_NODES_MAX];
static KithBackup *backups[SIM_NODES_MAX];
static guint n_seeds = SEEDS;
static guint64 first_seed = 1;
static gboolean verbose;
static const char *folder;

/* That the last run did not end cleanly is what half of these runs are about. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  if (!verbose && (level & G_LOG_LEVEL_MASK) > G_LOG_LEVEL_WARNING)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n, data);
}

static Sim *
sim_new (guint64 seed, gboolean loud)
{
  Sim *sim = g_new0 (Sim, 1);

  sim->context = g_main_context_new ();
  g_main_context_push_thread_default (sim->context);
  sim->world = kith_world_new_virtual (seed);
  sim->seed = sim->chance = seed;
  sim->verbose = loud;
  sim->trace = g_checksum_new (G_CHECKSUM_SHA256);
  sim->folder = g_strdup (folder);
  sim->conns = g_ptr_array_new ();
  sim->messages = g_ptr_array_new_with_free_func (sim_message_free);
  sim->failure = g_string_new (NULL);
  sim->boxes = g_ptr_array_new_with_free_func (sim_mail_box_free);
  sim->backups = backups;
  return sim;
}

static void
sim_free (Sim *sim)
{
  for (guint i = 0; i < sim->n_nodes; i++)
    if (sim->nodes[i]->up)
      sim_node_stop (sim->nodes[i]);
  /* Dials that hang come to their end. */
  sim_advance (sim, 15000);
  g_assert_cmpuint (sim->conns->len, ==, 0);
  for (guint i = 0; i < sim->n_nodes; i++)
    sim_node_free (sim->nodes[i]);
  g_ptr_array_unref (sim->boxes);
  kith_world_unref (sim->world);
  g_main_context_pop_thread_default (sim->context);
  g_main_context_unref (sim->context);
  g_checksum_free (sim->trace);
  g_ptr_array_unref (sim->conns);
  g_ptr_array_unref (sim->messages);
  g_string_free (sim->failure, TRUE);
  g_free (sim->folder);
  g_free (sim);
}

static void
prepare (void)
{
  Sim *sim = sim_new (0, FALSE);

  for (guint i = 0; i < SIM_NODES_MAX; i++)
    sim_node_start (sim_node_new (sim, names[i], NULL));
  for (guint i = 0; i < SIM_NODES_MAX; i++)
    for (guint k = 0; k < i; k++)
      sim_befriend (sim->nodes[i], sim->nodes[k]);
  for (guint i = 0; i < HEAL_STEPS && !sim_is_quiet (sim, NULL); i++)
    sim_advance (sim, 1000);
  g_assert_true (sim_is_quiet (sim, NULL));
  for (guint i = 0; i < SIM_NODES_MAX; i++)
    backups[i] = sim_node_backup (sim->nodes[i]);
  for (guint i = 0; i < SIM_NODES_MAX; i++)
    {
      sim_node_stop (sim->nodes[i]);
      prepared[i] = sim_node_read_file (sim->nodes[i]);
      if (i + 1 < SIM_NODES_MAX)
        sim_advance (sim, 2000);
    }
  g_assert_cmpstr (sim->failure->str, ==, "");
  sim_free (sim);
}

/* --- one seed */

static void
live (Sim *sim)
{
  guint n_nodes = sim_percent (sim, 85) ? 2 : 3;
  guint actions = 8 + sim_below (sim, 24);

  sim->delay_ms = sim_percent (sim, 30) ? 0 : sim_below (sim, sim_percent (sim, 80) ? 100 : 3000);
  sim->chop = sim_percent (sim, 50) ? 0 : sim_below (sim, 60);
  sim->slow_ms = sim_percent (sim, 40) ? 0 : sim_below (sim, 60);
  sim->strangers = sim_percent (sim, 15);
  sim->mail = sim->mail_trouble = sim_percent (sim, 50);
  sim->mail_loses = sim->mail && sim_percent (sim, 30);
  sim_advance (sim, 3600 * 1000);
  for (guint i = 0; i < n_nodes; i++)
    sim_node_start (sim_node_new (sim, names[i], prepared[i]));
  sim_advance (sim, 5000);
  for (guint i = 0; i < actions; i++)
    sim_act (sim);
}

static void
settle (Sim *sim)
{
  g_autoptr (GString) why = g_string_new (NULL);
  guint i = 0;
  gboolean quiet;

  sim_heal (sim);
  while (!(quiet = sim_is_quiet (sim, NULL)) && i < HEAL_STEPS)
    {
      sim_advance (sim, i < 10 ? 2000 : HEAL_STEP_MS);
      i++;
    }
  /* Asking takes time, too: it was quiet when it was, whatever has begun since. */
  if (!quiet && !sim_is_quiet (sim, why))
    sim_fail (sim, "half an hour without disturbance%s", why->str);
  sim_advance (sim, 5000);
}

/* TRUE: everything held. The hash says whether two runs were the same. */
static gboolean
run_seed (guint64 seed, gboolean loud, char **hash)
{
  Sim *sim = sim_new (seed, loud);
  gboolean good;

  live (sim);
  settle (sim);
  sim_check (sim);
  good = sim->failure->len == 0;
  if (!good)
    g_print ("# seed %" G_GUINT64_FORMAT ": %s\n", seed, sim->failure->str);
  if (hash != NULL)
    *hash = g_strdup (g_checksum_get_string (sim->trace));
  sim_free (sim);
  return good;
}

/* --- the tests */

static void
test_seeds (void)
{
  gint64 since = g_get_monotonic_time ();
  guint ran = 0, failed = 0;
  double seconds = 0;

  for (; ran < n_seeds && seconds < BUDGET_S; ran++)
    {
      failed += !run_seed (first_seed + ran, FALSE, NULL);
      seconds = (double)(g_get_monotonic_time () - since) / G_USEC_PER_SEC;
    }
  g_print ("# simulation: %u seeds from %" G_GUINT64_FORMAT ", %u failed, %.1f s, %.0f seeds a minute\n", ran,
           first_seed, failed, seconds, ran * 60 / MAX (seconds, 0.001));
  if (failed > 0)
    g_print ("# see one: test-simulation --seed N --verbose\n");
  g_assert_cmpuint (failed, ==, 0);
}

/* The same seed is the same run: else none could be looked at again. */
static void
test_repeats (void)
{
  for (guint64 seed = first_seed; seed < first_seed + 20; seed++)
    {
      g_autofree char *once = NULL, *again = NULL;

      run_seed (seed, FALSE, &once);
      run_seed (seed, FALSE, &again);
      g_test_message ("seed %" G_GUINT64_FORMAT ": %s", seed, once);
      g_assert_cmpstr (once, ==, again);
    }
}

static int
run_one (guint64 seed)
{
  g_autofree char *hash = NULL;
  gboolean good = run_seed (seed, verbose, &hash);

  g_print ("seed %" G_GUINT64_FORMAT ": %s, trace %s\n", seed, good ? "good" : "FAILED", hash);
  return good ? 0 : 1;
}

static const char *
option_value (int *argc, char **argv, const char *name)
{
  for (int i = 1; i + 1 < *argc; i++)
    if (g_str_equal (argv[i], name))
      {
        const char *value = argv[i + 1];

        memmove (argv + i, argv + i + 2, (gsize)(*argc - i - 2) * sizeof *argv);
        *argc -= 2;
        return value;
      }
  return NULL;
}

static char *
make_folder (void)
{
  char *name = g_strdup ("/dev/shm/kith-simulation-XXXXXX");

  if (g_mkdtemp (name) != NULL)
    return name;
  g_free (name);
  return g_dir_make_tmp ("kith-simulation-XXXXXX", NULL);
}

int
main (int argc, char **argv)
{
  const char *one = option_value (&argc, argv, "--seed");
  const char *many = option_value (&argc, argv, "--seeds");
  const char *from = option_value (&argc, argv, "--from");
  g_autofree char *place = make_folder ();
  int status;

  for (int i = 1; i < argc; i++)
    verbose = verbose || g_str_equal (argv[i], "--verbose");
  folder = place;
  if (many != NULL)
    n_seeds = (guint)strtoul (many, NULL, 10);
  if (from != NULL)
    first_seed = g_ascii_strtoull (from, NULL, 10);
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (write_log, NULL, NULL);
  prepare ();
  if (one != NULL)
    status = run_one (g_ascii_strtoull (one, NULL, 10));
  else
    {
      g_test_add_func ("/simulation/repeats", test_repeats);
      g_test_add_func ("/simulation/seeds", test_seeds);
      status = g_test_run ();
    }
  for (guint i = 0; i < SIM_NODES_MAX; i++)
    {
      g_bytes_unref (prepared[i]);
      kith_backup_free (backups[i]);
    }
  g_rmdir (place);
  return status;
}
