/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <kith/kith.h>

G_BEGIN_DECLS

/* A listening socket and its accept loop, which goes on when the process has run out of file descriptors. Main thread.
 */
typedef struct _KithTcpListener KithTcpListener;

/* connection: full; from: the IP address of the other end. */
typedef void (*KithTcpAcceptFunc) (GSocketConnection *connection, const char *from, gpointer data);

/* address empty: every address, IPv6 and IPv4. CONFLICT: the port is taken; INVALID: no such address here. */
KithTcpListener *kith_tcp_listener_new (
    KithHost *host, const char *address, guint16 port, KithTcpAcceptFunc func, gpointer data, GError **error);
void                kith_tcp_listener_free (KithTcpListener *self);
GInetSocketAddress *kith_tcp_listener_get_bound (KithTcpListener *self);   /* none */
/* What every connection gets, accepted or dialled: no delay, keep-alive, no time-out of the socket itself. */
void                kith_tcp_prepare       (GSocketConnection *connection);

G_END_DECLS
