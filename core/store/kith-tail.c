/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-store"

#include "kith-log-private.h"
#include "kith-log.h"

#define PAGE_BYTES_LEAST (16 * 1024)
#define PAGE_BYTES_MOST (256 * 1024)
#define RETRY_MS 1000
#define RETRY_MS_MOST 60000

typedef enum
{
  NEXT_ENTRY,
  NEXT_LIVE,     /* nothing more: what comes will be appended */
  NEXT_LOAD,     /* only the database knows */
} Next;

typedef struct
{
  KithTail   *tail;
  KithLog    *log;
  KithLogPage page;
  gint64      after;
  gint64      newest;       /* appended when the read was asked for, so certainly in it */
  guint       life;
  guint       generation;
} Load;

static void
tail_unref (gpointer data)
{
  KithTail *tail = data;

  if (--tail->refs > 0)
    return;
  g_clear_pointer (&tail->page, g_array_unref);
  g_free (tail);
}

static KithTail *
tail_ref (KithTail *tail)
{
  tail->refs++;
  return tail;
}

void
kith_tail_drop_page (KithTail *tail)
{
  g_clear_pointer (&tail->page, g_array_unref);
}

/* ---- loading ---- */

static gboolean
run_load (KithDb *db, gpointer data, GError **error)
{
  Load *load = data;

  return load->log->load (db, load->after, &load->page, load->log->data, error);
}

static gboolean
retry (gpointer data)
{
  KithTail *tail = data;

  tail->retry_timer = 0;
  kith_tail_pump (tail);
  return G_SOURCE_REMOVE;
}

static void
retry_later (KithTail *tail, const GError *error)
{
  if (g_error_matches (error, KITH_ERROR, KITH_ERROR_CLOSED))
    return;
  tail->retry_ms = CLAMP (tail->retry_ms * 2, RETRY_MS, RETRY_MS_MOST);
  kith_warning ("A log could not be read; again in %u s: %s", tail->retry_ms / 1000, error->message);
  tail->retry_timer = kith_world_add_timer (kith_store_get_world (tail->log->store), tail->retry_ms, retry, tail, NULL);
}

static void
take_page (KithTail *tail, Load *load)
{
  GArray *entries = load->page.entries;
  gint64  last = entries->len > 0 ? g_array_index (entries, KithEntry, entries->len - 1).position : load->after;

  tail->page = g_steal_pointer (&load->page.entries);
  tail->page_at = 0;
  tail->page_cut = load->page.cut;
  /* Whole: everything that had been appended when it was asked for is in it or exists no more. */
  tail->page_end = load->page.cut ? last : MAX (last, load->newest);
}

static void
load_done (gpointer data, const GError *error)
{
  Load     *load = data;
  KithTail *tail = load->tail;

  if (tail->log == NULL || tail->life != load->life)
    return;
  tail->loading = FALSE;
  if (error != NULL)
    {
      retry_later (tail, error);
      return;
    }
  tail->retry_ms = 0;
  if (tail->log->generation == load->generation)
    take_page (tail, load);
  kith_tail_pump (tail);
}

static void
load_free (gpointer data)
{
  Load *load = data;

  g_clear_pointer (&load->page.entries, g_array_unref);
  tail_unref (load->tail);
  kith_log_unref (load->log);
  g_free (load);
}

static void
start_load (KithTail *tail)
{
  Load *load = g_new0 (Load, 1);

  load->tail = tail_ref (tail);
  load->log = kith_log_ref (tail->log);
  load->after = tail->position;
  load->newest = tail->log->newest;
  load->life = tail->life;
  load->generation = tail->log->generation;
  load->page.entries = g_array_new (FALSE, FALSE, sizeof (KithEntry));
  g_array_set_clear_func (load->page.entries, kith_entry_clear);
  load->page.bytes_most = CLAMP (tail->window / 4, PAGE_BYTES_LEAST, PAGE_BYTES_MOST);
  tail->loading = TRUE;
  kith_store_read (tail->log->store, run_load, load_done, load, load_free);
}

/* ---- delivering ---- */

static void
finish_page (KithTail *tail)
{
  tail->position = MAX (tail->position, tail->page_end);
  tail->complete = tail->complete || !tail->page_cut;
  kith_tail_drop_page (tail);
}

static Next
find_next (KithTail *tail, KithEntry *out)
{
  KithLog *log = tail->log;
  guint    index;

  if (tail->page != NULL && tail->page_at < tail->page->len)
    {
      *out = g_array_index (tail->page, KithEntry, tail->page_at);
      return NEXT_ENTRY;
    }
  if (tail->page != NULL)
    finish_page (tail);
  if (log->newest == 0)
    return tail->complete ? NEXT_LIVE : NEXT_LOAD;
  if (tail->position >= log->newest)
    return NEXT_LIVE;
  if (tail->position < log->base)
    return NEXT_LOAD;
  index = kith_log_find_hot (log, tail->position);
  *out = g_array_index (log->hot, KithEntry, index);
  return NEXT_ENTRY;
}

static gboolean
fits (KithTail *tail, GBytes *bytes)
{
  return tail->pending == 0 || tail->pending + g_bytes_get_size (bytes) <= tail->window;
}

static void
deliver (KithTail *tail, const KithEntry *entry)
{
  /* The entry's place may be gone before its receiver is done with it. */
  g_autoptr (GBytes) bytes = g_bytes_ref (entry->bytes);

  if (tail->page != NULL)
    tail->page_at++;
  tail->position = entry->position;
  tail->pending += g_bytes_get_size (bytes);
  tail->told_live = FALSE;
  tail->deliver (tail, tail->position, bytes, tail->data);
}

/* One step; FALSE when there is nothing to do until somebody calls again. */
static gboolean
step (KithTail *tail)
{
  KithEntry entry;

  switch (find_next (tail, &entry))
    {
    case NEXT_ENTRY:
      if (!fits (tail, entry.bytes))
        return FALSE;
      deliver (tail, &entry);
      return TRUE;
    case NEXT_LOAD:
      start_load (tail);
      return FALSE;
    case NEXT_LIVE:
    default:
      if (tail->told_live)
        return FALSE;
      tail->told_live = TRUE;
      if (tail->live != NULL)
        tail->live (tail, tail->data);
      return TRUE;
    }
}

void
kith_tail_pump (KithTail *tail)
{
  if (tail->pumping)
    return;
  tail->pumping = TRUE;
  tail_ref (tail);
  while (tail->log != NULL && !tail->paused && !tail->loading && tail->retry_timer == 0 && step (tail))
    ;
  tail->pumping = FALSE;
  tail_unref (tail);
}

static gboolean
pump_posted (gpointer data)
{
  kith_tail_pump (data);
  return G_SOURCE_REMOVE;
}

static void
pump_later (KithTail *tail)
{
  kith_world_post (kith_store_get_world (tail->log->store), pump_posted, tail_ref (tail), tail_unref);
}

/* ---- for its user ---- */

KithTail *
kith_tail_new (KithLog *log, gint64 after, gsize window_bytes, KithTailFunc deliver_func, gpointer data)
{
  KithTail *tail = g_new0 (KithTail, 1);

  tail->refs = 1;
  tail->log = kith_log_ref (log);
  tail->deliver = deliver_func;
  tail->data = data;
  tail->position = after;
  tail->window = window_bytes;
  kith_log_add_tail (log, tail);
  pump_later (tail);
  return tail;
}

static void
stop_retry (KithTail *tail)
{
  if (tail->retry_timer != 0)
    kith_world_drop_timer (kith_store_get_world (tail->log->store), tail->retry_timer);
  tail->retry_timer = 0;
}

void
kith_tail_free (KithTail *tail)
{
  g_autoptr (KithLog) log = NULL;

  if (tail == NULL)
    return;
  stop_retry (tail);
  log = g_steal_pointer (&tail->log);
  kith_log_remove_tail (log, tail);
  tail_unref (tail);
}

void
kith_tail_done (KithTail *tail, gsize bytes)
{
  tail->pending -= MIN (bytes, tail->pending);
  kith_tail_pump (tail);
}

void
kith_tail_set_paused (KithTail *tail, gboolean paused)
{
  tail->paused = paused;
  if (!paused)
    kith_tail_pump (tail);
}

void
kith_tail_rewind (KithTail *tail, gint64 after)
{
  stop_retry (tail);
  kith_tail_drop_page (tail);
  tail->life++;
  tail->loading = FALSE;
  tail->complete = FALSE;
  tail->told_live = FALSE;
  tail->position = after;
  tail->pending = 0;
  pump_later (tail);
}

gint64
kith_tail_get_position (KithTail *tail)
{
  return tail->position;
}

gsize
kith_tail_get_pending (KithTail *tail)
{
  return tail->pending;
}

gboolean
kith_tail_is_live (KithTail *tail)
{
  if (tail->loading || (tail->page != NULL && tail->page_at < tail->page->len))
    return FALSE;
  if (tail->page != NULL && !tail->page_cut && tail->log->newest <= tail->page_end)
    return TRUE;
  return tail->log->newest == 0 ? tail->complete : tail->position >= tail->log->newest;
}

void
kith_tail_set_live_func (KithTail *tail, KithTailLiveFunc live)
{
  tail->live = live;
}
