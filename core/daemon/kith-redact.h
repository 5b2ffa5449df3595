/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a report that people paste in public must not show. */
typedef struct
{
  const char *home;                 /* nullable; becomes ~ */
  const char *data;                 /* nullable; the data folder, becomes DATA */
  const char *user;                 /* nullable; who is logged in, becomes USER where it is a part of a path */
  const char *self;                 /* nullable; our own username, becomes me */
  const char *const *friends;       /* nullable; usernames, become friend-1, friend-2, … */
} KithRedaction;

/* full: @text without them, without addresses of others, and with invites, keys and fingerprints cut short. */
char    *kith_redact           (const KithRedaction *redaction, const char *text);
/* Whether the value of a setting of this name ("token", "supabase.api-key") is nobody's business. */
gboolean kith_redact_is_secret (const char *setting);

G_END_DECLS
