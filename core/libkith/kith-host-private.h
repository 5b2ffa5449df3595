/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"
#include "kith-world.h"

G_BEGIN_DECLS

/* The largest value of a plugin's own store. */
#define KITH_HOST_MAX_VALUE_BYTES 65536u

/* What the daemon does for a host. The host checks names, measures handlers, remembers what was added, and at its
 * cut calls the drop function of each thing and answers what is under way with KITH_ERROR_CLOSED. Every entry may be
 * NULL: then the ability fails with KITH_ERROR_REFUSED. Async verbs get a GTask (full; source object: the host;
 * cancellable set) and return through it. */
typedef struct
{
  GListModel *(*get_friends) (gpointer backend, KithHost *host);                             /* none */
  KithFriend *(*find_friend) (gpointer backend, KithHost *host, const char *username);       /* none, nullable */
  const char *(*get_username) (gpointer backend, KithHost *host);                            /* none */
  GBytes *(*get_identity_key) (gpointer backend, KithHost *host);                            /* none */
  KithPresence (*get_status) (gpointer backend, KithHost *host);

  /* Events and ephemeral kinds need nothing here: they are registered at the bus with the plugin's id as their
   * owner. */
  gboolean (*add_command) (gpointer backend, KithHost *host, const KithEventSpec *spec, KithRequestFunc func,
                           gpointer data, GError **error);
  void (*drop_command) (gpointer backend, KithHost *host, const KithEventSpec *spec);
  gboolean (*add_route) (gpointer backend, KithHost *host, const KithRouteSpec *spec, KithRequestFunc func,
                         gpointer data, GError **error);
  void (*drop_route) (gpointer backend, KithHost *host, const KithRouteSpec *spec);
  gboolean (*add_content) (gpointer backend, KithHost *host, const char *kind, KithContentFunc func, gpointer data,
                           GError **error);
  void (*drop_content) (gpointer backend, KithHost *host, const char *kind);
  gboolean (*add_transport) (gpointer backend, KithHost *host, KithTransport *transport, GError **error);
  void (*drop_transport) (gpointer backend, KithHost *host, KithTransport *transport);
  gboolean (*add_directory) (gpointer backend, KithHost *host, KithDirectory *directory, GError **error);
  void (*drop_directory) (gpointer backend, KithHost *host, KithDirectory *directory);

  /* @event is full, registered, and of this plugin. Grades none and latest: kith_bus_tell_event(); all: journal
   * first. NULL: the host tells the bus. */
  void (*publish) (gpointer backend, KithHost *host, KithEvent *event);
  void (*send) (gpointer backend, KithHost *host, KithFriend *to, const char *kind, JsonObject *data /* full */,
                GTask *task); /* pointer: char *id, g_free */
  gboolean (*send_ephemeral) (gpointer backend, KithHost *host, KithFriend *to, const char *kind,
                              JsonObject *data /* full */);
  void (*mark_read) (gpointer backend, KithHost *host, KithFriend *peer, const char *msg_id, gboolean tell_peer,
                     GTask *task); /* boolean */
  /* pointer: JsonNode, json_node_unref; NULL when the answer has no body */
  void (*ask) (gpointer backend, KithHost *host, const char *method, const char *path,
               JsonObject *body /* full, nullable */, GTask *task);
  void (*set_presence) (gpointer backend, KithHost *host, KithFriend *of, KithPresence presence);
  void (*offer_address) (gpointer backend, KithHost *host, KithFriend *of, const char *address, guint lease_s);
  GBytes *(*seal) (gpointer backend, KithHost *host, KithFriend *to, GBytes *plain, GError **error);
  GBytes *(*unseal) (gpointer backend, KithHost *host, KithFriend *from, GBytes *sealed, GError **error);
  GBytes *(*certify) (gpointer backend, KithHost *host, const char *purpose, GBytes *about, GError **error);
  GBytes *(*derive) (gpointer backend, KithHost *host, const char *purpose, GError **error);
  GStrv (*dup_addresses) (gpointer backend, KithHost *host);
  void (*load) (gpointer backend, KithHost *host, const char *key, GTask *task); /* pointer: GBytes, g_bytes_unref */
  void (*save) (gpointer backend, KithHost *host, const char *key, GBytes *value, GTask *task); /* boolean */
} KithHostFuncs;

/* @port is cut together with the host. @settings may be NULL. */
KITH_PRIVATE KithHost *kith_host_new (const char *id, const KithHostFuncs *funcs, gpointer backend, KithBus *port,
                                      GSettings *settings, KithWorld *world);
KITH_PRIVATE void kith_host_cut (KithHost *host);
KITH_PRIVATE gboolean kith_host_is_cut (KithHost *host);
/* Built-in plugins use plain names and the root. Default: FALSE. */
KITH_PRIVATE void kith_host_set_builtin (KithHost *host, gboolean builtin);
KITH_PRIVATE gboolean kith_host_get_builtin (KithHost *host);
/* What its manifest provides ("presence" may set a friend's presence). */
KITH_PRIVATE void kith_host_set_provides (KithHost *host, const char *const *provides);
KITH_PRIVATE gboolean kith_host_provides (KithHost *host, const char *feature);
/* The daemon says that our own status, or our addresses, changed (through kith_loader_notify_…() for all at once). */
KITH_PRIVATE void kith_host_notify_status (KithHost *host);
KITH_PRIVATE void kith_host_notify_addresses (KithHost *host);

G_END_DECLS
