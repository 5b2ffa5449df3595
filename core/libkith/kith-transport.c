/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-transport-private.h"

typedef struct
{
  char *id;
  KithTransportState state;
  GError *error;
  gint64 since_ms;
  KithWorld *world;
} KithTransportPrivate;

enum
{
  PROP_0,
  PROP_ID,
  PROP_STATE,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];
static guint state_changed_signal;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (KithTransport, kith_transport, G_TYPE_OBJECT)

static const GEnumValue state_values[] = {
  { KITH_TRANSPORT_DISCONNECTED, "KITH_TRANSPORT_DISCONNECTED", "disconnected" },
  { KITH_TRANSPORT_CONNECTING, "KITH_TRANSPORT_CONNECTING", "connecting" },
  { KITH_TRANSPORT_AUTHENTICATING, "KITH_TRANSPORT_AUTHENTICATING", "authenticating" },
  { KITH_TRANSPORT_CONNECTED, "KITH_TRANSPORT_CONNECTED", "connected" },
  { 0, NULL, NULL },
};

GType
kith_transport_state_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("KithTransportState", state_values));
  return type;
}

const char *
kith_transport_state_to_string (KithTransportState state)
{
  return (gsize) state < G_N_ELEMENTS (state_values) - 1 ? state_values[state].value_nick : "disconnected";
}

static KithTransportPrivate *
get_private (KithTransport *self)
{
  return kith_transport_get_instance_private (self);
}

static void
kith_transport_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  KithTransportPrivate *priv = get_private (KITH_TRANSPORT (object));

  switch (id)
    {
    case PROP_ID:
      g_value_set_string (value, priv->id);
      break;
    case PROP_STATE:
      g_value_set_enum (value, priv->state);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
    }
}

static void
kith_transport_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  KithTransportPrivate *priv = get_private (KITH_TRANSPORT (object));

  switch (id)
    {
    case PROP_ID:
      priv->id = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
    }
}

static void
kith_transport_finalize (GObject *object)
{
  KithTransportPrivate *priv = get_private (KITH_TRANSPORT (object));

  g_free (priv->id);
  g_clear_error (&priv->error);
  g_clear_pointer (&priv->world, kith_world_unref);
  G_OBJECT_CLASS (kith_transport_parent_class)->finalize (object);
}

static void
kith_transport_class_init (KithTransportClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags common = G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = kith_transport_get_property;
  object_class->set_property = kith_transport_set_property;
  object_class->finalize = kith_transport_finalize;
  props[PROP_ID]
    = g_param_spec_string ("id", NULL, NULL, NULL, common | G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY);
  props[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, KITH_TYPE_TRANSPORT_STATE, KITH_TRANSPORT_DISCONNECTED,
                                         common | G_PARAM_READABLE);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /**
   * KithTransport::state-changed:
   * @self: a transport
   *
   * The state or its error is another now.
   *
   * Since: 1.0
   */
  state_changed_signal = g_signal_new ("state-changed", KITH_TYPE_TRANSPORT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 0);
}

static void
kith_transport_init (KithTransport *self)
{
}

const char *
kith_transport_get_id (KithTransport *self)
{
  g_return_val_if_fail (KITH_IS_TRANSPORT (self), NULL);
  return get_private (self)->id;
}

KithTransportState
kith_transport_get_state (KithTransport *self)
{
  g_return_val_if_fail (KITH_IS_TRANSPORT (self), KITH_TRANSPORT_DISCONNECTED);
  return get_private (self)->state;
}

const GError *
kith_transport_get_error (KithTransport *self)
{
  return get_private (self)->error;
}

gint64
kith_transport_get_since_ms (KithTransport *self)
{
  return get_private (self)->since_ms;
}

void
kith_transport_attach (KithTransport *self, KithWorld *world)
{
  KithTransportPrivate *priv = get_private (self);

  if (priv->world != NULL)
    return;
  priv->world = kith_world_ref (world);
  priv->since_ms = kith_world_get_date_ms (world);
}

static gboolean
same_error (const GError *a, const GError *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return a->domain == b->domain && a->code == b->code && g_str_equal (a->message, b->message);
}

void
kith_transport_set_state (KithTransport *self, KithTransportState state, const GError *why)
{
  KithTransportPrivate *priv;
  gboolean other;

  g_return_if_fail (KITH_IS_TRANSPORT (self));
  priv = get_private (self);
  other = priv->state != state;
  if (!other && same_error (priv->error, why))
    return;
  priv->state = state;
  g_clear_error (&priv->error);
  if (why != NULL)
    priv->error = g_error_copy (why);
  if (other && priv->world != NULL)
    priv->since_ms = kith_world_get_date_ms (priv->world);
  if (other)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  g_signal_emit (self, state_changed_signal, 0);
}
