/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"
#include "kith-world.h"

G_BEGIN_DECLS

/* What the daemon needs of a transport. Signal "state-changed" () comes after every kith_transport_set_state() that
 * changed the state or the error. kith_host_add_transport() attaches the world before the daemon sees the
 * transport. */
KITH_PRIVATE void kith_transport_attach (KithTransport *self, KithWorld *world);
KITH_PRIVATE const GError *kith_transport_get_error (KithTransport *self);
/* Unix ms of the last change of state. */
KITH_PRIVATE gint64 kith_transport_get_since_ms (KithTransport *self);
KITH_PRIVATE const char *kith_transport_state_to_string (KithTransportState state);

/* Streams. One taker of what comes in; without one, streams are closed. Signal "addresses-changed" (). */
typedef void (*KithAcceptFunc) (KithStreamTransport *self, GIOStream *stream /* full */, const char *from,
                                gpointer data);
KITH_PRIVATE void kith_stream_transport_set_accept_func (KithStreamTransport *self, KithAcceptFunc func, gpointer data,
                                                         GDestroyNotify destroy);
KITH_PRIVATE const char *kith_stream_transport_get_scheme (KithStreamTransport *self);
KITH_PRIVATE void kith_stream_transport_dial_async (KithStreamTransport *self, const char *address,
                                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                                    gpointer user_data);
KITH_PRIVATE GIOStream *kith_stream_transport_dial_finish (KithStreamTransport *self, GAsyncResult *result,
                                                           GError **error);
/* Never NULL. */
KITH_PRIVATE GStrv kith_stream_transport_dup_addresses (KithStreamTransport *self);

/* Mailboxes. @task is full and returns a KithFate by g_task_return_int(). */
typedef void (*KithReceiveFunc) (KithMailboxTransport *self, KithParcel *parcel, GTask *task, gpointer data);
KITH_PRIVATE void kith_mailbox_transport_set_receive_func (KithMailboxTransport *self, KithReceiveFunc func,
                                                           gpointer data, GDestroyNotify destroy);
KITH_PRIVATE void kith_mailbox_transport_deposit_async (KithMailboxTransport *self, GPtrArray *parcels,
                                                        GCancellable *cancellable, GAsyncReadyCallback callback,
                                                        gpointer user_data);
KITH_PRIVATE GArray *kith_mailbox_transport_deposit_finish (KithMailboxTransport *self, GAsyncResult *result,
                                                            GError **error);
KITH_PRIVATE void kith_mailbox_transport_collect (KithMailboxTransport *self);

/* Directories. */
KITH_PRIVATE void kith_directory_lookup_async (KithDirectory *self, const char *username, GCancellable *cancellable,
                                               GAsyncReadyCallback callback, gpointer user_data);
KITH_PRIVATE KithListing *kith_directory_lookup_finish (KithDirectory *self, GAsyncResult *result, GError **error);
KITH_PRIVATE void kith_directory_claim_async (KithDirectory *self, const char *mailbox, GCancellable *cancellable,
                                              GAsyncReadyCallback callback, gpointer user_data);
KITH_PRIVATE GBytes *kith_directory_claim_finish (KithDirectory *self, GAsyncResult *result, GError **error);
KITH_PRIVATE void kith_directory_publish_async (KithDirectory *self, GBytes *bundle, GPtrArray *prekeys,
                                                GCancellable *cancellable, GAsyncReadyCallback callback,
                                                gpointer user_data);
KITH_PRIVATE gboolean kith_directory_publish_finish (KithDirectory *self, GAsyncResult *result, guint *left,
                                                     GError **error);

G_END_DECLS
