/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "kith-error.h"

G_BEGIN_DECLS

/**
 * KithPresence:
 * @KITH_PRESENCE_OFFLINE: not reachable, or not showing it
 * @KITH_PRESENCE_AWAY: there, but not at the screen
 * @KITH_PRESENCE_BUSY: there, and asks not to be disturbed
 * @KITH_PRESENCE_ONLINE: there
 * @KITH_PRESENCE_INVISIBLE: only our own status: links and mail work, everybody sees offline
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_PRESENCE_OFFLINE,
  KITH_PRESENCE_AWAY,
  KITH_PRESENCE_BUSY,
  KITH_PRESENCE_ONLINE,
  KITH_PRESENCE_INVISIBLE,
} KithPresence;

#define KITH_TYPE_PRESENCE (kith_presence_get_type ())
KITH_AVAILABLE_IN_1_0 GType kith_presence_get_type (void) G_GNUC_CONST;

/**
 * kith_presence_to_status:
 * @presence: a presence
 *
 * The word that the API and the link use (`online`, `away`, …). Any thread.
 *
 * Returns: (transfer none): a static string
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_presence_to_status (KithPresence presence);

/**
 * kith_presence_from_status:
 * @status: (nullable): a word from outside
 * @presence: (out): where the presence goes; untouched when %FALSE is returned
 *
 * The way back from [func@Kith.presence_to_status]. Any thread.
 *
 * Returns: %FALSE when @status is none of the words
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_presence_from_status (const char *status, KithPresence *presence);

/**
 * KithAllow:
 * @KITH_ALLOW_PRESENCE: may see whether we are there
 * @KITH_ALLOW_TYPING: may see that we are typing
 * @KITH_ALLOW_RECEIPTS: may see that we have read
 *
 * What a friend may see of us.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  KITH_ALLOW_PRESENCE = 1 << 0,
  KITH_ALLOW_TYPING = 1 << 1,
  KITH_ALLOW_RECEIPTS = 1 << 2,
} KithAllow;

#define KITH_TYPE_ALLOW (kith_allow_get_type ())
KITH_AVAILABLE_IN_1_0 GType kith_allow_get_type (void) G_GNUC_CONST;

#define KITH_TYPE_FRIEND (kith_friend_get_type ())

/**
 * KithFriend:
 *
 * A person whom the user has added: one object per friend and daemon life, main thread only. Every getter is a
 * property that notifies; the daemon alone sets them.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (KithFriend, kith_friend, KITH, FRIEND, GObject)

/**
 * kith_friend_get_username:
 * @self: a friend
 *
 * The name by which the API knows this friend: unique here, and it may change.
 *
 * Returns: (transfer none): the name
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_friend_get_username (KithFriend *self);

/**
 * kith_friend_get_identity_key:
 * @self: a friend
 *
 * The friend's name for machines: an Ed25519 key that never changes.
 *
 * Returns: (transfer none): 32 bytes
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_friend_get_identity_key (KithFriend *self);

/**
 * kith_friend_get_fingerprint:
 * @self: a friend
 *
 * The hex of the BLAKE2b-128 of the identity key.
 *
 * Returns: (transfer none): 32 hex digits, lower case
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_friend_get_fingerprint (KithFriend *self);

/**
 * kith_friend_get_presence:
 * @self: a friend
 *
 * What the presence plugin decided; never %KITH_PRESENCE_INVISIBLE.
 *
 * Returns: the presence
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithPresence kith_friend_get_presence (KithFriend *self);

/**
 * kith_friend_get_linked:
 * @self: a friend
 *
 * Whether an authenticated link to the friend is up.
 *
 * Returns: whether a link is up
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_friend_get_linked (KithFriend *self);

/**
 * kith_friend_get_verified:
 * @self: a friend
 *
 * Whether the user has compared the safety number.
 *
 * Returns: whether it was compared
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_friend_get_verified (KithFriend *self);

/**
 * kith_friend_get_blocked:
 * @self: a friend
 *
 * Whether the user has blocked this friend: nothing goes to them and nothing of theirs is shown.
 *
 * Returns: whether they are blocked
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_friend_get_blocked (KithFriend *self);

/**
 * kith_friend_get_last_seen_ms:
 * @self: a friend
 *
 * When the friend was last there.
 *
 * Returns: Unix milliseconds, or 0 for never
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gint64 kith_friend_get_last_seen_ms (KithFriend *self);

/**
 * kith_friend_allows:
 * @self: a friend
 * @what: one or more of the flags
 *
 * Whether this friend may see all of @what of us: what the user chose for this friend, else the global setting. The
 * property "allow" holds the flags and notifies.
 *
 * Returns: whether they may
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_friend_allows (KithFriend *self, KithAllow what);

G_END_DECLS
