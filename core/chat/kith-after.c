/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-private.h"
#include "kith-inbox.h"
#include "kith-outbox.h"
#include "kith-search.h"

/* In the order in which the job left them. */
typedef enum
{
  AFTER_PERSON,
  AFTER_UNREAD,
  AFTER_FLUSH,
  AFTER_SEND,
  AFTER_RENEW,
  AFTER_PLUGIN,
  AFTER_INDEX,
} AfterKind;

typedef struct
{
  AfterKind kind;
  gint64 person, first, second;
  gpointer data;
} AfterItem;

struct _KithAfter
{
  GArray *items; /* of AfterItem; made when the first one comes */
};

static void
clear_item (gpointer data)
{
  AfterItem *item = data;

  if (item->kind == AFTER_SEND)
    g_bytes_unref (item->data);
  else if (item->kind == AFTER_PLUGIN)
    g_free (item->data);
  else if (item->kind == AFTER_PERSON)
    {
      kith_person_row_clear (item->data);
      g_free (item->data);
    }
}

KithAfter *
kith_after_new (void)
{
  return g_new0 (KithAfter, 1);
}

void
kith_after_free (KithAfter *after)
{
  g_clear_pointer (&after->items, g_array_unref);
  g_free (after);
}

void
kith_after_reset (KithAfter *after)
{
  if (after->items != NULL)
    g_array_set_size (after->items, 0);
}

static void
add (KithAfter *after, AfterKind kind, gint64 person, gint64 first, gint64 second, gpointer data)
{
  AfterItem item = { kind, person, first, second, data };

  if (after->items == NULL)
    {
      after->items = g_array_sized_new (FALSE, FALSE, sizeof (AfterItem), 2);
      g_array_set_clear_func (after->items, clear_item);
    }
  g_array_append_val (after->items, item);
}

void
kith_after_person (KithAfter *after, const KithPersonRow *row)
{
  KithPersonRow *copy = g_new0 (KithPersonRow, 1);

  kith_person_row_copy (copy, row);
  add (after, AFTER_PERSON, row->id, 0, 0, copy);
}

void
kith_after_unread (KithAfter *after, gint64 person, gint64 read_to, gint64 unread)
{
  add (after, AFTER_UNREAD, person, read_to, unread, NULL);
}

void
kith_after_flush (KithAfter *after, gint64 person)
{
  add (after, AFTER_FLUSH, person, 0, 0, NULL);
}

void
kith_after_send (KithAfter *after, gint64 person, gint64 position, GBytes *wire)
{
  add (after, AFTER_SEND, person, position, 0, g_bytes_ref (wire));
}

void
kith_after_renew (KithAfter *after, gint64 person)
{
  add (after, AFTER_RENEW, person, 0, 0, NULL);
}

void
kith_after_plugin (KithAfter *after, const char *kind)
{
  add (after, AFTER_PLUGIN, 0, 0, 0, g_strdup (kind));
}

void
kith_after_index (KithAfter *after)
{
  add (after, AFTER_INDEX, 0, 0, 0, NULL);
}

static void
apply_unread (KithChat *chat, const AfterItem *item)
{
  KithPerson *person = kith_people_find_id (chat->people, item->person);

  if (person == NULL)
    return;
  person->row.read_to = item->first;
  person->row.unread = item->second;
  kith_inbox_note_unread (chat->inbox, item->person);
}

/* A requester is only noted: their link stays as it is. */
static void
apply_person (KithChat *chat, const KithPersonRow *row)
{
  if (row->state == KITH_PERSON_REQUEST)
    kith_people_apply (chat->people, row);
  else
    kith_chat_people_update (chat, row);
}

void
kith_after_apply (KithAfter *after, KithChat *chat)
{
  for (guint i = 0; after->items != NULL && i < after->items->len; i++)
    {
      AfterItem *item = &g_array_index (after->items, AfterItem, i);

      switch (item->kind)
        {
        case AFTER_PERSON:
          apply_person (chat, item->data);
          break;
        case AFTER_UNREAD:
          apply_unread (chat, item);
          break;
        case AFTER_FLUSH:
          kith_outbox_kick (chat, item->person);
          break;
        case AFTER_SEND:
          kith_outbox_append (chat->outbox, item->person, item->first, item->data);
          break;
        case AFTER_RENEW:
          kith_outbox_renew (chat->outbox, item->person);
          break;
        case AFTER_PLUGIN:
          kith_inbox_hand_out (chat->inbox, item->data);
          break;
        case AFTER_INDEX:
          kith_search_note (chat->search);
          break;
        default:
          g_assert_not_reached ();
        }
    }
  kith_after_reset (after);
}
