/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-outbox-private.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-post.h"
#include "kith-quarantine.h"
#include "kith-retry.h"
#include "kith-trace.h"
#include "contents/kith-contents.h"

#include <string.h>

#define SLICE 64 /* rows encrypted in one job */

/* Encrypts what waits plain, in order, and the state signs (read, delivered) that are due; begins a session first when
 * a bundle came. */
typedef struct
{
  KithChat *chat;
  KithBox *box;
  GBytes *bundle;
  gboolean hold, want_read, want_delivered;
  /* what it found */
  KithAfter *after;
  gboolean no_session, more;
  GBytes *read, *delivered;
  gint64 read_pos, delivered_last;
  char *bad_bundle;
} Flush;

static void
flush_reset (Flush *flush)
{
  kith_after_reset (flush->after);
  flush->no_session = flush->more = FALSE;
  g_clear_pointer (&flush->read, g_bytes_unref);
  g_clear_pointer (&flush->delivered, g_bytes_unref);
  g_clear_pointer (&flush->bad_bundle, g_free);
}

static void
flush_free (gpointer data)
{
  Flush *flush = data;

  flush_reset (flush);
  kith_after_free (flush->after);
  g_clear_pointer (&flush->bundle, g_bytes_unref);
  g_object_unref (flush->chat);
  g_free (flush);
}

/* FALSE with an error: the job fails. *wire NULL: there is no session. */
static gboolean
encrypt (
    Flush *flush, KithDb *db, const KithPersonRow *person, guint8 kind, GBytes *content, const guint8 *cid,
    GBytes **wire, GError **error)
{
  g_auto (KithSent) sent = { NULL };
  g_autoptr (GError) failed = NULL;
  gsize n = 0;
  const void *bytes = content != NULL ? g_bytes_get_data (content, &n) : "";

  *wire = NULL;
  if (kith_courier_encrypt (flush->chat->keys, db, person->ik, person->device, kind, bytes, n, &sent, &failed))
    {
      *wire = g_steal_pointer (&sent.wire);
      return cid == NULL || kith_retry_note (flush->chat, db, person->ik, &sent, cid, error);
    }
  if (g_error_matches (failed, KITH_ERROR, KITH_ERROR_UNREACHABLE))
    {
      flush->no_session = TRUE;
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&failed));
  return FALSE;
}

static gboolean
encrypt_rows (Flush *flush, KithDb *db, const KithPersonRow *person, GError **error)
{
  for (guint i = 0; i < SLICE; i++)
    {
      g_auto (KithOutboxRow) row = { 0 };
      g_autoptr (GBytes) wire = NULL;
      GError *failed = NULL;
      gboolean dummy;
      guint8 kind = KITH_COURIER_JSON;
      gint64 id;

      if (!kith_table_outbox_next_plain (db, person->id, &row, &failed))
        {
          return kith_chat_is_fine (error, failed);
        }
      dummy = g_str_equal (row.kind, KITH_OUTBOX_DUMMY);
      if (dummy)
        kind = KITH_COURIER_DUMMY;
      else if (g_str_equal (row.kind, KITH_OUTBOX_RETRY))
        kind = KITH_COURIER_CONTROL;
      /* Only a content can be asked for again. */
      if (!encrypt (flush, db, person, kind, dummy ? NULL : row.content, kind == KITH_COURIER_JSON ? row.cid : NULL,
                    &wire, error))
        return FALSE;
      if (wire == NULL)
        return TRUE;
      id = kith_outbox_next_id (flush->chat->outbox);
      if (!kith_table_outbox_set_wire (db, row.id, id, wire, error)
          || (g_str_equal (row.kind, KITH_CONTENT_MESSAGE)
              && !kith_table_trace_add (db, person->id, row.message, kith_world_get_date_ms (flush->chat->world),
                                        KITH_TRACE_ENCRYPTED, NULL, NULL, error)))
        return FALSE;
      kith_after_send (flush->after, person->id, id, wire);
    }
  flush->more = TRUE;
  return TRUE;
}

static gboolean
encrypt_read (Flush *flush, KithDb *db, const KithPersonRow *person, gint64 now_ms, GError **error)
{
  guint8 id[KITH_ID_BYTES], cid[KITH_ID_BYTES];
  g_autoptr (GBytes) content = NULL;

  flush->read_pos = flush->want_read ? kith_table_conversation_tell_read (db, person->id) : 0;
  if (flush->read_pos == 0 || kith_table_message_last_received (db, person->id, flush->read_pos, id) == 0)
    return TRUE;
  kith_id_make (flush->chat->world, cid);
  content = kith_content_print_read (cid, now_ms, id);
  return encrypt (flush, db, person, KITH_COURIER_JSON, content, NULL, &flush->read, error);
}

static gboolean
encrypt_delivered (Flush *flush, KithDb *db, const KithPersonRow *person, gint64 now_ms, GError **error)
{
  g_autoptr (GByteArray) cids = g_byte_array_new ();
  guint8 cid[KITH_ID_BYTES];
  g_autoptr (GBytes) content = NULL;

  if (!flush->want_delivered)
    return TRUE;
  if (!kith_table_receipt_list (db, person->id, cids, &flush->delivered_last, error))
    return FALSE;
  if (cids->len == 0)
    return TRUE;
  kith_id_make (flush->chat->world, cid);
  content = kith_content_print_delivered (cid, now_ms, cids->data, cids->len / KITH_ID_BYTES);
  return encrypt (flush, db, person, KITH_COURIER_JSON, content, NULL, &flush->delivered, error);
}

/* FALSE without an error: the bundle is no good. */
static gboolean
start_session (Flush *flush, KithDb *db, const KithPersonRow *person, GError **error)
{
  g_autoptr (GError) failed = NULL;
  KithE2eeCode code = KITH_E2EE_OK;

  if (kith_courier_start (flush->chat->keys, db, person->ik, flush->bundle, NULL, &code, &failed))
    return TRUE;
  if (code == KITH_E2EE_FAILED)
    g_propagate_error (error, g_steal_pointer (&failed));
  else
    flush->bad_bundle = g_strdup (failed->message);
  return FALSE;
}

static gboolean
run_flush (KithDb *db, gpointer data, GError **error)
{
  Flush *flush = data;
  g_auto (KithPersonRow) person = { 0 };
  GError *failed = NULL;
  gint64 now_ms = kith_world_get_date_ms (flush->chat->world);

  flush_reset (flush);
  if (!kith_table_people_get (db, flush->box->person, &person, &failed) || person.state != KITH_PERSON_FRIEND
      || person.blocked || person.has_changed_ik)
    {
      return kith_chat_is_fine (error, failed);
    }
  if (flush->bundle != NULL && !start_session (flush, db, &person, &failed))
    {
      return kith_chat_is_fine (error, failed);
    }
  if (flush->hold)
    return TRUE;
  return encrypt_rows (flush, db, &person, error)
         && (flush->no_session || encrypt_read (flush, db, &person, now_ms, error))
         && (flush->no_session || encrypt_delivered (flush, db, &person, now_ms, error));
}

static void
ask_bundle (KithBox *box)
{
  if (box->flight != NULL && !box->asked)
    box->asked = kith_link_request_bundle (box->flight->link);
  else if (box->flight == NULL && box->posting)
    kith_post_claim (box->owner->chat->post, box->person);
}

static void
on_flush (gpointer data, const GError *error)
{
  Flush *flush = data;
  KithBox *box = flush->box;
  gboolean again = box->again || flush->more;

  box->flushing = box->again = FALSE;
  if (error != NULL)
    {
      if (!flush->chat->stopped)
        kith_warning ("cannot encrypt what waits: %s", error->message);
      return;
    }
  kith_after_apply (flush->after, flush->chat);
  if (flush->bad_bundle != NULL)
    kith_warning ("a peer's key bundle is no good: %s", flush->bad_bundle);
  else if (flush->bundle != NULL)
    box->need_bundle = box->want_bundle = box->asked = FALSE;
  if (flush->bundle != NULL)
    {
      kith_post_claimed (flush->chat->post, box->person, flush->bad_bundle == NULL);
      if (flush->bad_bundle == NULL)
        kith_quarantine_healed (flush->chat->quarantine, box->person);
    }
  if (flush->read != NULL)
    {
      box->read_away = TRUE;
      kith_box_push (box, KITH_PARCEL_READ, flush->read_pos, flush->read);
    }
  if (flush->delivered != NULL)
    {
      box->delivered_away = TRUE;
      kith_box_push (box, KITH_PARCEL_DELIVERED, flush->delivered_last, flush->delivered);
    }
  if (flush->bad_bundle == NULL && (flush->no_session || box->need_bundle || box->want_bundle))
    ask_bundle (box);
  if (again)
    kith_box_flush (box, NULL);
}

void
kith_box_flush (KithBox *box, GBytes *bundle)
{
  KithChat *chat = box->owner->chat;
  Flush *flush;

  if (chat->stopped)
    return;
  if (box->flushing && bundle == NULL)
    {
      box->again = TRUE;
      return;
    }
  box->flushing = TRUE;
  flush = g_new0 (Flush, 1);
  flush->chat = g_object_ref (chat);
  flush->box = box;
  flush->bundle = bundle != NULL ? g_bytes_ref (bundle) : NULL;
  flush->hold = box->need_bundle && bundle == NULL;
  flush->want_read = (box->flight != NULL || box->posting) && !box->read_away;
  flush->want_delivered = (box->flight != NULL || box->posting) && !box->delivered_away;
  flush->after = kith_after_new ();
  kith_store_submit (chat->store, KITH_LANE_FRONT, run_flush, on_flush, flush, flush_free);
}

/* --- a newer device: all that has no acknowledgement is encrypted anew */

typedef struct
{
  KithChat *chat;
  KithBox *box;
} Renewal;

static gboolean
run_renew (KithDb *db, gpointer data, GError **error)
{
  Renewal *renewal = data;

  return kith_table_outbox_set_all_plain (db, renewal->box->person, error);
}

static void
on_renew (gpointer data, const GError *error)
{
  Renewal *renewal = data;
  KithBox *box = renewal->box;

  box->renewing--;
  /* At a stop the store answers that it is closed; what waits is looked at again at the next start. */
  if (renewal->chat->stopped)
    return;
  if (error != NULL)
    kith_warning ("cannot prepare what waits for a newer device: %s", error->message);
  if (box->log != NULL)
    kith_log_forget (box->log);
  kith_box_start_tail (box);
  kith_box_flush (box, NULL);
}

static void
renewal_free (gpointer data)
{
  Renewal *renewal = data;

  g_object_unref (renewal->chat);
  g_free (renewal);
}

void
kith_outbox_renew (KithOutbox *self, gint64 person)
{
  KithBox *box = kith_outbox_get_box (self, person);
  Renewal *renewal = g_new0 (Renewal, 1);

  renewal->chat = g_object_ref (self->chat);
  renewal->box = box;
  box->renewing++;
  kith_store_submit (self->chat->store, KITH_LANE_FRONT, run_renew, on_renew, renewal, renewal_free);
}
