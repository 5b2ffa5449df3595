/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-outbox-private.h"
#include "kith-message.h"
#include "kith-post.h"
#include "kith-retry.h"
#include "kith-trace.h"
#include "kith-waiting.h"
#include "contents/kith-contents.h"

#include <string.h>

#define REFUSED_S 60
#define REFUSED_MAX_S 3600

static void
queued_free (gpointer data)
{
  KithQueued *queued = data;

  g_bytes_unref (queued->wire);
  g_free (queued);
}

static void
box_free (gpointer data)
{
  KithBox *box = data;

  if (box->timer != 0)
    kith_world_drop_timer (box->owner->chat->world, box->timer);
  if (box->post_timer != 0)
    kith_world_drop_timer (box->owner->chat->world, box->post_timer);
  g_queue_clear_full (&box->queue, queued_free);
  g_clear_pointer (&box->tail, kith_tail_free);
  g_clear_pointer (&box->log, kith_log_unref);
  g_free (box->flight);
  g_free (box->old);
  g_free (box);
}

KithOutbox *
kith_outbox_new (KithChat *chat)
{
  KithOutbox *self = g_new0 (KithOutbox, 1);

  self->chat = chat;
  self->boxes = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, box_free);
  return self;
}

void
kith_outbox_free (KithOutbox *self)
{
  g_hash_table_unref (self->boxes);
  g_free (self);
}

KithBox *
kith_outbox_get_box (KithOutbox *self, gint64 person)
{
  KithBox *box = g_hash_table_lookup (self->boxes, &person);

  if (box == NULL)
    {
      box = g_new0 (KithBox, 1);
      box->owner = self;
      box->person = person;
      g_queue_init (&box->queue);
      g_hash_table_insert (self->boxes, &box->person, box);
    }
  return box;
}

/* --- what jobs add */

void
kith_outbox_load (KithOutbox *self, KithDb *db)
{
  self->next_id = kith_table_outbox_newest (db);
}

gint64
kith_outbox_next_id (KithOutbox *self)
{
  return ++self->next_id;
}

gboolean
kith_outbox_put (
    KithOutbox *self, KithDb *db, const KithPersonRow *person, KithOutboxRow *row, KithAfter *after, GError **error)
{
  gboolean ready
      = person->state == KITH_PERSON_FRIEND && !person->blocked && !person->has_changed_ik && person->device != 0;
  g_auto (KithSent) sent = { NULL };
  g_autoptr (GError) failed = NULL;
  gboolean ok;

  row->person = person->id;
  row->id = kith_outbox_next_id (self);
  if (ready && !kith_table_outbox_has_plain (db, person->id)
      && !kith_courier_encrypt (self->chat->keys, db, person->ik, person->device, KITH_COURIER_JSON,
                                g_bytes_get_data (row->content, NULL), g_bytes_get_size (row->content), &sent, &failed)
      && !g_error_matches (failed, KITH_ERROR, KITH_ERROR_UNREACHABLE))
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  row->wire = sent.wire;
  ok = kith_table_outbox_add (db, row, error)
       && (sent.wire == NULL || kith_retry_note (self->chat, db, person->ik, &sent, row->cid, error));
  row->wire = NULL;
  if (ok && g_str_equal (row->kind, KITH_CONTENT_MESSAGE))
    ok = kith_table_trace_add (db, person->id, row->message, row->created_ms,
                               sent.wire != NULL ? KITH_TRACE_ENCRYPTED : KITH_TRACE_QUEUED, NULL, NULL, error);
  if (ok && sent.wire != NULL)
    kith_after_send (after, person->id, row->id, sent.wire);
  else if (ok)
    kith_after_flush (after, person->id);
  return ok;
}

static gboolean
add_plain (
    KithChat *chat, KithDb *db, gint64 person, const char *kind, const guint8 *cid, GBytes *content, GError **error)
{
  KithOutboxRow row = { .person = person, .kind = (char *)kind, .content = content };

  row.id = kith_outbox_next_id (chat->outbox);
  row.created_ms = kith_world_get_date_ms (chat->world);
  memcpy (row.cid, cid, KITH_ID_BYTES);
  return kith_table_outbox_add (db, &row, error);
}

gboolean
kith_outbox_hello (
    KithChat *chat, KithDb *db, gint64 person, const char *own_name, const char *note, GError **error)
{
  guint8 cid[KITH_ID_BYTES];
  g_autoptr (GBytes) content = NULL;

  kith_id_make (chat->world, cid);
  content = kith_content_print_hello (cid, kith_world_get_date_ms (chat->world), own_name, note);
  return add_plain (chat, db, person, KITH_CONTENT_HELLO, cid, content, error);
}

gboolean
kith_outbox_dummy (KithChat *chat, KithDb *db, gint64 person, GError **error)
{
  guint8 cid[KITH_ID_BYTES];
  g_autoptr (GBytes) nothing = g_bytes_new_static ("-", 1); /* no row is without a content; this one is not sent */

  kith_id_make (chat->world, cid);
  return add_plain (chat, db, person, KITH_OUTBOX_DUMMY, cid, nothing, error);
}

gboolean
kith_outbox_retry (KithChat *chat, KithDb *db, gint64 person, GBytes *request, GError **error)
{
  guint8 cid[KITH_ID_BYTES];

  kith_id_make (chat->world, cid);
  return add_plain (chat, db, person, KITH_OUTBOX_RETRY, cid, request, error);
}

gboolean
kith_outbox_drop (KithDb *db, gint64 person, GError **error)
{
  return kith_table_outbox_drop (db, person, error);
}

/* --- the link's window */

static gboolean
send_now (KithBox *box, const KithBoxItem *item, GBytes *wire)
{
  guint32 n;

  if (!kith_link_send_envelope (box->flight->link, wire, &n))
    return FALSE;
  box->flight->slots[n % KITH_BOX_WINDOW] = *item;
  box->flight->slots[n % KITH_BOX_WINDOW].sent_ms = kith_world_get_date_ms (box->owner->chat->world);
  box->flight->slots[n % KITH_BOX_WINDOW].transport = box->flight->transport;
  return TRUE;
}

void
kith_box_push (KithBox *box, KithParcelKind kind, gint64 value, GBytes *wire)
{
  KithBoxItem item = { .kind = kind, .value = value };
  KithQueued *queued;
  gsize size;
  const guint8 *bytes = g_bytes_get_data (wire, &size);

  if (box->flight == NULL && box->posting && kind != KITH_PARCEL_ROW)
    {
      kith_post_sign (box->owner->chat->post, box->person, kind, value, wire);
      return;
    }
  if (box->flight == NULL)
    {
      box->read_away = box->read_away && kind != KITH_PARCEL_READ;
      box->delivered_away = box->delivered_away && kind != KITH_PARCEL_DELIVERED;
      return;
    }
  item.size = size;
  memcpy (item.sid, bytes + 4, sizeof item.sid); /* INIT and MSG alike: e2ee.md §7 */
  if (g_queue_is_empty (&box->queue) && send_now (box, &item, wire))
    return;
  queued = g_new (KithQueued, 1);
  queued->item = item;
  queued->wire = g_bytes_ref (wire);
  g_queue_push_tail (&box->queue, queued);
  if (box->tail != NULL)
    kith_tail_set_paused (box->tail, TRUE);
}

static void
on_tail (KithTail *tail, gint64 position, GBytes *bytes, gpointer data)
{
  kith_box_push (data, KITH_PARCEL_ROW, position, bytes);
}

void
kith_outbox_room (KithOutbox *self, KithPerson *person, KithLink *link)
{
  KithBox *box = kith_outbox_get_box (self, person->row.id);

  if (box->flight == NULL || box->flight->link != link)
    return;
  while (!g_queue_is_empty (&box->queue))
    {
      KithQueued *queued = g_queue_peek_head (&box->queue);

      if (!send_now (box, &queued->item, queued->wire))
        return;
      queued_free (g_queue_pop_head (&box->queue));
    }
  if (box->tail != NULL)
    kith_tail_set_paused (box->tail, FALSE);
}

/* --- links come and go */

static gboolean
load_row (gint64 id, GBytes *wire, gpointer data)
{
  return kith_log_page_add (data, id, wire);
}

static gboolean
load_rows (KithDb *db, gint64 after, KithLogPage *page, gpointer data, GError **error)
{
  return kith_table_outbox_wires (db, *(gint64 *)data, after, load_row, page, error);
}

/* What is under way has no acknowledgement, and may never get one. */
static void
trace_unanswered (KithBox *box)
{
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (KithTraceStep));
  gint64 now_ms = kith_world_get_date_ms (box->owner->chat->world);

  for (guint i = 0; i < KITH_BOX_WINDOW; i++)
    {
      KithBoxItem *slot = &box->flight->slots[i];
      KithTraceStep sent = { slot->value, slot->sent_ms, KITH_TRACE_SENT, slot->transport };
      KithTraceStep gone = { slot->value, now_ms, KITH_TRACE_UNANSWERED, slot->transport };

      if (slot->kind == KITH_PARCEL_ROW)
        kith_box_note_unanswered (box, slot->value);
      if (slot->kind != KITH_PARCEL_ROW || slot->sent_ms == 0)
        continue;
      slot->sent_ms = 0;
      g_array_append_val (steps, sent);
      g_array_append_val (steps, gone);
    }
  if (steps->len > 0)
    kith_trace_rows (box->owner->chat->store, box->person, steps);
  else
    g_array_unref (steps);
}

static void
leave_link (KithBox *box)
{
  if (box->flight == NULL)
    return;
  trace_unanswered (box);
  g_free (box->old);
  box->old = g_steal_pointer (&box->flight);
  g_clear_pointer (&box->tail, kith_tail_free);
  g_queue_clear_full (&box->queue, queued_free);
  g_queue_init (&box->queue);
  box->asked = box->read_away = box->delivered_away = FALSE;
  box->sign_heals = 0;
}

static void
forget_refusal (KithBox *box)
{
  if (box->timer != 0)
    kith_world_drop_timer (box->owner->chat->world, box->timer);
  box->timer = 0;
  box->refused_from = 0;
  box->read_held = box->delivered_held = FALSE;
}

void
kith_box_start_tail (KithBox *box)
{
  KithPerson *person = kith_people_find_id (box->owner->chat->people, box->person);

  if (box->flight == NULL || box->tail != NULL || box->renewing > 0 || person == NULL || person->row.has_changed_ik)
    return;
  if (box->log == NULL)
    box->log = kith_log_new (box->owner->chat->store, load_rows, g_memdup2 (&box->person, sizeof box->person), g_free,
                             KITH_BOX_HOT_BYTES);
  else
    kith_log_forget (box->log); /* what was acknowledged meanwhile need not go again */
  box->tail = kith_tail_new (box->log, 0, KITH_BOX_WINDOW_BYTES, on_tail, box);
}

void
kith_outbox_hold (KithOutbox *self, gint64 person, gboolean hold)
{
  KithBox *box = g_hash_table_lookup (self->boxes, &person);

  if (box == NULL)
    return;
  if (!hold)
    {
      kith_box_start_tail (box);
      return;
    }
  kith_box_withdraw (box);
  g_clear_pointer (&box->tail, kith_tail_free);
  g_queue_clear_full (&box->queue, queued_free);
  g_queue_init (&box->queue);
}

void
kith_outbox_forget (KithOutbox *self, gint64 person)
{
  KithBox *box = g_hash_table_lookup (self->boxes, &person);

  if (box != NULL)
    kith_box_withdraw (box);
  kith_post_forget (self->chat->post, person);
}

void
kith_outbox_up (KithOutbox *self, KithPerson *person, KithLink *link)
{
  KithBox *box = kith_outbox_get_box (self, person->row.id);

  leave_link (box);
  kith_box_withdraw (box);
  if (box->old != NULL && box->old->link == link)
    g_clear_pointer (&box->old, g_free);
  forget_refusal (box);
  box->flight = g_new0 (KithFlight, 1);
  box->flight->link = link;
  box->flight->transport = g_intern_string (kith_link_get_transport (link));
  kith_trace_person (self->chat->world, self->chat->store, box->person, KITH_TRACE_LINKED, box->flight->transport,
                     NULL);
  kith_box_start_tail (box);
  kith_waiting_linked (self->chat->waiting, box->person);
  kith_box_flush (box, NULL);
}

void
kith_outbox_down (KithOutbox *self, KithPerson *person, KithLink *link)
{
  KithBox *box = kith_outbox_get_box (self, person->row.id);

  if (box->flight == NULL || box->flight->link != link)
    return;
  leave_link (box);
  kith_box_consider (box);
}

void
kith_outbox_append (KithOutbox *self, gint64 person, gint64 position, GBytes *wire)
{
  KithBox *box = kith_outbox_get_box (self, person);

  if (box->log != NULL)
    kith_log_append (box->log, position, wire);
  kith_box_consider (box);
}

void
kith_outbox_bundle (KithOutbox *self, KithPerson *person, GBytes *bundle)
{
  kith_box_flush (kith_outbox_get_box (self, person->row.id), bundle);
}

void
kith_outbox_kick (KithChat *chat, gint64 person)
{
  KithPerson *known = kith_people_find_id (chat->people, person);

  if (!chat->started || chat->stopped || known == NULL || !kith_person_is_friend (known))
    return;
  kith_links_want (chat->links, known);
  kith_box_flush (kith_outbox_get_box (chat->outbox, person), NULL);
  kith_box_consider (kith_outbox_get_box (chat->outbox, person));
}

/* --- refused: later, in order */

/* Signs that they did not want: as if they had never gone. */
static void
release_signs (KithBox *box)
{
  if (!box->read_held && !box->delivered_held)
    return;
  box->read_away = box->read_away && !box->read_held;
  box->delivered_away = box->delivered_away && !box->delivered_held;
  box->sign_heals = 0;
  kith_box_flush (box, NULL);
}

static void
try_again (KithBox *box)
{
  gint64 from = box->refused_from;

  release_signs (box);
  forget_refusal (box);
  if (from == 0 || box->tail == NULL)
    return;
  /* What is under way from there on goes once more; it no longer counts in the tail's window. */
  for (guint i = 0; i < KITH_BOX_WINDOW; i++)
    box->flight->slots[i].size = 0;
  for (GList *l = box->queue.head, *next; l != NULL; l = next)
    {
      next = l->next;
      if (((KithQueued *)l->data)->item.kind == KITH_PARCEL_ROW)
        {
          queued_free (l->data);
          g_queue_delete_link (&box->queue, l);
        }
    }
  kith_tail_rewind (box->tail, from - 1);
  kith_tail_set_paused (box->tail, !g_queue_is_empty (&box->queue));
}

static gboolean
on_refused_timer (gpointer data)
{
  KithBox *box = data;

  box->timer = 0;
  try_again (box);
  return G_SOURCE_REMOVE;
}

static void
try_later (KithBox *box)
{
  if (box->timer != 0)
    return;
  box->refused_s = box->refused_s == 0 ? REFUSED_S : MIN (box->refused_s * 2, REFUSED_MAX_S);
  box->timer = kith_world_add_timer (box->owner->chat->world, box->refused_s * 1000, on_refused_timer, box, NULL);
}

void
kith_box_hold_sign (KithBox *box, KithParcelKind kind)
{
  if (box->flight == NULL)
    return;
  box->read_held = box->read_held || kind == KITH_PARCEL_READ;
  box->delivered_held = box->delivered_held || kind == KITH_PARCEL_DELIVERED;
  try_later (box);
}

static void
note_refusal (KithBox *box, gint64 id, const char *transport)
{
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (KithTraceStep));
  KithTraceStep refused = { id, kith_world_get_date_ms (box->owner->chat->world), KITH_TRACE_REFUSED, transport };

  g_array_append_val (steps, refused);
  kith_trace_rows (box->owner->chat->store, box->person, steps);
  if (box->refused_from == 0 || id < box->refused_from)
    box->refused_from = id;
  try_later (box);
}

void
kith_outbox_sign (KithOutbox *self, KithPerson *person)
{
  KithBox *box = g_hash_table_lookup (self->boxes, &person->row.id);

  if (box != NULL && (box->refused_from != 0 || box->read_held || box->delivered_held))
    try_again (box);
}

/* --- acknowledgements */

static KithFlight *
find_flight (KithBox *box, KithLink *link)
{
  if (box->flight != NULL && box->flight->link == link)
    return box->flight;
  return box->old != NULL && box->old->link == link ? box->old : NULL;
}

void
kith_outbox_acked (KithOutbox *self, KithPerson *person, KithLink *link, const KithLinkOutcome *outcomes, guint n)
{
  KithBox *box = kith_outbox_get_box (self, person->row.id);
  KithFlight *flight = find_flight (box, link);
  g_autoptr (GArray) items = g_array_sized_new (FALSE, FALSE, sizeof (KithBoxItem), n);
  gsize size = 0;

  if (flight == NULL)
    return;
  /* All slots first: what the window lets out below reuses them. */
  for (guint i = 0; i < n; i++)
    {
      KithBoxItem *slot = &flight->slots[outcomes[i].n % KITH_BOX_WINDOW];

      slot->code = outcomes[i].code;
      size += slot->size;
      if (slot->kind == KITH_PARCEL_ROW && slot->code == KITH_ACK_REFUSED)
        note_refusal (box, slot->value, slot->transport);
      else if (slot->kind != KITH_PARCEL_NONE)
        g_array_append_val (items, *slot);
      if (slot->kind != KITH_PARCEL_NONE && slot->code == KITH_ACK_STORED)
        box->refused_s = 0;
      if (slot->kind == KITH_PARCEL_ROW && slot->code == KITH_ACK_STORED)
        kith_box_note_answered (box, slot->value);
      memset (slot, 0, sizeof *slot);
    }
  if (items->len > 0)
    kith_box_submit_acks (box, g_steal_pointer (&items));
  if (size > 0 && flight == box->flight && box->tail != NULL)
    kith_tail_done (box->tail, size);
}
