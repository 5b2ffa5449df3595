/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who can keep a 32-byte secret for us: a keyring, the desktop's portal, a head with a passphrase in it. Everything
 * here blocks, on a worker's thread, and never for longer than its deadline. */
#pragma once

#include "kith-key-slot.h"

G_BEGIN_DECLS

#define KITH_KEY_DEADLINE_MS 5000

typedef struct
{
  KithKeyKind kind;
  /* The secret of that slot. TRUE with *found FALSE: it answered that it has none, which a locked keyring does exactly
   * as an empty one. */
  gboolean (*get) (gpointer data, const KithKeySlot *slot, guint8 secret[32], gboolean *found, GError **error);
  /* Makes one for a new slot (whose salt is set; may set cost), and keeps it. */
  gboolean (*make) (gpointer data, KithKeySlot *slot, guint8 secret[32], GError **error);
  /* A slot that is used no more; nullable. */
  void (*forget) (gpointer data, const KithKeySlot *slot);
} KithKeySource;

extern const KithKeySource kith_key_secret_service; /* data: the profile's name, a label for people */
extern const KithKeySource kith_key_portal;         /* data: unused */
extern const KithKeySource kith_key_passphrase;     /* data: KithPassphrase */

typedef struct
{
  char *text;        /* in sodium memory; NULL: not given yet */
  KithE2eeCost cost; /* for a new slot */
} KithPassphrase;

/* Is there something on the session bus that can be asked at all? Quick. */
gboolean kith_key_secret_service_is_there (void);
gboolean kith_key_portal_is_there (void);    /* inside a Flatpak */

G_END_DECLS
