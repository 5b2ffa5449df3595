/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Codes, integers, chance, the arena. */
#include "kith-e2ee-private.h"

/* Two runs of MAX_SKIP message keys, and room for the rest of a call. */
#define ARENA_BYTES (96 * 1024)
#define ALIGN 16

const uint8_t kith_e2ee_zeros[32] = { 0 };

const char *
kith_e2ee_code_name (KithE2eeCode code)
{
  static const char *const names[] = { "OK",           "E_LENGTH",    "E_VERSION",  "E_TYPE",         "E_RESERVED",
                                       "E_BAD_KEY",    "E_SIGNATURE", "E_IDENTITY", "E_NOT_FOR_US",   "E_NO_SESSION",
                                       "E_SESSION_ID", "E_NO_SPK",    "E_NO_OPK",   "E_REPLAY",       "E_DUPLICATE",
                                       "E_TOO_FAR",    "E_AUTH",      "E_PADDING",  "E_STALE_BUNDLE", "E_EXHAUSTED",
                                       "E_SELF" };

  if (code < 0 || (size_t)code >= sizeof names / sizeof names[0])
    return "FAILED";
  return names[code];
}

bool
kith_e2ee_code_heals (KithE2eeCode code)
{
  switch (code)
    {
    case KITH_E2EE_E_NO_SESSION:
    case KITH_E2EE_E_NO_SPK:
    case KITH_E2EE_E_NO_OPK:
    case KITH_E2EE_E_NOT_FOR_US:
    case KITH_E2EE_E_TOO_FAR:
    case KITH_E2EE_E_AUTH:
      return true;
    default:
      return false;
    }
}

void
kith_e2ee_put_u16 (uint8_t *out, uint16_t value)
{
  out[0] = (uint8_t)(value >> 8);
  out[1] = (uint8_t)value;
}

void
kith_e2ee_put_u32 (uint8_t *out, uint32_t value)
{
  kith_e2ee_put_u16 (out, (uint16_t)(value >> 16));
  kith_e2ee_put_u16 (out + 2, (uint16_t)value);
}

void
kith_e2ee_put_u64 (uint8_t *out, uint64_t value)
{
  kith_e2ee_put_u32 (out, (uint32_t)(value >> 32));
  kith_e2ee_put_u32 (out + 4, (uint32_t)value);
}

uint16_t
kith_e2ee_get_u16 (const uint8_t *in)
{
  return (uint16_t)(in[0] << 8 | in[1]);
}

uint32_t
kith_e2ee_get_u32 (const uint8_t *in)
{
  return (uint32_t)kith_e2ee_get_u16 (in) << 16 | kith_e2ee_get_u16 (in + 2);
}

uint64_t
kith_e2ee_get_u64 (const uint8_t *in)
{
  return (uint64_t)kith_e2ee_get_u32 (in) << 32 | kith_e2ee_get_u32 (in + 4);
}

bool
kith_e2ee_is_zero_key (const uint8_t key[32])
{
  return sodium_is_zero (key, 32) == 1;
}

static void
fill_from_sodium (void *data, KithE2eeDraw purpose, void *out, size_t n)
{
  (void)data;
  (void)purpose;
  randombytes_buf (out, n);
}

const KithE2eeRandom kith_e2ee_sodium_random = { fill_from_sodium, NULL };

void
kith_e2ee_draw (const KithE2eeRandom *random, KithE2eeDraw purpose, void *out, size_t n)
{
  random->fill (random->data, purpose, out, n);
}

struct _KithE2eeArena
{
  uint8_t *bytes;
  size_t used;
};

KithE2eeArena *
kith_e2ee_arena_new (void)
{
  KithE2eeArena *arena = sodium_malloc (sizeof *arena);

  if (arena == NULL)
    return NULL;
  arena->used = 0;
  arena->bytes = sodium_malloc (ARENA_BYTES);
  if (arena->bytes == NULL)
    {
      sodium_free (arena);
      return NULL;
    }
  /* sodium_malloc fills with 0xdb; what is handed out is zeroed, so what is free is kept so. */
  sodium_memzero (arena->bytes, ARENA_BYTES);
  return arena;
}

void
kith_e2ee_arena_free (KithE2eeArena *arena)
{
  if (arena == NULL)
    return;
  sodium_free (arena->bytes);
  sodium_free (arena);
}

void *
kith_e2ee_arena_alloc (KithE2eeArena *arena, size_t n)
{
  size_t size = (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
  void *out;

  if (n > ARENA_BYTES || size > ARENA_BYTES - arena->used)
    return NULL;
  out = arena->bytes + arena->used;
  arena->used += size;
  return out;
}

size_t
kith_e2ee_arena_mark (const KithE2eeArena *arena)
{
  return arena->used;
}

void
kith_e2ee_arena_release (KithE2eeArena *arena, size_t mark)
{
  if (mark >= arena->used)
    return;
  sodium_memzero (arena->bytes + mark, arena->used - mark);
  arena->used = mark;
}

void
kith_e2ee_arena_reset (KithE2eeArena *arena)
{
  kith_e2ee_arena_release (arena, 0);
}
