/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define KITH_TCP_SCHEME "tcp"
#define KITH_TCP_MAX_ADDRESSES 8

/* "tcp:HOST:PORT", "tcp:[IPV6]:PORT" → where to connect; full. KITH_ERROR_INVALID says what is wrong with it. */
GSocketConnectable *kith_tcp_address_parse (const char *uri, GError **error);
char               *kith_tcp_address_print (const char *host, guint16 port);
/* Full: what others may dial, best first, loopback last: for tests and for two daemons on one machine. `bound` is what
 * we listen on. */
GStrv               kith_tcp_address_list  (GInetSocketAddress *bound, const char *const *advertise);

G_END_DECLS
