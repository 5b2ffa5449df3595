/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-pipe.h"
#include "kith-socket.h"

G_BEGIN_DECLS

/* Answers 101 and makes libsoup's parser read from stream (what libsoup gave back, so that nothing read ahead is lost).
 * Returns it borrowed: it lives until closed() has run. */
KithSocket *kith_socket_new     (KithPipe *pipe, GIOStream *stream, const char *accept, const char *origin,
                                 const KithSocketFuncs *funcs, gpointer data, GDestroyNotify destroy);
void        kith_socket_wrote   (KithSocket *self, gsize n);

G_END_DECLS
