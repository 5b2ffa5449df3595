/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-waiting.h"
#include "kith-table-message.h"

#include <string.h>

#define LINK_MS 2000
#define ANSWER_MS 3000

typedef struct
{
  KithWaiting *owner;
  gint64 person;
  guint8 cid[KITH_ID_BYTES];
  gboolean linked;
  guint timer;
  KithWaitingFunc func;
  gpointer data;
} Waiter;

struct _KithWaiting
{
  KithChat *chat;
  GPtrArray *waiters; /* few at a time: a list will do */
};

KithWaiting *
kith_waiting_new (KithChat *chat)
{
  KithWaiting *self = g_new0 (KithWaiting, 1);

  self->chat = chat;
  self->waiters = g_ptr_array_new ();
  return self;
}

static void
finish (Waiter *waiter, gboolean delivered)
{
  KithWaiting *self = waiter->owner;

  g_ptr_array_remove_fast (self->waiters, waiter);
  if (waiter->timer != 0)
    kith_world_drop_timer (self->chat->world, waiter->timer);
  waiter->func (delivered, waiter->data);
  g_free (waiter);
}

void
kith_waiting_free (KithWaiting *self)
{
  while (self->waiters->len > 0)
    finish (self->waiters->pdata[0], FALSE);
  g_ptr_array_unref (self->waiters);
  g_free (self);
}

static gboolean
on_timeout (gpointer data)
{
  Waiter *waiter = data;

  waiter->timer = 0;
  finish (waiter, FALSE);
  return G_SOURCE_REMOVE;
}

static void
start_timer (Waiter *waiter, guint ms)
{
  KithWorld *world = waiter->owner->chat->world;

  if (waiter->timer != 0)
    kith_world_drop_timer (world, waiter->timer);
  waiter->timer = kith_world_add_timer (world, ms, on_timeout, waiter, NULL);
}

void
kith_waiting_add (KithWaiting *self, KithPerson *person, const guint8 *cid, KithWaitingFunc func, gpointer data)
{
  KithLinks *links = self != NULL ? self->chat->links : NULL;
  Waiter *waiter;
  gboolean linked = links != NULL && kith_links_find (links, person) != NULL;

  if (links == NULL || (!linked && !kith_links_may_come (links, person)))
    {
      func (FALSE, data);
      return;
    }
  waiter = g_new0 (Waiter, 1);
  waiter->owner = self;
  waiter->person = person->row.id;
  memcpy (waiter->cid, cid, KITH_ID_BYTES);
  waiter->linked = linked;
  waiter->func = func;
  waiter->data = data;
  g_ptr_array_add (self->waiters, waiter);
  start_timer (waiter, linked ? ANSWER_MS : LINK_MS);
}

void
kith_waiting_settle (KithWaiting *self, const guint8 *cid, gboolean delivered)
{
  if (self == NULL)
    return;
  for (guint i = self->waiters->len; i > 0; i--)
    {
      Waiter *waiter = self->waiters->pdata[i - 1];

      if (memcmp (waiter->cid, cid, KITH_ID_BYTES) == 0)
        finish (waiter, delivered);
      i = MIN (i, self->waiters->len + 1);
    }
}

void
kith_waiting_linked (KithWaiting *self, gint64 person)
{
  for (guint i = 0; self != NULL && i < self->waiters->len; i++)
    {
      Waiter *waiter = self->waiters->pdata[i];

      if (waiter->person == person && !waiter->linked)
        {
          waiter->linked = TRUE;
          start_timer (waiter, ANSWER_MS);
        }
    }
}
