/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kith-accept.h"

/* libsoup's 10 lets 200 simultaneous connects hang. */
#define BACKLOG 512

typedef union
{
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un un;
} KithAddress;

static int
fail (int fd, GError **error, const char *what)
{
  int why = errno;

  if (why == EADDRINUSE)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                 _("%s is taken by another program: stop it, or choose another port"), what);
  else
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (why), _("cannot listen on %s: %s"), what, g_strerror (why));
  if (fd >= 0)
    close (fd);
  return -1;
}

int
kith_listen_tcp (gboolean v6, guint16 port, GError **error)
{
  g_autofree char *what = g_strdup_printf (v6 ? "[::1]:%u" : "127.0.0.1:%u", port);
  KithAddress address = { 0 };
  socklen_t n = v6 ? sizeof address.v6 : sizeof address.v4;
  int one = 1;
  int fd = socket (v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return fail (fd, error, what);
  (void) setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (v6)
    {
      (void) setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
      address.v6.sin6_family = AF_INET6;
      address.v6.sin6_port = htons (port);
      address.v6.sin6_addr = in6addr_loopback;
    }
  else
    {
      address.v4.sin_family = AF_INET;
      address.v4.sin_port = htons (port);
      address.v4.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    }
  if (bind (fd, &address.any, n) < 0 || listen (fd, BACKLOG) < 0)
    return fail (fd, error, what);
  return fd;
}

int
kith_listen_address (GSocketAddress *address, GError **error)
{
  g_autofree char *what = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
  gboolean v6 = g_socket_address_get_family (address) == G_SOCKET_FAMILY_IPV6;
  KithAddress native = { 0 };
  int one = 1;
  int fd;

  if (!g_socket_address_to_native (address, &native, sizeof native, error))
    return -1;
  fd = socket (v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return fail (fd, error, what);
  (void) setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind (fd, &native.any, v6 ? sizeof native.v6 : sizeof native.v4) < 0 || listen (fd, BACKLOG) < 0)
    return fail (fd, error, what);
  return fd;
}

/* TRUE: somebody answers at that socket file. */
static gboolean
is_alive (const KithAddress *address, socklen_t n)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* EAGAIN: its backlog is full, so there is somebody. */
  gboolean alive = fd >= 0 && (connect (fd, &address->any, n) == 0 || errno == EAGAIN || errno == EINPROGRESS);

  if (fd >= 0)
    close (fd);
  return alive;
}

/* A socket file that a killed daemon left behind goes; anything else at that path stays where it is. */
static gboolean
clear_stale (const char *path, const KithAddress *address, socklen_t n, GError **error)
{
  struct stat info;

  if (lstat (path, &info) < 0)
    return TRUE;
  if (!S_ISSOCK (info.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, _("%s is no socket: move it away"), path);
      return FALSE;
    }
  if (is_alive (address, n))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                   _("another kithd answers on %s: stop it, or use another profile or data directory"), path);
      return FALSE;
    }
  (void) g_unlink (path);
  return TRUE;
}

int
kith_listen_unix (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  KithAddress address = { .un = { .sun_family = AF_UNIX } };
  socklen_t n = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (path) + 1);
  mode_t mask;
  int fd, bound;

  if (strlen (path) >= sizeof address.un.sun_path)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                   _("%s is too long for a socket: at most %u bytes"), path,
                   (guint) sizeof address.un.sun_path - 1);
      return -1;
    }
  memcpy (address.un.sun_path, path, strlen (path) + 1);
  if (g_mkdir_with_parents (folder, 0700) < 0)
    return fail (-1, error, folder);
  if (!clear_stale (path, &address, n, error))
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return fail (fd, error, path);
  mask = umask (0177);   /* born 0600: no moment at which others could open it */
  bound = bind (fd, &address.any, n);
  umask (mask);
  if (bound < 0 || listen (fd, BACKLOG) < 0)
    return fail (fd, error, path);
  return fd;
}

guint16
kith_listen_get_port (int fd)
{
  KithAddress address = { 0 };
  socklen_t n = sizeof address;

  if (getsockname (fd, &address.any, &n) < 0)
    return 0;
  if (address.any.sa_family == AF_INET)
    return ntohs (address.v4.sin_port);
  return address.any.sa_family == AF_INET6 ? ntohs (address.v6.sin6_port) : 0;
}
