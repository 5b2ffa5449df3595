/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who shows notifications: the desktop's server (org.freedesktop.Notifications), or inside a Flatpak the Notification
 * portal. Every call has a deadline, one notification has one call under way at a time. Main thread. */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

typedef enum
{
  KITH_ACTION_OPEN,
  KITH_ACTION_MARK_READ,
  KITH_ACTION_ACCEPT,
  KITH_ACTION_REFUSE,
} KithNotifyAction;

/* What is to be shown; nothing of it is kept. */
typedef struct
{
  const char *id;         /* of the conversation, or of the request */
  const char *username;   /* nullable: several */
  const char *title;
  const char *body;       /* plain text */
  const char *msg_id;     /* nullable: nothing can be marked as read */
  gboolean request;       /* of a stranger: accept and refuse */
  gboolean quiet;
} KithNotice;

typedef struct
{
  void (*action)  (const char *id, KithNotifyAction action, gpointer data);
  void (*closed)  (const char *id, gpointer data);   /* the user, or the desktop, took it away */
  void (*failed)  (const char *id, gpointer data);   /* it was not shown */
  void (*ready)   (gpointer data);                   /* more can be shown now than before */
} KithNotifierFuncs;

typedef struct _KithNotifier KithNotifier;

KithNotifier *kith_notifier_new      (KithHost *host, const KithNotifierFuncs *funcs, gpointer data);
void          kith_notifier_free     (KithNotifier *self);   /* nothing is told any more */
/* The desktop asks for silence. */
gboolean      kith_notifier_is_held  (KithNotifier *self);
/* Whether this one can be shown now: there is somebody to show it, and nothing is under way for it. */
gboolean      kith_notifier_can_show (KithNotifier *self, const char *id);
void          kith_notifier_show     (KithNotifier *self, const KithNotice *notice);
void          kith_notifier_withdraw (KithNotifier *self, const char *id);
/* Takes away what would be left behind with nobody to answer its buttons; then the task (full) returns TRUE. */
void          kith_notifier_leave    (KithNotifier *self, GTask *task);

G_END_DECLS
