/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is needed to get over lost state: which place held what, how often, and what goes when its time is over. */
#include <string.h>

#include "kith-courier.h"
#include "kith-keys-private.h"
#include "kith-table-sessions.h"

enum
{
  RETRIES_AN_HOUR = 50,
  SENT_DAYS = 14,
  SEEN_DAYS = 30,
  IDLE_DAYS = 30,
  SLICES = 256,
  SLICES_AT_ONCE = 4,
};

#define HOUR_MS (INT64_C (3600) * 1000)

static gint64
today (KithKeys *keys)
{
  return kith_keys_now_ms (keys) / KITH_KEYS_DAY_MS;
}

static gboolean
parse_uuid (const char *text, guint8 out[16])
{
  guint n = 0;

  if (!g_uuid_string_is_valid (text))
    return FALSE;
  for (const char *c = text; *c != '\0'; c++)
    if (*c != '-')
      {
        guint8 digit = (guint8)g_ascii_xdigit_value (*c);

        out[n / 2] = n % 2 == 0 ? (guint8)(digit << 4) : (guint8)(out[n / 2] | digit);
        n++;
      }
  return TRUE;
}

static char *
write_uuid (const guint8 bytes[16])
{
  GString *out = g_string_sized_new (37);

  for (guint i = 0; i < 16; i++)
    {
      if (i == 4 || i == 6 || i == 8 || i == 10)
        g_string_append_c (out, '-');
      g_string_append_printf (out, "%02x", bytes[i]);
    }
  return g_string_free (out, FALSE);
}

gboolean
kith_courier_note_sent (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], const KithSent *sent, const char *cid,
                        GError **error)
{
  guint8 uuid[16];

  if (!parse_uuid (cid, uuid))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "The content id “%s” is no UUID", cid);
      return FALSE;
    }
  return kith_table_sessions_add_sent (db, sent->sid, sent->ratchet, sent->n, peer_ik, uuid, today (keys), error);
}

char *
kith_courier_find_sent (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], const guint8 sid[16],
                        const guint8 ratchet[32], guint32 n, GError **error)
{
  guint8 uuid[16];

  if (!kith_table_sessions_find_sent (db, sid, ratchet, n, peer_ik, today (keys) - SENT_DAYS, uuid, error))
    return NULL;
  return write_uuid (uuid);
}

gboolean
kith_courier_may_heal (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, gboolean *may,
                       GError **error)
{
  return kith_table_sessions_limit (db, peer_ik, device, KITH_PEER_HEALED, kith_keys_now_ms (keys), HOUR_MS, 1, may,
                                    error);
}

gboolean
kith_courier_may_retry (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, KithCourierRetry way,
                        gboolean *may, GError **error)
{
  return kith_table_sessions_limit (db, peer_ik, device,
                                    way == KITH_COURIER_RETRY_ASK ? KITH_PEER_ASKED : KITH_PEER_OBEYED,
                                    kith_keys_now_ms (keys), HOUR_MS, RETRIES_AN_HOUR, may, error);
}

gboolean
kith_courier_forget (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, GError **error)
{
  return kith_table_sessions_forget (db, peer_ik, device, error);
}

gboolean
kith_courier_prune (KithKeys *keys, KithDb *db, gboolean *more, GError **error)
{
  gint64 now_ms = kith_keys_now_ms (keys), day = now_ms / KITH_KEYS_DAY_MS;
  KithSessionLimits limits = { .seen_day = day - SEEN_DAYS,
                               .sent_day = day - SENT_DAYS,
                               .idle_ms = now_ms - IDLE_DAYS * KITH_KEYS_DAY_MS,
                               .skipped_ms = now_ms - KITH_E2EE_SKIPPED_TTL_MS };

  *more = FALSE;
  if (keys->pruned_day == day)
    return TRUE;
  for (guint i = 0; i < SLICES_AT_ONCE && keys->slice < SLICES; i++)
    {
      if (!kith_table_sessions_prune (db, (guint8)keys->slice, &limits, error))
        return FALSE;
      keys->slice++;
    }
  *more = keys->slice < SLICES;
  if (!*more)
    {
      keys->slice = 0;
      keys->pruned_day = day;
    }
  return TRUE;
}
