/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-transport-private.h"

typedef struct
{
  KithAcceptFunc accept;
  gpointer data;
  GDestroyNotify destroy;
} KithStreamTransportPrivate;

static guint addresses_changed_signal;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (KithStreamTransport, kith_stream_transport, KITH_TYPE_TRANSPORT)

static KithStreamTransportPrivate *
get_private (KithStreamTransport *self)
{
  return kith_stream_transport_get_instance_private (self);
}

static void
kith_stream_transport_dispose (GObject *object)
{
  kith_stream_transport_set_accept_func (KITH_STREAM_TRANSPORT (object), NULL, NULL, NULL);
  G_OBJECT_CLASS (kith_stream_transport_parent_class)->dispose (object);
}

static void
kith_stream_transport_class_init (KithStreamTransportClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_stream_transport_dispose;

  /**
   * KithStreamTransport::addresses-changed:
   * @self: a transport
   *
   * Our own addresses are others now.
   *
   * Since: 1.0
   */
  addresses_changed_signal = g_signal_new ("addresses-changed", KITH_TYPE_STREAM_TRANSPORT, G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 0);
}

static void
kith_stream_transport_init (KithStreamTransport *self)
{
}

void
kith_stream_transport_set_accept_func (KithStreamTransport *self, KithAcceptFunc func, gpointer data,
                                       GDestroyNotify destroy)
{
  KithStreamTransportPrivate *priv = get_private (self);
  KithStreamTransportPrivate old = *priv;

  priv->accept = func;
  priv->data = data;
  priv->destroy = destroy;
  if (old.destroy != NULL)
    old.destroy (old.data);
}

void
kith_stream_transport_accept (KithStreamTransport *self, GIOStream *stream, const char *from)
{
  KithStreamTransportPrivate *priv;

  g_return_if_fail (KITH_IS_STREAM_TRANSPORT (self));
  g_return_if_fail (G_IS_IO_STREAM (stream));
  priv = get_private (self);
  if (priv->accept != NULL)
    {
      priv->accept (self, stream, from, priv->data);
      return;
    }
  g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_object_unref (stream);
}

void
kith_stream_transport_addresses_changed (KithStreamTransport *self)
{
  g_return_if_fail (KITH_IS_STREAM_TRANSPORT (self));
  g_signal_emit (self, addresses_changed_signal, 0);
}

const char *
kith_stream_transport_get_scheme (KithStreamTransport *self)
{
  return KITH_STREAM_TRANSPORT_GET_CLASS (self)->scheme;
}

void
kith_stream_transport_dial_async (KithStreamTransport *self, const char *address, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer user_data)
{
  KithStreamTransportClass *class = KITH_STREAM_TRANSPORT_GET_CLASS (self);

  if (class->dial_async != NULL)
    class->dial_async (self, address, cancellable, callback, user_data);
  else
    g_task_report_new_error (self, callback, user_data, kith_stream_transport_dial_async, KITH_ERROR,
                             KITH_ERROR_REFUSED, "the transport \"%s\" does not dial",
                             kith_transport_get_id (KITH_TRANSPORT (self)));
}

GIOStream *
kith_stream_transport_dial_finish (KithStreamTransport *self, GAsyncResult *result, GError **error)
{
  if (g_async_result_is_tagged (result, kith_stream_transport_dial_async))
    return g_task_propagate_pointer (G_TASK (result), error);
  return KITH_STREAM_TRANSPORT_GET_CLASS (self)->dial_finish (self, result, error);
}

GStrv
kith_stream_transport_dup_addresses (KithStreamTransport *self)
{
  KithStreamTransportClass *class = KITH_STREAM_TRANSPORT_GET_CLASS (self);
  GStrv addresses = class->dup_addresses != NULL ? class->dup_addresses (self) : NULL;

  return addresses != NULL ? addresses : g_new0 (char *, 1);
}
