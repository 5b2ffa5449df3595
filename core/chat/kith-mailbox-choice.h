/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-table-mail.h"

G_BEGIN_DECLS

/* Which of the mailboxes that a directory lists is our friend's: of those whose certificates their pinned identity key
 * has signed, the one with the highest `created` (content.md §2). */
typedef struct
{
  const KithListing *listing;
  const char *office;
  gint64 now_ms;
  KithAfter *after;
} KithMailboxChoice;

/* [jobs] Notes it, or that there is none. A device that nobody has seen and that was certified after the present one
 * came is theirs from now on: *person says so. */
gboolean
kith_mailbox_choose (const KithMailboxChoice *choice, KithDb *db, KithPersonRow *person, GError **error);

G_END_DECLS
