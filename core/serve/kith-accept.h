/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets and the loop that accepts from them. Nothing that accept() says ends it: when descriptors run out
 * it sheds what waits with a descriptor kept for that, and rests for a moment. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Takes fd (non-blocking, close-on-exec). */
typedef void (*KithAcceptFunc) (int fd, gpointer data);

typedef struct _KithAccept KithAccept;

/* Takes the listening descriptor. pause_ms: read each time. n_pauses counts how often descriptors ran out. */
KithAccept *kith_accept_new  (int listener, const guint *pause_ms, guint64 *n_pauses, KithAcceptFunc func,
                              gpointer data);
void        kith_accept_free (KithAccept *self);

/* v6: [::1]. port 0: a free one. */
int         kith_listen_tcp  (gboolean v6, guint16 port, GError **error);
int         kith_listen_address (GSocketAddress *address, GError **error);
int         kith_listen_unix (const char *path, GError **error);
guint16     kith_listen_get_port (int fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithAccept, kith_accept_free)

G_END_DECLS
