/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a message carries the key of, e2ee.md §11. */
#include "kith-e2ee-private.h"

/* In locked memory of its own: it lasts as long as a transfer. */
struct _KithE2eeFile
{
  crypto_secretstream_xchacha20poly1305_state state;
  uint64_t chunk;
  bool ended;
};

static KithE2eeFile *
file_new (const uint8_t key[32], uint8_t stream_key[32])
{
  KithE2eeFile *self = sodium_malloc (sizeof *self);

  if (self == NULL)
    return NULL;
  memset (self, 0, sizeof *self);
  kith_e2ee_hkdf (kith_e2ee_zeros, 32, key, 32, KITH_E2EE_TEXT (KITH_E2EE_INFO_FILE), stream_key, 32);
  return self;
}

KithE2eeFile *
kith_e2ee_file_new_push (const uint8_t key[32], uint8_t header[24])
{
  uint8_t stream_key[32];
  KithE2eeFile *self = file_new (key, stream_key);

  if (self != NULL)
    crypto_secretstream_xchacha20poly1305_init_push (&self->state, header, stream_key);
  sodium_memzero (stream_key, sizeof stream_key);
  return self;
}

KithE2eeFile *
kith_e2ee_file_new_pull (const uint8_t key[32], const uint8_t header[24])
{
  uint8_t stream_key[32];
  KithE2eeFile *self = file_new (key, stream_key);

  if (self != NULL && crypto_secretstream_xchacha20poly1305_init_pull (&self->state, header, stream_key) != 0)
    {
      kith_e2ee_file_free (self);
      self = NULL;
    }
  sodium_memzero (stream_key, sizeof stream_key);
  return self;
}

void
kith_e2ee_file_free (KithE2eeFile *file)
{
  sodium_free (file);
}

KithE2eeCode
kith_e2ee_file_push (KithE2eeFile *file, const void *plain, size_t n, bool last, uint8_t *out)
{
  uint8_t ad[8];
  uint8_t tag
      = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;

  if (file->ended || n > KITH_E2EE_FILE_CHUNK || (!last && n != KITH_E2EE_FILE_CHUNK)
      || (last && n == 0 && file->chunk > 0))
    return KITH_E2EE_E_LENGTH;
  kith_e2ee_put_u64 (ad, file->chunk++);
  file->ended = last;
  crypto_secretstream_xchacha20poly1305_push (&file->state, out, NULL, plain, n, ad, sizeof ad, tag);
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_file_pull (KithE2eeFile *file, const void *cipher, size_t n, uint8_t *out, size_t *n_out, bool *last)
{
  uint8_t ad[8];
  unsigned long long n_plain = 0;
  unsigned char tag = 0;

  *n_out = 0;
  if (file->ended)
    return KITH_E2EE_E_AUTH;
  if (n < KITH_E2EE_FILE_CHUNK_EXTRA || n > KITH_E2EE_FILE_CHUNK + KITH_E2EE_FILE_CHUNK_EXTRA)
    return KITH_E2EE_E_LENGTH;
  kith_e2ee_put_u64 (ad, file->chunk);
  if (crypto_secretstream_xchacha20poly1305_pull (&file->state, out, &n_plain, &tag, cipher, n, ad, sizeof ad) != 0)
    {
      file->ended = true;
      return KITH_E2EE_E_AUTH;
    }
  *last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  /* Only the last chunk may be short. */
  if (!*last && n_plain != KITH_E2EE_FILE_CHUNK)
    {
      file->ended = true;
      return KITH_E2EE_E_LENGTH;
    }
  file->chunk++;
  file->ended = *last;
  *n_out = (size_t)n_plain;
  return KITH_E2EE_OK;
}
