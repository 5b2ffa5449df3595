/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-exchange.h"
#include "kith-head.h"
#include "kith-pipe.h"

G_BEGIN_DECLS

/* Takes path and query. accept: the answer to Sec-WebSocket-Key, or NULL. */
KithExchange *kith_exchange_new      (KithPipe *pipe, const KithHead *head, char *path, GHashTable *query,
                                      const char *accept);
/* Everything has been read and libsoup has handed over: takes the stream, asks the handler. */
void          kith_exchange_dispatch (KithExchange *self, GIOStream *stream, GBytes *body);

void          kith_exchange_keep_header (KithExchange *self, const char *name, const char *value);

G_END_DECLS
