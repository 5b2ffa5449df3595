/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key file of a back end that keeps a secret elsewhere: the random database key, wrapped. Its tag tells a wrong
 * secret from none. */
#pragma once

#include "kith-e2ee.h"
#include "kith-key-store.h"

G_BEGIN_DECLS

typedef enum
{
  KITH_KEY_FILE = 0,           /* no slot: 48 bytes in the clear */
  KITH_KEY_SECRET_SERVICE = 1,
  KITH_KEY_PORTAL = 2,
  KITH_KEY_PASSPHRASE = 3,
} KithKeyKind;

#define KITH_KEY_SLOT_BYTES 128

/* "KITHKEY1" || kind u8 || 7 zero bytes || salt 16 || opslimit u32 || memlimit KiB u32 || nonce 24 || box (48 + 16),
 * the header as associated data. Big-endian. */
typedef struct
{
  KithKeyKind kind;
  guint8 salt[16];             /* names the secret in a keyring; salts a passphrase */
  KithE2eeCost cost;           /* passphrase only */
  guint8 nonce[24];
  guint8 box[64];
} KithKeySlot;

/* What lies at `path`: FALSE with an error when it cannot be read or is no key file; *found FALSE when there is
 * nothing. kind FILE: the 48 bytes are in `key` (nullable), the slot is empty. */
gboolean    kith_key_slot_read   (const char *path, KithKeySlot *slot, KithDbKey *key, gboolean *found, GError **error);
/* In place of what is there, durable when it returns. */
gboolean    kith_key_slot_write  (const char *path, const KithKeySlot *slot, GError **error);
gboolean    kith_key_plain_write (const char *path, const KithDbKey *key, GError **error);
void        kith_key_slot_wrap   (KithKeySlot *slot, const guint8 secret[32], const KithDbKey *key);
gboolean
kith_key_slot_unwrap (const KithKeySlot *slot, const guint8 secret[32], KithDbKey *key); /* FALSE: a wrong secret */

const char *kith_key_kind_name   (KithKeyKind kind);             /* "file", "secret-service", "portal", "passphrase" */
gboolean    kith_key_kind_parse  (const char *name, KithKeyKind *kind);

G_END_DECLS
