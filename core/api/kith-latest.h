/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The newest value of each state (presence of a friend, state of a transport, unread count), in memory. Main thread. */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

typedef struct _KithLatest KithLatest;

KithLatest *kith_latest_new    (void);
void        kith_latest_free   (KithLatest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithLatest, kith_latest_free)

/* The value replaces the one before of the same state and key. seq: the journal's newest at this moment. */
void        kith_latest_put    (KithLatest *self, const KithEventSpec *spec, KithEvent *event, gint64 seq,
                                GBytes *frame);
/* Those whose seq is at least `from`, in the order in which they changed. */
typedef void (*KithLatestFunc) (GBytes *frame, gpointer data);
void        kith_latest_each   (KithLatest *self, gint64 from, KithLatestFunc func, gpointer data);
guint       kith_latest_get_n  (KithLatest *self);
void        kith_latest_clear  (KithLatest *self);

G_END_DECLS
