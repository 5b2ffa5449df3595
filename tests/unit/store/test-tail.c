/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A log and its tails: whatever the order of commits, loads, deliveries and windows, each tail has every entry once. */
#include "kith-tail.h"

#include <string.h>

#include "store-fixture.h"

#define STEPS 600
#define TAILS 6

typedef struct _Reader Reader;

typedef struct
{
  Fixture   *f;
  GRand     *rand;
  KithLog   *log;
  GArray    *committed;    /* gint64, in the order told */
  gint64     last;         /* submitted */
  guint      under_way;
  Reader    *readers[TAILS];
  guint      loads;
  guint      fail_loads;
  GMutex     lock;         /* guards the two below */
  GCond      changed;
  gboolean   hold;         /* a load that has its snapshot waits until this is FALSE */
  gboolean   held;
} Model;

struct _Reader
{
  Model    *model;
  KithTail *tail;
  gint64    from;
  GArray   *seen;
  GQueue    open;          /* sizes not yet done */
  gsize     window;
  gboolean  greedy;        /* done at once, from within the delivery */
  guint     live;
};

static void
wait_while_held (Model *model)
{
  g_mutex_lock (&model->lock);
  model->held = model->hold;
  g_cond_broadcast (&model->changed);
  while (model->hold)
    g_cond_wait (&model->changed, &model->lock);
  model->held = FALSE;
  g_mutex_unlock (&model->lock);
}

static void
set_hold (Model *model, gboolean hold)
{
  g_mutex_lock (&model->lock);
  model->hold = hold;
  g_cond_broadcast (&model->changed);
  g_mutex_unlock (&model->lock);
}

static gboolean
is_held (gpointer data)
{
  Model   *model = data;
  gboolean held;

  g_mutex_lock (&model->lock);
  held = model->held;
  g_mutex_unlock (&model->lock);
  return held;
}

static gboolean
load_rows (KithDb *db, gint64 after, KithLogPage *page, gpointer data, GError **error)
{
  Model    *model = data;
  KithStmt *stmt = kith_db_prepare (db, "SELECT pos, data FROM log WHERE pos > ?1 ORDER BY pos");
  gboolean  more = TRUE;
  KithStep  step = KITH_STEP_DONE;

  g_atomic_int_inc (&model->loads);
  if (g_atomic_int_get (&model->fail_loads) > 0)
    {
      g_atomic_int_add (&model->fail_loads, -1);
      g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "As wished");
      return FALSE;
    }
  kith_stmt_bind_int64 (stmt, 1, after);
  step = kith_stmt_step (stmt, error);
  wait_while_held (model);
  if (step == KITH_STEP_ROW)
    more = kith_log_page_add (page, kith_stmt_get_int64 (stmt, 0), kith_stmt_get_bytes (stmt, 1));
  while (step == KITH_STEP_ROW && more && (step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    more = kith_log_page_add (page, kith_stmt_get_int64 (stmt, 0), kith_stmt_get_bytes (stmt, 1));
  return step != KITH_STEP_ERROR;
}

static void
on_live (KithTail *tail, gpointer data)
{
  Reader *reader = data;

  g_assert_true (tail == reader->tail);
  g_assert_true (kith_tail_is_live (tail));
  reader->live++;
}

static void
on_entry (KithTail *tail, gint64 position, GBytes *bytes, gpointer data)
{
  Reader *reader = data;
  gsize   n = g_bytes_get_size (bytes);
  gint64  before = reader->seen->len > 0 ? g_array_index (reader->seen, gint64, reader->seen->len - 1) : reader->from;
  gint64  named;

  g_assert_true (tail == reader->tail);
  g_assert_cmpint (position, >, before);
  g_assert_cmpint (position, ==, kith_tail_get_position (tail));
  g_assert_cmpuint (n, >=, sizeof named);
  memcpy (&named, g_bytes_get_data (bytes, NULL), sizeof named);
  g_assert_cmpint (named, ==, position);
  g_assert_true (kith_tail_get_pending (tail) <= reader->window || kith_tail_get_pending (tail) == n);
  g_array_append_val (reader->seen, position);
  if (reader->greedy)
    kith_tail_done (tail, n);
  else
    g_queue_push_tail (&reader->open, GSIZE_TO_POINTER (n));
}

/* What was seen is what was committed after the start, without a gap; gives how far that is. */
static guint
check_prefix (Reader *reader)
{
  GArray *committed = reader->model->committed;
  guint   at = 0;

  while (at < committed->len && g_array_index (committed, gint64, at) <= reader->from)
    at++;
  /* A load may have seen what is committed and not told yet. */
  for (guint i = 0; i < reader->seen->len && at < committed->len; i++, at++)
    g_assert_cmpint (g_array_index (reader->seen, gint64, i), ==, g_array_index (committed, gint64, at));
  return at;
}

static void
reader_free (Reader *reader)
{
  check_prefix (reader);
  kith_tail_free (reader->tail);
  g_array_unref (reader->seen);
  g_queue_clear (&reader->open);
  g_free (reader);
}

static gint64
pick_start (Model *model)
{
  if (model->committed->len == 0 || g_rand_boolean (model->rand))
    return 0;
  return g_array_index (model->committed, gint64, g_rand_int_range (model->rand, 0, model->committed->len));
}

static Reader *
reader_new (Model *model)
{
  Reader *reader = g_new0 (Reader, 1);

  reader->model = model;
  reader->from = pick_start (model);
  reader->seen = g_array_new (FALSE, FALSE, sizeof (gint64));
  reader->window = g_rand_int_range (model->rand, 1, 400);
  reader->greedy = g_rand_int_range (model->rand, 0, 4) == 0;
  g_queue_init (&reader->open);
  reader->tail = kith_tail_new (model->log, reader->from, reader->window, on_entry, reader);
  kith_tail_set_live_func (reader->tail, on_live);
  return reader;
}

typedef struct
{
  Model  *model;
  gint64  position;
  GBytes *bytes;
  gboolean early;          /* committed before there is a log */
} Append;

static gboolean
run_append (KithDb *db, gpointer data, GError **error)
{
  Append   *append = data;
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO log (pos, data) VALUES (?1, ?2)");

  kith_stmt_bind_int64 (stmt, 1, append->position);
  kith_stmt_bind_bytes (stmt, 2, append->bytes);
  return kith_stmt_run (stmt, error);
}

static void
append_done (gpointer data, const GError *error)
{
  Append *append = data;
  Model  *model = append->model;

  g_assert_no_error (error);
  g_array_append_val (model->committed, append->position);
  model->under_way--;
  if (!append->early)
    kith_log_append (model->log, append->position, append->bytes);
}

static void
append_free (gpointer data)
{
  Append *append = data;

  g_bytes_unref (append->bytes);
  g_free (append);
}

static void
append (Model *model)
{
  Append *job = g_new0 (Append, 1);
  gsize n
      = sizeof (gint64) + g_rand_int_range (model->rand, 0, g_rand_int_range (model->rand, 0, 50) == 0 ? 20000 : 200);
  guint8 *bytes = g_malloc0 (n);

  model->last += g_rand_int_range (model->rand, 1, 4);
  memcpy (bytes, &model->last, sizeof model->last);
  job->model = model;
  job->early = model->log == NULL;
  job->position = model->last;
  job->bytes = g_bytes_new_take (bytes, n);
  model->under_way++;
  kith_store_submit (model->f->store, KITH_LANE_FRONT, run_append, append_done, job, append_free);
}

static void
consume (Reader *reader)
{
  guint n = g_queue_get_length (&reader->open);
  guint some = n > 0 ? (guint) g_rand_int_range (reader->model->rand, 0, (gint32) n + 1) : 0;

  while (some-- > 0)
    kith_tail_done (reader->tail, GPOINTER_TO_SIZE (g_queue_pop_head (&reader->open)));
}

static void
rewind_reader (Reader *reader)
{
  check_prefix (reader);
  reader->from = pick_start (reader->model);
  g_array_set_size (reader->seen, 0);
  g_queue_clear (&reader->open);
  kith_tail_rewind (reader->tail, reader->from);
}

static void
do_something (Model *model)
{
  Reader **reader = &model->readers[g_rand_int_range (model->rand, 0, TAILS)];

  switch (g_rand_int_range (model->rand, 0, 40))
    {
    case 0:
      g_clear_pointer (reader, reader_free);
      break;
    case 1:
      kith_log_forget (model->log);
      break;
    case 2:
      if (*reader != NULL)
        rewind_reader (*reader);
      break;
    case 3:
    case 4:
      if (*reader != NULL)
        kith_tail_set_paused ((*reader)->tail, g_rand_boolean (model->rand));
      break;
    case 5:
    case 6:
    case 7:
      if (*reader == NULL)
        *reader = reader_new (model);
      break;
    case 8:
      if (kith_world_is_virtual (model->f->world))
        g_atomic_int_set (&model->fail_loads, 1);
      break;
    default:
      if (g_rand_boolean (model->rand))
        append (model);
      else if (*reader != NULL)
        consume (*reader);
    }
  if (kith_world_is_virtual (model->f->world) && g_rand_int_range (model->rand, 0, 3) > 0)
    kith_world_advance (model->f->world, g_rand_int_range (model->rand, 0, 1000));
  else
    g_main_context_iteration (model->f->context, FALSE);
}

static void
consume_all (Reader *reader)
{
  while (g_queue_get_length (&reader->open) > 0)
    kith_tail_done (reader->tail, GPOINTER_TO_SIZE (g_queue_pop_head (&reader->open)));
}

static gboolean
has_all (gpointer data)
{
  Model *model = data;

  if (model->under_way > 0)
    return FALSE;
  for (guint i = 0; i < TAILS; i++)
    if (model->readers[i] != NULL)
      {
        consume_all (model->readers[i]);
        if (!kith_tail_is_live (model->readers[i]->tail))
          return FALSE;
      }
  return TRUE;
}

static void
check_reader (Model *model, Reader *reader)
{
  g_assert_cmpuint (check_prefix (reader), ==, model->committed->len);
}

static void
settle (Model *model)
{
  g_atomic_int_set (&model->fail_loads, 0);
  for (guint i = 0; i < TAILS; i++)
    if (model->readers[i] != NULL)
      kith_tail_set_paused (model->readers[i]->tail, FALSE);
  if (kith_world_is_virtual (model->f->world))
    while (!has_all (model))
      kith_world_advance (model->f->world, 61 * G_USEC_PER_SEC);
  fixture_iterate_until (model->f, has_all, model);
}

static gboolean
is_quiet (gpointer data)
{
  return ((Model *) data)->under_way == 0;
}

static void
run_schedule (Fixture *f, guint32 seed)
{
  Model model = { .f = f };

  g_assert_cmpint (fixture_run (f, "DROP TABLE IF EXISTS log; CREATE TABLE log (pos INTEGER PRIMARY KEY, data)"), ==,
                   -1);
  model.rand = g_rand_new_with_seed (seed);
  model.committed = g_array_new (FALSE, FALSE, sizeof (gint64));
  /* Some are there before the log is. */
  for (gint32 n = g_rand_int_range (model.rand, 0, 20); n > 0; n--)
    append (&model);
  fixture_iterate_until (f, is_quiet, &model);
  model.log = kith_log_new (f->store, load_rows, &model, NULL, g_rand_int_range (model.rand, 0, 3000));
  for (guint step = 0; step < STEPS; step++)
    do_something (&model);
  settle (&model);
  for (guint i = 0; i < TAILS; i++)
    if (model.readers[i] != NULL)
      check_reader (&model, model.readers[i]);
  for (guint i = 0; i < TAILS; i++)
    g_clear_pointer (&model.readers[i], reader_free);
  g_assert_cmpuint (kith_log_get_n_tails (model.log), ==, 0);
  while (g_main_context_iteration (f->context, FALSE))
    ;
  kith_log_unref (model.log);
  g_array_unref (model.committed);
  g_rand_free (model.rand);
}

static void
test_random (Fixture *f, gconstpointer data)
{
  guint32 seed = g_test_rand_int ();

  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  for (guint i = 0; i < 12; i++)
    run_schedule (f, seed + i);
}

/* ---- one thing at a time ---- */

static void
fill (Model *model, guint n)
{
  for (guint i = 0; i < n; i++)
    append (model);
  fixture_iterate_until (model->f, is_quiet, model);
}

static void
begin (Model *model, Fixture *f, gsize hot_bytes)
{
  memset (model, 0, sizeof *model);
  model->f = f;
  model->rand = g_rand_new_with_seed (1);
  model->committed = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (fixture_run (f, "CREATE TABLE log (pos INTEGER PRIMARY KEY, data)"), ==, -1);
  model->log = kith_log_new (f->store, load_rows, model, NULL, hot_bytes);
}

static void
end (Model *model)
{
  for (guint i = 0; i < TAILS; i++)
    g_clear_pointer (&model->readers[i], reader_free);
  while (g_main_context_iteration (model->f->context, FALSE))
    ;
  kith_log_unref (model->log);
  g_array_unref (model->committed);
  g_rand_free (model->rand);
}

/* A tail that is up to date lives from the ring: no read of the database for what is appended. */
static void
test_hot (Fixture *f, gconstpointer data)
{
  Model   model;
  Reader *reader;

  begin (&model, f, 100000);
  reader = model.readers[0] = reader_new (&model);
  reader->greedy = TRUE;
  kith_world_run_until_idle (f->world);
  g_assert_cmpuint (reader->live, ==, 1);
  g_assert_cmpuint (model.loads, ==, 1);
  fill (&model, 100);
  check_reader (&model, reader);
  g_assert_cmpuint (model.loads, ==, 1);
  g_assert_cmpint (kith_log_get_newest (model.log), ==, model.last);
  /* One that comes later and is not far behind reads nothing either. */
  model.readers[1] = reader_new (&model);
  model.readers[1]->greedy = TRUE;
  kith_tail_rewind (model.readers[1]->tail, model.last - 3);
  model.readers[1]->from = model.last - 3;
  kith_world_run_until_idle (f->world);
  check_reader (&model, model.readers[1]);
  g_assert_cmpuint (model.loads, ==, 1);
  end (&model);
}

/* Who does not take what is delivered gets no more, and holds no more than a page. */
static void
test_window (Fixture *f, gconstpointer data)
{
  Model   model;
  Reader *reader;
  guint   seen;

  begin (&model, f, 1000);
  fill (&model, 300);
  reader = model.readers[0] = reader_new (&model);
  reader->greedy = FALSE;
  kith_tail_rewind (reader->tail, 0);
  reader->from = 0;
  kith_world_run_until_idle (f->world);
  seen = reader->seen->len;
  g_assert_cmpuint (seen, >, 0);
  g_assert_cmpuint (seen, <, 300);
  fill (&model, 300);
  g_assert_cmpuint (reader->seen->len, ==, seen);
  g_assert_false (kith_tail_is_live (reader->tail));
  reader->greedy = TRUE;
  consume_all (reader);
  kith_world_run_until_idle (f->world);
  check_reader (&model, reader);
  g_assert_true (kith_tail_is_live (reader->tail));
  end (&model);
}

/* A text that was blanked is not delivered from memory. */
static gboolean
blank_all (KithDb *db, gpointer data, GError **error)
{
  return kith_db_exec (db, "UPDATE log SET data = substr (data, 1, 8)", error);
}

static void
forget (gpointer data, const GError *error)
{
  kith_log_forget (((Model *) data)->log);
}

static void
note_size (KithTail *tail, gint64 position, GBytes *bytes, gpointer data)
{
  gsize *most = data;

  *most = MAX (*most, g_bytes_get_size (bytes));
  kith_tail_done (tail, g_bytes_get_size (bytes));
}

static void
test_forget (Fixture *f, gconstpointer data)
{
  Model     model;
  KithTail *tail;
  gsize     most = 0;

  begin (&model, f, 1000000);
  fill (&model, 50);
  kith_store_submit (f->store, KITH_LANE_FRONT, blank_all, forget, &model, NULL);
  kith_world_run_until_idle (f->world);
  tail = kith_tail_new (model.log, 0, 1000, note_size, &most);
  kith_world_run_until_idle (f->world);
  g_assert_cmpuint (most, ==, 8);
  g_assert_true (kith_tail_is_live (tail));
  kith_tail_free (tail);
  end (&model);
}

/* What is committed while a load has its snapshot already is not in it, and not in the ring any more either. */
static void
test_slow_load (Fixture *f, gconstpointer data)
{
  Model   model;
  Reader *reader;

  begin (&model, f, 0);
  fill (&model, 20);
  set_hold (&model, TRUE);
  reader = model.readers[0] = reader_new (&model);
  reader->greedy = TRUE;
  reader->from = 0;
  kith_tail_rewind (reader->tail, 0);
  while (!is_held (&model))
    g_main_context_iteration (f->context, FALSE);
  fill (&model, 20);
  g_assert_cmpuint (reader->seen->len, ==, 0);
  set_hold (&model, FALSE);
  fixture_iterate_until (f, has_all, &model);
  check_reader (&model, reader);
  end (&model);
}

/* The same with a text that is blanked meanwhile: the old one is not shown. */
static void
test_slow_forget (Fixture *f, gconstpointer data)
{
  Model           model;
  KithTail       *tail;
  gsize           most = 0;
  g_autoptr (Work) blanking = NULL;

  begin (&model, f, 1000000);
  blanking = work_new (f, "UPDATE log SET data = substr (data, 1, 8)");
  fill (&model, 20);
  kith_log_forget (model.log);
  set_hold (&model, TRUE);
  tail = kith_tail_new (model.log, 0, 1000, note_size, &most);
  while (!is_held (&model))
    g_main_context_iteration (f->context, FALSE);
  work_submit (blanking, KITH_LANE_FRONT);
  fixture_wait (f, &blanking->destroyed);
  kith_log_forget (model.log);
  set_hold (&model, FALSE);
  while (!kith_tail_is_live (tail))
    g_main_context_iteration (f->context, FALSE);
  g_assert_cmpuint (most, ==, 8);
  kith_tail_free (tail);
  end (&model);
}

#define ADD(path, seed, func) \
  g_test_add ("/store/tail/" path, Fixture, GUINT_TO_POINTER (seed), fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("hot", 1, test_hot);
  ADD ("window", 1, test_window);
  ADD ("forget", 1, test_forget);
  ADD ("slow-load", 0, test_slow_load);
  ADD ("slow-forget", 0, test_slow_forget);
  ADD ("random-virtual", 2, test_random);
  ADD ("random", 0, test_random);
  return g_test_run ();
}
