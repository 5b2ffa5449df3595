/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* INIT and MSG as bytes, padding, digests: e2ee.md §7. */
#include "kith-e2ee-private.h"

enum
{
  AT_SID = 4,
  AT_SENDER = 20,
  AT_SENDER_DEVICE = 52,
  AT_RECIPIENT_DEVICE = 56,
  AT_ORIGIN = 60,
  LEAST_BODY = KITH_E2EE_NONCE_BYTES + KITH_E2EE_TAG_BYTES + 1,
  MOST_BODY = KITH_E2EE_NONCE_BYTES + KITH_E2EE_TAG_BYTES + KITH_E2EE_MAX_PADDED,
};

_Static_assert(sizeof (KithE2eeOrigin) == 96, "three keys side by side, as on the wire");

static void
parse_header (KithE2eeParsed *out)
{
  const uint8_t *end = out->wire + out->n_header;

  out->sid = out->wire + AT_SID;
  out->ratchet = end - 40;
  out->pn = kith_e2ee_get_u32 (end - 8);
  out->n = kith_e2ee_get_u32 (end - 4);
  if (!out->init)
    return;
  out->sender = out->wire + AT_SENDER;
  out->sender_device = kith_e2ee_get_u32 (out->wire + AT_SENDER_DEVICE);
  out->recipient_device = kith_e2ee_get_u32 (out->wire + AT_RECIPIENT_DEVICE);
  out->origin = (const KithE2eeOrigin *)(out->wire + AT_ORIGIN);
}

/* Length, version, type, reserved, length limits. */
static KithE2eeCode
parse_form (const uint8_t *wire, size_t n, KithE2eeParsed *out)
{
  memset (out, 0, sizeof *out);
  if (n < 4)
    return KITH_E2EE_E_LENGTH;
  if (wire[0] != KITH_E2EE_VERSION)
    return KITH_E2EE_E_VERSION;
  if (wire[1] != KITH_E2EE_TYPE_INIT && wire[1] != KITH_E2EE_TYPE_MSG)
    return KITH_E2EE_E_TYPE;
  if (wire[2] != 0 || wire[3] != 0)
    return KITH_E2EE_E_RESERVED;
  out->init = wire[1] == KITH_E2EE_TYPE_INIT;
  out->n_header = out->init ? KITH_E2EE_INIT_HEADER : KITH_E2EE_MSG_HEADER;
  if (n < out->n_header + LEAST_BODY || n > out->n_header + MOST_BODY)
    return KITH_E2EE_E_LENGTH;
  out->wire = wire;
  out->n_wire = n;
  parse_header (out);
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_wire_parse (const uint8_t *wire, size_t n, KithE2eeParsed *out)
{
  KithE2eeCode code = parse_form (wire, n, out);

  return code == KITH_E2EE_OK ? kith_e2ee_check_key (out->ratchet) : code;
}

KithE2eeCode
kith_e2ee_peek (const void *wire, size_t n_wire, KithE2eeHeader *out)
{
  KithE2eeParsed parsed;
  KithE2eeCode code = parse_form (wire, n_wire, &parsed);

  memset (out, 0, sizeof *out);
  if (code != KITH_E2EE_OK)
    return code;
  out->init = parsed.init;
  memcpy (out->place.sid, parsed.sid, 16);
  memcpy (out->place.ratchet, parsed.ratchet, 32);
  out->place.n = parsed.n;
  if (parsed.init)
    {
      memcpy (out->sender, parsed.sender, 32);
      out->sender_device = parsed.sender_device;
      out->recipient_device = parsed.recipient_device;
    }
  return KITH_E2EE_OK;
}

void
kith_e2ee_mark (const void *wire, size_t n_wire, uint8_t mark[KITH_E2EE_MARK_BYTES])
{
  const uint8_t *bytes = wire;
  /* n ends either header. */
  size_t n_header = n_wire > 1 && bytes[1] == KITH_E2EE_TYPE_INIT ? KITH_E2EE_INIT_HEADER : KITH_E2EE_MSG_HEADER;
  uint8_t hash[crypto_hash_sha256_BYTES];

  memset (mark, 0, 8);
  if (n_wire >= n_header)
    {
      memcpy (mark, bytes + 4, 4);
      memcpy (mark + 4, bytes + n_header - 4, 4);
    }
  crypto_hash_sha256 (hash, wire, n_wire);
  memcpy (mark + 8, hash, 16);
}

static unsigned
floor_log2 (size_t n)
{
  unsigned e = 0;

  while (n >>= 1)
    e++;
  return e;
}

size_t
kith_e2ee_pad_target (size_t n)
{
  size_t l = n + 1, mask;
  unsigned e;

  if (l <= 256)
    return 256;
  e = floor_log2 (l);
  mask = ((size_t)1 << (e - (floor_log2 (e) + 1))) - 1;
  return (l + mask) & ~mask;
}

void
kith_e2ee_pad (uint8_t *buffer, size_t n, size_t target)
{
  buffer[n] = 0x80;
  memset (buffer + n + 1, 0, target - n - 1);
}

KithE2eeCode
kith_e2ee_unpad (const uint8_t *padded, size_t n_padded, size_t *n)
{
  while (n_padded > 0 && padded[n_padded - 1] == 0)
    n_padded--;
  if (n_padded == 0 || padded[n_padded - 1] != 0x80)
    return KITH_E2EE_E_PADDING;
  *n = n_padded - 1;
  return KITH_E2EE_OK;
}

size_t
kith_e2ee_wire_bound (size_t n)
{
  return KITH_E2EE_INIT_HEADER + KITH_E2EE_NONCE_BYTES + kith_e2ee_pad_target (n) + KITH_E2EE_TAG_BYTES;
}
