/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-db.h"

#define KITH_SEEN_MARK_BYTES 24

G_BEGIN_DECLS

/* Sessions and what protects them (schema/010-keys.sql). Inside jobs only. A find that answers FALSE without an error
 * found nothing. */

typedef struct
{
  guint8 sid[16];
  guint8 peer[32];
  guint32 device;
  guint64 stamp;
  guint64 top_stamp; /* loading only: the highest of that peer device */
  guint8 *state;     /* the caller's, `max_state` long when loading */
  gsize n_state;
  gsize max_state;
} KithSessionRow;

gboolean kith_table_sessions_load (KithDb *db, const guint8 sid[16], KithSessionRow *row, GError **error);
gboolean kith_table_sessions_load_active (KithDb *db, const guint8 peer[32], guint32 device, KithSessionRow *row,
                                          GError **error);
gboolean kith_table_sessions_save (KithDb *db, const KithSessionRow *row, gint64 now_ms, GError **error);
/* A new one; then the `keep` highest stamps of that peer device stay. */
gboolean kith_table_sessions_add (KithDb *db, const KithSessionRow *row, gint64 now_ms, guint keep, GError **error);
/* device 0: of all devices. */
gboolean kith_table_sessions_forget (KithDb *db, const guint8 peer[32], guint32 device, GError **error);
gboolean kith_table_sessions_forget_all (KithDb *db, GError **error);

gboolean kith_table_sessions_find_skipped (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                                           gint64 since_ms, guint8 key[32], GError **error);
/* `count` keys of 32 bytes; then the `keep` newest of that session stay. */
gboolean kith_table_sessions_add_skipped (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 first,
                                          guint32 count, const guint8 *keys, gint64 now_ms, guint keep,
                                          GError **error);
gboolean kith_table_sessions_drop_skipped (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                                           GError **error);

gboolean kith_table_sessions_find_replay (KithDb *db, const guint8 spk[32], const guint8 ephemeral[32],
                                          GError **error);
gboolean kith_table_sessions_add_replay (KithDb *db, const guint8 spk[32], const guint8 ephemeral[32],
                                         GError **error);

/* Days are counted from 1970. */
gboolean kith_table_sessions_find_seen (KithDb *db, const guint8 mark[KITH_SEEN_MARK_BYTES], GError **error);
gboolean kith_table_sessions_add_seen (KithDb *db, const guint8 mark[KITH_SEEN_MARK_BYTES], gint64 day, GError **error);

gboolean kith_table_sessions_add_sent (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                                       const guint8 peer[32], const guint8 cid[16], gint64 day, GError **error);
/* Only what was for that peer. */
gboolean kith_table_sessions_find_sent (KithDb *db, const guint8 sid[16], const guint8 ratchet[32], guint32 n,
                                        const guint8 peer[32], gint64 since_day, guint8 cid[16], GError **error);

gboolean kith_table_sessions_get_created (KithDb *db, const guint8 peer[32], guint32 device, guint64 *created,
                                          GError **error);
gboolean kith_table_sessions_set_created (KithDb *db, const guint8 peer[32], guint32 device, guint64 created,
                                          GError **error);

typedef enum
{
  KITH_PEER_HEALED,
  KITH_PEER_ASKED,
  KITH_PEER_OBEYED,
} KithPeerLimit;
/* One of `limit` in a window, for that peer device; *given says whether there was one left. */
gboolean kith_table_sessions_limit (KithDb *db, const guint8 peer[32], guint32 device, KithPeerLimit which,
                                    gint64 now_ms, gint64 window_ms, guint limit, gboolean *given, GError **error);

typedef struct
{
  gint64 seen_day;   /* dedupe rows before it go */
  gint64 sent_day;   /* places before it go */
  gint64 idle_ms;    /* sessions not used since, but the active one of each device */
  gint64 skipped_ms; /* keys stored before it go */
} KithSessionLimits;

/* One 256th of the work: what begins with that byte. */
gboolean kith_table_sessions_prune (KithDb *db, guint8 slice, const KithSessionLimits *limits, GError **error);

G_END_DECLS
