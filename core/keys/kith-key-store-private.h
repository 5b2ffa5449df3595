/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-key-store.h"

G_BEGIN_DECLS

struct _KithKeyStore
{
  const KithKeyStoreFuncs *funcs;
  gpointer backend;
  gint64 starts;     /* as loaded with the key */
};

G_END_DECLS
