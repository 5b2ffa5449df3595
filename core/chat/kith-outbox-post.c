/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-post.h"
#include "kith-table-trace.h"
#include "kith-table-upload.h"

/* A content goes over the link if there is one or comes one within this time, else to the mailbox. */
#define LINK_MS 2000

static void
begin (KithBox *box)
{
  box->posting = TRUE;
  kith_box_flush (box, NULL);
  kith_post_want (box->owner->chat->post, box->person);
}

static gboolean
on_timer (gpointer data)
{
  KithBox *box = data;

  box->post_timer = 0;
  if (box->flight == NULL && !box->owner->chat->stopped)
    begin (box);
  return G_SOURCE_REMOVE;
}

void
kith_box_consider (KithBox *box)
{
  KithChat *chat = box->owner->chat;
  KithPerson *person = kith_people_find_id (chat->people, box->person);

  if (chat->stopped || box->flight != NULL || !kith_post_is_open (chat->post) || person == NULL
      || !kith_person_is_friend (person) || person->row.has_changed_ik)
    return;
  if (box->posting)
    kith_post_want (chat->post, box->person);
  else if (box->post_timer != 0)
    return;
  else if (kith_links_may_come (chat->links, person))
    {
      kith_links_want (chat->links, person);
      box->post_timer = kith_world_add_timer (chat->world, LINK_MS, on_timer, box, NULL);
    }
  else
    begin (box);
}

void
kith_box_want_bundle (KithBox *box)
{
  box->want_bundle = TRUE;
  if (box->flight != NULL || box->posting)
    kith_box_flush (box, NULL);
  else
    kith_box_consider (box);
}

void
kith_box_withdraw (KithBox *box)
{
  KithChat *chat = box->owner->chat;

  if (box->post_timer != 0)
    kith_world_drop_timer (chat->world, box->post_timer);
  box->post_timer = 0;
  if (box->posting)
    {
      box->posting = FALSE;
      box->read_away = box->delivered_away = FALSE;
    }
  kith_post_withdraw (chat->post, box->person);
}

gboolean
kith_post_expire (KithDb *db, gint64 now_ms, guint limit, gboolean *more, GError **error)
{
  gint64 before_ms = now_ms - G_GINT64_CONSTANT (7) * 86400 * 1000;

  *more = FALSE;
  for (guint i = 0; i < limit; i++)
    {
      gint64 id = kith_table_upload_expired (db, before_ms);
      g_auto (KithOutboxRow) row = { 0 };
      g_auto (KithPersonRow) person = { 0 };

      if (id == 0)
        return TRUE;
      if (!kith_table_upload_give_up (db, id, error) || !kith_table_outbox_get (db, id, TRUE, &row, error))
        return FALSE;
      if (g_str_equal (row.kind, KITH_CONTENT_MESSAGE)
          && !(kith_table_people_get (db, row.person, &person, error)
               && kith_outbox_fail_message (db, &person, row.cid, row.message, now_ms, NULL,
                                            "no answer in 7 days: it goes when there is a link, or when sent again",
                                            error)))
        return FALSE;
    }
  *more = TRUE;
  return TRUE;
}
