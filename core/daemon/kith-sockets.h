/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets that the service manager opened for us (sd_listen_fds(3)): who asks first, starts the daemon.
 * They are told apart by family and port. Nobody is accepted before the daemon is ready, so what started it is
 * answered by it. Main thread. */
#pragma once

#include "kith-door.h"

G_BEGIN_DECLS

typedef struct _KithSockets KithSockets;

/* NULL: none were handed over. They are taken out of the environment, so that no child takes them for its own. */
KithSockets *kith_sockets_take  (void);
void         kith_sockets_free  (KithSockets *self);   /* closes what nobody adopted */
/* Which is which. What is none of ours is named in the log and closed. */
void         kith_sockets_sort  (KithSockets *self, guint16 api_port, guint16 events_port);
/* self may be NULL */
gboolean     kith_sockets_have  (KithSockets *self, KithWay way);
/* Gives them to the door, with [::1] beside 127.0.0.1 as kith_door_listen_tcp() has it. */
void         kith_sockets_adopt (KithSockets *self, KithDoor *door);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithSockets, kith_sockets_free)

G_END_DECLS
