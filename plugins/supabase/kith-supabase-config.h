/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

/* Where the server is, once the settings were found to be good. */
typedef struct
{
  char *url;   /* without a slash at its end */
  char *key;
  char *name;  /* of this server in our own store: 16 hex digits */
} KithSupabaseConfig;

/* NULL without an error: nothing is configured. Errors: KITH_ERROR_INVALID; KITH_ERROR_REFUSED for a service key. */
KithSupabaseConfig *kith_supabase_config_new (const char *url, const char *key, GError **error);
void kith_supabase_config_free (KithSupabaseConfig *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithSupabaseConfig, kith_supabase_config_free)
