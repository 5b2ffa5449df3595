/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-token.h"

#include <kith/kith.h>
#include <sodium.h>
#include <string.h>

char *
kith_token_obtain (KithWorld *world, const char *path, gboolean anew, GError **error)
{
  guint8 random[32];
  char text[sodium_base64_ENCODED_LEN (sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
  g_autofree char *token = NULL;

  if (!anew && g_file_get_contents (path, &token, NULL, NULL) && strlen (g_strstrip (token)) >= 16)
    return g_steal_pointer (&token);
  g_clear_pointer (&token, g_free);
  kith_world_fill_random (world, random, sizeof random);
  sodium_bin2base64 (text, sizeof text, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero (random, sizeof random);
  if (!g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                 error))
    {
      g_prefix_error (error, "the API token cannot be kept: ");
      return NULL;
    }
  token = g_strdup (text);
  sodium_memzero (text, sizeof text);
  return g_steal_pointer (&token);
}
