/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

#define KITH_TYPE_SUPABASE_TRANSPORT (kith_supabase_transport_get_type ())
G_DECLARE_FINAL_TYPE (KithSupabaseTransport, kith_supabase_transport, KITH, SUPABASE_TRANSPORT, KithMailboxTransport)

/* The mailbox and the directory that the settings name; none while they name none, or while we are offline. */
KithSupabaseTransport *kith_supabase_transport_new (KithHost *host);
void kith_supabase_transport_start (KithSupabaseTransport *self);
/* Says good-bye within a moment; @done is called exactly once. */
void kith_supabase_transport_stop (KithSupabaseTransport *self, GDestroyNotify done, gpointer data);
