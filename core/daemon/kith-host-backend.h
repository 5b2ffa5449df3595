/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-api.h"
#include "kith-host-private.h"

G_BEGIN_DECLS

/* What plugins ask of their hosts, done by chat, keys, store and catalog. */
typedef struct _KithHostBackend KithHostBackend;

extern const KithHostFuncs kith_host_backend_funcs;

KithHostBackend *kith_host_backend_new  (KithApi *api);
void             kith_host_backend_free (KithHostBackend *self);

G_END_DECLS
