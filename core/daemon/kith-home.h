/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a daemon lives: its folder, its lock, its socket; and the process itself, made tight. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *data;       /* $XDG_DATA_HOME/kith/PROFILE, or --data */
  char *database, *key, *token, *socket;
  int lock;         /* held as long as this daemon lives */
} KithHome;

/* Makes the folder if it is missing and takes its lock. data NULL: the profile's. The errors say what to do. */
KithHome *kith_home_new  (const char *profile, const char *data, GError **error);
void      kith_home_free (KithHome *home);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithHome, kith_home_free)

/* Where the socket of a profile is, for who has not been given --data. */
char     *kith_home_dup_socket (const char *profile);

/* umask 077, no core dumps, not to be traced. FALSE: this user is nobody in particular (security.md §1). */
gboolean  kith_process_harden (GError **error);

/* sd_notify(3) in a few lines; nothing happens without a NOTIFY_SOCKET. */
void      kith_notify (const char *state);

G_END_DECLS
