/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vault in memory, for tests, fuzzing and bench: slow and plain, so that it can be trusted, and hashed. */
#pragma once

#include <glib.h>

#include "kith-e2ee.h"

G_BEGIN_DECLS

typedef struct
{
  KithE2eeVault vault; /* data: this */
  KithE2eeAccount *account;
  KithE2eeArena *arena;
  GArray *sessions;
  GArray *skipped;
  GArray *spks; /* newest first: current and four */
  GArray *opks;
  GArray *replays;
  GArray *wires;
  GArray *created;
  gint64 now_ms;
  gboolean no_wires; /* forget what was accepted, so that the ratchet itself has to answer */
  gint fail_after;   /* -1: never; else the number of changes that still succeed */
} MemVault;

MemVault *mem_vault_new (const guint8 seed[32], guint32 device);
void mem_vault_free (MemVault *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemVault, mem_vault_free)

void mem_vault_add_spk (MemVault *self, const guint8 secret[32], guint64 created);
void mem_vault_add_opk (MemVault *self, const guint8 secret[32]);
gboolean mem_vault_has_opk (MemVault *self, const guint8 key[32]);
void mem_vault_drop_sessions (MemVault *self);
/* Fetch form, with that one-time prekey or (NULL) none; 178 bytes at most. */
gsize mem_vault_bundle (MemVault *self, const guint8 *opk, guint8 *out);
const guint8 *mem_vault_first_opk (MemVault *self);
gboolean mem_vault_active (MemVault *self, const guint8 peer[32], guint32 device, guint8 sid[16]);
gsize mem_vault_count_skipped (MemVault *self, const guint8 sid[16]);
/* SHA-256 over all that lasts. */
void mem_vault_hash (MemVault *self, guint8 out[32]);
KithE2ee mem_vault_context (MemVault *self, const KithE2eeRandom *random);

G_END_DECLS
