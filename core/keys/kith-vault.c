/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-vault.h"

#include <kith/kith.h>
#include <string.h>

#include "kith-keys-private.h"
#include "kith-table-keys.h"
#include "kith-table-sessions.h"

static int
found (KithVault *self, gboolean yes)
{
  return yes ? 1 : self->error != NULL ? -1 : 0;
}

static int
done (gboolean yes)
{
  return yes ? 1 : -1;
}

static void
begin_row (KithSessionRow *row, KithE2eeRow *out)
{
  memset (row, 0, sizeof *row);
  row->state = out->state;
  row->max_state = sizeof out->state;
}

static void
end_row (const KithSessionRow *row, KithE2eeRow *out)
{
  memcpy (out->sid, row->sid, 16);
  memcpy (out->peer, row->peer, 32);
  out->peer_device = row->device;
  out->stamp = row->stamp;
  out->top_stamp = row->top_stamp;
  out->n_state = row->n_state;
}

static int
load_session (void *data, const uint8_t sid[16], KithE2eeRow *out)
{
  KithVault *self = data;
  KithSessionRow row;
  gboolean yes;

  begin_row (&row, out);
  yes = kith_table_sessions_load (self->db, sid, &row, &self->error);
  if (yes)
    end_row (&row, out);
  return found (self, yes);
}

static int
load_active (void *data, const uint8_t peer[32], uint32_t device, KithE2eeRow *out)
{
  KithVault *self = data;
  KithSessionRow row;
  gboolean yes;

  begin_row (&row, out);
  yes = kith_table_sessions_load_active (self->db, peer, device, &row, &self->error);
  if (yes)
    end_row (&row, out);
  return found (self, yes);
}

static int
save_session (void *data, const KithE2eeRow *in, bool fresh)
{
  KithVault *self = data;
  KithSessionRow row = { .device = in->peer_device, .stamp = in->stamp, .top_stamp = in->top_stamp };

  memcpy (row.sid, in->sid, 16);
  memcpy (row.peer, in->peer, 32);
  row.state = (guint8 *)in->state;
  row.n_state = in->n_state;
  return done (fresh ? kith_table_sessions_add (self->db, &row, self->now_ms, KITH_E2EE_MAX_SESSIONS, &self->error)
                     : kith_table_sessions_save (self->db, &row, self->now_ms, &self->error));
}

static int
find_skipped (void *data, const uint8_t sid[16], const uint8_t ratchet[32], uint32_t n, uint8_t key[32])
{
  KithVault *self = data;

  return found (self, kith_table_sessions_find_skipped (self->db, sid, ratchet, n,
                                                        self->now_ms - KITH_E2EE_SKIPPED_TTL_MS, key, &self->error));
}

static int
add_skipped (void *data, const uint8_t sid[16], const KithE2eeSkipped *run)
{
  KithVault *self = data;

  return done (kith_table_sessions_add_skipped (self->db, sid, run->ratchet, run->first, run->count, run->keys,
                                                self->now_ms, KITH_E2EE_MAX_SKIPPED, &self->error));
}

static int
drop_skipped (void *data, const uint8_t sid[16], const uint8_t ratchet[32], uint32_t n)
{
  KithVault *self = data;

  return done (kith_table_sessions_drop_skipped (self->db, sid, ratchet, n, &self->error));
}

static int
find_spk (void *data, const uint8_t key[32], uint8_t secret[32])
{
  KithVault *self = data;

  return found (self, kith_table_keys_find_spk (self->db, key, secret, &self->error));
}

static int
find_opk (void *data, const uint8_t key[32], uint8_t secret[32])
{
  KithVault *self = data;

  return found (self, kith_table_keys_find_opk (self->db, key, secret, &self->error));
}

static int
drop_opk (void *data, const uint8_t key[32])
{
  KithVault *self = data;

  return done (kith_table_keys_drop_opk (self->db, key, &self->error));
}

static int
find_replay (void *data, const uint8_t spk[32], const uint8_t ephemeral[32])
{
  KithVault *self = data;

  return found (self, kith_table_sessions_find_replay (self->db, spk, ephemeral, &self->error));
}

static int
add_replay (void *data, const uint8_t spk[32], const uint8_t ephemeral[32])
{
  KithVault *self = data;

  return done (kith_table_sessions_add_replay (self->db, spk, ephemeral, &self->error));
}

static int
find_wire (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES])
{
  KithVault *self = data;

  return found (self, kith_table_sessions_find_seen (self->db, mark, &self->error));
}

static int
add_wire (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES])
{
  KithVault *self = data;

  return done (kith_table_sessions_add_seen (self->db, mark, self->now_ms / KITH_KEYS_DAY_MS, &self->error));
}

static int
get_created (void *data, const uint8_t peer[32], uint32_t device, uint64_t *created)
{
  KithVault *self = data;

  return found (self, kith_table_sessions_get_created (self->db, peer, device, created, &self->error));
}

static int
set_created (void *data, const uint8_t peer[32], uint32_t device, uint64_t created)
{
  KithVault *self = data;

  return done (kith_table_sessions_set_created (self->db, peer, device, created, &self->error));
}

static const KithE2eeVaultFuncs funcs = {
  .load_session = load_session,
  .load_active = load_active,
  .save_session = save_session,
  .find_skipped = find_skipped,
  .add_skipped = add_skipped,
  .drop_skipped = drop_skipped,
  .find_spk = find_spk,
  .find_opk = find_opk,
  .drop_opk = drop_opk,
  .find_replay = find_replay,
  .add_replay = add_replay,
  .find_wire = find_wire,
  .add_wire = add_wire,
  .get_created = get_created,
  .set_created = set_created,
};

void
kith_vault_init (KithVault *self, KithDb *db, gint64 now_ms)
{
  self->vault.funcs = &funcs;
  self->vault.data = self;
  self->db = db;
  self->now_ms = now_ms;
  self->error = NULL;
}

void
kith_vault_clear (KithVault *self)
{
  g_clear_error (&self->error);
}

void
kith_vault_take_error (KithVault *self, GError **error)
{
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  else
    g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "A session in the database cannot be read");
}
