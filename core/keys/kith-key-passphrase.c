/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A passphrase and Argon2id. */
#include <kith/kith.h>
#include <sodium.h>
#include <string.h>

#include "kith-key-source.h"

static gboolean
derive (const KithPassphrase *passphrase, const KithKeySlot *slot, guint8 secret[32], GError **error)
{
  g_autofree char *text = g_utf8_normalize (passphrase->text, -1, G_NORMALIZE_NFC);
  int failed;

  if (text == NULL)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "passphrase: it is not UTF-8");
      return FALSE;
    }
  failed = crypto_pwhash (secret, 32, text, strlen (text), slot->salt, slot->cost.opslimit,
                          (size_t)slot->cost.memlimit_kib * 1024, crypto_pwhash_ALG_ARGON2ID13);
  sodium_memzero (text, strlen (text));
  if (failed == 0)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "Not enough memory to try the passphrase: it takes %u MiB",
               slot->cost.memlimit_kib / 1024);
  return FALSE;
}

static gboolean
passphrase_get (gpointer data, const KithKeySlot *slot, guint8 secret[32], gboolean *found, GError **error)
{
  const KithPassphrase *passphrase = data;

  *found = passphrase->text != NULL;
  return !*found || derive (passphrase, slot, secret, error);
}

static gboolean
passphrase_make (gpointer data, KithKeySlot *slot, guint8 secret[32], GError **error)
{
  const KithPassphrase *passphrase = data;

  if (passphrase->text == NULL || *passphrase->text == '\0')
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "passphrase: one is needed");
      return FALSE;
    }
  slot->cost = passphrase->cost;
  return derive (passphrase, slot, secret, error);
}

const KithKeySource kith_key_passphrase = { KITH_KEY_PASSPHRASE, passphrase_get, passphrase_make, NULL };
