/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-key-slot.h"

#include <errno.h>
#include <fcntl.h>
#include <kith/kith.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 64 /* all before the box: the associated data */
static const char magic[8] = { 'K', 'I', 'T', 'H', 'K', 'E', 'Y', '1' };
static const char *const names[] = { "file", "secret-service", "portal", "passphrase" };

const char *
kith_key_kind_name (KithKeyKind kind)
{
  return (guint)kind < G_N_ELEMENTS (names) ? names[kind] : "unknown";
}

gboolean
kith_key_kind_parse (const char *name, KithKeyKind *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_strcmp0 (name, names[i]) == 0)
      {
        *kind = (KithKeyKind)i;
        return TRUE;
      }
  return FALSE;
}

static void
put_u32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, 4);
}

static guint32
get_u32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, 4);
  return GUINT32_FROM_BE (value);
}

static void
print_header (const KithKeySlot *slot, guint8 out[HEADER_BYTES])
{
  memset (out, 0, HEADER_BYTES);
  memcpy (out, magic, sizeof magic);
  out[8] = (guint8)slot->kind;
  memcpy (out + 16, slot->salt, 16);
  put_u32 (out + 32, slot->cost.opslimit);
  put_u32 (out + 36, slot->cost.memlimit_kib);
  memcpy (out + 40, slot->nonce, 24);
}

void
kith_key_slot_wrap (KithKeySlot *slot, const guint8 secret[32], const KithDbKey *key)
{
  guint8 header[HEADER_BYTES];

  kith_e2ee_sodium_random.fill (NULL, KITH_E2EE_DRAW_NONCE, slot->nonce, sizeof slot->nonce);
  print_header (slot, header);
  crypto_aead_xchacha20poly1305_ietf_encrypt (slot->box, NULL, (const guint8 *)key, sizeof *key, header, sizeof header,
                                              NULL, slot->nonce, secret);
}

gboolean
kith_key_slot_unwrap (const KithKeySlot *slot, const guint8 secret[32], KithDbKey *key)
{
  guint8 header[HEADER_BYTES];

  print_header (slot, header);
  return crypto_aead_xchacha20poly1305_ietf_decrypt ((guint8 *)key, NULL, NULL, slot->box, sizeof slot->box, header,
                                                     sizeof header, slot->nonce, secret)
         == 0;
}

/* --- the file */

static gboolean
fail (GError **error, const char *path, const char *what)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The key file %s %s", path, what);
  return FALSE;
}

static gboolean
parse (const char *path, const guint8 *bytes, gsize n, KithKeySlot *slot, KithDbKey *key, GError **error)
{
  memset (slot, 0, sizeof *slot);
  if (n == sizeof *key)
    {
      if (key != NULL)
        memcpy (key, bytes, sizeof *key);
      return TRUE;
    }
  if (n != KITH_KEY_SLOT_BYTES || memcmp (bytes, magic, sizeof magic) != 0)
    return fail (error, path, "is none, or is damaged: put the right one back");
  slot->kind = (KithKeyKind)bytes[8];
  memcpy (slot->salt, bytes + 16, 16);
  slot->cost.opslimit = get_u32 (bytes + 32);
  slot->cost.memlimit_kib = get_u32 (bytes + 36);
  memcpy (slot->nonce, bytes + 40, 24);
  memcpy (slot->box, bytes + HEADER_BYTES, sizeof slot->box);
  if (slot->kind < KITH_KEY_SECRET_SERVICE || slot->kind > KITH_KEY_PASSPHRASE)
    return fail (error, path, "is of a newer version of kith");
  if (slot->kind == KITH_KEY_PASSPHRASE
      && (slot->cost.opslimit < 1 || slot->cost.opslimit > 16 || slot->cost.memlimit_kib < 8
          || slot->cost.memlimit_kib > 1048576))
    return fail (error, path, "asks for more work than any passphrase needs: it is damaged");
  return TRUE;
}

gboolean
kith_key_slot_read (const char *path, KithKeySlot *slot, KithDbKey *key, gboolean *found, GError **error)
{
  guint8 bytes[KITH_KEY_SLOT_BYTES + 1];
  struct stat st;
  gssize n = 0;
  gboolean ok;
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

  *found = FALSE;
  if (fd < 0 && errno == ENOENT)
    return TRUE;
  if (fd < 0)
    return fail (error, path, g_strerror (errno));
  if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || st.st_uid != geteuid () || (st.st_mode & 0077) != 0)
    {
      close (fd);
      return fail (error, path, "must be a file of yours with mode 600");
    }
  do
    n = read (fd, bytes, sizeof bytes);
  while (n < 0 && errno == EINTR);
  ok = n >= 0 ? parse (path, bytes, (gsize)n, slot, key, error) : fail (error, path, g_strerror (errno));
  sodium_memzero (bytes, sizeof bytes);
  close (fd);
  *found = ok;
  return ok;
}

static gboolean
replace (const char *path, const guint8 *bytes, gsize n, GError **error)
{
  g_autoptr (GError) problem = NULL;

  if (g_file_set_contents_full (path, (const char *)bytes, (gssize)n,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &problem))
    return TRUE;
  return fail (error, path, problem->message);
}

gboolean
kith_key_slot_write (const char *path, const KithKeySlot *slot, GError **error)
{
  guint8 bytes[KITH_KEY_SLOT_BYTES];

  print_header (slot, bytes);
  memcpy (bytes + HEADER_BYTES, slot->box, sizeof slot->box);
  return replace (path, bytes, sizeof bytes, error);
}

gboolean
kith_key_plain_write (const char *path, const KithDbKey *key, GError **error)
{
  return replace (path, (const guint8 *)key, sizeof *key, error);
}
