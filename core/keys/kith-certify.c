/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What else the identity key signs and derives, each under its own purpose; and envelopes. */
#include <sodium.h>
#include <string.h>

#include "kith-keys-private.h"

#define PURPOSE_DEVICE "kith/mailbox/1 device"
#define PURPOSE_SIGNAL "kith/signal/1 auth"
#define PURPOSE_CHALLENGE "challenge"
#define PURPOSE_RECOVERY "kith/mailbox/1 recovery"
#define PURPOSE_MARKS "kith/mailbox/1 marks"

enum
{
  CERTIFICATE_BYTES = 4 + 8 + 64,
  UUID_BYTES = 16,
  USERNAME_MAX = 32,
  ABOUT_MAX = 4096,
};

static GByteArray *
write_device_message (const guint8 *uuid, const guint8 head[12], const char *username, gsize n_username)
{
  GByteArray *out = g_byte_array_sized_new (96);

  g_byte_array_append (out, (const guint8 *)PURPOSE_DEVICE, sizeof PURPOSE_DEVICE - 1);
  g_byte_array_append (out, uuid, UUID_BYTES);
  g_byte_array_append (out, head, 12);
  g_byte_array_append (out, (const guint8 *)username, (guint)n_username);
  return out;
}

/* Grows even if the clock does not: among certificates the highest `created` counts. */
static gint64
next_created (KithKeys *self)
{
  gint64 created;

  g_mutex_lock (&self->lock);
  created = MAX (kith_keys_now_ms (self), self->certified + 1);
  self->certified = created;
  g_mutex_unlock (&self->lock);
  return created;
}

static GBytes *
certify_device (KithKeys *self, const KithE2eeAccount *account, GBytes *about, GError **error)
{
  gsize n;
  const guint8 *bytes = g_bytes_get_data (about, &n);
  g_autoptr (GByteArray) message = NULL;
  guint8 out[CERTIFICATE_BYTES];
  guint64 created;

  if (n <= UUID_BYTES || n > UUID_BYTES + USERNAME_MAX)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                   "A device certificate is about 16 bytes of UUID and a username of at most %d", USERNAME_MAX);
      return NULL;
    }
  created = GUINT64_TO_BE ((guint64)next_created (self));
  memcpy (out, &(guint32){ GUINT32_TO_BE (account->device) }, 4);
  memcpy (out + 4, &created, 8);
  message = write_device_message (bytes, out, (const char *)bytes + UUID_BYTES, n - UUID_BYTES);
  kith_e2ee_sign (account, message->data, message->len, out + 12);
  return g_bytes_new (out, sizeof out);
}

static GBytes *
sign_bytes (const KithE2eeAccount *account, const char *prefix, GBytes *about)
{
  g_autoptr (GByteArray) message = g_byte_array_new ();
  guint8 signature[64];

  g_byte_array_append (message, (const guint8 *)prefix, (guint)strlen (prefix));
  g_byte_array_append (message, g_bytes_get_data (about, NULL), (guint)g_bytes_get_size (about));
  kith_e2ee_sign (account, message->data, message->len, signature);
  return g_bytes_new (signature, sizeof signature);
}

GBytes *
kith_keys_certify (KithKeys *self, const char *purpose, GBytes *about, GError **error)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);

  if (!kith_keys_check_open (self, error) || account == NULL)
    return NULL;
  if (g_strcmp0 (purpose, PURPOSE_DEVICE) == 0)
    return certify_device (self, account, about, error);
  if (g_strcmp0 (purpose, PURPOSE_SIGNAL) == 0 && g_bytes_get_size (about) <= ABOUT_MAX)
    return sign_bytes (account, PURPOSE_SIGNAL, about);
  if (g_strcmp0 (purpose, PURPOSE_CHALLENGE) == 0 && g_bytes_get_size (about) == 32)
    return sign_bytes (account, "", about);
  g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
               "The identity key does not sign %" G_GSIZE_FORMAT " bytes for the purpose “%s”",
               g_bytes_get_size (about), purpose);
  return NULL;
}

gboolean
kith_keys_check_certificate (const guint8 identity[32], const guint8 uuid[16], const char *username,
                             GBytes *certificate, guint32 *device, gint64 *created_ms, GError **error)
{
  gsize n;
  const guint8 *bytes = g_bytes_get_data (certificate, &n);
  g_autoptr (GByteArray) message = NULL;
  guint64 created;
  guint32 number;

  if (n != CERTIFICATE_BYTES || strlen (username) > USERNAME_MAX)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL, "A device certificate has %d bytes, not %" G_GSIZE_FORMAT,
                   CERTIFICATE_BYTES, n);
      return FALSE;
    }
  memcpy (&number, bytes, 4);
  memcpy (&created, bytes + 4, 8);
  number = GUINT32_FROM_BE (number);
  created = GUINT64_FROM_BE (created);
  message = write_device_message (uuid, bytes, username, strlen (username));
  if (number == 0 || created > G_MAXINT64
      || kith_e2ee_verify (identity, message->data, message->len, bytes + 12) != KITH_E2EE_OK)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
                   "The certificate of a device of %s is not signed by its key", username);
      return FALSE;
    }
  *device = number;
  *created_ms = (gint64)created;
  return TRUE;
}

static void
derive (const KithE2eeAccount *account, const char *purpose, guint8 out[32])
{
  static const guint8 zeros[32] = { 0 };

  kith_e2ee_hkdf (zeros, sizeof zeros, account->seed, 32, purpose, strlen (purpose), out, 32);
}

GBytes *
kith_keys_derive (KithKeys *self, const char *purpose, GError **error)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);
  guint8 out[32];
  GBytes *bytes;

  if (!kith_keys_check_open (self, error) || account == NULL)
    return NULL;
  if (g_strcmp0 (purpose, PURPOSE_RECOVERY) != 0 && g_strcmp0 (purpose, PURPOSE_MARKS) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "Nothing is derived from the identity for “%s”", purpose);
      return NULL;
    }
  derive (account, purpose, out);
  bytes = g_bytes_new (out, sizeof out);
  sodium_memzero (out, sizeof out);
  return bytes;
}

char *
kith_keys_mark_name (KithKeys *self, const guint8 peer[32])
{
  const KithE2eeAccount *account = kith_keys_get_account (self);
  char text[sodium_base64_ENCODED_LEN (32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
  guint8 key[32], mac[32];

  if (account == NULL)
    return NULL;
  derive (account, PURPOSE_MARKS, key);
  crypto_auth_hmacsha256 (mac, peer, 32, key);
  sodium_memzero (key, sizeof key);
  return g_strdup (sodium_bin2base64 (text, sizeof text, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING));
}

GBytes *
kith_keys_seal (KithKeys *self, const guint8 to[32], guint32 to_device, GBytes *payload, GError **error)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);
  gsize n;
  const void *bytes = g_bytes_get_data (payload, &n);
  g_autofree guint8 *out = NULL;
  KithE2eeCode code;

  if (!kith_keys_check_open (self, error) || account == NULL)
    return NULL;
  if (n > KITH_E2EE_MAX_WIRE)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_TOO_LARGE,
                   "An envelope holds %d bytes at most, not %" G_GSIZE_FORMAT, KITH_E2EE_MAX_WIRE, n);
      return NULL;
    }
  out = g_malloc (n + KITH_E2EE_SEAL_OVERHEAD);
  code = kith_e2ee_seal (account, &self->random, to, to_device, bytes, n, out);
  if (code != KITH_E2EE_OK)
    {
      kith_keys_set_code_error (error, code, "Cannot seal an envelope for that key");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&out), n + KITH_E2EE_SEAL_OVERHEAD);
}

GBytes *
kith_keys_unseal (KithKeys *self, GBytes *envelope, guint8 from[32], guint32 *from_device, KithE2eeCode *code,
                  GError **error)
{
  const KithE2eeAccount *account = kith_keys_get_account (self);
  gsize n, n_out = 0;
  const void *bytes = g_bytes_get_data (envelope, &n);
  g_autofree guint8 *out = NULL;
  KithE2eeCode result;

  if (code != NULL)
    *code = KITH_E2EE_FAILED;
  if (!kith_keys_check_open (self, error) || account == NULL)
    return NULL;
  out = g_malloc (MIN (n, KITH_E2EE_MAX_WIRE + KITH_E2EE_SEAL_OVERHEAD) + 1);
  result = kith_e2ee_unseal (account, bytes, n, from, from_device, out, &n_out);
  if (code != NULL)
    *code = result;
  if (result != KITH_E2EE_OK)
    {
      kith_keys_set_code_error (error, result, "Cannot open an envelope");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&out), n_out);
}
