/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an accepted descriptor to an exchange: asks the bouncer, lets libsoup read the request, and takes the connection
 * away from libsoup before it can say anything. */
#pragma once

#include "kith-hall.h"

G_BEGIN_DECLS

typedef struct _KithReception KithReception;

KithReception *kith_reception_new  (KithHall *hall);
void           kith_reception_free (KithReception *self);
/* Takes fd. port: ours; 0 on the Unix socket. */
void           kith_reception_meet (KithReception *self, KithWay way, guint16 port, int fd);

G_END_DECLS
