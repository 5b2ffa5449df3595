/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-post.h"
#include "kith-log.h"
#include "kith-table-trace.h"
#include "kith-table-upload.h"

/* A content goes over the link if there is one or comes one within this time, else to the mailbox. */
#define LINK_MS 2000

/* --- rows that went over a link which ended before the answer: should they be there, a mailbox's same bytes would be
 * taken for a duplicate, and nobody would say that they are. In other bytes the content is known by its id, and
 * receipted. What comes after them is encrypted anew, too: it keeps its place. */

typedef struct
{
  KithChat *chat;
  KithBox *box; /* boxes stay as long as the chat */
  gint64 from, to;
} Again;

void
kith_box_note_unanswered (KithBox *box, gint64 row)
{
  if (box->unanswered_from == 0 || row < box->unanswered_from)
    box->unanswered_from = row;
  box->unanswered_to = MAX (box->unanswered_to, row);
}

void
kith_box_note_answered (KithBox *box, gint64 row)
{
  if (box->unanswered_from == 0 || row < box->unanswered_from)
    return;
  box->unanswered_from = row + 1;
  if (box->unanswered_from > box->unanswered_to)
    box->unanswered_from = box->unanswered_to = 0;
}

static void
again_free (gpointer data)
{
  g_object_unref (((Again *)data)->chat);
  g_free (data);
}

static gboolean
run_again (KithDb *db, gpointer data, GError **error)
{
  Again *again = data;

  return kith_table_upload_all_again (db, again->box->person, again->from, error);
}

static void
begin (KithBox *box)
{
  box->posting = TRUE;
  kith_box_flush (box, NULL);
  kith_post_want (box->owner->chat->post, box->person);
}

static gboolean on_timer (gpointer data);

static void
wait_for_link (KithBox *box)
{
  box->post_timer = kith_world_add_timer (box->owner->chat->world, LINK_MS, on_timer, box, NULL);
}

static void
on_again (gpointer data, const GError *error)
{
  Again *again = data;
  KithBox *box = again->box;

  box->preparing = FALSE;
  if (again->chat->stopped)
    return;
  if (error != NULL)
    {
      kith_warning ("cannot prepare for the mailbox what may have been delivered: %s", error->message);
      kith_box_note_unanswered (box, again->from);
      kith_box_note_unanswered (box, again->to);
    }
  if (box->flight != NULL)
    return;
  if (error == NULL)
    begin (box);
  else if (box->post_timer == 0)
    wait_for_link (box);
}

static void
prepare (KithBox *box)
{
  Again *again;

  if (box->unanswered_from == 0)
    {
      begin (box);
      return;
    }
  box->preparing = TRUE;
  again = g_new0 (Again, 1);
  again->chat = g_object_ref (box->owner->chat);
  again->box = box;
  again->from = box->unanswered_from;
  again->to = box->unanswered_to;
  box->unanswered_from = box->unanswered_to = 0;
  kith_store_submit (again->chat->store, KITH_LANE_FRONT, run_again, on_again, again, again_free);
}

/* --- when what waits goes to the mailbox */

static gboolean
on_timer (gpointer data)
{
  KithBox *box = data;

  box->post_timer = 0;
  if (box->flight == NULL && !box->owner->chat->stopped)
    prepare (box);
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
  else if (box->post_timer != 0 || box->preparing)
    return;
  else if (kith_links_may_come (chat->links, person))
    {
      kith_links_want (chat->links, person);
      wait_for_link (box);
    }
  else
    prepare (box);
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
