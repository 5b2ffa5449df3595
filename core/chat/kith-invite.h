/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <kith/kith.h>

G_BEGIN_DECLS

#define KITH_INVITE_ADDRESSES_MAX 8
#define KITH_ADDRESS_LENGTH_MAX 256

/* kith:USERNAME?ik=<base64url identity key>&a=<address URI>… (local-api.md §2.4). */
typedef struct
{
  char *username;
  guint8 ik[32];
  GStrv addresses;      /* never NULL, at most KITH_INVITE_ADDRESSES_MAX */
} KithInvite;

KithInvite *kith_invite_parse (const char *text, GError **error); /* full; INVALID names what is wrong */
char       *kith_invite_print (const char *username, const guint8 *ik, const char *const *addresses);       /* full */
void        kith_invite_free  (KithInvite *invite);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithInvite, kith_invite_free)

gboolean    kith_address_is_valid  (const char *address);       /* an URI of printable ASCII with a scheme of its own */

G_END_DECLS
