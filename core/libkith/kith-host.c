/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-host-impl.h"

enum
{
  PROP_0,
  PROP_STATUS,
  PROP_ADDRESSES,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (KithHost, kith_host, G_TYPE_OBJECT)

gboolean
kith_host_refuse_cut (KithHost *self, GError **error)
{
  if (!self->cut)
    return FALSE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_CLOSED, "the plugin \"%s\" has been deactivated", self->id);
  return TRUE;
}

void
kith_host_refuse_ability (KithHost *self, const char *what, GError **error)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "this daemon cannot %s", what);
}

static void
kith_host_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  KithHost *self = KITH_HOST (object);

  switch (id)
    {
    case PROP_STATUS:
      g_value_set_enum (value, kith_host_get_status (self));
      break;
    case PROP_ADDRESSES:
      g_value_take_boxed (value, kith_host_dup_addresses (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
    }
}

static void
kith_host_dispose (GObject *object)
{
  kith_host_cut (KITH_HOST (object));
  G_OBJECT_CLASS (kith_host_parent_class)->dispose (object);
}

static void
kith_host_finalize (GObject *object)
{
  KithHost *self = KITH_HOST (object);

  g_clear_object (&self->port);
  g_clear_object (&self->settings);
  g_clear_object (&self->no_friends);
  g_clear_pointer (&self->world, kith_world_unref);
  g_clear_pointer (&self->added, g_ptr_array_unref);
  g_clear_pointer (&self->timers, g_ptr_array_unref);
  g_clear_pointer (&self->asked, g_ptr_array_unref);
  g_clear_pointer (&self->calls, g_ptr_array_unref);
  g_clear_pointer (&self->last_identity_key, g_bytes_unref);
  g_strfreev (self->provides);
  g_free (self->last_username);
  g_free (self->id);
  G_OBJECT_CLASS (kith_host_parent_class)->finalize (object);
}

static void
kith_host_class_init (KithHostClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = kith_host_get_property;
  object_class->dispose = kith_host_dispose;
  object_class->finalize = kith_host_finalize;
  props[PROP_STATUS] = g_param_spec_enum ("status", NULL, NULL, KITH_TYPE_PRESENCE, KITH_PRESENCE_OFFLINE, flags);
  props[PROP_ADDRESSES] = g_param_spec_boxed ("addresses", NULL, NULL, G_TYPE_STRV, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
kith_host_init (KithHost *self)
{
  kith_host_init_added (self);
  kith_host_init_calls (self);
}

KithHost *
kith_host_new (const char *id, const KithHostFuncs *funcs, gpointer backend, KithBus *port, GSettings *settings,
               KithWorld *world)
{
  KithHost *self = g_object_new (KITH_TYPE_HOST, NULL);

  self->id = g_strdup (id);
  self->funcs = funcs;
  self->backend = backend;
  self->port = g_object_ref (port);
  self->settings = settings != NULL ? g_object_ref (settings) : NULL;
  self->world = kith_world_ref (world);
  return self;
}

/* Order matters: nobody asks any more, then nothing of the plugin is left anywhere, then nobody waits. */
void
kith_host_cut (KithHost *host)
{
  GBytes *key;

  if (host->cut || host->port == NULL)
    return;
  host->last_username = g_strdup (kith_host_get_username (host));
  key = kith_host_get_identity_key (host);
  host->last_identity_key = key != NULL ? g_bytes_ref (key) : NULL;
  host->cut = TRUE;
  kith_host_withdraw_added (host);
  kith_bus_drop_owner (host->port, host->id);
  kith_bus_cut (host->port);
  g_signal_handlers_destroy (host);
  kith_host_close_calls (host);
}

gboolean
kith_host_is_cut (KithHost *host)
{
  return host->cut;
}

void
kith_host_set_builtin (KithHost *host, gboolean builtin)
{
  host->builtin = builtin;
}

gboolean
kith_host_get_builtin (KithHost *host)
{
  return host->builtin;
}

void
kith_host_set_provides (KithHost *host, const char *const *provides)
{
  g_strfreev (host->provides);
  host->provides = g_strdupv ((char **) provides);
}

gboolean
kith_host_provides (KithHost *host, const char *feature)
{
  return host->provides != NULL && g_strv_contains ((const char *const *) host->provides, feature);
}

void
kith_host_notify_status (KithHost *host)
{
  if (!host->cut)
    g_object_notify_by_pspec (G_OBJECT (host), props[PROP_STATUS]);
}

void
kith_host_notify_addresses (KithHost *host)
{
  if (!host->cut)
    g_object_notify_by_pspec (G_OBJECT (host), props[PROP_ADDRESSES]);
}

const char *
kith_host_get_id (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  return self->id;
}

KithBus *
kith_host_get_bus (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  return self->port;
}

GSettings *
kith_host_get_settings (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  return self->settings;
}

GListModel *
kith_host_get_friends (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  if (!self->cut && self->funcs->get_friends != NULL)
    return self->funcs->get_friends (self->backend, self);
  if (self->no_friends == NULL)
    self->no_friends = G_LIST_MODEL (g_list_store_new (KITH_TYPE_FRIEND));
  return self->no_friends;
}

KithFriend *
kith_host_find_friend (KithHost *self, const char *username)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  if (self->cut || self->funcs->find_friend == NULL || username == NULL)
    return NULL;
  return self->funcs->find_friend (self->backend, self, username);
}

const char *
kith_host_get_username (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  if (self->cut || self->funcs->get_username == NULL)
    return self->last_username;
  return self->funcs->get_username (self->backend, self);
}

GBytes *
kith_host_get_identity_key (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  if (self->cut || self->funcs->get_identity_key == NULL)
    return self->last_identity_key;
  return self->funcs->get_identity_key (self->backend, self);
}

KithPresence
kith_host_get_status (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), KITH_PRESENCE_OFFLINE);
  if (self->cut || self->funcs->get_status == NULL)
    return KITH_PRESENCE_OFFLINE;
  return self->funcs->get_status (self->backend, self);
}

GStrv
kith_host_dup_addresses (KithHost *self)
{
  GStrv addresses = NULL;

  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  if (!self->cut && self->funcs->dup_addresses != NULL)
    addresses = self->funcs->dup_addresses (self->backend, self);
  return addresses != NULL ? addresses : g_new0 (char *, 1);
}

gint64
kith_host_get_time_us (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), 0);
  return kith_world_get_time_us (self->world);
}

gint64
kith_host_get_date_ms (KithHost *self)
{
  g_return_val_if_fail (KITH_IS_HOST (self), 0);
  return kith_world_get_date_ms (self->world);
}
