/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-friend-private.h"

#include <sodium.h>

struct _KithFriend
{
  GObject parent_instance;

  char *username;
  GBytes *identity_key;
  char *fingerprint;
  KithPresence presence;
  gboolean linked;
  gboolean verified;
  gboolean blocked;
  gint64 last_seen_ms;
  KithAllow allow;
};

enum
{
  PROP_0,
  PROP_USERNAME,
  PROP_IDENTITY_KEY,
  PROP_FINGERPRINT,
  PROP_PRESENCE,
  PROP_LINKED,
  PROP_VERIFIED,
  PROP_BLOCKED,
  PROP_LAST_SEEN_MS,
  PROP_ALLOW,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (KithFriend, kith_friend, G_TYPE_OBJECT)

static const GEnumValue presence_values[] = {
  { KITH_PRESENCE_OFFLINE, "KITH_PRESENCE_OFFLINE", KITH_STATUS_OFFLINE },
  { KITH_PRESENCE_AWAY, "KITH_PRESENCE_AWAY", KITH_STATUS_AWAY },
  { KITH_PRESENCE_BUSY, "KITH_PRESENCE_BUSY", KITH_STATUS_BUSY },
  { KITH_PRESENCE_ONLINE, "KITH_PRESENCE_ONLINE", KITH_STATUS_ONLINE },
  { KITH_PRESENCE_INVISIBLE, "KITH_PRESENCE_INVISIBLE", KITH_STATUS_INVISIBLE },
  { 0, NULL, NULL },
};

GType
kith_presence_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("KithPresence", presence_values));
  return type;
}

const char *
kith_presence_to_status (KithPresence presence)
{
  for (const GEnumValue *v = presence_values; v->value_name != NULL; v++)
    if (v->value == (gint) presence)
      return v->value_nick;
  return KITH_STATUS_OFFLINE;
}

gboolean
kith_presence_from_status (const char *status, KithPresence *presence)
{
  for (const GEnumValue *v = presence_values; v->value_name != NULL; v++)
    if (g_strcmp0 (v->value_nick, status) == 0)
      {
        *presence = v->value;
        return TRUE;
      }
  return FALSE;
}

GType
kith_allow_get_type (void)
{
  static gsize type;
  static const GFlagsValue values[] = {
    { KITH_ALLOW_PRESENCE, "KITH_ALLOW_PRESENCE", "presence" },
    { KITH_ALLOW_TYPING, "KITH_ALLOW_TYPING", "typing" },
    { KITH_ALLOW_RECEIPTS, "KITH_ALLOW_RECEIPTS", "receipts" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("KithAllow", values));
  return type;
}

static void
kith_friend_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  KithFriend *self = KITH_FRIEND (object);

  switch (id)
    {
    case PROP_USERNAME:
      g_value_set_string (value, self->username);
      break;
    case PROP_IDENTITY_KEY:
      g_value_set_boxed (value, self->identity_key);
      break;
    case PROP_FINGERPRINT:
      g_value_set_string (value, self->fingerprint);
      break;
    case PROP_PRESENCE:
      g_value_set_enum (value, self->presence);
      break;
    case PROP_LINKED:
      g_value_set_boolean (value, self->linked);
      break;
    case PROP_VERIFIED:
      g_value_set_boolean (value, self->verified);
      break;
    case PROP_BLOCKED:
      g_value_set_boolean (value, self->blocked);
      break;
    case PROP_LAST_SEEN_MS:
      g_value_set_int64 (value, self->last_seen_ms);
      break;
    case PROP_ALLOW:
      g_value_set_flags (value, self->allow);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
    }
}

static void
kith_friend_finalize (GObject *object)
{
  KithFriend *self = KITH_FRIEND (object);

  g_free (self->username);
  g_free (self->fingerprint);
  g_clear_pointer (&self->identity_key, g_bytes_unref);
  G_OBJECT_CLASS (kith_friend_parent_class)->finalize (object);
}

static void
kith_friend_class_init (KithFriendClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = kith_friend_get_property;
  object_class->finalize = kith_friend_finalize;
  props[PROP_USERNAME] = g_param_spec_string ("username", NULL, NULL, NULL, flags);
  props[PROP_IDENTITY_KEY] = g_param_spec_boxed ("identity-key", NULL, NULL, G_TYPE_BYTES, flags);
  props[PROP_FINGERPRINT] = g_param_spec_string ("fingerprint", NULL, NULL, NULL, flags);
  props[PROP_PRESENCE]
    = g_param_spec_enum ("presence", NULL, NULL, KITH_TYPE_PRESENCE, KITH_PRESENCE_OFFLINE, flags);
  props[PROP_LINKED] = g_param_spec_boolean ("linked", NULL, NULL, FALSE, flags);
  props[PROP_VERIFIED] = g_param_spec_boolean ("verified", NULL, NULL, FALSE, flags);
  props[PROP_BLOCKED] = g_param_spec_boolean ("blocked", NULL, NULL, FALSE, flags);
  props[PROP_LAST_SEEN_MS] = g_param_spec_int64 ("last-seen-ms", NULL, NULL, 0, G_MAXINT64, 0, flags);
  props[PROP_ALLOW] = g_param_spec_flags ("allow", NULL, NULL, KITH_TYPE_ALLOW,
                                          KITH_ALLOW_PRESENCE | KITH_ALLOW_TYPING | KITH_ALLOW_RECEIPTS, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
kith_friend_init (KithFriend *self)
{
  self->allow = KITH_ALLOW_PRESENCE | KITH_ALLOW_TYPING | KITH_ALLOW_RECEIPTS;
}

char *
kith_fingerprint (const void *identity_key_32)
{
  guint8 hash[16];
  char hex[33];

  crypto_generichash (hash, sizeof hash, identity_key_32, 32, NULL, 0);
  sodium_bin2hex (hex, sizeof hex, hash, sizeof hash);
  return g_strdup (hex);
}

KithFriend *
kith_friend_new (GBytes *identity_key, const char *username)
{
  KithFriend *self;

  g_return_val_if_fail (g_bytes_get_size (identity_key) == 32, NULL);
  self = g_object_new (KITH_TYPE_FRIEND, NULL);
  self->identity_key = g_bytes_ref (identity_key);
  self->fingerprint = kith_fingerprint (g_bytes_get_data (identity_key, NULL));
  self->username = g_strdup (username);
  return self;
}

const char *
kith_friend_get_username (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), NULL);
  return self->username;
}

GBytes *
kith_friend_get_identity_key (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), NULL);
  return self->identity_key;
}

const char *
kith_friend_get_fingerprint (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), NULL);
  return self->fingerprint;
}

KithPresence
kith_friend_get_presence (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), KITH_PRESENCE_OFFLINE);
  return self->presence;
}

gboolean
kith_friend_get_linked (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), FALSE);
  return self->linked;
}

gboolean
kith_friend_get_verified (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), FALSE);
  return self->verified;
}

gboolean
kith_friend_get_blocked (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), FALSE);
  return self->blocked;
}

gint64
kith_friend_get_last_seen_ms (KithFriend *self)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), 0);
  return self->last_seen_ms;
}

gboolean
kith_friend_allows (KithFriend *self, KithAllow what)
{
  g_return_val_if_fail (KITH_IS_FRIEND (self), FALSE);
  return (self->allow & what) == what;
}

KithAllow
kith_friend_get_allow (KithFriend *self)
{
  return self->allow;
}

static void
set_flag (KithFriend *self, gboolean *field, gboolean value, guint prop)
{
  value = value != FALSE;
  if (*field == value)
    return;
  *field = value;
  g_object_notify_by_pspec (G_OBJECT (self), props[prop]);
}

void
kith_friend_set_username (KithFriend *self, const char *username)
{
  if (g_strcmp0 (self->username, username) == 0)
    return;
  g_free (self->username);
  self->username = g_strdup (username);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_USERNAME]);
}

void
kith_friend_set_presence (KithFriend *self, KithPresence presence)
{
  /* Being invisible is something that only the other side knows. */
  if (presence == KITH_PRESENCE_INVISIBLE)
    presence = KITH_PRESENCE_OFFLINE;
  if (self->presence == presence)
    return;
  self->presence = presence;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PRESENCE]);
}

void
kith_friend_set_linked (KithFriend *self, gboolean linked)
{
  set_flag (self, &self->linked, linked, PROP_LINKED);
}

void
kith_friend_set_verified (KithFriend *self, gboolean verified)
{
  set_flag (self, &self->verified, verified, PROP_VERIFIED);
}

void
kith_friend_set_blocked (KithFriend *self, gboolean blocked)
{
  set_flag (self, &self->blocked, blocked, PROP_BLOCKED);
}

void
kith_friend_set_last_seen_ms (KithFriend *self, gint64 last_seen_ms)
{
  if (self->last_seen_ms == last_seen_ms)
    return;
  self->last_seen_ms = last_seen_ms;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LAST_SEEN_MS]);
}

void
kith_friend_set_allow (KithFriend *self, KithAllow allow)
{
  if (self->allow == allow)
    return;
  self->allow = allow;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ALLOW]);
}
