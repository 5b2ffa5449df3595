/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prekeys, replays, marks, bundles' ages. */
#include <string.h>

#include "mem-vault-private.h"

gboolean
mem_vault_may_change (MemVault *self)
{
  if (self->fail_after < 0)
    return TRUE;
  if (self->fail_after == 0)
    return FALSE;
  self->fail_after--;
  return TRUE;
}

gint
mem_vault_find_prekey (GArray *keys, const guint8 *pub)
{
  for (guint i = 0; i < keys->len; i++)
    if (memcmp (g_array_index (keys, Prekey, i).pub, pub, 32) == 0)
      return (gint)i;
  return -1;
}

static int
find_in (GArray *keys, const guint8 *pub, guint8 *secret)
{
  gint at = mem_vault_find_prekey (keys, pub);

  if (at < 0)
    return 0;
  memcpy (secret, g_array_index (keys, Prekey, at).secret, 32);
  return 1;
}

int
mem_vault_find_spk (void *data, const uint8_t key[32], uint8_t secret[32])
{
  return find_in (((MemVault *)data)->spks, key, secret);
}

int
mem_vault_find_opk (void *data, const uint8_t key[32], uint8_t secret[32])
{
  return find_in (((MemVault *)data)->opks, key, secret);
}

int
mem_vault_drop_opk (void *data, const uint8_t key[32])
{
  MemVault *self = data;

  if (!mem_vault_may_change (self))
    return -1;
  g_array_remove_index (self->opks, (guint)mem_vault_find_prekey (self->opks, key));
  return 1;
}

int
mem_vault_find_replay (void *data, const uint8_t spk[32], const uint8_t ephemeral[32])
{
  MemVault *self = data;

  for (guint i = 0; i < self->replays->len; i++)
    {
      Replay *r = &g_array_index (self->replays, Replay, i);

      if (memcmp (r->spk, spk, 32) == 0 && memcmp (r->ephemeral, ephemeral, 32) == 0)
        return 1;
    }
  return 0;
}

int
mem_vault_add_replay (void *data, const uint8_t spk[32], const uint8_t ephemeral[32])
{
  MemVault *self = data;
  Replay r;

  if (!mem_vault_may_change (self))
    return -1;
  memcpy (r.spk, spk, 32);
  memcpy (r.ephemeral, ephemeral, 32);
  g_array_append_val (self->replays, r);
  return 1;
}

int
mem_vault_find_wire (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES])
{
  MemVault *self = data;

  for (guint i = 0; i < self->wires->len && !self->no_wires; i++)
    if (memcmp (g_array_index (self->wires, Mark, i).bytes, mark, KITH_E2EE_MARK_BYTES) == 0)
      return 1;
  return 0;
}

int
mem_vault_add_wire (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES])
{
  MemVault *self = data;
  Mark d;

  if (!mem_vault_may_change (self))
    return -1;
  if (self->no_wires)
    return 1;
  memcpy (d.bytes, mark, KITH_E2EE_MARK_BYTES);
  g_array_append_val (self->wires, d);
  return 1;
}

static Created *
find_created (MemVault *self, const guint8 *peer, guint32 device)
{
  for (guint i = 0; i < self->created->len; i++)
    {
      Created *c = &g_array_index (self->created, Created, i);

      if (c->device == device && memcmp (c->peer, peer, 32) == 0)
        return c;
    }
  return NULL;
}

int
mem_vault_get_created (void *data, const uint8_t peer[32], uint32_t device, uint64_t *created)
{
  Created *c = find_created (data, peer, device);

  if (c == NULL)
    return 0;
  *created = c->created;
  return 1;
}

int
mem_vault_set_created (void *data, const uint8_t peer[32], uint32_t device, uint64_t created)
{
  MemVault *self = data;
  Created *c = find_created (self, peer, device);
  Created fresh;

  if (!mem_vault_may_change (self))
    return -1;
  if (c != NULL)
    {
      c->created = created;
      return 1;
    }
  memset (&fresh, 0, sizeof fresh);
  memcpy (fresh.peer, peer, 32);
  fresh.device = device;
  fresh.created = created;
  g_array_append_val (self->created, fresh);
  return 1;
}
