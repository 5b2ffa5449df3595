/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-private.h"

struct _KithParcel
{
  gatomicrefcount refs;
  char *id;
  char *mailbox;
  GBytes *sealed;
  gint64 expires_ms;
};

G_DEFINE_BOXED_TYPE (KithParcel, kith_parcel, kith_parcel_ref, kith_parcel_unref)

KithParcel *
kith_parcel_new (const char *id, const char *mailbox, GBytes *sealed, gint64 expires_ms)
{
  KithParcel *self = g_new0 (KithParcel, 1);

  g_atomic_ref_count_init (&self->refs);
  self->id = g_strdup (id);
  self->mailbox = g_strdup (mailbox);
  self->sealed = g_bytes_ref (sealed);
  self->expires_ms = expires_ms;
  return self;
}

KithParcel *
kith_parcel_ref (KithParcel *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
kith_parcel_unref (KithParcel *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->id);
  g_free (self->mailbox);
  g_bytes_unref (self->sealed);
  g_free (self);
}

const char *
kith_parcel_get_id (KithParcel *self)
{
  return self->id;
}

const char *
kith_parcel_get_mailbox (KithParcel *self)
{
  return self->mailbox;
}

GBytes *
kith_parcel_get_sealed (KithParcel *self)
{
  return self->sealed;
}

gint64
kith_parcel_get_expires_ms (KithParcel *self)
{
  return self->expires_ms;
}
