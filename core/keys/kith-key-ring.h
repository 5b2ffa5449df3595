/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key store that the daemon uses: it finds out where the key of an existing database is kept, chooses for a new
 * one, and moves it. */
#pragma once

#include "kith-key-slot.h"

G_BEGIN_DECLS

/* path: the key file beside the database, always there once there is a key. wanted: "auto" or a kind's name, for a new
 * key only: automatic is the portal inside a Flatpak, else the Secret Service where `desktop`, else the file; one that
 * fails gives way to the next. label: for people who look into their keyring. Obtain the key through
 * kith_key_store_obtain_async (). */
KithKeyStore *kith_key_ring_new (const char *path, const char *wanted, gboolean desktop, const char *label);
/* Main thread, while nothing is under way: what is tried from now on, for a slot of kind passphrase. NULL forgets it.
 */
void          kith_key_ring_give_passphrase (KithKeyStore *store, const char *passphrase);
/* Costs of the next passphrase slot; for tests. */
void          kith_key_ring_set_cost (KithKeyStore *store, KithE2eeCost cost);
/* Wraps the same database key anew by `to`: the new secret is kept and seen to open before the key file is replaced,
 * atomically, and only then the old one is forgotten. `passphrase` for KITH_KEY_PASSPHRASE (also to change it). A
 * worker's work. */
void          kith_key_ring_move_async (KithKeyStore *store, KithKeyKind to, const char *passphrase, GCancellable *c,
                                        GAsyncReadyCallback cb, gpointer data);
gboolean      kith_key_ring_move_finish (KithKeyStore *store, GAsyncResult *result, GError **error);

G_END_DECLS
