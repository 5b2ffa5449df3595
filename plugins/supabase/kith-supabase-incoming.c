/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our mailbox: wake → fetch → each row is handed over, in order → those with a fate are acknowledged → again while
 * there is more. Nothing is acknowledged that is not stored; nothing that comes can block what follows it. */
#include "kith-supabase-private.h"

#include <string.h>

#define ROWS 25
#define LEASE_S 30
#define MOST_SEALED 65536u
#define POLL_LIVE_MS 60000
#define POLL_ALONE_MS 20000
#define METERED_FACTOR 4

struct _KithSupabaseIncoming
{
  char *consumer;          /* this process, to the server */
  gboolean wanted;         /* there may be mail */
  gboolean busy;
  gboolean leased;         /* the server counts us as the reader */
  guint poll, retry;       /* timers */
  KithSupabaseBackoff backoff;
  gboolean more;
  GPtrArray *rows;         /* of KithParcel: still to be handed over */
  JsonArray *done;         /* ids to acknowledge */
  gboolean full;           /* our own store takes nothing now */
};

static void drain (KithSupabase *self);

/* --- polling: in case the bell is silent */

static gboolean
on_poll (gpointer data)
{
  KithSupabase *self = data;

  self->incoming->poll = 0;
  kith_supabase_incoming_wake (self);
  return G_SOURCE_REMOVE;
}

static void
plan_poll (KithSupabase *self)
{
  double ms = kith_supabase_bell_is_live (self) ? POLL_LIVE_MS : POLL_ALONE_MS;

  if (g_network_monitor_get_network_metered (self->monitor))
    ms *= METERED_FACTOR;
  kith_host_drop_timer (self->host, self->incoming->poll);
  self->incoming->poll = kith_supabase_after (self, (guint)(ms * kith_supabase_chance (self, 0.8, 1.0)), on_poll, self);
}

static gboolean
on_retry (gpointer data)
{
  KithSupabase *self = data;

  self->incoming->retry = 0;
  drain (self);
  return G_SOURCE_REMOVE;
}

static void
try_later (KithSupabase *self, guint retry_after_s)
{
  KithSupabaseIncoming *in = self->incoming;

  in->busy = FALSE;
  in->wanted = TRUE;
  kith_supabase_try_later (self, &in->backoff, &in->retry, retry_after_s, on_retry);
}

static void
fail (KithSupabase *self, const KithSupabaseAnswer *answer)
{
  kith_supabase_set_trouble (self, answer->error);
  if (answer->status == 0)
    kith_supabase_give_way (self, 0);
  try_later (self, answer->retry_after_s);
}

/* --- acknowledging */

static void
settle (KithSupabase *self)
{
  KithSupabaseIncoming *in = self->incoming;

  if (in->full)
    {
      try_later (self, 0);
      return;
    }
  kith_supabase_backoff_clear (&in->backoff);
  in->busy = FALSE;
  if (in->more)
    in->wanted = TRUE;
  if (!self->fetched && !in->wanted)
    {
      self->fetched = TRUE;
      kith_supabase_set_trouble (self, NULL);
    }
  plan_poll (self);
  drain (self);
}

static void
on_acknowledged (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  KithSupabaseIncoming *in = self->incoming;

  if (self->stopped)
    return;
  if (answer->error == NULL)
    {
      settle (self);
      return;
    }
  /* They come again, are known, and are acknowledged then. */
  in->wanted = TRUE;
  if (answer->status == 409)
    {
      in->leased = FALSE;
      try_later (self, answer->retry_after_s);
    }
  else
    fail (self, answer);
}

static void
acknowledge (KithSupabase *self)
{
  KithSupabaseIncoming *in = self->incoming;
  JsonObject *args;

  if (json_array_get_length (in->done) == 0)
    {
      settle (self);
      return;
    }
  args = json_object_new ();
  json_object_set_string_member (args, "p_consumer", in->consumer);
  json_object_set_array_member (args, "p_ids", g_steal_pointer (&in->done));
  in->done = json_array_new ();
  kith_supabase_call (self, "ack", args, on_acknowledged, NULL);
}

/* --- handing over */

static void hand_over (KithSupabase *self);

typedef struct
{
  KithSupabase *supabase;
  KithParcel *parcel;
} Handing;

static void
on_received (GObject *transport, GAsyncResult *result, gpointer data)
{
  Handing *handing = data;
  KithSupabase *self = handing->supabase;
  KithSupabaseIncoming *in = self->incoming;
  KithFate fate = KITH_FATE_STORED;
  g_autoptr (GError) error = NULL;
  gboolean good
    = kith_mailbox_transport_receive_finish (KITH_MAILBOX_TRANSPORT (transport), result, &fate, &error);

  if (!self->stopped && good)
    {
      json_array_add_string_element (in->done, kith_parcel_get_id (handing->parcel));
      hand_over (self);
    }
  else if (!self->stopped)
    {
      g_message ("Mail stays at the server: %s", error->message);
      in->full = TRUE;
      g_ptr_array_set_size (in->rows, 0);
      acknowledge (self);
    }
  kith_parcel_unref (handing->parcel);
  kith_supabase_unref (self);
  g_free (handing);
}

/* One after the other: what comes later must not be stored when what came before is not. */
static void
hand_over (KithSupabase *self)
{
  KithSupabaseIncoming *in = self->incoming;
  Handing *handing;

  if (in->rows->len == 0)
    {
      acknowledge (self);
      return;
    }
  handing = g_new (Handing, 1);
  handing->supabase = kith_supabase_ref (self);
  handing->parcel = g_ptr_array_steal_index (in->rows, 0);
  kith_mailbox_transport_receive_async (self->transport, handing->parcel, self->cancellable, on_received, handing);
}

/* What is no base64 is handed over as it is: the daemon cannot read it, says so to the user and keeps it for a while.
 */
static void
take_row (KithSupabase *self, JsonNode *node)
{
  KithSupabaseIncoming *in = self->incoming;
  JsonObject *row = kith_supabase_get_object (node);
  const char *id = row != NULL ? kith_supabase_get_uuid (row, "id") : NULL;
  const char *text = row != NULL ? kith_supabase_get_string (row, "ct", MOST_SEALED / 3 * 4 + 4) : NULL;
  g_autofree char *lower = id != NULL ? g_ascii_strdown (id, -1) : NULL;
  g_autoptr (GBytes) sealed = NULL;

  if (id == NULL)
    {
      g_message ("The offline server gives a row without an id, which nobody can acknowledge");
      return;
    }
  if (text == NULL)
    {
      g_message ("The offline server gives a row without an envelope; it is dropped");
      json_array_add_string_element (in->done, lower);
      return;
    }
  sealed = kith_supabase_decode (text, 1, MOST_SEALED);
  if (sealed == NULL)
    sealed = g_bytes_new (text, MIN (strlen (text), MOST_SEALED));
  g_ptr_array_add (in->rows, kith_parcel_new (lower, kith_supabase_session_get_device (self), sealed, 0));
}

/* --- fetching */

static void
fail_fetch (KithSupabase *self, const KithSupabaseAnswer *answer)
{
  g_autoptr (GError) leased = NULL;

  if (answer->status == 409)
    {
      leased = g_error_new_literal (KITH_ERROR, KITH_ERROR_CONFLICT,
                                    "kith_leased: another process reads this mailbox; after a crash that passes within "
                                    "a minute");
      kith_supabase_set_trouble (self, leased);
      try_later (self, answer->retry_after_s);
      return;
    }
  if (answer->status == 403 && strcmp (answer->code, "kith_not_registered") == 0)
    {
      self->ready = FALSE;    /* the account is gone there: begin again, with the same session */
      kith_supabase_give_way (self, answer->retry_after_s);
    }
  fail (self, answer);
}

static void
on_fetched (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  KithSupabaseIncoming *in = self->incoming;
  JsonObject *object = kith_supabase_get_object (answer->root);
  JsonArray *rows = object != NULL ? kith_supabase_get_array (object, "messages") : NULL;
  guint n;

  if (self->stopped)
    return;
  if (answer->error != NULL)
    {
      fail_fetch (self, answer);
      return;
    }
  if (rows == NULL)
    {
      kith_supabase_nonsense (self, "fetch");
      try_later (self, 0);
      return;
    }
  in->leased = TRUE;
  n = MIN (json_array_get_length (rows), ROWS);
  for (guint i = 0; i < n; i++)
    take_row (self, json_array_get_element (rows, i));
  in->more = kith_supabase_get_boolean (object, "more") && n > 0;
  if (in->more && in->rows->len == 0 && json_array_get_length (in->done) == 0)
    {
      kith_supabase_nonsense (self, "fetch");    /* it would give us the same for ever */
      try_later (self, 0);
      return;
    }
  hand_over (self);
}

static void
drain (KithSupabase *self)
{
  KithSupabaseIncoming *in = self->incoming;
  JsonObject *args;

  if (!self->ready || self->leaving || !in->wanted || in->busy || in->retry != 0 || kith_supabase_is_waiting (self))
    return;
  in->busy = TRUE;
  in->wanted = FALSE;
  in->more = FALSE;
  in->full = FALSE;
  args = json_object_new ();
  json_object_set_string_member (args, "p_consumer", in->consumer);
  json_object_set_int_member (args, "p_limit", ROWS);
  json_object_set_int_member (args, "p_lease", LEASE_S);
  kith_supabase_call (self, "fetch", args, on_fetched, NULL);
}

void
kith_supabase_incoming_wake (KithSupabase *self)
{
  self->incoming->wanted = TRUE;
  drain (self);
}

void
kith_supabase_incoming_kick (KithSupabase *self)
{
  KithSupabaseIncoming *in = self->incoming;

  if (!self->fetched)
    in->wanted = TRUE;
  if (in->poll == 0)
    plan_poll (self);
  drain (self);
}

void
kith_supabase_incoming_hurry (KithSupabase *self)
{
  kith_supabase_retry_now (self, &self->incoming->backoff, &self->incoming->retry);
  self->incoming->wanted = TRUE;
}

gboolean
kith_supabase_incoming_release (KithSupabase *self, KithSupabaseFunc func, gpointer data)
{
  JsonObject *args;

  if (!self->ready || !self->incoming->leased)
    return FALSE;
  args = json_object_new ();
  json_object_set_string_member (args, "p_consumer", self->incoming->consumer);
  kith_supabase_call (self, "release", args, func, data);
  return TRUE;
}

KithSupabaseIncoming *
kith_supabase_incoming_new (void)
{
  KithSupabaseIncoming *in = g_new0 (KithSupabaseIncoming, 1);

  in->consumer = g_uuid_string_random ();
  in->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  in->done = json_array_new ();
  return in;
}

void
kith_supabase_incoming_free (KithSupabaseIncoming *in)
{
  g_free (in->consumer);
  g_ptr_array_unref (in->rows);
  json_array_unref (in->done);
  g_free (in);
}

void
kith_supabase_incoming_stop (KithSupabase *self)
{
  kith_host_drop_timer (self->host, self->incoming->poll);
  kith_host_drop_timer (self->host, self->incoming->retry);
  self->incoming->poll = self->incoming->retry = 0;
}
