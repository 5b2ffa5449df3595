/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-transport-private.h"

G_DEFINE_INTERFACE (KithDirectory, kith_directory, G_TYPE_OBJECT)
G_DEFINE_BOXED_TYPE (KithListing, kith_listing, kith_listing_copy, kith_listing_free)

static void
kith_directory_default_init (KithDirectoryInterface *iface)
{
}

KithListedMailbox *
kith_listed_mailbox_new (const char *mailbox, GBytes *certificate, gint64 created_ms)
{
  KithListedMailbox *self = g_new0 (KithListedMailbox, 1);

  self->mailbox = g_strdup (mailbox);
  self->certificate = certificate != NULL ? g_bytes_ref (certificate) : NULL;
  self->created_ms = created_ms;
  return self;
}

void
kith_listed_mailbox_free (KithListedMailbox *self)
{
  if (self == NULL)
    return;
  g_free (self->mailbox);
  g_clear_pointer (&self->certificate, g_bytes_unref);
  g_free (self);
}

KithListing *
kith_listing_new (const char *username, GBytes *identity_key)
{
  KithListing *self = g_new0 (KithListing, 1);

  self->username = g_strdup (username);
  self->identity_key = g_bytes_ref (identity_key);
  self->mailboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_listed_mailbox_free);
  return self;
}

KithListing *
kith_listing_copy (const KithListing *self)
{
  KithListing *copy = kith_listing_new (self->username, self->identity_key);

  for (guint i = 0; i < self->mailboxes->len; i++)
    {
      const KithListedMailbox *one = g_ptr_array_index (self->mailboxes, i);

      g_ptr_array_add (copy->mailboxes, kith_listed_mailbox_new (one->mailbox, one->certificate, one->created_ms));
    }
  return copy;
}

void
kith_listing_free (KithListing *self)
{
  if (self == NULL)
    return;
  g_free (self->username);
  g_bytes_unref (self->identity_key);
  g_ptr_array_unref (self->mailboxes);
  g_free (self);
}

static gboolean
refuse (KithDirectory *self, gboolean able, gpointer tag, GAsyncReadyCallback callback, gpointer user_data)
{
  if (!able)
    g_task_report_new_error (self, callback, user_data, tag, KITH_ERROR, KITH_ERROR_REFUSED,
                             "the directory cannot do this");
  return !able;
}

void
kith_directory_lookup_async (KithDirectory *self, const char *username, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
  KithDirectoryInterface *iface = KITH_DIRECTORY_GET_IFACE (self);

  if (!refuse (self, iface->lookup_async != NULL, kith_directory_lookup_async, callback, user_data))
    iface->lookup_async (self, username, cancellable, callback, user_data);
}

KithListing *
kith_directory_lookup_finish (KithDirectory *self, GAsyncResult *result, GError **error)
{
  if (g_async_result_is_tagged (result, kith_directory_lookup_async))
    return g_task_propagate_pointer (G_TASK (result), error);
  return KITH_DIRECTORY_GET_IFACE (self)->lookup_finish (self, result, error);
}

void
kith_directory_claim_async (KithDirectory *self, const char *mailbox, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  KithDirectoryInterface *iface = KITH_DIRECTORY_GET_IFACE (self);

  if (!refuse (self, iface->claim_async != NULL, kith_directory_claim_async, callback, user_data))
    iface->claim_async (self, mailbox, cancellable, callback, user_data);
}

GBytes *
kith_directory_claim_finish (KithDirectory *self, GAsyncResult *result, GError **error)
{
  if (g_async_result_is_tagged (result, kith_directory_claim_async))
    return g_task_propagate_pointer (G_TASK (result), error);
  return KITH_DIRECTORY_GET_IFACE (self)->claim_finish (self, result, error);
}

void
kith_directory_publish_async (KithDirectory *self, GBytes *bundle, GPtrArray *prekeys, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  KithDirectoryInterface *iface = KITH_DIRECTORY_GET_IFACE (self);

  if (!refuse (self, iface->publish_async != NULL, kith_directory_publish_async, callback, user_data))
    iface->publish_async (self, bundle, prekeys, cancellable, callback, user_data);
}

gboolean
kith_directory_publish_finish (KithDirectory *self, GAsyncResult *result, guint *left, GError **error)
{
  if (g_async_result_is_tagged (result, kith_directory_publish_async))
    return g_task_propagate_boolean (G_TASK (result), error);
  return KITH_DIRECTORY_GET_IFACE (self)->publish_finish (self, result, left, error);
}
