/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-transport-private.h"

typedef struct
{
  KithReceiveFunc receive;
  gpointer data;
  GDestroyNotify destroy;
} KithMailboxTransportPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (KithMailboxTransport, kith_mailbox_transport, KITH_TYPE_TRANSPORT)

static KithMailboxTransportPrivate *
get_private (KithMailboxTransport *self)
{
  return kith_mailbox_transport_get_instance_private (self);
}

static void
kith_mailbox_transport_dispose (GObject *object)
{
  kith_mailbox_transport_set_receive_func (KITH_MAILBOX_TRANSPORT (object), NULL, NULL, NULL);
  G_OBJECT_CLASS (kith_mailbox_transport_parent_class)->dispose (object);
}

static void
kith_mailbox_transport_class_init (KithMailboxTransportClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_mailbox_transport_dispose;
}

static void
kith_mailbox_transport_init (KithMailboxTransport *self)
{
}

void
kith_mailbox_transport_set_receive_func (KithMailboxTransport *self, KithReceiveFunc func, gpointer data,
                                         GDestroyNotify destroy)
{
  KithMailboxTransportPrivate *priv = get_private (self);
  KithMailboxTransportPrivate old = *priv;

  priv->receive = func;
  priv->data = data;
  priv->destroy = destroy;
  if (old.destroy != NULL)
    old.destroy (old.data);
}

void
kith_mailbox_transport_receive_async (KithMailboxTransport *self, KithParcel *parcel, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data)
{
  KithMailboxTransportPrivate *priv;
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (KITH_IS_MAILBOX_TRANSPORT (self));
  g_return_if_fail (parcel != NULL);
  priv = get_private (self);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, kith_mailbox_transport_receive_async);
  /* The fate is durable whoever cancels now: it must be told, or the parcel comes again for nothing. */
  g_task_set_check_cancellable (task, FALSE);
  if (priv->receive != NULL)
    priv->receive (self, parcel, g_steal_pointer (&task), priv->data);
  else
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_CLOSED, "the daemon takes no parcels from \"%s\" now",
                             kith_transport_get_id (KITH_TRANSPORT (self)));
}

gboolean
kith_mailbox_transport_receive_finish (KithMailboxTransport *self, GAsyncResult *result, KithFate *fate, GError **error)
{
  g_autoptr (GError) local = NULL;
  gssize value;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  value = g_task_propagate_int (G_TASK (result), &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (fate != NULL)
    *fate = (KithFate) value;
  return TRUE;
}

void
kith_mailbox_transport_deposit_async (KithMailboxTransport *self, GPtrArray *parcels, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data)
{
  KithMailboxTransportClass *class = KITH_MAILBOX_TRANSPORT_GET_CLASS (self);

  if (class->deposit_async != NULL)
    class->deposit_async (self, parcels, cancellable, callback, user_data);
  else
    g_task_report_new_error (self, callback, user_data, kith_mailbox_transport_deposit_async, KITH_ERROR,
                             KITH_ERROR_REFUSED, "the transport \"%s\" deposits nothing",
                             kith_transport_get_id (KITH_TRANSPORT (self)));
}

GArray *
kith_mailbox_transport_deposit_finish (KithMailboxTransport *self, GAsyncResult *result, GError **error)
{
  if (g_async_result_is_tagged (result, kith_mailbox_transport_deposit_async))
    return g_task_propagate_pointer (G_TASK (result), error);
  return KITH_MAILBOX_TRANSPORT_GET_CLASS (self)->deposit_finish (self, result, error);
}

void
kith_mailbox_transport_collect (KithMailboxTransport *self)
{
  KithMailboxTransportClass *class = KITH_MAILBOX_TRANSPORT_GET_CLASS (self);

  if (class->collect != NULL)
    class->collect (self);
}
