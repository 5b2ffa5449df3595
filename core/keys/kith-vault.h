/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-db.h"
#include "kith-e2ee.h"

G_BEGIN_DECLS

/* What lasts of the end-to-end protocol, over the tables of a job's transaction. On the stack of one call. */
typedef struct
{
  KithE2eeVault vault;
  KithDb *db;
  gint64 now_ms;
  GError *error; /* why it answered -1 */
} KithVault;

void kith_vault_init (KithVault *self, KithDb *db, gint64 now_ms);
void kith_vault_clear (KithVault *self);
/* Moves the reason of a KITH_E2EE_FAILED to `error`. */
void kith_vault_take_error (KithVault *self, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithVault, kith_vault_clear)

G_END_DECLS
