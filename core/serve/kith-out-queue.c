/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-out-queue.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MOST_PARTS 64
#define FIRST_SLOTS 4

static KithOutItem *
get_item (KithOutQueue *self, guint index)
{
  return &self->items[(self->head + index) & (self->n_slots - 1)];
}

static void
grow (KithOutQueue *self)
{
  guint n = self->n_slots > 0 ? self->n_slots * 2 : FIRST_SLOTS;
  KithOutItem *items = g_new (KithOutItem, n);

  for (guint i = 0; i < self->len; i++)
    items[i] = *get_item (self, i);
  g_free (self->items);
  self->items = items;
  self->n_slots = n;
  self->head = 0;
}

/* An idle client keeps no room for a burst that has passed. */
static void
shrink_empty (KithOutQueue *self)
{
  self->head = 0;
  if (self->n_slots <= FIRST_SLOTS)
    return;
  g_clear_pointer (&self->items, g_free);
  self->n_slots = 0;
}

static void
pop (KithOutQueue *self)
{
  g_bytes_unref (get_item (self, 0)->bytes);
  self->head = (self->head + 1) & (self->n_slots - 1);
  self->len--;
  self->head_sent = 0;
}

void
kith_out_queue_clear (KithOutQueue *self)
{
  while (self->len > 0)
    pop (self);
  g_clear_pointer (&self->items, g_free);
  self->n_slots = 0;
  self->head = 0;
  self->pending = 0;
}

void
kith_out_queue_push (KithOutQueue *self, GBytes *bytes, gboolean counts)
{
  gsize n = g_bytes_get_size (bytes);
  KithOutItem *item;

  if (n == 0)
    return;
  if (self->len == self->n_slots)
    grow (self);
  item = get_item (self, self->len++);
  item->bytes = g_bytes_ref (bytes);
  item->counts = counts;
  self->pending += n;
}

void
kith_out_queue_push_copy (KithOutQueue *self, const void *data, gsize n)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data, n);

  kith_out_queue_push (self, bytes, FALSE);
}

void
kith_out_queue_cut (KithOutQueue *self)
{
  guint keep = self->head_sent > 0 ? 1 : 0;

  while (self->len > keep)
    {
      KithOutItem *item = get_item (self, self->len - 1);

      self->pending -= g_bytes_get_size (item->bytes);
      g_bytes_unref (item->bytes);
      self->len--;
    }
}

static guint
gather (KithOutQueue *self, struct iovec *parts)
{
  guint n = MIN (self->len, MOST_PARTS);

  for (guint i = 0; i < n; i++)
    {
      gsize size;
      const guint8 *data = g_bytes_get_data (get_item (self, i)->bytes, &size);
      gsize skip = i == 0 ? self->head_sent : 0;

      parts[i].iov_base = (void *) (data + skip);
      parts[i].iov_len = size - skip;
    }
  return n;
}

static void
take_off (KithOutQueue *self, gsize n, gsize *counted)
{
  self->pending -= n;
  while (n > 0)
    {
      KithOutItem *item = get_item (self, 0);
      gsize left = g_bytes_get_size (item->bytes) - self->head_sent;
      gsize now = MIN (n, left);

      if (item->counts)
        *counted += now;
      self->head_sent += now;
      n -= now;
      if (now == left)
        pop (self);
    }
}

KithOutState
kith_out_queue_write (KithOutQueue *self, int fd, gsize *counted)
{
  *counted = 0;
  while (self->len > 0)
    {
      struct iovec parts[MOST_PARTS];
      struct msghdr message = { .msg_iov = parts };
      ssize_t n;

      message.msg_iovlen = gather (self, parts);
      n = sendmsg (fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? KITH_OUT_FULL : KITH_OUT_BROKEN;
      take_off (self, (gsize) n, counted);
    }
  shrink_empty (self);
  return KITH_OUT_EMPTY;
}
