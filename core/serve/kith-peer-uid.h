/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose process holds the client's end of a local TCP connection. Asks the kernel by NETLINK_SOCK_DIAG for the exact
 * 4-tuple: no privilege, no scan. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef enum
{
  KITH_PEER_KNOWN,      /* uid is right: a live socket with an owner */
  KITH_PEER_GONE,       /* closed already: the kernel then says uid 0, which means nobody */
  KITH_PEER_FOREIGN,    /* not a connection between two loopback addresses */
  KITH_PEER_UNKNOWN,    /* the kernel did not answer */
} KithPeer;

typedef struct _KithPeerUid KithPeerUid;

KithPeerUid *kith_peer_uid_new      (GError **error);
void         kith_peer_uid_free     (KithPeerUid *self);
/* fd: an accepted TCP socket. */
KithPeer     kith_peer_uid_look_up  (KithPeerUid *self, int fd, uid_t *uid);
/* The uid that the kernel shows in place of users who have none in this user namespace. */
uid_t        kith_peer_uid_overflow (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithPeerUid, kith_peer_uid_free)

G_END_DECLS
