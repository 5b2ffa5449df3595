/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-tcp-address.h"
#include <gio/gnetworking.h>
#include <ifaddrs.h>
#include <kith/kith.h>
#include <net/if.h>
#include <string.h>

#define MAX_HOST 255

GSocketConnectable *
kith_tcp_address_parse (const char *uri, GError **error)
{
  const char *rest = g_str_has_prefix (uri, KITH_TCP_SCHEME ":") ? uri + strlen (KITH_TCP_SCHEME ":") : NULL;
  const char *colon = rest == NULL ? NULL : strrchr (rest, ':');
  g_autofree char *host = NULL;
  guint64 port;
  gsize n;

  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "“%s” is no address like tcp:HOST:PORT", uri);
      return NULL;
    }
  n = (gsize) (colon - rest);
  if (n > 2 && rest[0] == '[' && rest[n - 1] == ']')
    host = g_strndup (rest + 1, n - 2);
  else
    host = g_strndup (rest, n);
  if (n == 0 || n > MAX_HOST || strpbrk (host, " \t\r\n/@[]?#") != NULL || !g_str_is_ascii (host)
      || (rest[0] != '[' && strchr (host, ':') != NULL))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the host in “%s” is none", uri);
      return NULL;
    }
  return g_network_address_new (host, (guint16) port);
}

char *
kith_tcp_address_print (const char *host, guint16 port)
{
  return g_strdup_printf (strchr (host, ':') != NULL ? KITH_TCP_SCHEME ":[%s]:%u" : KITH_TCP_SCHEME ":%s:%u", host,
                          port);
}

static void
add_once (GPtrArray *list, char *uri)
{
  if (g_ptr_array_find_with_equal_func (list, uri, g_str_equal, NULL))
    g_free (uri);
  else
    g_ptr_array_add (list, uri);
}

static void
add_advertised (GPtrArray *list, const char *const *advertise)
{
  for (guint i = 0; advertise != NULL && advertise[i] != NULL; i++)
    {
      gboolean whole = g_str_has_prefix (advertise[i], KITH_TCP_SCHEME ":");
      g_autofree char *uri = whole ? g_strdup (advertise[i]) : g_strconcat (KITH_TCP_SCHEME ":", advertise[i], NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocketConnectable) parsed = kith_tcp_address_parse (uri, &error);

      if (parsed != NULL)
        add_once (list, g_steal_pointer (&uri));
      else
        g_warning ("the setting “advertise”: %s", error->message);
    }
}

/* One that somebody else can reach: up, and neither of this machine nor of this cable only. */
static GInetAddress *
get_reachable (const struct ifaddrs *interface, GSocketFamily only)
{
  g_autoptr (GInetAddress) address = NULL;
  gint family;

  if (interface->ifa_addr == NULL || (interface->ifa_flags & IFF_UP) == 0)
    return NULL;
  family = interface->ifa_addr->sa_family;
  if (family == AF_INET)
    address = g_inet_address_new_from_bytes ((guint8 *)&((struct sockaddr_in *)interface->ifa_addr)->sin_addr,
                                             G_SOCKET_FAMILY_IPV4);
  else if (family == AF_INET6)
    address = g_inet_address_new_from_bytes ((guint8 *)&((struct sockaddr_in6 *)interface->ifa_addr)->sin6_addr,
                                             G_SOCKET_FAMILY_IPV6);
  if (address == NULL || (only != G_SOCKET_FAMILY_INVALID && g_inet_address_get_family (address) != only)
      || g_inet_address_get_is_loopback (address) || g_inet_address_get_is_link_local (address)
      || g_inet_address_get_is_any (address))
    return NULL;
  return g_steal_pointer (&address);
}

static void
add_interfaces (GPtrArray *list, GSocketFamily only, guint16 port)
{
  struct ifaddrs *interfaces = NULL;

  if (getifaddrs (&interfaces) != 0)
    return;
  for (struct ifaddrs *at = interfaces; at != NULL && list->len < KITH_TCP_MAX_ADDRESSES - 1; at = at->ifa_next)
    {
      g_autoptr (GInetAddress) address = get_reachable (at, only);
      g_autofree char *host = address == NULL ? NULL : g_inet_address_to_string (address);

      if (host != NULL)
        add_once (list, kith_tcp_address_print (host, port));
    }
  freeifaddrs (interfaces);
}

GStrv
kith_tcp_address_list (GInetSocketAddress *bound, const char *const *advertise)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);
  GInetAddress *address = g_inet_socket_address_get_address (bound);
  guint16 port = g_inet_socket_address_get_port (bound);
  g_autofree char *host = g_inet_address_to_string (address);

  add_advertised (list, advertise);
  if (list->len >= KITH_TCP_MAX_ADDRESSES)
    g_ptr_array_set_size (list, KITH_TCP_MAX_ADDRESSES - 1);
  if (!g_inet_address_get_is_any (address))
    add_once (list, kith_tcp_address_print (host, port));
  else
    {
      gboolean both
          = g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6; /* we make such sockets take IPv4 too */

      add_interfaces (list, both ? G_SOCKET_FAMILY_INVALID : G_SOCKET_FAMILY_IPV4, port);
      add_once (list, kith_tcp_address_print ("127.0.0.1", port));
    }
  g_ptr_array_add (list, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}
