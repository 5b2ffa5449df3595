/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client has still to get: references in order, written with as few calls as possible, counted to the byte. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  GBytes *bytes;
  gboolean counts;       /* told to the sender when it has left */
} KithOutItem;

typedef struct
{
  KithOutItem *items;    /* a ring */
  guint n_slots;
  guint head;
  guint len;
  gsize head_sent;       /* so much of the first one has left */
  gsize pending;
} KithOutQueue;

typedef enum
{
  KITH_OUT_EMPTY,
  KITH_OUT_FULL,         /* the kernel takes no more now */
  KITH_OUT_BROKEN,
} KithOutState;

void         kith_out_queue_clear     (KithOutQueue *self);
void         kith_out_queue_push      (KithOutQueue *self, GBytes *bytes, gboolean counts);
void         kith_out_queue_push_copy (KithOutQueue *self, const void *data, gsize n);
/* Forgets what has not begun to leave: a frame that is half out must be finished, or the stream is broken. */
void         kith_out_queue_cut       (KithOutQueue *self);
/* *counted: bytes of counting items that left now. */
KithOutState kith_out_queue_write     (KithOutQueue *self, int fd, gsize *counted);

G_END_DECLS
