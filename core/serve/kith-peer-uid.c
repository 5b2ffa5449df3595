/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-peer-uid.h"

#include <errno.h>
#include <gio/gio.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct _KithPeerUid
{
  int fd;
  guint32 serial;
};

/* Both ends, in network order, as the client's socket sees them: its own end is the source. */
typedef struct
{
  guint8 family;
  guint8 source[16];
  guint8 target[16];
  in_port_t source_port;
  in_port_t target_port;
} KithTuple;

KithPeerUid *
kith_peer_uid_new (GError **error)
{
  struct timeval patience = { 0, 200 * 1000 };
  KithPeerUid *self;
  int fd = socket (AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "cannot ask the kernel who connects (NETLINK_SOCK_DIAG): %s", g_strerror (errno));
      return NULL;
    }
  (void) setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  self = g_new0 (KithPeerUid, 1);
  self->fd = fd;
  return self;
}

void
kith_peer_uid_free (KithPeerUid *self)
{
  close (self->fd);
  g_free (self);
}

static void
take_mapped (guint8 to[16], const struct in6_addr *from)
{
  memset (to, 0, 16);
  memcpy (to, from->s6_addr + 12, 4);
}

static gboolean
is_loopback (const KithTuple *t)
{
  if (t->family == AF_INET)
    return t->source[0] == 127 && t->target[0] == 127;
  return memcmp (t->source, &in6addr_loopback, 16) == 0 && memcmp (t->target, &in6addr_loopback, 16) == 0;
}

static KithPeer
read_tuple (int fd, KithTuple *t)
{
  union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_storage all; } me, peer;
  socklen_t n_me = sizeof me, n_peer = sizeof peer;

  if (getsockname (fd, &me.any, &n_me) < 0)
    return KITH_PEER_UNKNOWN;
  if (getpeername (fd, &peer.any, &n_peer) < 0)
    return errno == ENOTCONN ? KITH_PEER_GONE : KITH_PEER_UNKNOWN;
  memset (t, 0, sizeof *t);
  if (peer.any.sa_family == AF_INET)
    {
      t->family = AF_INET;
      memcpy (t->source, &peer.v4.sin_addr, 4);
      memcpy (t->target, &me.v4.sin_addr, 4);
      t->source_port = peer.v4.sin_port;
      t->target_port = me.v4.sin_port;
    }
  else if (peer.any.sa_family == AF_INET6)
    {
      gboolean mapped = IN6_IS_ADDR_V4MAPPED (&peer.v6.sin6_addr);

      t->family = mapped ? AF_INET : AF_INET6;
      if (mapped)
        {
          take_mapped (t->source, &peer.v6.sin6_addr);
          take_mapped (t->target, &me.v6.sin6_addr);
        }
      else
        {
          memcpy (t->source, &peer.v6.sin6_addr, 16);
          memcpy (t->target, &me.v6.sin6_addr, 16);
        }
      t->source_port = peer.v6.sin6_port;
      t->target_port = me.v6.sin6_port;
    }
  else
    return KITH_PEER_FOREIGN;
  return is_loopback (t) ? KITH_PEER_KNOWN : KITH_PEER_FOREIGN;
}

/* An IPv4 connection may have been made by an IPv6 socket to ::ffff:127.0.0.1, which the kernel files under IPv6. */
static void
write_address (guint8 to[16], const guint8 from[16], gboolean mapped)
{
  memset (to, 0, 16);
  if (!mapped)
    {
      memcpy (to, from, 16);
      return;
    }
  to[10] = to[11] = 0xff;
  memcpy (to + 12, from, 4);
}

static KithPeer
judge (const struct inet_diag_msg *found, const struct inet_diag_req_v2 *asked, uid_t *uid)
{
  /* An exact look-up may fall back to a listener: insist on our 4-tuple. Without an inode nobody holds the socket. */
  if (found->id.idiag_sport != asked->id.idiag_sport || found->id.idiag_dport != asked->id.idiag_dport ||
      memcmp (found->id.idiag_src, asked->id.idiag_src, 16) != 0 ||
      memcmp (found->id.idiag_dst, asked->id.idiag_dst, 16) != 0)
    return KITH_PEER_GONE;
  if (found->idiag_inode == 0)
    return KITH_PEER_GONE;
  *uid = found->idiag_uid;
  return KITH_PEER_KNOWN;
}

/* TRUE: that was the answer to serial. */
static gboolean
take_answer (const struct nlmsghdr *h, guint32 serial, const struct inet_diag_req_v2 *asked, uid_t *uid, KithPeer *out)
{
  if (h->nlmsg_seq != serial)
    return FALSE;   /* a late answer to a question that we gave up */
  if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && h->nlmsg_len >= NLMSG_LENGTH (sizeof (struct inet_diag_msg)))
    *out = judge (NLMSG_DATA (h), asked, uid);
  else if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH (sizeof (struct nlmsgerr)))
    *out = ((const struct nlmsgerr *) NLMSG_DATA (h))->error == -ENOENT ? KITH_PEER_GONE : KITH_PEER_UNKNOWN;
  else
    *out = KITH_PEER_UNKNOWN;
  return TRUE;
}

static KithPeer
ask (KithPeerUid *self, const KithTuple *t, guint8 family, uid_t *uid)
{
  gboolean mapped = family == AF_INET6 && t->family == AF_INET;
  struct { struct nlmsghdr h; struct inet_diag_req_v2 r; } q;
  union { struct nlmsghdr h; char bytes[4096]; } buf;

  memset (&q, 0, sizeof q);
  q.h.nlmsg_len = sizeof q;
  q.h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  q.h.nlmsg_flags = NLM_F_REQUEST;
  q.h.nlmsg_seq = ++self->serial;
  q.r.sdiag_family = family;
  q.r.sdiag_protocol = IPPROTO_TCP;
  q.r.idiag_states = G_MAXUINT32;
  q.r.id.idiag_sport = t->source_port;
  q.r.id.idiag_dport = t->target_port;
  q.r.id.idiag_cookie[0] = q.r.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  write_address ((guint8 *) q.r.id.idiag_src, t->source, mapped);
  write_address ((guint8 *) q.r.id.idiag_dst, t->target, mapped);
  if (send (self->fd, &q, sizeof q, 0) < 0)
    return KITH_PEER_UNKNOWN;
  for (;;)
    {
      KithPeer answer;
      ssize_t n = recv (self->fd, buf.bytes, sizeof buf, 0);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < (ssize_t) sizeof buf.h)
        return KITH_PEER_UNKNOWN;
      if (NLMSG_OK (&buf.h, (gsize) n) && take_answer (&buf.h, q.h.nlmsg_seq, &q.r, uid, &answer))
        return answer;
    }
}

KithPeer
kith_peer_uid_look_up (KithPeerUid *self, int fd, uid_t *uid)
{
  KithTuple tuple;
  KithPeer answer = read_tuple (fd, &tuple);

  *uid = (uid_t) -1;
  if (answer != KITH_PEER_KNOWN)
    return answer;
  answer = ask (self, &tuple, tuple.family, uid);
  if (answer == KITH_PEER_GONE && tuple.family == AF_INET)
    answer = ask (self, &tuple, AF_INET6, uid);
  return answer;
}

uid_t
kith_peer_uid_overflow (void)
{
  g_autofree char *text = NULL;
  guint64 uid = 65534;

  if (g_file_get_contents ("/proc/sys/kernel/overflowuid", &text, NULL, NULL))
    g_ascii_string_to_unsigned (g_strstrip (text), 10, 0, G_MAXUINT32, &uid, NULL);
  return (uid_t) uid;
}
