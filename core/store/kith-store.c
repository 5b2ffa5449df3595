/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-store"

#include "kith-store-private.h"

#include <unistd.h>

#include "kith-log.h"

typedef enum
{
  PROP_STATE = 1,
  PROP_FULL,
  PROP_DISK_FULL,
  N_PROPS
} KithStoreProperty;

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (KithStore, kith_store, G_TYPE_OBJECT)

static const char *const state_names[] = {
  [KITH_STORE_CLOSED] = "closed",       [KITH_STORE_OPENING] = "opening",     [KITH_STORE_OPEN] = "open",
  [KITH_STORE_MISSING] = "missing",     [KITH_STORE_ASIDE] = "aside",         [KITH_STORE_EMPTY] = "empty",
  [KITH_STORE_FOREIGN] = "foreign",     [KITH_STORE_DAMAGED] = "damaged",     [KITH_STORE_WRONG_KEY] = "wrong-key",
  [KITH_STORE_NEWER] = "newer",         [KITH_STORE_READ_ONLY] = "read-only", [KITH_STORE_DISK_FULL] = "disk-full",
  [KITH_STORE_IN_USE] = "in-use",       [KITH_STORE_FAILED] = "failed",
};

const char *
kith_store_state_to_string (KithStoreState state)
{
  return (guint) state < G_N_ELEMENTS (state_names) ? state_names[state] : "failed";
}

/* ---- opening and closing ---- */

static void
set_state (KithStore *store, KithStoreState state, const char *message)
{
  g_free (store->message);
  store->message = g_strdup (message);
  if (store->state == state)
    return;
  store->state = state;
  g_object_notify_by_pspec (G_OBJECT (store), properties[PROP_STATE]);
}

static void
take_over (KithStore *store, KithOpening *opening)
{
  store->lock = opening->lock;
  store->starts = opening->starts;
  store->rolled_back = opening->rolled_back;
  store->journal = opening->journal;
  store->readers = kith_readers_new (store->world, store->answers, opening->path, opening->key);
}

static void
add_totals (KithStore *store)
{
  KithEngineState *state = kith_engine_get_state (store->engine);

  store->totals.commits += state->commits;
  store->totals.commit_us += state->commit_us;
  for (guint i = 0; i < G_N_ELEMENTS (state->commit_times); i++)
    store->totals.commit_times[i] += state->commit_times[i];
  store->totals.reruns += state->reruns;
  store->totals.checkpoints += state->checkpoints;
}

/* The engine's thread ends; every job has an answer waiting afterwards. */
static KithDb *
stop_engine (KithStore *store, gboolean *damage)
{
  KithDb *db;

  if (store->engine == NULL)
    return NULL;
  db = kith_engine_stop (store->engine);
  *damage = g_atomic_int_get (&kith_engine_get_state (store->engine)->damage);
  add_totals (store);
  g_clear_pointer (&store->engine, kith_engine_free);
  return db;
}

static gboolean
finish_opening (KithStore *store, KithOpening *opening, GError **error)
{
  gboolean damage;

  if (opening->state == KITH_STORE_OPEN)
    {
      take_over (store, opening);
      set_state (store, KITH_STORE_OPEN, opening->notice);
      if (opening->rolled_back)
        kith_warning ("%s", opening->notice);
      else if (opening->notice != NULL)
        kith_notice ("%s", opening->notice);
      return TRUE;
    }
  kith_warning ("No store (%s): %s", kith_store_state_to_string (opening->state), opening->error->message);
  set_state (store, opening->state, opening->error->message);
  stop_engine (store, &damage);
  kith_answers_deliver (store->answers);
  g_propagate_error (error, g_error_copy (opening->error));
  return FALSE;
}

static void
opening_told (KithOpening *opening, gpointer data)
{
  g_autoptr (KithStore) store = data;
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;

  if (store->opening != opening)
    return;
  g_clear_pointer (&store->opening, kith_opening_unref);
  task = g_steal_pointer (&store->open_task);
  if (finish_opening (store, opening, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static gboolean
may_open (KithStore *store, GError **error)
{
  if (store->state != KITH_STORE_OPEN && store->state != KITH_STORE_OPENING)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "The store is open already");
  return FALSE;
}

static KithOpening *
begin_opening (KithStore *store, const char *path, const guint8 *key, KithStoreOpenFlags flags)
{
  KithOpening *opening;

  if (store->path != path)
    {
      g_free (store->path);
      store->path = g_strdup (path);
    }
  store->engine = kith_engine_new (store->world, store->answers);
  opening = kith_opening_new (store->world, store->path, key, flags, store->schema);
  opening->expected_starts = store->expected_starts;
  opening->expected_epoch = g_strdup (store->expected_epoch);
  opening->expected_newest = store->expected_newest;
  return opening;
}

void
kith_store_open_async (KithStore *store, const char *path, const guint8 *key, KithStoreOpenFlags flags,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (store, cancellable, callback, data);
  g_autoptr (GError) error = NULL;

  g_return_if_fail (KITH_IS_STORE (store));
  g_return_if_fail (path != NULL && key != NULL);

  g_task_set_source_tag (task, kith_store_open_async);
  /* Opening goes to its end: a database that is open may be used whether its opener still listens or not. */
  g_task_set_check_cancellable (task, FALSE);
  if (!may_open (store, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  store->opening = begin_opening (store, path, key, flags);
  store->opening->told = opening_told;
  store->opening->told_data = g_object_ref (store);
  store->open_task = g_steal_pointer (&task);
  set_state (store, KITH_STORE_OPENING, NULL);
  kith_engine_start (store->engine, store->opening);
}

gboolean
kith_store_open_finish (KithStore *store, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, store), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
kith_store_open (KithStore *store, const char *path, const guint8 *key, KithStoreOpenFlags flags, GError **error)
{
  KithOpening *opening;
  gboolean     good;

  g_return_val_if_fail (KITH_IS_STORE (store), FALSE);
  g_return_val_if_fail (path != NULL && key != NULL, FALSE);

  if (!may_open (store, error))
    return FALSE;
  opening = begin_opening (store, path, key, flags);
  kith_opening_run (opening);
  if (opening->state == KITH_STORE_OPEN)
    kith_engine_start (store->engine, opening);
  good = finish_opening (store, opening, error);
  kith_opening_unref (opening);
  return good;
}

static void
fail_open_task (KithStore *store, KithOpening *opening)
{
  g_autoptr (GTask) task = g_steal_pointer (&store->open_task);

  if (opening->lock >= 0)
    store->lock = opening->lock;
  store->journal = opening->journal;
  kith_opening_unref (opening);
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_CLOSED, "The store was closed while it was opened");
}

void
kith_store_close (KithStore *store)
{
  g_autoptr (KithStore) self = NULL;
  gboolean damage = FALSE;
  KithDb  *db;

  g_return_if_fail (KITH_IS_STORE (store));

  if (store->state == KITH_STORE_CLOSED)
    return;
  self = g_object_ref (store);
  set_state (store, KITH_STORE_CLOSED, NULL);
  kith_journal_stop (store);
  db = stop_engine (store, &damage);
  if (store->opening != NULL)
    fail_open_task (store, g_steal_pointer (&store->opening));
  if (store->readers != NULL)
    damage = damage || kith_readers_saw_damage (store->readers);
  g_clear_pointer (&store->readers, kith_readers_free);
  kith_answers_deliver (store->answers);
  if (db != NULL)
    kith_opening_close_db (db, store->journal.shown, damage);
  if (store->lock >= 0)
    close (store->lock);
  store->lock = -1;
  kith_store_update_disk_full (store);
}

/* ---- asking ---- */

KithStoreState
kith_store_get_state (KithStore *store)
{
  return store->state;
}

const char *
kith_store_get_message (KithStore *store)
{
  return store->message;
}

const char *
kith_store_get_path (KithStore *store)
{
  return store->path;
}

KithWorld *
kith_store_get_world (KithStore *store)
{
  return store->world;
}

gint64
kith_store_get_starts (KithStore *store)
{
  return store->state == KITH_STORE_OPEN ? store->starts : 0;
}

void
kith_store_expect_starts (KithStore *store, gint64 starts)
{
  store->expected_starts = starts;
}

void
kith_store_expect_journal (KithStore *store, const char *epoch, gint64 newest)
{
  g_free (store->expected_epoch);
  store->expected_epoch = g_strdup (epoch);
  store->expected_newest = newest;
}

gboolean
kith_store_was_rolled_back (KithStore *store)
{
  return store->state == KITH_STORE_OPEN && store->rolled_back;
}

int
kith_store_get_schema_version (void)
{
  return kith_schema_get_version (&kith_schema);
}

gboolean
kith_store_is_full (KithStore *store)
{
  return store->full;
}

gboolean
kith_store_is_disk_full (KithStore *store)
{
  return store->disk_full;
}

void
kith_store_set_tell_func (KithStore *store, KithTellFunc tell, gpointer data)
{
  store->tell = tell;
  store->tell_data = data;
}

void
kith_store_get_counters (KithStore *store, KithStoreCounters *out)
{
  KithEngineState *now = store->engine != NULL ? kith_engine_get_state (store->engine) : NULL;

  out->jobs = store->answered;
  out->failed = store->failed;
  out->reads = store->reads;
  out->commits = store->totals.commits + (now != NULL ? (guint) g_atomic_int_get (&now->commits) : 0);
  out->reruns = store->totals.reruns + (now != NULL ? (guint) g_atomic_int_get (&now->reruns) : 0);
  out->checkpoints = store->totals.checkpoints + (now != NULL ? (guint) g_atomic_int_get (&now->checkpoints) : 0);
  out->commit_us = store->totals.commit_us + (now != NULL ? (gsize) g_atomic_pointer_get (&now->commit_us) : 0);
  for (guint i = 0; i < G_N_ELEMENTS (out->commit_times); i++)
    out->commit_times[i]
        = (guint) store->totals.commit_times[i] + (now != NULL ? (guint) g_atomic_int_get (&now->commit_times[i]) : 0);
  out->queued = store->queued;
  out->queued_bytes = store->queued_bytes;
}

/* ---- object ---- */

void
kith_store_set_schema (KithStore *store, const KithSchema *schema)
{
  store->schema = schema;
}

KithStore *
kith_store_new (KithWorld *world)
{
  KithStore *store = g_object_new (KITH_TYPE_STORE, NULL);

  store->world = kith_world_ref (world);
  store->answers = kith_answers_new (world, kith_store_answer_job, store);
  return store;
}

static void
kith_store_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  KithStore *store = KITH_STORE (object);

  switch ((KithStoreProperty) id)
    {
    case PROP_STATE:
      g_value_set_int (value, store->state);
      break;
    case PROP_FULL:
      g_value_set_boolean (value, store->full);
      break;
    case PROP_DISK_FULL:
      g_value_set_boolean (value, store->disk_full);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
kith_store_dispose (GObject *object)
{
  KithStore *store = KITH_STORE (object);

  kith_store_close (store);
  g_clear_pointer (&store->answers, kith_answers_free);
  G_OBJECT_CLASS (kith_store_parent_class)->dispose (object);
}

static void
kith_store_finalize (GObject *object)
{
  KithStore *store = KITH_STORE (object);

  g_clear_pointer (&store->world, kith_world_unref);
  g_free (store->path);
  g_free (store->expected_epoch);
  g_free (store->message);
  G_OBJECT_CLASS (kith_store_parent_class)->finalize (object);
}

static void
kith_store_class_init (KithStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags   flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = kith_store_get_property;
  object_class->dispose = kith_store_dispose;
  object_class->finalize = kith_store_finalize;
  properties[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, KITH_STORE_FAILED, KITH_STORE_CLOSED, flags);
  properties[PROP_FULL] = g_param_spec_boolean ("full", NULL, NULL, FALSE, flags);
  properties[PROP_DISK_FULL] = g_param_spec_boolean ("disk-full", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
kith_store_init (KithStore *store)
{
  store->schema = &kith_schema;
  store->lock = -1;
  store->journal_limit = KITH_JOURNAL_LIMIT;
  store->journal.oldest = 1;
}
