/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our own identity and device, prekeys, certificates, backup. Secrets never leave it but where a function's name says
 * so. */
#pragma once

#include <gio/gio.h>

#include "kith-db.h"
#include "kith-e2ee.h"
#include "kith-store.h"
#include "kith-world.h"

G_BEGIN_DECLS

#define KITH_TYPE_KEYS (kith_keys_get_type ())
G_DECLARE_FINAL_TYPE (KithKeys, kith_keys, KITH, KEYS, GObject)

KithKeys *kith_keys_new (KithWorld *world);

/* Opening: */

/* Reads the identity from the store, makes one on the first start, with its prekeys; afterwards looks after them
 * (rotation, refill, pruning) by itself until close. Everything below may be called once this has succeeded. */
void kith_keys_open_async (KithKeys *self, KithStore *store, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data);
gboolean kith_keys_open_finish (KithKeys *self, GAsyncResult *result, GError **error);
/* The same by hand, for a test or a tool: in a job, then adopt on the main thread once it is committed. */
gboolean kith_keys_load (KithKeys *self, KithDb *db, GError **error);
void kith_keys_adopt (KithKeys *self);
/* Stops the timers; the identity stays readable. */
void kith_keys_close (KithKeys *self);

/* Who we are [any thread]: */

gboolean kith_keys_is_open (KithKeys *self);
/* IK, 32 bytes; stays valid as long as self, whatever is restored. */
const guint8 *kith_keys_get_identity (KithKeys *self);
GBytes *kith_keys_dup_identity_key (KithKeys *self); /* IK */
GBytes *kith_keys_dup_exchange_key (KithKeys *self); /* its X25519 form: `public_key` of the API */
guint32 kith_keys_get_device (KithKeys *self);
gint64 kith_keys_get_created_ms (KithKeys *self);
char *kith_keys_dup_fingerprint (KithKeys *self);           /* 32 hex digits: node_id */
char *kith_keys_fingerprint_of (const guint8 identity[32]); /* of anybody */
/* 60 digits in groups of 5; about 10 ms: a worker's work. */
char *kith_keys_safety_number (KithKeys *self, const guint8 peer[32]);
void kith_keys_safety_number_async (KithKeys *self, const guint8 peer[32], GCancellable *c, GAsyncReadyCallback cb,
                                    gpointer data);
char *kith_keys_safety_number_finish (KithKeys *self, GAsyncResult *result, GError **error);
/* The static key of the links' handshake; the caller keeps it in locked memory and wipes it. */
void kith_keys_copy_exchange_secret (KithKeys *self, guint8 out[32]);

/* Signatures and derived keys [any thread]: */

/* "kith/mailbox/1 device" (about = device uuid 16 bytes || username: the whole certificate, see
 * kith_keys_check_certificate()), "kith/signal/1 auth" (about = any bytes: a signature of 64 bytes over purpose ||
 * about), "challenge" (about = 32 bytes: a signature of 64 bytes over exactly them). Other purposes are refused. */
GBytes *kith_keys_certify (KithKeys *self, const char *purpose, GBytes *about, GError **error);
/* A mailbox certificate `device u32 || created u64 || signature` of that person; FALSE with the reason. */
gboolean kith_keys_check_certificate (const guint8 identity[32], const guint8 uuid[16], const char *username,
                                      GBytes *certificate, guint32 *device, gint64 *created_ms, GError **error);
/* 32 bytes: "kith/mailbox/1 recovery", "kith/mailbox/1 marks". */
GBytes *kith_keys_derive (KithKeys *self, const char *purpose, GError **error);
/* base64url of HMAC (marks key, peer's identity): the name of a conversation for our other devices. */
char *kith_keys_mark_name (KithKeys *self, const guint8 peer[32]);

/* Envelopes [any thread]: */

GBytes *kith_keys_seal (KithKeys *self, const guint8 to[32], guint32 to_device, GBytes *payload, GError **error);
GBytes *kith_keys_unseal (KithKeys *self, GBytes *envelope, guint8 from[32], guint32 *from_device, KithE2eeCode *code,
                          GError **error);

/* Prekeys [in a job]: */

/* A bundle in fetch form for a link: with a one-time prekey (up to 10 an hour) when `friend`, else, and beyond, with
 * none. */
GBytes *kith_keys_make_bundle (KithKeys *self, KithDb *db, const guint8 peer[32], gboolean is_friend, GError **error);
/* For a directory: the bundle with n = 0, and `count` (<= 100) one-time prekeys, 32 bytes each, marked `published`:
 * none of them is ever given out again. */
gboolean kith_keys_publish (KithKeys *self, KithDb *db, guint count, GBytes **bundle,
                            GPtrArray **prekeys /* of GBytes */, GError **error);
/* Rotation when due, refill, pruning: one slice of at most 2 ms for the bulk lane; *more says whether to come again
 * at once. */
gboolean kith_keys_maintain (KithKeys *self, KithDb *db, gboolean *more, GError **error);
/* A new signed prekey now, whatever its age. */
gboolean kith_keys_rotate (KithKeys *self, KithDb *db, GError **error);
/* Signal "bundle-changed" (main thread): the signed prekey is another one, or one-time prekeys were refilled; a
 * directory wants it. */

/* Backup: */

/* `json` is `{username, contacts:[…]}` and is the caller's business. `cost` NULL: Argon2id MODERATE, as every real
 * backup; other costs are for tests. Runs in a worker thread. */
void kith_keys_backup_async (KithKeys *self, const char *passphrase, GBytes *json, const KithE2eeCost *cost,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
GBytes *kith_keys_backup_finish (KithKeys *self, GAsyncResult *result, GError **error);

typedef struct _KithBackup KithBackup; /* an opened backup; its seed in locked memory */
/* KITH_ERROR_REFUSED: wrong passphrase or damaged file; KITH_ERROR_INVALID: no backup, or one that asks too much
 * memory. */
void kith_backup_open_async (GBytes *file, const char *passphrase, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
KithBackup *kith_backup_open_finish (GAsyncResult *result, GError **error);
GBytes *kith_backup_get_json (KithBackup *self);           /* none */
const guint8 *kith_backup_get_identity (KithBackup *self); /* IK, 32 bytes */
gint64 kith_backup_get_created_ms (KithBackup *self);
void kith_backup_free (KithBackup *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithBackup, kith_backup_free)

/* In a job: the identity of the backup on a new device number, no sessions, fresh prekeys. Adopt on the main thread
 * after the commit. The caller restores the contacts in the same job. */
gboolean kith_keys_restore (KithKeys *self, KithDb *db, KithBackup *backup, GError **error);

G_END_DECLS
