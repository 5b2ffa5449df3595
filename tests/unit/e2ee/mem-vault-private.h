/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mem-vault.h"

G_BEGIN_DECLS

typedef struct
{
  guint8 sid[16];
  guint8 ratchet[32];
  guint32 n;
  guint8 key[32];
  gint64 stored_ms;
} Skipped;

typedef struct
{
  guint8 pub[32];
  guint8 secret[32];
  guint64 created;
} Prekey;

typedef struct
{
  guint8 spk[32];
  guint8 ephemeral[32];
} Replay;

typedef struct
{
  guint8 bytes[KITH_E2EE_MARK_BYTES];
} Mark;

typedef struct
{
  guint8 peer[32];
  guint32 device;
  guint64 created;
} Created;

gboolean mem_vault_may_change (MemVault *self);
int mem_vault_find_spk (void *data, const uint8_t key[32], uint8_t secret[32]);
int mem_vault_find_opk (void *data, const uint8_t key[32], uint8_t secret[32]);
int mem_vault_drop_opk (void *data, const uint8_t key[32]);
int mem_vault_find_replay (void *data, const uint8_t spk[32], const uint8_t ephemeral[32]);
int mem_vault_add_replay (void *data, const uint8_t spk[32], const uint8_t ephemeral[32]);
int mem_vault_find_wire (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES]);
int mem_vault_add_wire (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES]);
int mem_vault_get_created (void *data, const uint8_t peer[32], uint32_t device, uint64_t *created);
int mem_vault_set_created (void *data, const uint8_t peer[32], uint32_t device, uint64_t created);
gint mem_vault_find_prekey (GArray *keys, const guint8 *pub);

G_END_DECLS
