/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "kith e2ee/1": X3DH, Double Ratchet, sealed envelopes, in plain C on libsodium. No I/O, no clock, no state of its
 * own: what lasts lies behind a vault, chance comes from one function, secrets of a call live in an arena.
 * sodium_init() is the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum
{
  KITH_E2EE_KEY_BYTES = 32,
  KITH_E2EE_SID_BYTES = 16,
  KITH_E2EE_DIGEST_BYTES = 16,
  KITH_E2EE_SIGNATURE_BYTES = 64,
  KITH_E2EE_AD_BYTES = 74,
  KITH_E2EE_NONCE_BYTES = 24,
  KITH_E2EE_TAG_BYTES = 16,
  KITH_E2EE_INIT_HEADER = 196, /* all before the nonce */
  KITH_E2EE_MSG_HEADER = 60,
  KITH_E2EE_BUNDLE_BYTES = 146, /* with no one-time prekey */
  KITH_E2EE_BUNDLE_MAX_OPKS = 100,
  KITH_E2EE_MAX_PLAIN = 65536,
  KITH_E2EE_MAX_PADDED = 67584,
  KITH_E2EE_MAX_WIRE = 67820,
  KITH_E2EE_MARK_BYTES = 24,
  KITH_E2EE_MAX_SKIP = 1000,
  KITH_E2EE_MAX_SKIPPED = 2000,
  KITH_E2EE_MAX_SESSIONS = 5,
  KITH_E2EE_SEAL_HEADER = 88,
  KITH_E2EE_SEAL_OVERHEAD = 104, /* header and the tag of the payload */
  KITH_E2EE_SESSION_MAX_BYTES = 448,
  KITH_E2EE_BACKUP_HEADER = 60,
  KITH_E2EE_FILE_HEADER = 24,
  KITH_E2EE_FILE_CHUNK = 65536,
  KITH_E2EE_FILE_CHUNK_EXTRA = 17,
};

#define KITH_E2EE_SKIPPED_TTL_MS (INT64_C (30) * 86400 * 1000)

/* Numbered as the protocol numbers them. FAILED is no protocol error: the vault could not answer, nothing may be
 * concluded. */
typedef enum
{
  KITH_E2EE_FAILED = -1,
  KITH_E2EE_OK = 0,
  KITH_E2EE_E_LENGTH = 1,
  KITH_E2EE_E_VERSION = 2,
  KITH_E2EE_E_TYPE = 3,
  KITH_E2EE_E_RESERVED = 4,
  KITH_E2EE_E_BAD_KEY = 5,
  KITH_E2EE_E_SIGNATURE = 6,
  KITH_E2EE_E_IDENTITY = 7,
  KITH_E2EE_E_NOT_FOR_US = 8,
  KITH_E2EE_E_NO_SESSION = 9,
  KITH_E2EE_E_SESSION_ID = 10,
  KITH_E2EE_E_NO_SPK = 11,
  KITH_E2EE_E_NO_OPK = 12,
  KITH_E2EE_E_REPLAY = 13,
  KITH_E2EE_E_DUPLICATE = 14,
  KITH_E2EE_E_TOO_FAR = 15,
  KITH_E2EE_E_AUTH = 16,
  KITH_E2EE_E_PADDING = 17,
  KITH_E2EE_E_STALE_BUNDLE = 18,
  KITH_E2EE_E_EXHAUSTED = 19,
  KITH_E2EE_E_SELF = 20,
} KithE2eeCode;

/* "E_AUTH" and so on; "FAILED"; never NULL. */
const char *kith_e2ee_code_name (KithE2eeCode code);
/* Whether an authenticated sender's message that failed so is worth a new session (healing). */
bool kith_e2ee_code_heals (KithE2eeCode code);

/* chance: */

typedef enum
{
  KITH_E2EE_DRAW_IDENTITY,
  KITH_E2EE_DRAW_DEVICE,
  KITH_E2EE_DRAW_SPK,
  KITH_E2EE_DRAW_OPK,
  KITH_E2EE_DRAW_EPHEMERAL,
  KITH_E2EE_DRAW_RATCHET,
  KITH_E2EE_DRAW_NONCE,
  KITH_E2EE_DRAW_SEAL,
  KITH_E2EE_DRAW_SALT, /* of a backup */
  KITH_E2EE_DRAW_FILE,
} KithE2eeDraw;

typedef struct
{
  void (*fill) (void *data, KithE2eeDraw purpose, void *out, size_t n);
  void *data;
} KithE2eeRandom;

extern const KithE2eeRandom kith_e2ee_sodium_random;

/* locked memory: */

/* One per thread: sodium_malloc'd once, handed out by bumping, wiped by reset. */
typedef struct _KithE2eeArena KithE2eeArena;
KithE2eeArena *kith_e2ee_arena_new (void); /* NULL: out of memory */
void kith_e2ee_arena_free (KithE2eeArena *arena);
void *kith_e2ee_arena_alloc (KithE2eeArena *arena, size_t n); /* zeroed, 16-aligned; NULL when it is full */
size_t kith_e2ee_arena_mark (const KithE2eeArena *arena);
void kith_e2ee_arena_release (KithE2eeArena *arena, size_t mark); /* wipes what was handed out since that mark */
void kith_e2ee_arena_reset (KithE2eeArena *arena);

/* keys: */

/* HKDF-SHA-256 (RFC 5869), n <= 8160. Any of the inputs may be empty. */
void kith_e2ee_hkdf (const void *salt, size_t n_salt, const void *ikm, size_t n_ikm, const void *info, size_t n_info,
                     uint8_t *out, size_t n);

/* A received X25519 key: canonical and not of small order. */
KithE2eeCode kith_e2ee_check_key (const uint8_t key[32]);
/* The X25519 form of a received identity key, E_BAD_KEY if it has none. */
KithE2eeCode kith_e2ee_exchange_key (const uint8_t identity[32], uint8_t exchange[32]);
/* X25519; E_BAD_KEY for a result of zero. Does not check the key's form. */
KithE2eeCode kith_e2ee_dh (const uint8_t secret[32], const uint8_t key[32], uint8_t shared[32]);
void kith_e2ee_public_key (const uint8_t secret[32], uint8_t key[32]);

/* An identity on a device. The secrets lie in guarded, locked memory; all of it is read-only once made, from any
 * thread. */
typedef struct
{
  uint8_t identity[32]; /* IK, Ed25519 */
  uint8_t exchange[32]; /* XK, its X25519 form */
  uint32_t device;
  const uint8_t *seed;            /* 32 */
  const uint8_t *sign_secret;     /* 64 */
  const uint8_t *exchange_secret; /* 32 */
} KithE2eeAccount;

KithE2eeAccount *kith_e2ee_account_new (const uint8_t seed[32],
                                        uint32_t device); /* NULL: out of memory, or device 0 */
void kith_e2ee_account_free (KithE2eeAccount *account);
void kith_e2ee_sign (const KithE2eeAccount *account, const void *message, size_t n, uint8_t signature[64]);
KithE2eeCode kith_e2ee_verify (const uint8_t identity[32], const void *message, size_t n,
                               const uint8_t signature[64]);
/* A device number that is not 0. */
uint32_t kith_e2ee_draw_device (const KithE2eeRandom *random);

/* bundles: */

typedef struct
{
  uint8_t identity[32];
  uint32_t device;
  uint64_t created;
  uint8_t spk[32];
  uint8_t signature[64];
  size_t n_opks;
  const uint8_t *opks; /* 32 each, inside the parsed bytes */
} KithE2eeBundle;

/* Both forms; checks everything that the bundle itself can show. */
KithE2eeCode kith_e2ee_bundle_parse (const void *bytes, size_t n, KithE2eeBundle *out);
/* Writes KITH_E2EE_BUNDLE_BYTES + 32 * n_opks bytes and signs; opks may be NULL when there are none. */
size_t kith_e2ee_bundle_write (const KithE2eeAccount *account, uint64_t created, const uint8_t spk[32],
                               const uint8_t *opks, size_t n_opks, uint8_t *out);

/* what lasts: */

/* A session as the vault keeps it. `state` is opaque and secret; it holds no skipped keys: those are rows of their
 * own. */
typedef struct
{
  uint8_t sid[16];
  uint8_t peer[32];
  uint32_t peer_device;
  uint64_t stamp;     /* the highest of a peer device is the session to send on */
  uint64_t top_stamp; /* load only: the highest stamp of that peer device */
  uint8_t state[KITH_E2EE_SESSION_MAX_BYTES];
  size_t n_state;
} KithE2eeRow;

/* Keys of messages first..first + count - 1 of the chain under `ratchet`, 32 bytes each, in the order in which they
 * were derived. */
typedef struct
{
  uint8_t ratchet[32];
  uint32_t first;
  uint32_t count;
  const uint8_t *keys;
} KithE2eeSkipped;

/* The table behind an account. Look-ups answer 1 (found), 0 (none) or -1 (failed); changes 1 or -1. Nothing is
 * changed before everything of the call has succeeded; after a -1 amid changes the caller rolls its transaction back.
 */
typedef struct
{
  int (*load_session) (void *data, const uint8_t sid[16], KithE2eeRow *out);
  int (*load_active) (void *data, const uint8_t peer[32], uint32_t device, KithE2eeRow *out);
  int (*save_session) (void *data, const KithE2eeRow *row,
                       bool fresh); /* fresh: insert, then keep the KITH_E2EE_MAX_SESSIONS highest stamps */
  int (*find_skipped) (void *data, const uint8_t sid[16], const uint8_t ratchet[32], uint32_t n,
                       uint8_t key[32]); /* none after 30 days */
  int (*add_skipped) (void *data, const uint8_t sid[16],
                      const KithE2eeSkipped *run); /* then keep the newest KITH_E2EE_MAX_SKIPPED */
  int (*drop_skipped) (void *data, const uint8_t sid[16], const uint8_t ratchet[32], uint32_t n);
  int (*find_spk) (void *data, const uint8_t key[32], uint8_t secret[32]);
  int (*find_opk) (void *data, const uint8_t key[32], uint8_t secret[32]);
  int (*drop_opk) (void *data, const uint8_t key[32]);
  int (*find_replay) (void *data, const uint8_t spk[32], const uint8_t ephemeral[32]);
  int (*add_replay) (void *data, const uint8_t spk[32], const uint8_t ephemeral[32]);
  int (*find_wire) (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES]);
  int (*add_wire) (void *data, const uint8_t mark[KITH_E2EE_MARK_BYTES]);
  int (*get_created) (void *data, const uint8_t peer[32], uint32_t device, uint64_t *created);
  int (*set_created) (void *data, const uint8_t peer[32], uint32_t device, uint64_t created);
} KithE2eeVaultFuncs;

typedef struct
{
  const KithE2eeVaultFuncs *funcs;
  void *data;
} KithE2eeVault;

/* Whatever a call needs; the parts stay the caller's. */
typedef struct
{
  const KithE2eeAccount *account;
  const KithE2eeRandom *random;
  const KithE2eeVault *vault;
  KithE2eeArena *arena; /* what a call takes of it, it wipes before it returns */
} KithE2ee;

/* messages: */

/* Where a message stands in its session: what a retry request names. */
typedef struct
{
  uint8_t sid[16];
  uint8_t ratchet[32];
  uint32_t n;
} KithE2eePlace;

/* Checks a bundle in fetch form and begins a session with it, which becomes the active one; `expected` (nullable) is
 * the pinned key. */
KithE2eeCode kith_e2ee_start (const KithE2ee *e, const void *bundle, size_t n_bundle, const uint8_t *expected,
                              uint8_t sid[16]);

/* The longest wire form of a content of n bytes. */
size_t kith_e2ee_wire_bound (size_t n);
/* The content is head || body. `sid` NULL: on the active session. `wire` holds kith_e2ee_wire_bound() bytes.
 * E_LENGTH: longer than MAX_PLAIN. */
KithE2eeCode kith_e2ee_encrypt (const KithE2ee *e, const uint8_t peer[32], uint32_t device, const uint8_t *sid,
                                const void *head, size_t n_head, const void *body, size_t n_body, uint8_t *wire,
                                size_t *n_wire, KithE2eePlace *place);

/* Who the transport says it is from; peer NULL: unknown; device 0: unknown. */
typedef struct
{
  const uint8_t *peer;
  uint32_t device;
} KithE2eeClaim;

typedef struct
{
  size_t n_content;
  uint8_t peer[32];
  uint32_t peer_device;
  bool new_session;
  bool late; /* its key had been skipped: the active session is as before */
  KithE2eePlace place;
} KithE2eeOpened;

/* `plain` holds n_wire bytes. After any error the vault is as it was, and `opened` holds place (as far as the header
 * could be read). */
KithE2eeCode kith_e2ee_decrypt (const KithE2ee *e, KithE2eeClaim claim, const void *wire, size_t n_wire,
                                uint8_t *plain, KithE2eeOpened *opened);

/* What the header of a message says, before anything is checked but its form: for limits, logs and retry requests. */
typedef struct
{
  bool init;
  KithE2eePlace place;
  uint8_t sender[32];        /* INIT only, a claim */
  uint32_t sender_device;    /* INIT only */
  uint32_t recipient_device; /* INIT only */
} KithE2eeHeader;
KithE2eeCode kith_e2ee_peek (const void *wire, size_t n_wire, KithE2eeHeader *out);
/* What an accepted message is known by afterwards: SID[0..4) || n || SHA-256 (wire)[0..16). The digest alone says which
 * message it is; what is before it only puts those of one session side by side in a table. */
void kith_e2ee_mark (const void *wire, size_t n_wire, uint8_t mark[KITH_E2EE_MARK_BYTES]);

size_t kith_e2ee_pad_target (size_t n);
/* The content's length within padded bytes, E_PADDING if there is no mark. */
KithE2eeCode kith_e2ee_unpad (const uint8_t *padded, size_t n_padded, size_t *n);

/* envelopes: */

/* `out` holds n + KITH_E2EE_SEAL_OVERHEAD bytes; 1 <= n <= MAX_WIRE. Needs of `e` account and random only; any
 * thread. */
KithE2eeCode kith_e2ee_seal (const KithE2eeAccount *account, const KithE2eeRandom *random, const uint8_t to[32],
                             uint32_t to_device, const void *payload, size_t n, uint8_t *out);
/* `out` holds n - KITH_E2EE_SEAL_OVERHEAD bytes. */
KithE2eeCode kith_e2ee_unseal (const KithE2eeAccount *account, const void *envelope, size_t n, uint8_t from[32],
                               uint32_t *from_device, uint8_t *out, size_t *n_out);

/* for people: */

/* 60 digits and a NUL, without groups; the same on both sides. About 10 ms. */
void kith_e2ee_safety_number (const uint8_t a[32], const uint8_t b[32], char out[61]);
/* The half of one identity: 30 digits and a NUL. */
void kith_e2ee_fingerprint_half (const uint8_t identity[32], char out[31]);
/* Hex of BLAKE2b-128: 32 digits and a NUL. */
void kith_e2ee_fingerprint (const uint8_t identity[32], char out[33]);

/* identity backup: */

typedef struct
{
  uint32_t opslimit;     /* 1..16 */
  uint32_t memlimit_kib; /* 8..1048576 */
} KithE2eeCost;

extern const KithE2eeCost kith_e2ee_cost_moderate;

/* Its length for a JSON part of n bytes. */
size_t kith_e2ee_backup_bound (size_t n_json);
/* Slow on purpose: never on a main loop. FAILED: out of memory. */
KithE2eeCode kith_e2ee_backup_write (const KithE2eeRandom *random, const char *passphrase, const uint8_t seed[32],
                                     uint64_t created, const void *json, size_t n_json, KithE2eeCost cost,
                                     uint8_t *out, size_t *n_out);
/* What can be told without the passphrase: E_LENGTH, E_VERSION, or the price of opening it. */
KithE2eeCode kith_e2ee_backup_peek (const void *file, size_t n, KithE2eeCost *cost);
/* `out` holds n bytes; the JSON part is out[*json .. *json + *n_json). The caller wipes `out`. E_AUTH: wrong
 * passphrase or damaged. */
KithE2eeCode kith_e2ee_backup_open (const char *passphrase, const void *file, size_t n, uint8_t *out,
                                    uint8_t seed[32], uint64_t *created, size_t *json, size_t *n_json);

/* files: */

typedef struct _KithE2eeFile KithE2eeFile;
/* Chunk by chunk. push takes 1..KITH_E2EE_FILE_CHUNK bytes (all but the last exactly that; an empty file is one empty
 * last chunk) and writes n + KITH_E2EE_FILE_CHUNK_EXTRA. pull takes a chunk of the cipher; E_LENGTH for a wrong
 * length, E_AUTH for a forged one, and for anything after the last. Done only when pull said `last` and nothing
 * follows. */
KithE2eeFile *kith_e2ee_file_new_push (const uint8_t key[32], uint8_t header[24]);
KithE2eeFile *kith_e2ee_file_new_pull (const uint8_t key[32],
                                       const uint8_t header[24]); /* NULL: bad header or out of memory */
KithE2eeCode kith_e2ee_file_push (KithE2eeFile *file, const void *plain, size_t n, bool last, uint8_t *out);
KithE2eeCode kith_e2ee_file_pull (KithE2eeFile *file, const void *cipher, size_t n, uint8_t *out, size_t *n_out,
                                  bool *last);
void kith_e2ee_file_free (KithE2eeFile *file);

#ifdef __cplusplus
}
#endif
