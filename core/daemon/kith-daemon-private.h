/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-api.h"
#include "kith-autostart.h"
#include "kith-home.h"
#include "kith-host-backend.h"
#include "kith-key-store.h"
#include "kith-mark.h"
#include "kith-options.h"
#include "kith-session-bus.h"
#include "kith-settings.h"
#include "kith-sockets.h"
#include "kith-waking.h"

G_BEGIN_DECLS

/* What is wired together; the files of this room share it. Main thread. */
typedef struct
{
  const KithOptions *options;
  GMainLoop *loop;
  int status;

  KithSettings *settings;
  KithHome *home;
  KithWorld *world;
  KithBus *bus;
  KithStore *store;
  KithKeyStore *key_store;
  KithMark *mark;
  KithKeys *keys;
  KithChat *chat;
  KithDoor *door;
  KithApi *api;
  KithHostBackend *backend;
  KithLoader *loader;
  KithSessionBus *session_bus;   /* NULL with --config */
  KithAutostart *autostart;      /* NULL where units and autostart files do it */
  char *autostart_state;         /* what the desktop answered; NULL: it was not asked */
  KithWaking *waking;
  guint launches;                /* programs that are being opened: kith-open.c */
  KithSockets *sockets;          /* NULL: nobody opened them for us */

  GCancellable *starting;
  KithStoreOpenFlags open_flags;
  gboolean opening;        /* the way from the key of the database to the plugins is under way */
  gboolean started;        /* the plugins are on */
  gboolean moving_key;     /* POST /admin/key/move is under way */
  gboolean told_ready, stopping;
  guint start_parts;       /* what the start still waits for, before the rooms */
  guint stop_parts;        /* what the stop still waits for */
  guint deadline;
  KithRequest *decision;   /* the user's about a damaged store; nullable */
} KithDaemon;

/* kith-apply.c: settings. FALSE only at the start: a port that cannot be had, a name that cannot be. */
gboolean kith_daemon_apply_all   (KithDaemon *self, GError **error);
void     kith_daemon_follow      (KithDaemon *self);   /* from now on, live */
gboolean kith_daemon_apply_token (KithDaemon *self, gboolean anew, char **token, GError **error);

/* kith-desktop.c: the session bus and what else a desktop brings. _begin() goes on with kith_daemon_prepare(), or ends
 * when another kithd runs. */
void     kith_desktop_begin      (KithDaemon *self);
void     kith_desktop_prepared   (KithDaemon *self);   /* the rooms are there */
void     kith_desktop_ready      (KithDaemon *self);
void     kith_desktop_look       (KithDaemon *self);   /* what the bus tells of us may be otherwise */
void     kith_desktop_end        (KithDaemon *self);

/* kith-open.c */
extern const KithHouseRoute kith_open_routes[];             /* data: the daemon */

/* kith-start.c: database, identity, people, plugins, the line "ready". */
void     kith_daemon_open        (KithDaemon *self, KithStoreOpenFlags flags);
void     kith_daemon_follow_plugins (KithDaemon *self);

/* kith-daemon.c */
void     kith_daemon_prepare     (KithDaemon *self);   /* home, rooms, ports; then the way up. Or the end, with 1 */
void     kith_daemon_fail        (KithDaemon *self, const GError *error);   /* says why and ends with status 1 */
void     kith_daemon_stop        (KithDaemon *self);

/* kith-admin.c and kith-admin-….c */
/* none, nullable: what the store says of itself, or why it could not even be asked */
const char *kith_admin_find_trouble (KithDaemon *self);
extern const KithField kith_fields_opened[];                /* the answer of what opens the store */
extern const KithHouseRoute kith_admin_routes[];            /* data: the daemon */
extern const KithHouseRoute kith_admin_key_routes[];
extern const KithHouseRoute kith_admin_settings_routes[];
extern const KithHouseRoute kith_admin_doctor_routes[];
extern const KithHouseRoute kith_admin_command_routes[];

G_END_DECLS
