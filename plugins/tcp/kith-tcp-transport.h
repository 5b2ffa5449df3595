/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <kith/kith.h>

G_BEGIN_DECLS

#define KITH_TYPE_TCP_TRANSPORT (kith_tcp_transport_get_type ())
G_DECLARE_FINAL_TYPE (KithTcpTransport, kith_tcp_transport, KITH, TCP_TRANSPORT, KithStreamTransport)

KithTcpTransport *kith_tcp_transport_new   (KithHost *host);
/* Listens as the settings say, and follows them. FALSE: it cannot; stop it. Later, a port that is taken is the
 * transport's error, and tried again. */
gboolean          kith_tcp_transport_start (KithTcpTransport *self, GError **error);
void              kith_tcp_transport_stop  (KithTcpTransport *self);

G_END_DECLS
