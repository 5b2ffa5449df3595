/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mem-vault-private.h"

#include <sodium.h>
#include <string.h>

#define OLD_SPKS 4

static gboolean
is_of (const KithE2eeRow *row, const guint8 *peer, guint32 device)
{
  return row->peer_device == device && memcmp (row->peer, peer, 32) == 0;
}

static guint64
top_stamp (MemVault *self, const guint8 *peer, guint32 device)
{
  guint64 top = 0;

  for (guint i = 0; i < self->sessions->len; i++)
    {
      KithE2eeRow *row = &g_array_index (self->sessions, KithE2eeRow, i);

      if (is_of (row, peer, device))
        top = MAX (top, row->stamp);
    }
  return top;
}

static gint
find_row (MemVault *self, const guint8 *sid)
{
  for (guint i = 0; i < self->sessions->len; i++)
    if (memcmp (g_array_index (self->sessions, KithE2eeRow, i).sid, sid, 16) == 0)
      return (gint)i;
  return -1;
}

static int
load_session (void *data, const uint8_t sid[16], KithE2eeRow *out)
{
  MemVault *self = data;
  gint at = find_row (self, sid);

  if (at < 0)
    return 0;
  *out = g_array_index (self->sessions, KithE2eeRow, at);
  out->top_stamp = top_stamp (self, out->peer, out->peer_device);
  return 1;
}

static int
load_active (void *data, const uint8_t peer[32], uint32_t device, KithE2eeRow *out)
{
  MemVault *self = data;
  guint64 top = top_stamp (self, peer, device);

  for (guint i = 0; i < self->sessions->len; i++)
    {
      KithE2eeRow *row = &g_array_index (self->sessions, KithE2eeRow, i);

      if (is_of (row, peer, device) && row->stamp == top)
        {
          *out = *row;
          out->top_stamp = top;
          return 1;
        }
    }
  return 0;
}

static void
drop_skipped_of (MemVault *self, const guint8 *sid)
{
  for (guint i = self->skipped->len; i > 0; i--)
    if (memcmp (g_array_index (self->skipped, Skipped, i - 1).sid, sid, 16) == 0)
      g_array_remove_index (self->skipped, i - 1);
}

static void
evict (MemVault *self, const guint8 *peer, guint32 device)
{
  for (;;)
    {
      guint count = 0, lowest = 0;
      guint64 stamp = G_MAXUINT64;

      for (guint i = 0; i < self->sessions->len; i++)
        {
          KithE2eeRow *row = &g_array_index (self->sessions, KithE2eeRow, i);

          if (!is_of (row, peer, device))
            continue;
          count++;
          if (row->stamp < stamp)
            {
              stamp = row->stamp;
              lowest = i;
            }
        }
      if (count <= KITH_E2EE_MAX_SESSIONS)
        return;
      drop_skipped_of (self, g_array_index (self->sessions, KithE2eeRow, lowest).sid);
      g_array_remove_index (self->sessions, lowest);
    }
}

static int
save_session (void *data, const KithE2eeRow *row, bool fresh)
{
  MemVault *self = data;
  KithE2eeRow copy = *row;
  gint at = find_row (self, row->sid);

  if (!mem_vault_may_change (self))
    return -1;
  copy.top_stamp = 0;
  memset (copy.state + copy.n_state, 0, sizeof copy.state - copy.n_state);
  g_assert_cmpint (at >= 0, !=, fresh);
  if (fresh)
    {
      g_array_append_val (self->sessions, copy);
      evict (self, row->peer, row->peer_device);
    }
  else
    g_array_index (self->sessions, KithE2eeRow, at) = copy;
  return 1;
}

static gint
find_skipped_at (MemVault *self, const guint8 *sid, const guint8 *ratchet, guint32 n)
{
  for (guint i = 0; i < self->skipped->len; i++)
    {
      Skipped *s = &g_array_index (self->skipped, Skipped, i);

      if (s->n == n && memcmp (s->sid, sid, 16) == 0 && memcmp (s->ratchet, ratchet, 32) == 0)
        return (gint)i;
    }
  return -1;
}

static int
find_skipped (void *data, const uint8_t sid[16], const uint8_t ratchet[32], uint32_t n, uint8_t key[32])
{
  MemVault *self = data;
  gint at = find_skipped_at (self, sid, ratchet, n);

  if (at < 0 || g_array_index (self->skipped, Skipped, at).stored_ms + KITH_E2EE_SKIPPED_TTL_MS < self->now_ms)
    return 0;
  memcpy (key, g_array_index (self->skipped, Skipped, at).key, 32);
  return 1;
}

static int
add_skipped (void *data, const uint8_t sid[16], const KithE2eeSkipped *run)
{
  MemVault *self = data;
  gsize have;

  if (!mem_vault_may_change (self))
    return -1;
  for (guint32 i = 0; i < run->count; i++)
    {
      Skipped s;

      memset (&s, 0, sizeof s);
      memcpy (s.sid, sid, 16);
      memcpy (s.ratchet, run->ratchet, 32);
      s.n = run->first + i;
      memcpy (s.key, run->keys + 32 * (gsize)i, 32);
      s.stored_ms = self->now_ms;
      g_array_append_val (self->skipped, s);
    }
  have = mem_vault_count_skipped (self, sid);
  for (guint i = 0; i < self->skipped->len && have > KITH_E2EE_MAX_SKIPPED;)
    if (memcmp (g_array_index (self->skipped, Skipped, i).sid, sid, 16) == 0)
      {
        g_array_remove_index (self->skipped, i);
        have--;
      }
    else
      i++;
  return 1;
}

static int
drop_skipped (void *data, const uint8_t sid[16], const uint8_t ratchet[32], uint32_t n)
{
  MemVault *self = data;
  gint at = find_skipped_at (self, sid, ratchet, n);

  if (!mem_vault_may_change (self))
    return -1;
  if (at >= 0)
    g_array_remove_index (self->skipped, (guint)at);
  return 1;
}

static const KithE2eeVaultFuncs funcs = {
  .load_session = load_session,
  .load_active = load_active,
  .save_session = save_session,
  .find_skipped = find_skipped,
  .add_skipped = add_skipped,
  .drop_skipped = drop_skipped,
  .find_spk = mem_vault_find_spk,
  .find_opk = mem_vault_find_opk,
  .drop_opk = mem_vault_drop_opk,
  .find_replay = mem_vault_find_replay,
  .add_replay = mem_vault_add_replay,
  .find_wire = mem_vault_find_wire,
  .add_wire = mem_vault_add_wire,
  .get_created = mem_vault_get_created,
  .set_created = mem_vault_set_created,
};

MemVault *
mem_vault_new (const guint8 seed[32], guint32 device)
{
  MemVault *self = g_new0 (MemVault, 1);

  self->vault.funcs = &funcs;
  self->vault.data = self;
  self->account = kith_e2ee_account_new (seed, device);
  self->arena = kith_e2ee_arena_new ();
  g_assert_nonnull (self->account);
  g_assert_nonnull (self->arena);
  self->sessions = g_array_new (FALSE, FALSE, sizeof (KithE2eeRow));
  self->skipped = g_array_new (FALSE, FALSE, sizeof (Skipped));
  self->spks = g_array_new (FALSE, FALSE, sizeof (Prekey));
  self->opks = g_array_new (FALSE, FALSE, sizeof (Prekey));
  self->replays = g_array_new (FALSE, FALSE, sizeof (Replay));
  self->wires = g_array_new (FALSE, FALSE, sizeof (Mark));
  self->created = g_array_new (FALSE, FALSE, sizeof (Created));
  self->fail_after = -1;
  return self;
}

void
mem_vault_free (MemVault *self)
{
  g_array_unref (self->sessions);
  g_array_unref (self->skipped);
  g_array_unref (self->spks);
  g_array_unref (self->opks);
  g_array_unref (self->replays);
  g_array_unref (self->wires);
  g_array_unref (self->created);
  kith_e2ee_arena_free (self->arena);
  kith_e2ee_account_free (self->account);
  g_free (self);
}

void
mem_vault_add_spk (MemVault *self, const guint8 secret[32], guint64 created)
{
  Prekey key;

  memcpy (key.secret, secret, 32);
  kith_e2ee_public_key (secret, key.pub);
  key.created = created;
  g_array_prepend_val (self->spks, key);
  if (self->spks->len <= OLD_SPKS + 1)
    return;
  for (guint i = self->replays->len; i > 0; i--)
    if (memcmp (g_array_index (self->replays, Replay, i - 1).spk,
                g_array_index (self->spks, Prekey, OLD_SPKS + 1).pub, 32)
        == 0)
      g_array_remove_index (self->replays, i - 1);
  g_array_set_size (self->spks, OLD_SPKS + 1);
}

void
mem_vault_add_opk (MemVault *self, const guint8 secret[32])
{
  Prekey key = { .created = 0 };

  memcpy (key.secret, secret, 32);
  kith_e2ee_public_key (secret, key.pub);
  g_array_append_val (self->opks, key);
}

gboolean
mem_vault_has_opk (MemVault *self, const guint8 key[32])
{
  return mem_vault_find_prekey (self->opks, key) >= 0;
}

const guint8 *
mem_vault_first_opk (MemVault *self)
{
  return self->opks->len > 0 ? g_array_index (self->opks, Prekey, 0).pub : NULL;
}

void
mem_vault_drop_sessions (MemVault *self)
{
  g_array_set_size (self->sessions, 0);
  g_array_set_size (self->skipped, 0);
}

gsize
mem_vault_bundle (MemVault *self, const guint8 *opk, guint8 *out)
{
  Prekey *spk = &g_array_index (self->spks, Prekey, 0);

  return kith_e2ee_bundle_write (self->account, spk->created, spk->pub, opk, opk != NULL ? 1 : 0, out);
}

gboolean
mem_vault_active (MemVault *self, const guint8 peer[32], guint32 device, guint8 sid[16])
{
  KithE2eeRow row;

  if (load_active (self, peer, device, &row) != 1)
    return FALSE;
  memcpy (sid, row.sid, 16);
  return TRUE;
}

gsize
mem_vault_count_skipped (MemVault *self, const guint8 sid[16])
{
  gsize n = 0;

  for (guint i = 0; i < self->skipped->len; i++)
    n += memcmp (g_array_index (self->skipped, Skipped, i).sid, sid, 16) == 0 ? 1 : 0;
  return n;
}

void
mem_vault_hash (MemVault *self, guint8 out[32])
{
  GArray *const parts[]
      = { self->sessions, self->skipped, self->spks, self->opks, self->replays, self->wires, self->created };
  crypto_hash_sha256_state state;

  crypto_hash_sha256_init (&state);
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      crypto_hash_sha256_update (&state, (const guint8 *)&parts[i]->len, sizeof parts[i]->len);
      crypto_hash_sha256_update (&state, (const guint8 *)parts[i]->data,
                                 (gsize)parts[i]->len * g_array_get_element_size (parts[i]));
    }
  crypto_hash_sha256_final (&state, out);
}

KithE2ee
mem_vault_context (MemVault *self, const KithE2eeRandom *random)
{
  return (KithE2ee){ self->account, random, &self->vault, self->arena };
}
