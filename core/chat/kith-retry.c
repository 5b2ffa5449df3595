/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-retry.h"
#include "kith-contents.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-outbox-private.h"
#include "kith-table-resend.h"

#include <string.h>

#define PLACES_MAX 50

gboolean
kith_retry_note (KithChat *chat, KithDb *db, const guint8 *ik, const KithSent *sent, const guint8 *cid, GError **error)
{
  char text[KITH_ID_TEXT];

  return kith_courier_note_sent (chat->keys, db, ik, sent, kith_id_print (cid, text), error);
}

/* TRUE: row is filled. A message is made anew of what it says now. */
static gboolean
find_acknowledged (KithDb *db, const KithPersonRow *person, const guint8 *cid, KithOutboxRow *row, GError **error)
{
  g_auto (KithMessageRow) message = { 0 };
  GError *failed = NULL;

  if (kith_table_resend_get (db, person->id, cid, row, &failed) && row->content != NULL)
    return TRUE;
  if (!kith_chat_is_fine (error, failed) || !kith_table_message_get (db, cid, &message, error))
    return FALSE;
  if (message.person != person->id || !message.sent || message.deleted)
    return FALSE;
  row->person = person->id;
  memcpy (row->cid, cid, KITH_ID_BYTES);
  row->message = message.row;
  g_free (row->kind);
  row->kind = g_strdup (KITH_CONTENT_MESSAGE);
  row->content = kith_content_print_message (&message);
  return TRUE;
}

static gboolean
send_again (KithChat *chat, KithDb *db, const KithPersonRow *person, const guint8 *cid, GError **error)
{
  g_auto (KithOutboxRow) row = { 0 };
  GError *failed = NULL;

  if (kith_table_outbox_get_cid (db, person->id, cid, &row, &failed))
    return row.wire == NULL || row.heals >= KITH_HEALS_MAX || kith_table_outbox_set_plain (db, row.id, error);
  if (failed == NULL && find_acknowledged (db, person, cid, &row, &failed) && row.heals < KITH_HEALS_MAX)
    {
      row.id = kith_outbox_next_id (chat->outbox);
      row.heals++;
      row.created_ms = kith_world_get_date_ms (chat->world);
      return kith_table_outbox_add (db, &row, error);
    }
  return kith_chat_is_fine (error, failed);
}

gboolean
kith_retry_obey (KithChat *chat,
                 KithDb *db,
                 const KithPersonRow *person,
                 const KithOpened *opened,
                 KithAfter *after,
                 GError **error)
{
  KithE2eePlace places[PLACES_MAX];
  gsize n_places;
  gboolean may = FALSE;

  if (!kith_courier_read_retry (opened->content, places, &n_places))
    return TRUE;
  if (!kith_courier_may_retry (chat->keys, db, person->ik, opened->peer_device, KITH_COURIER_RETRY_OBEY, &may, error))
    return FALSE;
  if (!may)
    {
      kith_info_about ((&(KithLogAbout){ .peer = person->name }), "more than 50 retry requests an hour: not obeyed");
      return TRUE;
    }
  for (gsize i = 0; i < n_places; i++)
    {
      GError *failed = NULL;
      g_autofree char *text = kith_courier_find_sent (chat->keys, db, person->ik, places[i].sid, places[i].ratchet,
                                                      places[i].n, &failed);
      guint8 cid[KITH_ID_BYTES];

      if (!kith_chat_is_fine (error, failed))
        return FALSE;
      if (text != NULL && kith_id_parse (text, cid) && !send_again (chat, db, person, cid, error))
        return FALSE;
    }
  kith_after_flush (after, person->id);
  return TRUE;
}
