/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-db.h"

G_BEGIN_DECLS

/* Own identity and prekeys (schema/010-keys.sql). Inside jobs and reads only. Where it says so, FALSE without an
 * error means that there is none. Secrets are copied into the caller's (locked) memory. */

#define KITH_OLD_SPKS 4
#define KITH_MAX_OPKS 500

typedef enum
{
  KITH_OPK_FREE = 0,
  KITH_OPK_LINK = 1,      /* given out over a link */
  KITH_OPK_PUBLISHED = 2, /* given to a directory */
} KithOpkMark;

typedef struct
{
  gint64 created_ms;
  guint32 device;
  gint64 last_created; /* the highest that a signed prekey of this device had */
} KithIdentityRow;

/* FALSE without an error: a first start. */
gboolean kith_table_keys_get_identity (KithDb *db, KithIdentityRow *out, guint8 seed[32], GError **error);
gboolean kith_table_keys_set_identity (KithDb *db, const KithIdentityRow *row, const guint8 seed[32], GError **error);

typedef struct
{
  gint64 created; /* what is signed */
  gint64 made_ms;
  guint8 pub[32];
} KithSpkRow;

/* The new one is in use from now on; what it pushes out goes, with its replay rows. `created` is above all others. */
gboolean kith_table_keys_add_spk (KithDb *db, const KithSpkRow *row, const guint8 secret[32], GError **error);
gboolean kith_table_keys_get_spk (KithDb *db, KithSpkRow *out, GError **error); /* FALSE without an error: none */
gboolean kith_table_keys_find_spk (KithDb *db, const guint8 pub[32], guint8 secret[32],
                                   GError **error); /* the same */

gboolean kith_table_keys_add_opk (KithDb *db, const guint8 pub[32], const guint8 secret[32], GError **error);
gboolean kith_table_keys_find_opk (KithDb *db, const guint8 pub[32], guint8 secret[32],
                                   GError **error); /* FALSE without an error: none */
gboolean kith_table_keys_drop_opk (KithDb *db, const guint8 pub[32], GError **error);
/* Marks the oldest free one, for ever. FALSE without an error: none is free. */
gboolean kith_table_keys_take_opk (KithDb *db, KithOpkMark mark, guint8 pub[32], GError **error);
gboolean kith_table_keys_count_opks (KithDb *db, KithOpkMark mark, guint *n, GError **error);
/* Of those given out and never used the oldest go, until KITH_MAX_OPKS are left in all. */
gboolean kith_table_keys_trim_opks (KithDb *db, GError **error);

/* One of `limit` in a window; *given says whether there was one left. */
gboolean kith_table_keys_grant (KithDb *db, const guint8 peer[32], gint64 now_ms, gint64 window_ms, guint limit,
                                gboolean *given, GError **error);

/* Everything of a device: prekeys, sessions and all that hangs on them. The identity row stays. */
gboolean kith_table_keys_clear (KithDb *db, GError **error);

G_END_DECLS
