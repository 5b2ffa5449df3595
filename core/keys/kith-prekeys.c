/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prekeys: made, given out once, replaced. */
#include <string.h>

#include "kith-courier.h"
#include "kith-keys-private.h"
#include "kith-table-keys.h"

enum
{
  KEEP_FREE = 100,
  REFILL_BELOW = 20,
  SLICE_OPKS = 32, /* about 1 ms */
  PUBLISH_MAX = 100,
  GRANTS_AN_HOUR = 10,
};

#define ROTATE_AFTER_MS (7 * KITH_KEYS_DAY_MS)
#define HOUR_MS (INT64_C (3600) * 1000)

gboolean
kith_keys_make_opks (KithKeys *self, KithDb *db, guint n, GError **error)
{
  guint8 *secret = kith_db_alloc_secret (db, 32);

  for (guint i = 0; i < n; i++)
    {
      guint8 pub[32];

      self->random.fill (self->random.data, KITH_E2EE_DRAW_OPK, secret, 32);
      kith_e2ee_public_key (secret, pub);
      if (!kith_table_keys_add_opk (db, pub, secret, error))
        return FALSE;
    }
  g_atomic_int_set (&self->renewed, TRUE);
  return kith_table_keys_trim_opks (db, error);
}

gboolean
kith_keys_rotate (KithKeys *self, KithDb *db, GError **error)
{
  guint8 *secret = kith_db_alloc_secret (db, 32), *seed = kith_db_alloc_secret (db, 32);
  KithIdentityRow identity;
  KithSpkRow spk;

  if (!kith_keys_check_open (self, error))
    return FALSE;
  if (!kith_table_keys_get_identity (db, &identity, seed, error))
    {
      if (error != NULL && *error == NULL)
        g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The database has no identity");
      return FALSE;
    }
  self->random.fill (self->random.data, KITH_E2EE_DRAW_SPK, secret, 32);
  kith_e2ee_public_key (secret, spk.pub);
  spk.made_ms = kith_keys_now_ms (self);
  /* A rollback counter first, a clock second. */
  spk.created = MAX (spk.made_ms, identity.last_created + 1);
  g_atomic_int_set (&self->renewed, TRUE);
  return kith_table_keys_add_spk (db, &spk, secret, error);
}

/* The signed prekey in use; an error when there is none. */
static gboolean
get_spk (KithKeys *self, KithDb *db, KithSpkRow *spk, GError **error)
{
  GError *problem = NULL;

  if (!kith_keys_check_open (self, error))
    return FALSE;
  if (kith_table_keys_get_spk (db, spk, &problem))
    return TRUE;
  if (problem == NULL)
    g_set_error (&problem, KITH_ERROR, KITH_ERROR_STORE, "The database has no signed prekey");
  g_propagate_error (error, problem);
  return FALSE;
}

/* FALSE without an error: none is left. */
static gboolean
take_opk (KithKeys *self, KithDb *db, KithOpkMark mark, guint8 pub[32], GError **error)
{
  guint left = 0;

  if (!kith_table_keys_take_opk (db, mark, pub, error)
      || !kith_table_keys_count_opks (db, KITH_OPK_FREE, &left, error))
    return FALSE;
  if (left < REFILL_BELOW)
    kith_keys_kick (self);
  return TRUE;
}

GBytes *
kith_keys_make_bundle (KithKeys *self, KithDb *db, const guint8 peer[32], gboolean is_friend, GError **error)
{
  guint8 opk[32], out[KITH_E2EE_BUNDLE_BYTES + 32];
  gboolean given = FALSE;
  GError *problem = NULL;
  KithSpkRow spk;
  gsize n;

  if (!get_spk (self, db, &spk, error))
    return NULL;
  if (is_friend && !kith_table_keys_grant (db, peer, kith_keys_now_ms (self), HOUR_MS, GRANTS_AN_HOUR, &given, error))
    return NULL;
  if (given)
    {
      given = take_opk (self, db, KITH_OPK_LINK, opk, &problem);
      if (problem != NULL)
        {
          g_propagate_error (error, problem);
          return NULL;
        }
    }
  n = kith_e2ee_bundle_write (kith_keys_get_newest_account (self), (guint64)spk.created, spk.pub, opk, given ? 1 : 0,
                              out);
  return g_bytes_new (out, n);
}

gboolean
kith_keys_publish (KithKeys *self, KithDb *db, guint count, GBytes **bundle, GPtrArray **prekeys, GError **error)
{
  g_autoptr (GPtrArray) taken = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  guint8 out[KITH_E2EE_BUNDLE_BYTES];
  guint have = 0;
  KithSpkRow spk;

  count = MIN (count, PUBLISH_MAX);
  if (!get_spk (self, db, &spk, error) || !kith_table_keys_count_opks (db, KITH_OPK_FREE, &have, error))
    return FALSE;
  /* What links are to have stays above the mark at which it would be refilled. */
  if (have < count + REFILL_BELOW && !kith_keys_make_opks (self, db, count + REFILL_BELOW - have, error))
    return FALSE;
  for (guint i = 0; i < count; i++)
    {
      guint8 pub[32];

      if (!kith_table_keys_take_opk (db, KITH_OPK_PUBLISHED, pub, error))
        {
          if (error != NULL && *error == NULL)
            g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "Prekeys that were just made are not there");
          return FALSE;
        }
      g_ptr_array_add (taken, g_bytes_new (pub, 32));
    }
  kith_e2ee_bundle_write (kith_keys_get_newest_account (self), (guint64)spk.created, spk.pub, NULL, 0, out);
  *bundle = g_bytes_new (out, sizeof out);
  *prekeys = g_steal_pointer (&taken);
  return TRUE;
}

static gboolean
rotate_if_due (KithKeys *self, KithDb *db, GError **error)
{
  gint64 now_ms = kith_keys_now_ms (self);
  KithSpkRow spk;

  if (!get_spk (self, db, &spk, error))
    return FALSE;
  /* Made in the future: the clock went back. */
  if (now_ms - spk.made_ms < ROTATE_AFTER_MS && spk.made_ms <= now_ms + HOUR_MS)
    return TRUE;
  return kith_keys_rotate (self, db, error);
}

gboolean
kith_keys_maintain (KithKeys *self, KithDb *db, gboolean *more, GError **error)
{
  guint have = 0;

  *more = FALSE;
  if (!rotate_if_due (self, db, error) || !kith_table_keys_count_opks (db, KITH_OPK_FREE, &have, error))
    return FALSE;
  /* Once begun it goes on to the full number. */
  if (have < REFILL_BELOW || (have < KEEP_FREE && self->refilling))
    {
      self->refilling = have + SLICE_OPKS < KEEP_FREE;
      *more = TRUE;
      return kith_keys_make_opks (self, db, MIN (SLICE_OPKS, KEEP_FREE - have), error);
    }
  self->refilling = FALSE;
  return kith_courier_prune (self, db, more, error);
}
