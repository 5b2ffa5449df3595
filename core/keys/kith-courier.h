/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encrypts and decrypts inside store jobs: session, skipped keys, prekeys, dedupe and replay rows are part of the
 * job's transaction. Everything here is for the writer thread, inside a job. */
#pragma once

#include "kith-keys.h"

G_BEGIN_DECLS

/* What a content begins with, e2ee.md §7.4. */
typedef enum
{
  KITH_COURIER_JSON = 0x00,
  KITH_COURIER_CONTROL = 0x01,
  KITH_COURIER_DUMMY = 0x02,
} KithCourierKind;

typedef struct
{
  GBytes *wire; /* what goes into the outbox, and out, any number of times */
  guint8 sid[16];
  guint8 ratchet[32];
  guint32 n;
} KithSent;

typedef struct
{
  guint8 kind;
  GBytes *content; /* without the kind; NULL when it did not decrypt */
  guint8 peer_ik[32];
  guint32 peer_device;
  gboolean new_session; /* an INIT that began one */
  guint8 sid[16];       /* place: also set after an error, as far as the header could be read */
  guint8 ratchet[32];
  guint32 n;
} KithOpened;

void kith_sent_clear (KithSent *sent);
void kith_opened_clear (KithOpened *opened);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithSent, kith_sent_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithOpened, kith_opened_clear)

/* Encrypts on the active session with that device; `kind` is a KithCourierKind. KITH_ERROR_UNREACHABLE: no session
 * (or one that is used up): fetch a bundle and start one. KITH_ERROR_TOO_LARGE: too long (n <= 65,535). */
gboolean kith_courier_encrypt (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, guint8 kind,
                               const void *content, gsize n, KithSent *out, GError **error);

/* Begins a session with a bundle in fetch form, which must be of `peer_ik` (the pinned key). *device (nullable) says
 * for which device. KITH_ERROR_CONFLICT: another identity, KITH_ERROR_PROTOCOL: a bundle that is no good; the error
 * names the code. Nothing is changed then. */
gboolean kith_courier_start (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], GBytes *bundle, guint32 *device,
                             KithE2eeCode *code, GError **error);
gboolean kith_courier_has_session (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device,
                                   gboolean *has, GError **error);

/* claimed_ik NULL, claimed_device 0: unknown. TRUE and *code OK: read, all rows written. TRUE never goes with another
 * code. FALSE with *code a protocol error: nothing was changed, and `error` (KITH_ERROR_PROTOCOL) says it in words;
 * with *code KITH_E2EE_FAILED: the database failed, let the job fail. E_DUPLICATE: acknowledge again, show nothing.
 */
gboolean kith_courier_decrypt (KithKeys *keys, KithDb *db, const guint8 *claimed_ik, guint32 claimed_device,
                               GBytes *wire, KithOpened *out, KithE2eeCode *code, GError **error);

/* Healing (e2ee.md §8.6): */

/* Remembers for 14 days which content a place of a session held; `cid` is a UUID. */
gboolean kith_courier_note_sent (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], const KithSent *sent,
                                 const char *cid, GError **error);
/* The cid of a place that a retry request of `peer_ik` names, or NULL without an error: unknown, too old, or another
 * person's. */
char *kith_courier_find_sent (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], const guint8 sid[16],
                              const guint8 ratchet[32], guint32 n, GError **error);
/* May a new session be started to heal now? At most one an hour and peer device; a TRUE in *may counts as taken. */
gboolean kith_courier_may_heal (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, gboolean *may,
                                GError **error);
/* May a retry request be sent (or one of the peer be obeyed) on the session that stands? At most 50 an hour, each
 * way. */
typedef enum
{
  KITH_COURIER_RETRY_ASK,
  KITH_COURIER_RETRY_OBEY,
} KithCourierRetry;
gboolean kith_courier_may_retry (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device,
                                 KithCourierRetry way, gboolean *may, GError **error);

/* The body of a RETRY_REQUEST (kind KITH_COURIER_CONTROL): 1 to 50 places. */
GBytes *kith_courier_write_retry (const KithE2eePlace *places, gsize n_places);
/* Reads a control body; FALSE when it is none that we know (ignore it). places holds 50. */
gboolean kith_courier_read_retry (GBytes *content, KithE2eePlace *places, gsize *n_places);

/* Forgets all sessions with that person's device (0: all of them), as after an accepted change of identity. */
gboolean kith_courier_forget (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, GError **error);
/* What has outlived its time goes: dedupe and skipped keys after 30 days, idle sessions, sent places after 14. One
 * slice of at most 2 ms for the bulk lane. kith_keys_maintain() calls it. */
gboolean kith_courier_prune (KithKeys *keys, KithDb *db, gboolean *more, GError **error);

G_END_DECLS
