/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-post-private.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-table-resend.h"
#include "kith-table-trace.h"
#include "kith-table-upload.h"

#include <string.h>

#define PEOPLE 64 /* looked at in one job */

/* One parcel: a row of the outbox, or a sign. */
typedef struct
{
  gint64 person, row, message;
  KithParcelKind kind;
  gint64 value; /* of a sign */
  gboolean is_message, unacked; /* unacked: nobody answers it, it is done when it is stored */
  guint8 cid[KITH_ID_BYTES];
  GBytes *wire; /* of a sign: tells it from others */
  char *parcel, *mailbox;
  GBytes *sealed;
  KithDeposit fate;
} Item;

/* Somebody for whom something may wait. */
typedef struct
{
  gint64 person;
  guint asked;
  GPtrArray *signs; /* of KithPostSign: copies */
  gboolean look, idle; /* found: the directory is to be asked; nothing waits beyond what goes now */
  gboolean given;      /* found: something goes now */
  gboolean lost;       /* found: where their mailbox is has to be asked first */
} Hand;

typedef struct
{
  KithChat *chat;
  KithOffice *office;
  GArray *hands; /* of Hand */
  GArray *items; /* of Item */
  gsize bytes;
  gint64 now_ms;
  gboolean full;
} Pump;

static void
item_clear (gpointer data)
{
  Item *item = data;

  g_clear_pointer (&item->wire, g_bytes_unref);
  g_clear_pointer (&item->sealed, g_bytes_unref);
  g_free (item->parcel);
  g_free (item->mailbox);
}

static void
hand_clear (gpointer data)
{
  g_ptr_array_unref (((Hand *)data)->signs);
}

static void
pump_free (gpointer data)
{
  Pump *pump = data;

  g_array_unref (pump->hands);
  g_array_unref (pump->items);
  kith_office_unref (pump->office);
  g_clear_object (&pump->chat);
  g_free (pump);
}

/* --- the job: what goes now, sealed */

static gboolean
has_room (Pump *pump, gsize bytes)
{
  if (pump->items->len < KITH_POST_PARCELS && (pump->items->len == 0 || pump->bytes + bytes <= KITH_POST_BYTES))
    return TRUE;
  pump->full = TRUE;
  return FALSE;
}

static GBytes *
seal (Pump *pump, const KithPersonRow *person, GBytes *wire, GError **error)
{
  return kith_keys_seal (pump->chat->keys, person->ik, person->device, wire, error);
}

static void
add_item (Pump *pump, Item *item)
{
  pump->bytes += g_bytes_get_size (item->sealed);
  g_array_append_val (pump->items, *item);
}

static gboolean
add_row (Pump *pump, KithDb *db, const KithPersonRow *person, const char *mailbox, KithUploadRow *row, GError **error)
{
  Item item = { .person = person->id, .row = row->id, .message = row->message, .kind = KITH_PARCEL_ROW };

  if (row->parcel == NULL)
    {
      row->parcel = kith_world_new_uuid (pump->chat->world);
      row->sealed = seal (pump, person, row->wire, error);
      if (row->sealed == NULL
          || !kith_table_upload_seal (db, row->id, row->parcel, row->sealed, pump->now_ms, error))
        return FALSE;
    }
  item.is_message = g_str_equal (row->kind, KITH_CONTENT_MESSAGE);
  item.unacked = g_str_equal (row->kind, KITH_OUTBOX_DUMMY) || g_str_equal (row->kind, KITH_OUTBOX_RETRY);
  memcpy (item.cid, row->cid, KITH_ID_BYTES);
  item.parcel = g_steal_pointer (&row->parcel);
  item.sealed = g_steal_pointer (&row->sealed);
  item.mailbox = g_strdup (mailbox);
  add_item (pump, &item);
  return TRUE;
}

static gboolean
add_rows (Pump *pump, KithDb *db, const KithPersonRow *person, const char *mailbox, GError **error)
{
  gint64 after = 0;

  while (!pump->full)
    {
      g_auto (KithUploadRow) row = { 0 };
      GError *failed = NULL;

      if (!kith_table_upload_next (db, person->id, after, &row, &failed))
        {
          return kith_chat_is_fine (error, failed);
        }
      after = row.id;
      /* What is not sealed yet grows by a little that does not matter here. */
      if (has_room (pump, g_bytes_get_size (row.sealed != NULL ? row.sealed : row.wire))
          && !add_row (pump, db, person, mailbox, &row, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_signs (Pump *pump, const Hand *hand, const KithPersonRow *person, const char *mailbox, GError **error)
{
  for (guint i = 0; i < hand->signs->len && !pump->full; i++)
    {
      const KithPostSign *sign = hand->signs->pdata[i];
      Item item = { .person = person->id, .kind = sign->kind, .value = sign->value };

      if (!has_room (pump, g_bytes_get_size (sign->wire)))
        return TRUE;
      item.sealed = sign->sealed != NULL ? g_bytes_ref (sign->sealed) : seal (pump, person, sign->wire, error);
      if (item.sealed == NULL)
        return FALSE;
      item.parcel = sign->parcel != NULL ? g_strdup (sign->parcel) : kith_world_new_uuid (pump->chat->world);
      item.wire = g_bytes_ref (sign->wire);
      item.mailbox = g_strdup (mailbox);
      add_item (pump, &item);
    }
  return TRUE;
}

static gboolean
fill (Pump *pump, KithDb *db, Hand *hand, GError **error)
{
  g_auto (KithPersonRow) person = { 0 };
  g_auto (KithMailboxRow) mailbox = { 0 };
  GError *failed = NULL;

  guint before = pump->items->len;

  hand->look = hand->given = hand->lost = FALSE;
  hand->idle = TRUE;
  if (!kith_table_people_get (db, hand->person, &person, &failed) || person.state != KITH_PERSON_FRIEND
      || person.blocked || person.has_changed_ik)
    return kith_chat_is_fine (error, failed);
  hand->idle = FALSE;
  if (!kith_table_mailbox_get (db, hand->person, pump->office->id, &mailbox, &failed) && failed != NULL)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  hand->lost = mailbox.uuid == NULL || mailbox.device != person.device;
  hand->look = hand->lost || pump->now_ms - mailbox.asked_ms > KITH_POST_REFRESH_MS || mailbox.asked_ms > pump->now_ms;
  if (hand->lost)
    return TRUE;
  if (!add_rows (pump, db, &person, mailbox.uuid, error) || !add_signs (pump, hand, &person, mailbox.uuid, error))
    return FALSE;
  hand->idle = !pump->full;
  hand->given = pump->items->len > before;
  return TRUE;
}

static gboolean
run_pump (KithDb *db, gpointer data, GError **error)
{
  Pump *pump = data;

  g_array_set_size (pump->items, 0);
  pump->bytes = 0;
  pump->full = FALSE;
  for (guint i = 0; i < pump->hands->len && !pump->full; i++)
    if (!fill (pump, db, &g_array_index (pump->hands, Hand, i), error))
      return FALSE;
  return TRUE;
}

/* --- what became of them */

static gboolean
note_stored (Pump *pump, KithDb *db, const Item *item, GError **error)
{
  gboolean changed;

  if (item->unacked)
    return kith_table_outbox_remove (db, item->row, error);
  if (!kith_table_upload_set (db, item->row, item->parcel, pump->now_ms, &changed, error))
    return FALSE;
  if (!changed || !item->is_message)
    return TRUE;
  return kith_table_upload_message (db, item->message, error)
         && kith_table_trace_add (db, item->person, item->message, pump->now_ms, KITH_TRACE_UPLOADED,
                                  pump->office->id, NULL, error);
}

static gboolean
note_refused (Pump *pump, KithDb *db, const Item *item, GError **error)
{
  g_auto (KithPersonRow) person = { 0 };
  gboolean changed;

  if (!kith_table_upload_set (db, item->row, item->parcel, -1, &changed, error))
    return FALSE;
  if (!changed || !item->is_message)
    return TRUE;
  return kith_table_people_get (db, item->person, &person, error)
         && kith_outbox_fail_message (db, &person, item->cid, item->message, pump->now_ms, pump->office->id,
                                      "the mailbox server does not take it", error);
}

static gboolean
note_one (Pump *pump, KithDb *db, const Item *item, GError **error)
{
  g_autofree char *another = NULL;

  if (item->fate == KITH_DEPOSIT_NO_MAILBOX)
    return kith_table_mailbox_forget (db, item->person, pump->office->id, item->mailbox, error);
  if (item->kind != KITH_PARCEL_ROW)
    return TRUE;
  switch (item->fate)
    {
    case KITH_DEPOSIT_STORED:
    case KITH_DEPOSIT_DUPLICATE:
      return note_stored (pump, db, item, error);
    case KITH_DEPOSIT_CONFLICT:
      another = kith_world_new_uuid (pump->chat->world);
      return kith_table_upload_rename (db, item->row, another, error);
    case KITH_DEPOSIT_REFUSED:
      return note_refused (pump, db, item, error);
    default:
      return TRUE;
    }
}

static gboolean
run_fates (KithDb *db, gpointer data, GError **error)
{
  Pump *pump = data;

  for (guint i = 0; i < pump->items->len; i++)
    if (!note_one (pump, db, &g_array_index (pump->items, Item, i), error))
      return FALSE;
  return TRUE;
}

static KithPostSign *
find_sign (KithRoute *route, GBytes *wire)
{
  for (GList *l = route != NULL ? route->signs.head : NULL; l != NULL; l = l->next)
    if (((KithPostSign *)l->data)->wire == wire)
      return l->data;
  return NULL;
}

/* A sign that the server takes for good is done, as after an ACK; so is, for this run, one that it never takes. */
static void
settle_sign (Pump *pump, KithRoute *route, const Item *item)
{
  KithPostSign *sign = find_sign (route, item->wire);
  KithBoxItem done = { .kind = item->kind, .value = item->value, .code = KITH_ACK_STORED };
  GArray *items;

  if (sign == NULL || item->fate == KITH_DEPOSIT_LATER || item->fate == KITH_DEPOSIT_NO_MAILBOX)
    return;
  if (item->fate == KITH_DEPOSIT_CONFLICT)
    {
      g_free (sign->parcel);
      sign->parcel = kith_world_new_uuid (pump->chat->world);
      return;
    }
  kith_post_drop_sign (route, sign);
  if (item->fate == KITH_DEPOSIT_REFUSED)
    return;
  items = g_array_new (FALSE, FALSE, sizeof (KithBoxItem));
  g_array_append_val (items, done);
  kith_box_submit_acks (kith_outbox_get_box (pump->chat->outbox, item->person), items);
}

static void
settle (Pump *pump)
{
  KithOffice *office = pump->office;
  gboolean later = FALSE, stored = FALSE;

  for (guint i = 0; i < pump->items->len; i++)
    {
      const Item *item = &g_array_index (pump->items, Item, i);
      KithRoute *route = kith_post_find_route (office->owner, item->person);

      stored = stored || item->fate == KITH_DEPOSIT_STORED || item->fate == KITH_DEPOSIT_DUPLICATE;
      /* A server that finds one conflict after the other is not to keep us busy. */
      if (item->fate == KITH_DEPOSIT_LATER || item->fate == KITH_DEPOSIT_CONFLICT)
        {
          later = TRUE;
          if (route != NULL)
            route->later = TRUE;
        }
      if (item->kind != KITH_PARCEL_ROW)
        settle_sign (pump, route, item);
    }
  if (stored)
    office->failures = 0;
  if (later)
    kith_office_failed (office, FALSE);
}

static void
on_fates (gpointer data, const GError *error)
{
  Pump *pump = data;
  KithOffice *office = pump->office;

  office->busy = FALSE;
  if (office->owner == NULL || office->owner->stopped)
    return;
  if (error != NULL)
    {
      /* The same bytes go again, and the server says that it has them. */
      kith_warning ("cannot note what a mailbox took: %s", error->message);
      kith_office_failed (office, TRUE);
      return;
    }
  settle (pump);
  kith_post_pump (office->owner);
}

static void
on_deposited (GObject *source, GAsyncResult *result, gpointer data)
{
  Pump *pump = data;
  KithOffice *office = pump->office;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) fates
      = kith_mailbox_transport_deposit_finish (KITH_MAILBOX_TRANSPORT (source), result, &error);
  KithMailTraffic *traffic;

  office->busy = FALSE;
  if (office->owner == NULL || office->owner->stopped)
    {
      pump_free (pump);
      return;
    }
  if (fates == NULL)
    {
      kith_info_about ((&(KithLogAbout){ .transport = office->id }), "nothing can be uploaded now: %s",
                       error->message);
      kith_office_failed (office, TRUE);
      pump_free (pump);
      return;
    }
  traffic = kith_post_find_traffic (office->owner, office->id);
  for (guint i = 0; i < pump->items->len; i++)
    {
      Item *item = &g_array_index (pump->items, Item, i);

      item->fate = i < fates->len ? g_array_index (fates, KithDeposit, i) : KITH_DEPOSIT_LATER;
      if (item->fate != KITH_DEPOSIT_STORED)
        continue;
      traffic->parcels_out++;
      traffic->bytes_out += g_bytes_get_size (item->sealed);
    }
  office->busy = TRUE;
  pump->chat = g_object_ref (office->owner->chat);
  pump->now_ms = kith_world_get_date_ms (pump->chat->world);
  kith_store_submit (pump->chat->store, KITH_LANE_FRONT, run_fates, on_fates, pump, pump_free);
}

/* --- pumping */

/* The sign keeps the bytes with which it goes. */
static void
keep_sealed (KithPost *self, const Item *item)
{
  KithPostSign *sign = find_sign (kith_post_find_route (self, item->person), item->wire);

  if (sign == NULL || sign->parcel != NULL)
    return;
  sign->parcel = g_strdup (item->parcel);
  sign->sealed = g_bytes_ref (item->sealed);
}

static void
look_at_hands (Pump *pump)
{
  KithPost *self = pump->office->owner;

  for (guint i = 0; i < pump->hands->len; i++)
    {
      const Hand *hand = &g_array_index (pump->hands, Hand, i);
      KithRoute *route = kith_post_find_route (self, hand->person);

      if (route == NULL)
        continue;
      /* Whoever cannot be reached does not stand before the others. */
      route->later = route->later || hand->lost;
      if (hand->look)
        kith_route_look (route);
      if (hand->idle && route->wanted && !hand->given && route->asked == hand->asked)
        {
          route->wanted = FALSE;
          g_queue_remove (&self->wanted, route);
        }
    }
}

/* A link came up while the job ran: what goes over it does not go to the mailbox, too. */
static void
withdraw (Pump *pump)
{
  for (guint i = pump->items->len; i > 0; i--)
    {
      KithRoute *route = kith_post_find_route (pump->office->owner, g_array_index (pump->items, Item, i - 1).person);

      if (route == NULL || !route->wanted)
        g_array_remove_index (pump->items, i - 1);
    }
}

/* Without the chat: it may end before the transport answers. */
static Pump *
pump_copy (const Pump *pump)
{
  Pump *copy = g_new0 (Pump, 1);

  copy->office = kith_office_ref (pump->office);
  copy->hands = g_array_new (FALSE, FALSE, sizeof (Hand));
  copy->items = g_array_ref (pump->items);
  return copy;
}

static void
on_pump (gpointer data, const GError *error)
{
  Pump *pump = data;
  KithOffice *office = pump->office;
  g_autoptr (GPtrArray) parcels = NULL;

  office->busy = FALSE;
  if (office->owner == NULL || office->owner->stopped)
    return;
  if (error != NULL)
    {
      kith_warning ("cannot prepare what waits for mailboxes: %s", error->message);
      kith_office_failed (office, TRUE);
      return;
    }
  look_at_hands (pump);
  withdraw (pump);
  office->again = office->again || pump->full || pump->hands->len == PEOPLE;
  if (pump->items->len == 0)
    {
      if (office->again)
        kith_post_pump (office->owner);
      return;
    }
  parcels = g_ptr_array_new_with_free_func ((GDestroyNotify)kith_parcel_unref);
  for (guint i = 0; i < pump->items->len; i++)
    {
      const Item *item = &g_array_index (pump->items, Item, i);

      if (item->kind != KITH_PARCEL_ROW)
        keep_sealed (office->owner, item);
      g_ptr_array_add (parcels, kith_parcel_new (item->parcel, item->mailbox, item->sealed,
                                                 pump->now_ms + KITH_POST_DAYS * G_GINT64_CONSTANT (86400) * 1000));
    }
  office->busy = TRUE;
  kith_mailbox_transport_deposit_async (office->transport, parcels, office->cancellable, on_deposited,
                                        pump_copy (pump));
}

static void
add_hand (Pump *pump, KithRoute *route)
{
  Hand hand = { .person = route->person, .asked = route->asked };

  hand.signs = g_ptr_array_new_with_free_func (kith_post_sign_free);
  for (GList *l = route->signs.head; l != NULL; l = l->next)
    {
      const KithPostSign *sign = l->data;
      KithPostSign *copy = g_new0 (KithPostSign, 1);

      *copy = *sign;
      copy->wire = g_bytes_ref (sign->wire);
      copy->parcel = g_strdup (sign->parcel);
      copy->sealed = sign->sealed != NULL ? g_bytes_ref (sign->sealed) : NULL;
      g_ptr_array_add (hand.signs, copy);
    }
  g_array_append_val (pump->hands, hand);
}

void
kith_office_pump (KithOffice *office)
{
  KithPost *self = office->owner;
  Pump *pump;

  if (office->busy)
    {
      office->again = TRUE;
      return;
    }
  office->again = FALSE;
  pump = g_new0 (Pump, 1);
  pump->chat = g_object_ref (self->chat);
  pump->office = kith_office_ref (office);
  pump->now_ms = kith_world_get_date_ms (self->chat->world);
  pump->hands = g_array_new (FALSE, FALSE, sizeof (Hand));
  g_array_set_clear_func (pump->hands, hand_clear);
  pump->items = g_array_new (FALSE, FALSE, sizeof (Item));
  g_array_set_clear_func (pump->items, item_clear);
  for (GList *l = self->wanted.head; l != NULL && pump->hands->len < PEOPLE; l = l->next)
    {
      KithRoute *route = l->data;

      if (!route->later)
        add_hand (pump, route);
    }
  if (pump->hands->len == 0)
    {
      pump_free (pump);
      return;
    }
  office->busy = TRUE;
  kith_store_submit (self->chat->store, KITH_LANE_FRONT, run_pump, on_pump, pump, pump_free);
}
