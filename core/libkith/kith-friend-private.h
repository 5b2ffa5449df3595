/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* The daemon's side of a friend. @identity_key is 32 bytes. Each setter notifies when something changed. */
KITH_PRIVATE KithFriend *kith_friend_new (GBytes *identity_key, const char *username);
KITH_PRIVATE void kith_friend_set_username (KithFriend *self, const char *username);
KITH_PRIVATE void kith_friend_set_presence (KithFriend *self, KithPresence presence);
KITH_PRIVATE void kith_friend_set_linked (KithFriend *self, gboolean linked);
KITH_PRIVATE void kith_friend_set_verified (KithFriend *self, gboolean verified);
KITH_PRIVATE void kith_friend_set_blocked (KithFriend *self, gboolean blocked);
KITH_PRIVATE void kith_friend_set_last_seen_ms (KithFriend *self, gint64 last_seen_ms);
/* The effective flags: what was chosen for this friend, else the global setting. All are allowed at first. */
KITH_PRIVATE void kith_friend_set_allow (KithFriend *self, KithAllow allow);
KITH_PRIVATE KithAllow kith_friend_get_allow (KithFriend *self);
/* 32 hex digits of the BLAKE2b-128; free with g_free(). Any thread. */
KITH_PRIVATE char *kith_fingerprint (const void *identity_key_32);

G_END_DECLS
