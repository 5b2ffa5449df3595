/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus-private.h"
#include "kith-host-private.h"

struct _KithHost
{
  GObject parent_instance;

  char *id;
  const KithHostFuncs *funcs;
  gpointer backend;
  KithBus *port;
  GSettings *settings;
  KithWorld *world;
  gboolean builtin;
  GStrv provides;
  gboolean cut;

  GPtrArray *added;     /* of KithAdded: what the plugin offers, in order */
  GPtrArray *timers;    /* of KithHostTimer */
  GPtrArray *asked;     /* of KithRequest, weak: handed to the plugin and not answered yet */
  GPtrArray *calls;     /* of KithCall: what the plugin waits for */

  /* What a getter still gives when the host is cut. */
  GListModel *no_friends;
  char *last_username;
  GBytes *last_identity_key;
};

gboolean kith_host_refuse_cut (KithHost *self, GError **error);
void kith_host_refuse_ability (KithHost *self, const char *what, GError **error);

void kith_host_init_added (KithHost *self);
void kith_host_withdraw_added (KithHost *self);
void kith_host_init_calls (KithHost *self);
void kith_host_close_calls (KithHost *self);
