/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus-private.h"
#include "kith-loader.h"

G_BEGIN_DECLS

/* A daemon without a network and a store, in virtual time: it loads plugins for real, does what hosts ask, and takes
 * notes of it. One line a note:
 *   event NAME JSON | ephemeral TO KIND JSON | read PEER ID told/untold | presence NAME STATUS | send TO KIND JSON
 *   ask METHOD PATH [JSON]
 *   warning TEXT (of the loader and of libkith)
 */
typedef struct
{
  KithWorld *world;
  KithBus *bus;
  KithLoader *loader;
  GListStore *friends;
  KithPresence status;
  GString *notes;
  GPtrArray *offers;   /* commands, routes, contents, transports */
  GHashTable *values;  /* "plugin/key" → GBytes */
  const char *schema_dir;
  gboolean links_work; /* whether an ephemeral finds a link; TRUE at first */
  GError *read_error;  /* what mark_read answers next */
  GTask *held_task;    /* with hold_tasks: what was asked last and waits */
  gboolean hold_tasks;
} KithFakeDaemon;

/* @path ends with NULL. Takes over the log: warnings become notes. */
KithFakeDaemon *kith_fake_daemon_new (const char *const *path, const char *schema_dir);
/* The same in real time, for what really keeps the loop. */
KithFakeDaemon *kith_fake_daemon_new_real (const char *const *path);
void kith_fake_daemon_free (KithFakeDaemon *self);
/* What was noted since the last call; free with g_free(). */
char *kith_fake_daemon_take_notes (KithFakeDaemon *self);
#define kith_fake_daemon_assert_notes(self, expected)                                                                 \
  G_STMT_START                                                                                                        \
  {                                                                                                                   \
    g_autofree char *_notes = kith_fake_daemon_take_notes (self);                                                     \
    g_assert_cmpstr (_notes, ==, expected);                                                                           \
  }                                                                                                                   \
  G_STMT_END

void kith_fake_daemon_advance_ms (KithFakeDaemon *self, guint ms);
/* Wait until it is settled. */
void kith_fake_daemon_start_all (KithFakeDaemon *self);
void kith_fake_daemon_stop_all (KithFakeDaemon *self);
gboolean kith_fake_daemon_enable (KithFakeDaemon *self, const char *id, GError **error);
void kith_fake_daemon_disable (KithFakeDaemon *self, const char *id);
KithPluginState kith_fake_daemon_get_state (KithFakeDaemon *self, const char *id);

KithFriend *kith_fake_daemon_add_friend (KithFakeDaemon *self, const char *username);
void kith_fake_daemon_set_link (KithFakeDaemon *self, KithFriend *with, gboolean up);
void kith_fake_daemon_say (KithFakeDaemon *self, KithFriend *from, const char *kind, const char *json);
void kith_fake_daemon_set_status (KithFakeDaemon *self, KithPresence status);

/* Each gives "STATUS" or "STATUS body-or-error"; NULL: nobody offers it, or nobody has answered. @name: a command, or
 * "METHOD path" as it was registered; @params: "key=value", NULL. */
char *kith_fake_daemon_ask (KithFakeDaemon *self, const char *name, guint64 client, const char *const *params,
                            const char *json);
/* Whether the plugin was done with it. */
gboolean kith_fake_daemon_hand_over (KithFakeDaemon *self, KithFriend *from, const char *kind, const char *id,
                                     const char *json);
gboolean kith_fake_daemon_offers (KithFakeDaemon *self, const char *name);

G_END_DECLS
