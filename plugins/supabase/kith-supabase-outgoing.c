/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other people's mailboxes: what the daemon deposits goes up in its order, one kith_send at a time. */
#include "kith-supabase-private.h"

#include <string.h>

#define MOST_ROWS 50
#define MOST_BYTES (512u * 1024)
#define LEAST_TTL_S 60
#define MOST_TTL_S 604800

struct _KithSupabaseOutgoing
{
  GQueue waiting;          /* of Deposit */
  gboolean busy;           /* the first of them is under way */
  KithSupabaseBackoff backoff;
  guint retry;             /* timer */
};

typedef struct
{
  GTask *task;
  GPtrArray *parcels;
  GArray *results;         /* of KithDeposit; LATER until something better is known */
  guint done;              /* so many have been to the server, or need not go */
  guint from, n;           /* what is under way: all of those that are not refused */
  GPtrArray *sent;         /* of KithParcel, in the order in which they stand in the request */
  GArray *places;          /* of guint: where each of them stands among the parcels */
  GHashTable *refused;     /* mailboxes for which nothing more may go, in order */
  gboolean throttled;
} Deposit;

static void
deposit_free (Deposit *deposit)
{
  g_object_unref (deposit->task);
  g_ptr_array_unref (deposit->parcels);
  g_array_unref (deposit->results);
  g_ptr_array_unref (deposit->sent);
  g_array_unref (deposit->places);
  g_hash_table_unref (deposit->refused);
  g_free (deposit);
}

static void
deposit_end (Deposit *deposit, GError *error)
{
  if (error != NULL)
    g_task_return_error (deposit->task, error);
  else
    g_task_return_pointer (deposit->task, g_array_ref (deposit->results), (GDestroyNotify) g_array_unref);
  deposit_free (deposit);
}

/* --- one request */

static void
add_row (KithSupabase *self, JsonArray *rows, KithParcel *parcel)
{
  JsonObject *row = json_object_new ();
  g_autofree char *text = kith_supabase_encode (kith_parcel_get_sealed (parcel));
  gint64 expires_ms = kith_parcel_get_expires_ms (parcel);

  json_object_set_string_member (row, "id", kith_parcel_get_id (parcel));
  json_object_set_string_member (row, "to", kith_parcel_get_mailbox (parcel));
  json_object_set_string_member (row, "ct", text);
  if (expires_ms > 0)
    json_object_set_int_member (row, "ttl",
                                CLAMP ((expires_ms - kith_host_get_date_ms (self->host)) / 1000, LEAST_TTL_S,
                                       MOST_TTL_S));
  json_array_add_object_element (rows, row);
}

/* As many as one request may carry; those for a mailbox that refused an earlier one stay behind, in order. */
static JsonArray *
gather (KithSupabase *self, Deposit *deposit)
{
  JsonArray *rows = json_array_new ();
  gsize bytes = 0;

  g_ptr_array_set_size (deposit->sent, 0);
  g_array_set_size (deposit->places, 0);
  while (deposit->done < deposit->parcels->len && deposit->sent->len < MOST_ROWS)
    {
      KithParcel *parcel = g_ptr_array_index (deposit->parcels, deposit->done);
      gsize size = g_bytes_get_size (kith_parcel_get_sealed (parcel));

      if (!g_hash_table_contains (deposit->refused, kith_parcel_get_mailbox (parcel)))
        {
          if (deposit->sent->len > 0 && bytes + size > MOST_BYTES)
            break;
          bytes += size;
          add_row (self, rows, parcel);
          g_ptr_array_add (deposit->sent, kith_parcel_ref (parcel));
          g_array_append_val (deposit->places, deposit->done);
        }
      deposit->done++;
    }
  return rows;
}

static KithDeposit
read_status (const char *status)
{
  static const struct
  {
    const char *status;
    KithDeposit deposit;
  } table[] = {
    { "stored", KITH_DEPOSIT_STORED },          { "duplicate", KITH_DEPOSIT_DUPLICATE },
    { "conflict", KITH_DEPOSIT_CONFLICT },      { "no_device", KITH_DEPOSIT_NO_MAILBOX },
    { "too_large", KITH_DEPOSIT_REFUSED },      { "invalid", KITH_DEPOSIT_REFUSED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (strcmp (status, table[i].status) == 0)
      return table[i].deposit;
  return KITH_DEPOSIT_LATER;    /* mailbox_full, rate_limited, deferred, and what we do not know */
}

static gboolean
take_result (Deposit *deposit, guint i, JsonNode *node)
{
  JsonObject *object = kith_supabase_get_object (node);
  KithParcel *parcel = g_ptr_array_index (deposit->sent, i);
  const char *id = object != NULL ? kith_supabase_get_uuid (object, "id") : NULL;
  const char *status = object != NULL ? kith_supabase_get_string (object, "status", 32) : NULL;
  KithDeposit *place
    = &g_array_index (deposit->results, KithDeposit, g_array_index (deposit->places, guint, i));

  if (id == NULL || status == NULL || g_ascii_strcasecmp (id, kith_parcel_get_id (parcel)) != 0)
    return FALSE;
  *place = read_status (status);
  if (*place == KITH_DEPOSIT_LATER || *place == KITH_DEPOSIT_CONFLICT)
    g_hash_table_add (deposit->refused, g_strdup (kith_parcel_get_mailbox (parcel)));
  if (strcmp (status, "rate_limited") == 0)
    deposit->throttled = TRUE;
  return TRUE;
}

static gboolean
take_results (Deposit *deposit, const KithSupabaseAnswer *answer, gint64 *retry_after_s)
{
  JsonObject *object = kith_supabase_get_object (answer->root);
  JsonArray *results = object != NULL ? kith_supabase_get_array (object, "results") : NULL;

  *retry_after_s = 0;
  if (results == NULL || json_array_get_length (results) != deposit->sent->len)
    return FALSE;
  for (guint i = 0; i < deposit->sent->len; i++)
    if (!take_result (deposit, i, json_array_get_element (results, i)))
      return FALSE;
  kith_supabase_get_int (object, "retry_after", 0, 86400, retry_after_s);
  return TRUE;
}

/* --- one after the other */

static gboolean
something_went (Deposit *deposit)
{
  for (guint i = 0; i < deposit->results->len; i++)
    if (g_array_index (deposit->results, KithDeposit, i) != KITH_DEPOSIT_LATER)
      return TRUE;
  return FALSE;
}

static void
end_all (KithSupabase *self, const char *why)
{
  Deposit *deposit;

  while ((deposit = g_queue_pop_head (&self->outgoing->waiting)) != NULL)
    deposit_end (deposit, something_went (deposit)
                 ? NULL : g_error_new_literal (KITH_ERROR, KITH_ERROR_UNREACHABLE, why));
}

static gboolean
on_retry (gpointer data)
{
  KithSupabase *self = data;

  self->outgoing->retry = 0;
  kith_supabase_outgoing_kick (self);
  return G_SOURCE_REMOVE;
}

/* What comes next waits. */
static void
try_later (KithSupabase *self, guint retry_after_s)
{
  kith_supabase_try_later (self, &self->outgoing->backoff, &self->outgoing->retry, retry_after_s, on_retry);
}

static void
on_sent (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  KithSupabaseOutgoing *out = self->outgoing;
  Deposit *deposit = data;
  GError *error = NULL;
  gint64 retry_after_s;

  out->busy = FALSE;
  if (self->stopped)
    {
      /* What has been there before is told all the same. */
      if (!something_went (deposit))
        error = g_error_new_literal (KITH_ERROR, KITH_ERROR_UNREACHABLE, "the offline server is not used any more");
      deposit_end (deposit, error);
      return;
    }
  if (answer->error != NULL)
    {
      if (answer->status == 0)
        {
          kith_supabase_set_trouble (self, answer->error);
          kith_supabase_give_way (self, 0);
        }
      try_later (self, answer->retry_after_s);
      if (!something_went (deposit))
        error = kith_supabase_answer_error (answer);
      if (error != NULL)
        error->code = KITH_ERROR_UNREACHABLE;
      deposit_end (deposit, error);
    }
  else if (!take_results (deposit, answer, &retry_after_s))
    {
      g_message ("The offline server's answer to kith_send is not what it should be");
      try_later (self, 0);
      deposit_end (deposit, something_went (deposit) ? NULL : g_error_new_literal (
                     KITH_ERROR, KITH_ERROR_UNREACHABLE, "the offline server's answer is not what it should be"));
    }
  else if (deposit->throttled)
    {
      /* The rest would be refused as well; what comes next waits as long as the server wants. */
      try_later (self, (guint) MAX (retry_after_s, 1));
      deposit_end (deposit, NULL);
    }
  else
    {
      kith_supabase_backoff_clear (&out->backoff);
      g_queue_push_head (&out->waiting, deposit);
    }
  kith_supabase_outgoing_kick (self);
}

void
kith_supabase_outgoing_kick (KithSupabase *self)
{
  KithSupabaseOutgoing *out = self->outgoing;

  if (self->lost)
    end_all (self, self->trouble->message);
  while (!out->busy && out->retry == 0 && !g_queue_is_empty (&out->waiting) && self->ready
         && !kith_supabase_is_waiting (self))
    {
      Deposit *deposit = g_queue_pop_head (&out->waiting);
      g_autoptr (JsonArray) rows = NULL;
      JsonObject *args;

      if (g_task_return_error_if_cancelled (deposit->task))
        {
          deposit_free (deposit);
          continue;
        }
      rows = gather (self, deposit);
      if (deposit->sent->len == 0)
        {
          deposit_end (deposit, NULL);
          continue;
        }
      args = json_object_new ();
      json_object_set_array_member (args, "p_messages", g_steal_pointer (&rows));
      out->busy = TRUE;
      kith_supabase_call (self, "send", args, on_sent, deposit);
    }
}

void
kith_supabase_outgoing_deposit (KithSupabase *self, GPtrArray *parcels, GTask *task)
{
  Deposit *deposit = g_new0 (Deposit, 1);
  const KithDeposit later = KITH_DEPOSIT_LATER;

  deposit->task = task;
  deposit->parcels = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  deposit->results = g_array_new (FALSE, FALSE, sizeof (KithDeposit));
  deposit->sent = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_parcel_unref);
  deposit->places = g_array_new (FALSE, FALSE, sizeof (guint));
  deposit->refused = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < parcels->len; i++)
    {
      g_ptr_array_add (deposit->parcels, kith_parcel_ref (g_ptr_array_index (parcels, i)));
      g_array_append_val (deposit->results, later);
    }
  if (!self->ready)
    {
      deposit_end (deposit, g_error_new_literal (KITH_ERROR, KITH_ERROR_UNREACHABLE,
                                                 self->trouble != NULL ? self->trouble->message
                                                                       : "the offline server is not reached yet"));
      return;
    }
  g_queue_push_tail (&self->outgoing->waiting, deposit);
  kith_supabase_outgoing_kick (self);
}

KithSupabaseOutgoing *
kith_supabase_outgoing_new (void)
{
  KithSupabaseOutgoing *out = g_new0 (KithSupabaseOutgoing, 1);

  g_queue_init (&out->waiting);
  return out;
}

void
kith_supabase_outgoing_free (KithSupabaseOutgoing *out)
{
  g_free (out);
}

void
kith_supabase_outgoing_hurry (KithSupabase *self)
{
  kith_supabase_retry_now (self, &self->outgoing->backoff, &self->outgoing->retry);
}

/* What is under way is answered when its call is. */
void
kith_supabase_outgoing_stop (KithSupabase *self)
{
  kith_supabase_outgoing_hurry (self);
  end_all (self, "the offline server is not used any more");
}
