/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#include "kith-sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-accept.h"
#include "kith-log.h"

#define FIRST_FD 3
#define MOST_FDS 16

typedef struct
{
  int fd;            /* -1: adopted or closed */
  KithWay way;       /* KITH_N_WAYS: not sorted yet */
  gboolean v6;
} Socket;

struct _KithSockets
{
  guint n;
  Socket sockets[MOST_FDS];
};

static gboolean
read_number (const char *name, guint64 most, guint64 *number)
{
  const char *text = g_getenv (name);

  return text != NULL && g_ascii_string_to_unsigned (text, 10, 1, most, number, NULL);
}

KithSockets *
kith_sockets_take (void)
{
  KithSockets *self = NULL;
  guint64 pid, n;

  /* Meant for another process when the pid is not ours: inherited by mistake. */
  if (read_number ("LISTEN_PID", G_MAXINT, &pid) && (pid_t) pid == getpid ()
      && read_number ("LISTEN_FDS", G_MAXINT - FIRST_FD, &n))
    {
      self = g_new0 (KithSockets, 1);
      self->n = (guint) MIN (n, MOST_FDS);
      for (guint i = 0; i < self->n; i++)
        {
          self->sockets[i] = (Socket) { FIRST_FD + (int) i, KITH_N_WAYS, FALSE };
          fcntl (self->sockets[i].fd, F_SETFD, FD_CLOEXEC);
        }
    }
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  return self;
}

static void
drop (Socket *s)
{
  if (s->fd >= 0)
    close (s->fd);
  s->fd = -1;
}

void
kith_sockets_free (KithSockets *self)
{
  for (guint i = 0; i < self->n; i++)
    drop (&self->sockets[i]);
  g_free (self);
}

/* NULL: it is one of ours. */
static const char *
sort_one (Socket *s, guint16 api_port, guint16 events_port)
{
  struct sockaddr_storage address = { 0 };
  const struct sockaddr_in *v4 = (const struct sockaddr_in *) &address;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) &address;
  socklen_t n = sizeof address, m = sizeof (int);
  int listening = 0;
  guint16 port;

  if (getsockname (s->fd, (struct sockaddr *) &address, &n) != 0
      || getsockopt (s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &m) != 0 || !listening)
    return "it is no listening socket";
  if (address.ss_family == AF_UNIX)
    {
      s->way = KITH_WAY_UNIX;
      return NULL;
    }
  s->v6 = address.ss_family == AF_INET6;
  if (s->v6 ? !IN6_IS_ADDR_LOOPBACK (&v6->sin6_addr)
            : address.ss_family != AF_INET || ntohl (v4->sin_addr.s_addr) != INADDR_LOOPBACK)
    return "it is not on loopback, and kith talks to this machine alone";
  port = ntohs (s->v6 ? v6->sin6_port : v4->sin_port);
  if (port != api_port && port != events_port)
    return "its port is neither api-port nor events-port of the settings";
  s->way = port == api_port ? KITH_WAY_API : KITH_WAY_EVENTS;
  return NULL;
}

void
kith_sockets_sort (KithSockets *self, guint16 api_port, guint16 events_port)
{
  for (guint i = 0; i < self->n; i++)
    {
      const char *why = sort_one (&self->sockets[i], api_port, events_port);

      if (why == NULL)
        continue;
      kith_warning ("a socket of the service manager (descriptor %d) is not used: %s; change kithd.socket",
                    self->sockets[i].fd, why);
      drop (&self->sockets[i]);
    }
}

gboolean
kith_sockets_have (KithSockets *self, KithWay way)
{
  for (guint i = 0; self != NULL && i < self->n; i++)
    if (self->sockets[i].fd >= 0 && self->sockets[i].way == way)
      return TRUE;
  return FALSE;
}

static void
adopt (Socket *s, KithDoor *door)
{
  g_autoptr (GError) error = NULL;

  if (!kith_door_adopt (door, s->way, s->fd, &error))
    kith_warning ("a socket of the service manager is not used: %s", error->message);
  s->fd = -1;
}

/* Browsers try [::1] first when they mean localhost. Without IPv6 there is nothing to add. */
static void
add_v6 (KithDoor *door, KithWay way)
{
  g_autoptr (GError) error = NULL;
  int fd = kith_listen_tcp (TRUE, kith_door_get_port (door, way), &error);

  if (fd < 0 || !kith_door_adopt (door, way, fd, &error))
    kith_info ("only 127.0.0.1: %s", error->message);
}

void
kith_sockets_adopt (KithSockets *self, KithDoor *door)
{
  gboolean have[KITH_N_WAYS][2] = { 0 };

  for (guint i = 0; i < self->n; i++)
    if (self->sockets[i].fd >= 0 && self->sockets[i].way < KITH_N_WAYS)
      {
        have[self->sockets[i].way][self->sockets[i].v6] = TRUE;
        adopt (&self->sockets[i], door);
      }
  for (KithWay way = KITH_WAY_API; way < KITH_N_WAYS; way++)
    if (way != KITH_WAY_UNIX && have[way][FALSE] && !have[way][TRUE])
      add_v6 (door, way);
}
