/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim.h"
#include "kith-event-private.h"
#include "kith-world-impl.h"

#include <glib/gstdio.h>
#include <string.h>

/* --- a world whose time is another's, and whose calendar goes wrong by itself */

typedef struct
{
  KithWorld base;
  KithWorld *under;
  Sim *sim;
  gint64 shift_ms;
} ShiftedWorld;

/* A worker that takes its time: what waits for a commit waits while the net and the other nodes go on. */
typedef struct
{
  KithWorker base;
  guint timer;
} SlowWorker;

static gint64
shifted_get_time_us (KithWorld *world)
{
  return kith_world_get_time_us (((ShiftedWorld *)world)->under);
}

static gint64
shifted_get_date_ms (KithWorld *world)
{
  ShiftedWorld *self = (ShiftedWorld *)world;

  return kith_world_get_date_ms (self->under) + self->shift_ms;
}

static void
shifted_fill_random (KithWorld *world, void *buffer, gsize n)
{
  kith_world_fill_random (((ShiftedWorld *)world)->under, buffer, n);
}

static guint
shifted_add_timer (KithWorld *world, guint ms, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  return kith_world_add_timer (((ShiftedWorld *)world)->under, ms, func, data, destroy);
}

static void
shifted_drop_timer (KithWorld *world, guint id)
{
  kith_world_drop_timer (((ShiftedWorld *)world)->under, id);
}

static KithWorker *
shifted_add_worker (KithWorld *world, const char *name, KithTurnFunc turn, gpointer data)
{
  SlowWorker *worker = g_new0 (SlowWorker, 1);

  kith_worker_init (&worker->base, world, name, turn, data);
  return &worker->base;
}

static gboolean
take_turn (gpointer data)
{
  SlowWorker *worker = data;

  worker->timer = 0;
  if (worker->base.turn (worker->base.data))
    kith_worker_wake (&worker->base);
  return G_SOURCE_REMOVE;
}

static void
shifted_wake_worker (KithWorker *worker)
{
  SlowWorker *self = (SlowWorker *)worker;
  ShiftedWorld *world = (ShiftedWorld *)worker->world;
  guint ms = world->sim->slow_ms > 0 ? sim_below (world->sim, world->sim->slow_ms) : 0;

  if (self->timer == 0)
    self->timer = kith_world_add_timer (world->under, ms, take_turn, self, NULL);
}

static void
shifted_free_worker (KithWorker *worker)
{
  SlowWorker *self = (SlowWorker *)worker;

  if (self->timer != 0)
    kith_world_drop_timer (((ShiftedWorld *)worker->world)->under, self->timer);
  while (worker->turn (worker->data))
    ;
  kith_worker_clear (worker);
  g_free (self);
}

static void
shifted_free (KithWorld *world)
{
  kith_world_unref (((ShiftedWorld *)world)->under);
  g_free (world);
}

static const KithWorldImpl shifted_impl = {
  .get_time_us = shifted_get_time_us,
  .get_date_ms = shifted_get_date_ms,
  .fill_random = shifted_fill_random,
  .add_timer = shifted_add_timer,
  .drop_timer = shifted_drop_timer,
  .add_worker = shifted_add_worker,
  .wake_worker = shifted_wake_worker,
  .free_worker = shifted_free_worker,
  .free = shifted_free,
};

KithWorld *
sim_world_new (Sim *sim)
{
  ShiftedWorld *self = g_new0 (ShiftedWorld, 1);

  self->under = kith_world_ref (sim->world);
  self->sim = sim;
  kith_world_init (&self->base, &shifted_impl);
  return &self->base;
}

void
sim_world_shift (KithWorld *world, gint64 ms)
{
  ((ShiftedWorld *)world)->shift_ms += ms;
}

/* --- files */

static char *
new_path (Node *node)
{
  return g_strdup_printf ("%s/%s-%u.db", node->sim->folder, node->name, ++node->sim->files);
}

static void
remove_files (const char *path)
{
  static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (path, suffixes[i], NULL);

      g_unlink (name);
    }
}

static void
write_file (const char *path, const void *bytes, gsize n)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (path, bytes, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

static void
copy_file (const char *from, const char *to, const char *suffix)
{
  g_autofree char *source = g_strconcat (from, suffix, NULL);
  g_autofree char *target = g_strconcat (to, suffix, NULL);
  g_autofree char *content = NULL;
  gsize n;

  if (g_file_get_contents (source, &content, &n, NULL))
    write_file (target, content, n);
}

GBytes *
sim_node_read_file (Node *node)
{
  char *content;
  gsize n;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (node->path, &content, &n, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (content, n);
}

void
sim_node_lose_files (Node *node)
{
  remove_files (node->path);
  g_free (node->path);
  node->path = new_path (node);
  g_ptr_array_set_size (node->events, 0);
}

/* --- one node */

/* Told: only what is in the journal, each number once, and by one. */
static void
on_told (KithEvent *event, gpointer data)
{
  Node *node = data;
  Sim *sim = node->sim;
  gint64 seq = kith_event_get_seq (event);
  const char *name = kith_event_get_name (event);
  gsize n;
  const char *text = g_bytes_get_data (kith_event_get_bytes (event), &n);

  if (!node->up)
    return;
  sim_trace (sim, "%s: %" G_GINT64_FORMAT " %s %.*s", node->name, seq, name, (int)n, text);
  if (node->told != 0 && seq != node->told + 1)
    sim_fail (sim, "%s: event %" G_GINT64_FORMAT " was told after %" G_GINT64_FORMAT, node->name, seq, node->told);
  node->told = seq;
  if (node->events->len < (guint)seq)
    g_ptr_array_set_size (node->events, (int)seq);
  if (node->events->pdata[seq - 1] != NULL)
    sim_fail (sim, "%s: event %" G_GINT64_FORMAT " was told twice", node->name, seq);
  else
    node->events->pdata[seq - 1] = g_strdup (name);
}

Node *
sim_node_new (Sim *sim, const char *name, GBytes *database)
{
  Node *node = g_new0 (Node, 1);

  node->sim = sim;
  node->index = sim->n_nodes;
  node->name = name;
  node->world = sim_world_new (sim);
  node->events = g_ptr_array_new_with_free_func (g_free);
  memset (node->key, (int)node->index + 1, sizeof node->key);
  node->path = new_path (node);
  if (database != NULL)
    write_file (node->path, g_bytes_get_data (database, NULL), g_bytes_get_size (database));
  sim->nodes[sim->n_nodes++] = node;
  return node;
}

void
sim_node_free (Node *node)
{
  remove_files (node->path);
  g_ptr_array_unref (node->events);
  kith_world_unref (node->world);
  g_free (node->path);
  g_free (node);
}

typedef struct
{
  gboolean done;
  gboolean ok;
} Opened;

static void
on_keys_open (GObject *source, GAsyncResult *result, gpointer data)
{
  Opened *opened = data;

  opened->ok = kith_keys_open_finish (KITH_KEYS (source), result, NULL);
  opened->done = TRUE;
}

static void
on_chat_started (GObject *source, GAsyncResult *result, gpointer data)
{
  Opened *opened = data;

  opened->ok = kith_chat_start_finish (KITH_CHAT (source), result, NULL);
  opened->done = TRUE;
}

static const KithEventSpec unread_spec = { .name = KITH_EVENT_UNREAD, .keep = KITH_KEEP_LATEST };

void
sim_node_start (Node *node)
{
  Opened opened = { FALSE, FALSE };
  g_autoptr (GError) error = NULL;

  g_assert_false (node->up);
  node->life++;
  node->ops = 0;
  node->up = TRUE;
  node->told = 0;
  node->store = kith_store_new (node->world);
  kith_store_set_tell_func (node->store, on_told, node);
  kith_store_open (node->store, node->path, node->key, KITH_STORE_OPEN_CREATE, &error);
  g_assert_no_error (error);
  node->bus = kith_bus_new (node->world);
  kith_bus_add_event (node->bus, &unread_spec, "core", NULL);
  node->keys = kith_keys_new (node->world);
  kith_keys_open_async (node->keys, node->store, NULL, on_keys_open, &opened);
  while (!opened.done)
    sim_advance (node->sim, 1);
  g_assert_true (opened.ok);
  opened.done = FALSE;
  node->chat = kith_chat_new (node->world, node->store, node->keys, node->bus, node->name);
  kith_chat_start_async (node->chat, NULL, on_chat_started, &opened);
  while (!opened.done)
    sim_advance (node->sim, 1);
  g_assert_true (opened.ok);
  if (node->sim->mail)
    sim_mail_open (node);
  sim_node_plug (node);
}

void
sim_node_plug (Node *node)
{
  g_autoptr (GError) error = NULL;

  node->transport = sim_transport_new (node);
  kith_transport_attach (node->transport, node->world);
  kith_chat_add_transport (node->chat, node->transport, &error);
  g_assert_no_error (error);
  kith_transport_set_state (node->transport, KITH_TRANSPORT_CONNECTED, NULL);
}

void
sim_node_unplug (Node *node)
{
  kith_chat_drop_transport (node->chat, node->transport);
  g_clear_object (&node->transport);
}

static void
close_rooms (Node *node)
{
  kith_chat_stop (node->chat);
  g_clear_object (&node->transport);
  g_clear_object (&node->mail);
  kith_keys_close (node->keys);
  kith_store_close (node->store);
  sim_turn (node->sim);
  g_assert_finalize_object (g_steal_pointer (&node->chat));
  g_clear_object (&node->keys);
  g_assert_finalize_object (g_steal_pointer (&node->store));
  g_clear_object (&node->bus);
}

void
sim_node_stop (Node *node)
{
  g_assert_true (node->up);
  close_rooms (node);
  node->up = FALSE;
  if (node->ops > 0)
    sim_fail (node->sim, "%s stopped and left %u calls without an answer", node->name, node->ops);
  node->life++;
}

/* The files as they are now are what the next life finds. The rooms that are left behind are closed too, into files
 * that nobody opens again, and nobody hears of them. */
void
sim_node_kill (Node *node, gboolean silently)
{
  char *path = new_path (node);

  g_assert_true (node->up);
  node->up = FALSE;
  node->life++;
  node->sim->pending -= node->ops;
  node->ops = 0;
  copy_file (node->path, path, "");
  copy_file (node->path, path, "-wal");
  sim_cut_all (node->sim, node, silently);
  close_rooms (node);
  remove_files (node->path);
  g_free (node->path);
  node->path = path;
}

gboolean
sim_node_linked (Node *node, Node *other)
{
  KithPerson *person = node->up ? kith_people_find_name (node->chat->people, other->name) : NULL;

  return person != NULL && kith_links_find (node->chat->links, person) != NULL;
}

typedef struct
{
  SimReadFunc func;
  gpointer data;
  gboolean done;
} Read;

static gboolean
run_read (KithDb *db, gpointer data, GError **error)
{
  Read *read = data;

  return read->func (db, read->data, error);
}

static void
on_read (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Read *)data)->done = TRUE;
}

void
sim_node_read (Node *node, SimReadFunc func, gpointer data)
{
  Read read = { func, data, FALSE };

  kith_store_submit (node->store, KITH_LANE_FRONT, run_read, on_read, &read, NULL);
  while (!read.done)
    sim_advance (node->sim, 1);
}
