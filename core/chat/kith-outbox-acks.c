/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-outbox-private.h"
#include "kith-journal.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-table-resend.h"
#include "kith-trace.h"
#include "kith-waiting.h"

#include <string.h>

#define DAY_MS (G_GINT64_CONSTANT (86400) * 1000)

/* What one ACK frame says becomes true in one job. */
typedef struct
{
  KithChat *chat;
  KithBox *box;
  char *peer;
  gint64 now_ms;
  GArray *items;         /* of KithBoxItem */
  GByteArray *delivered; /* ids of messages that they have, KITH_ID_BYTES each */
  GByteArray *settled;   /* that need no waiting: in a request, or failed */
} Acks;

static void
acks_free (gpointer data)
{
  Acks *acks = data;

  g_array_unref (acks->items);
  g_byte_array_unref (acks->delivered);
  g_byte_array_unref (acks->settled);
  g_object_unref (acks->chat);
  g_free (acks->peer);
  g_free (acks);
}

static gboolean
journal_sign (KithDb *db, const char *event, const guint8 *id, const char *peer, const char *reason, GError **error)
{
  g_autoptr (GBytes) data = kith_message_print_sign (id, peer, reason);
  char text[KITH_ID_TEXT];

  return kith_db_journal (db, event, data, kith_id_print (id, text), error) != 0;
}

gboolean
kith_outbox_fail_message (KithDb *db,
                          const KithPersonRow *person,
                          const guint8 *cid,
                          gint64 message,
                          gint64 now_ms,
                          const char *transport,
                          const char *reason,
                          GError **error)
{
  return kith_table_message_set_failed (db, message, TRUE, error)
         && kith_table_trace_add (db, person->id, message, now_ms, KITH_TRACE_FAILED, transport, reason, error)
         && journal_sign (db, KITH_EVENT_MESSAGE_FAILED, cid, person->name, reason, error);
}

gboolean
kith_outbox_give_up (KithDb *db, const KithPersonRow *person, const char *reason, GError **error)
{
  g_autoptr (GByteArray) ids = g_byte_array_new ();

  if (!kith_table_outbox_messages (db, person->id, ids, error))
    return FALSE;
  for (guint i = 0; i < ids->len; i += KITH_ID_BYTES)
    {
      const guint8 *id = ids->data + i;
      g_auto (KithMessageRow) row = { 0 };
      GError *failed = NULL;

      if (!kith_table_message_get (db, id, &row, &failed))
        {
          if (!kith_chat_is_fine (error, failed))
            return FALSE;
          continue;
        }
      if (!kith_table_message_set_failed (db, row.row, TRUE, error)
          || !journal_sign (db, KITH_EVENT_MESSAGE_FAILED, id, person->name, reason, error))
        return FALSE;
    }
  return kith_table_outbox_drop (db, person->id, error);
}

/* Of a message: that it was sent, unless the trace has it, and what came of it. */
static gboolean
trace_row (Acks *acks,
           KithDb *db,
           const KithOutboxRow *row,
           const KithBoxItem *item,
           const char *what,
           const char *detail,
           GError **error)
{
  gint64 person = acks->box->person;

  if (!g_str_equal (row->kind, KITH_CONTENT_MESSAGE))
    return TRUE;
  return (item->sent_ms == 0
          || kith_table_trace_add (db, person, row->message, item->sent_ms, KITH_TRACE_SENT, item->transport, NULL,
                                   error))
         && kith_table_trace_add (db, person, row->message, acks->now_ms, what, item->transport, detail, error);
}

static gboolean
row_stored (Acks *acks, KithDb *db, const KithOutboxRow *row, const KithBoxItem *item, GError **error)
{
  gboolean changed = FALSE;

  if ((kith_table_resend_wants (row) && !kith_table_resend_keep (db, row->id, acks->now_ms / DAY_MS, error))
      || !kith_table_outbox_remove (db, row->id, error)
      || !trace_row (acks, db, row, item, KITH_TRACE_ACKNOWLEDGED, NULL, error))
    return FALSE;
  if (!g_str_equal (row->kind, KITH_CONTENT_MESSAGE))
    return TRUE;
  if (!kith_table_message_set_delivered (db, row->message, TRUE, &changed, error))
    return FALSE;
  if (!changed)
    return TRUE;
  g_byte_array_append (acks->delivered, row->cid, KITH_ID_BYTES);
  return journal_sign (db, KITH_EVENT_MESSAGE_DELIVERED, row->cid, acks->peer, NULL, error);
}

static gboolean
row_unreadable (Acks *acks, KithDb *db, const KithOutboxRow *row, const KithBoxItem *item, GError **error)
{
  gboolean again = row->heals < KITH_HEALS_MAX;

  if (!trace_row (acks, db, row, item, again ? KITH_TRACE_HEALED : KITH_TRACE_FAILED, "they could not read it", error))
    return FALSE;
  if (again)
    return kith_table_outbox_set_plain (db, row->id, error);
  if (!kith_table_outbox_remove (db, row->id, error))
    return FALSE;
  if (!g_str_equal (row->kind, KITH_CONTENT_MESSAGE))
    return TRUE;
  g_byte_array_append (acks->settled, row->cid, KITH_ID_BYTES);
  return kith_table_message_set_failed (db, row->message, TRUE, error)
         && journal_sign (db, KITH_EVENT_MESSAGE_FAILED, row->cid, acks->peer,
                          "the other side could not read it, four times in a row", error);
}

static gboolean
apply_row (Acks *acks, KithDb *db, const KithBoxItem *item, GError **error)
{
  g_auto (KithOutboxRow) row = { 0 };
  GError *failed = NULL;

  if (!kith_table_outbox_get (db, item->value, TRUE, &row, &failed))
    {
      /* It is done already, or was encrypted anew meanwhile. */
      return kith_chat_is_fine (error, failed);
    }
  switch (item->code)
    {
    case KITH_ACK_STORED:
      return row_stored (acks, db, &row, item, error);
    case KITH_ACK_REQUEST:
      g_byte_array_append (acks->settled, row.cid, KITH_ID_BYTES);
      return kith_table_outbox_remove (db, row.id, error)
             && trace_row (acks, db, &row, item, KITH_TRACE_WAITS, "in their requests", error);
    default:
      return row_unreadable (acks, db, &row, item, error);
    }
}

static gboolean
run_acks (KithDb *db, gpointer data, GError **error)
{
  Acks *acks = data;
  gint64 person = acks->box->person;
  gboolean ok = TRUE;

  g_byte_array_set_size (acks->delivered, 0);
  g_byte_array_set_size (acks->settled, 0);
  for (guint i = 0; ok && i < acks->items->len; i++)
    {
      const KithBoxItem *item = &g_array_index (acks->items, KithBoxItem, i);
      gboolean done = item->code == KITH_ACK_STORED || item->code == KITH_ACK_REQUEST;

      if (item->kind == KITH_PARCEL_ROW)
        ok = apply_row (acks, db, item, error);
      else if (item->kind == KITH_PARCEL_READ && done)
        ok = kith_table_conversation_told_read (db, person, item->value, error);
      else if (item->kind == KITH_PARCEL_DELIVERED && done)
        ok = kith_table_receipt_done (db, person, item->value, error);
    }
  return ok;
}

/* Its session is no good: nothing is encrypted with it before there is a new one. What failed in an older session only
 * needs the present one. */
static void
heal (KithBox *box, const guint8 *sid)
{
  if (memcmp (box->bad_sid, sid, sizeof box->bad_sid) == 0)
    return;
  memcpy (box->bad_sid, sid, sizeof box->bad_sid);
  box->need_bundle = TRUE;
}

/* Signs that are away may have got company; those that they did not want now go later. */
static gboolean
finish_sign (KithBox *box, const KithBoxItem *item)
{
  gboolean done = item->code == KITH_ACK_STORED || item->code == KITH_ACK_REQUEST;

  if (item->kind == KITH_PARCEL_ROW)
    return FALSE;
  if (item->code == KITH_ACK_UNREADABLE)
    done = box->sign_heals++ < KITH_HEALS_MAX;
  if (!done)
    kith_box_hold_sign (box, item->kind);
  else if (item->kind == KITH_PARCEL_READ)
    box->read_away = FALSE;
  else if (item->kind == KITH_PARCEL_DELIVERED)
    box->delivered_away = FALSE;
  return done;
}

static void
on_acks (gpointer data, const GError *error)
{
  Acks *acks = data;
  KithBox *box = acks->box;
  gboolean flush = FALSE;

  if (error != NULL)
    {
      kith_warning ("cannot note what was acknowledged: %s", error->message);
      return;
    }
  for (guint i = 0; i < acks->items->len; i++)
    {
      const KithBoxItem *item = &g_array_index (acks->items, KithBoxItem, i);

      if (item->code == KITH_ACK_UNREADABLE)
        {
          heal (box, item->sid);
          flush = TRUE;
        }
      flush = finish_sign (box, item) || flush;
    }
  for (guint i = 0; i < acks->delivered->len; i += KITH_ID_BYTES)
    kith_waiting_settle (acks->chat->waiting, acks->delivered->data + i, TRUE);
  for (guint i = 0; i < acks->settled->len; i += KITH_ID_BYTES)
    kith_waiting_settle (acks->chat->waiting, acks->settled->data + i, FALSE);
  if (flush)
    kith_box_flush (box, NULL);
}

void
kith_box_submit_acks (KithBox *box, GArray *items)
{
  Acks *acks = g_new0 (Acks, 1);
  KithChat *chat = box->owner->chat;
  KithPerson *person = kith_people_find_id (chat->people, box->person);

  acks->chat = g_object_ref (chat);
  acks->box = box;
  acks->peer = g_strdup (person != NULL ? person->row.name : "");
  acks->now_ms = kith_world_get_date_ms (chat->world);
  acks->items = items;
  acks->delivered = g_byte_array_new ();
  acks->settled = g_byte_array_new ();
  kith_store_submit (chat->store, KITH_LANE_FRONT, run_acks, on_acks, acks, acks_free);
}
