/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-log-private.h"

/* Gone entries stay in the array until so many are gone and they are the greater part. */
#define HEAD_MOST 256

void
kith_entry_clear (gpointer data)
{
  g_clear_pointer (&((KithEntry *) data)->bytes, g_bytes_unref);
}

gboolean
kith_log_page_add (KithLogPage *page, gint64 position, GBytes *bytes)
{
  KithEntry entry = { position, bytes };

  g_array_append_val (page->entries, entry);
  page->bytes += g_bytes_get_size (bytes);
  page->cut = page->bytes >= page->bytes_most;
  return !page->cut;
}

KithLog *
kith_log_new (KithStore *store, KithLogLoadFunc load, gpointer data, GDestroyNotify destroy, gsize hot_bytes)
{
  KithLog *log = g_new0 (KithLog, 1);

  log->refs = 1;
  log->store = g_object_ref (store);
  log->load = load;
  log->data = data;
  log->destroy = destroy;
  log->hot_most = hot_bytes;
  log->hot = g_array_new (FALSE, FALSE, sizeof (KithEntry));
  g_array_set_clear_func (log->hot, kith_entry_clear);
  log->tails = g_ptr_array_new ();
  return log;
}

KithLog *
kith_log_ref (KithLog *log)
{
  log->refs++;
  return log;
}

void
kith_log_unref (KithLog *log)
{
  if (--log->refs > 0)
    return;
  g_array_unref (log->hot);
  g_ptr_array_unref (log->tails);
  if (log->destroy != NULL)
    log->destroy (log->data);
  g_object_unref (log->store);
  g_free (log);
}

/* ---- the hot ring ---- */

guint
kith_log_find_hot (KithLog *log, gint64 position)
{
  guint low = log->hot_head;
  guint high = log->hot->len;

  /* Nearly always the tail has everything but the last. */
  if (high > low + 1 && g_array_index (log->hot, KithEntry, high - 2).position <= position)
    low = high - 1;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (g_array_index (log->hot, KithEntry, middle).position <= position)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static void
drop_oldest (KithLog *log)
{
  KithEntry *entry = &g_array_index (log->hot, KithEntry, log->hot_head);

  log->base = entry->position;
  log->hot_bytes -= g_bytes_get_size (entry->bytes);
  kith_entry_clear (entry);
  log->hot_head++;
  if (log->hot_head == log->hot->len || (log->hot_head >= HEAD_MOST && log->hot_head * 2 > log->hot->len))
    {
      g_array_remove_range (log->hot, 0, log->hot_head);
      log->hot_head = 0;
    }
}

/* ---- tails ---- */

void
kith_log_add_tail (KithLog *log, KithTail *tail)
{
  g_ptr_array_add (log->tails, tail);
}

static void
remove_gaps (KithLog *log)
{
  guint kept = 0;

  for (guint i = 0; i < log->tails->len; i++)
    if (log->tails->pdata[i] != NULL)
      log->tails->pdata[kept++] = log->tails->pdata[i];
  g_ptr_array_set_size (log->tails, (gint) kept);
}

void
kith_log_remove_tail (KithLog *log, KithTail *tail)
{
  guint index;

  if (!g_ptr_array_find (log->tails, tail, &index))
    return;
  log->tails->pdata[index] = NULL;
  if (log->rounds == 0)
    remove_gaps (log);
}

/* A delivery may free any tail, make new ones, or append. */
static void
pump_all (KithLog *log)
{
  log->rounds++;
  for (guint i = 0; i < log->tails->len; i++)
    if (log->tails->pdata[i] != NULL)
      kith_tail_pump (log->tails->pdata[i]);
  if (--log->rounds == 0)
    remove_gaps (log);
}

/* The first position of this run: between it and what is in the database nothing was committed, so who has had all of
 * that has nothing to load. */
static void
begin (KithLog *log, gint64 position)
{
  log->base = position - 1;
  for (guint i = 0; i < log->tails->len; i++)
    {
      KithTail *tail = log->tails->pdata[i];

      if (tail != NULL && tail->complete && !tail->loading && tail->page == NULL)
        tail->position = MAX (tail->position, log->base);
    }
}

void
kith_log_append (KithLog *log, gint64 position, GBytes *bytes)
{
  KithEntry entry = { position, NULL };

  g_return_if_fail (position > log->newest);

  if (log->newest == 0)
    begin (log, position);
  log->newest = position;
  entry.bytes = g_bytes_ref (bytes);
  g_array_append_val (log->hot, entry);
  log->hot_bytes += g_bytes_get_size (bytes);
  kith_log_ref (log);
  pump_all (log);
  while (log->hot_bytes > log->hot_most && log->hot->len > 0)
    drop_oldest (log);
  kith_log_unref (log);
}

void
kith_log_forget (KithLog *log)
{
  while (log->hot->len > 0)
    drop_oldest (log);
  log->generation++;
  for (guint i = 0; i < log->tails->len; i++)
    if (log->tails->pdata[i] != NULL)
      kith_tail_drop_page (log->tails->pdata[i]);
  kith_log_ref (log);
  pump_all (log);
  kith_log_unref (log);
}

gint64
kith_log_get_newest (KithLog *log)
{
  return log->newest;
}

guint
kith_log_get_n_tails (KithLog *log)
{
  guint n = 0;

  for (guint i = 0; i < log->tails->len; i++)
    n += log->tails->pdata[i] != NULL;
  return n;
}
