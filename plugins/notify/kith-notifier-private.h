/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-notifier.h"

G_BEGIN_DECLS

#define KITH_NOTIFY_DEADLINE_MS 5000

/* One notification as the desktop knows it. */
typedef struct
{
  KithNotifier *notifier;   /* NULL: the notifier has gone */
  char *id;
  guint32 number;           /* the server's; 0: not there */
  gboolean busy;            /* a call is under way */
  gboolean withdrawn;       /* … and its outcome is to be taken away */
} KithNoticeSlot;

typedef struct
{
  const char *name, *path, *interface;
  const char *missing;      /* what to say when nobody has the name */
  gboolean stays;           /* notifications outlive us: the application is started for their actions */
  void (*appeared) (KithNotifier *self);
  void (*prepare)  (KithNotifier *self);   /* nullable: sets known, and says that it is ready, now or later */
  void (*signal)   (KithNotifier *self, const char *signal, GVariant *parameters);
  /* Method and its arguments. */
  const char *(*show)     (KithNotifier *self, KithNoticeSlot *slot, const KithNotice *notice, GVariant **arguments);
  const char *(*withdraw) (KithNotifier *self, KithNoticeSlot *slot, GVariant **arguments);   /* nullable */
  void (*shown)    (KithNoticeSlot *slot, GVariant *answer);
} KithNotifierWay;

struct _KithNotifier
{
  KithHost *host;            /* not owned: the board holds it */
  const KithNotifierFuncs *funcs;
  gpointer data;
  const KithNotifierWay *way;
  GCancellable *cancellable;
  GDBusConnection *bus;      /* NULL: not there (yet) */
  guint watch, subscription, properties;
  guint connecting;          /* the deadline of the connection; a timer of the host */
  GHashTable *slots;         /* id → KithNoticeSlot */
  gboolean connected;        /* it is known whether there is a bus */
  struct _KithNotifier **joining; /* told when we go before the bus is there; NULL: it is */
  gboolean preparing, known; /* what there is, can do */
  gboolean held, told;
  gboolean can_act, can_markup, can_body, can_sound;
};

extern const KithNotifierWay kith_notifier_server, kith_notifier_portal;

void            kith_notifier_say    (KithNotifier *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
KithNoticeSlot *kith_notifier_find   (KithNotifier *self, guint32 number);   /* nullable */
KithNoticeSlot *kith_notifier_lookup (KithNotifier *self, const char *id);   /* nullable */

G_END_DECLS
