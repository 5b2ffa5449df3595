/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mailbox server that loses, delays, repeats and forgets to answer, and each node's way to it. */
#include "sim.h"

#include <string.h>

typedef struct
{
  char *id;
  GBytes *sealed;
} Letter;

typedef struct
{
  Sim *sim;
  Node *node;
  guint32 device;
  char *uuid;
  GBytes *identity, *certificate, *bundle;
  GPtrArray *prekeys; /* of GBytes */
  GQueue letters;     /* of Letter */
  gboolean busy;      /* one is being handed over */
  guint timer;
} Box;

#define SIM_TYPE_MAIL (sim_mail_get_type ())
G_DECLARE_FINAL_TYPE (SimMail, sim_mail, SIM, MAIL, KithMailboxTransport)

struct _SimMail
{
  KithMailboxTransport parent_instance;
  Node *node; /* none */
  Box *box;   /* none */
};

static void sim_mail_directory (KithDirectoryInterface *iface);
G_DEFINE_FINAL_TYPE_WITH_CODE (SimMail, sim_mail, KITH_TYPE_MAILBOX_TRANSPORT,
                               G_IMPLEMENT_INTERFACE (KITH_TYPE_DIRECTORY, sim_mail_directory))

static void deliver (Box *box);

static Letter *
letter_new (const char *id, GBytes *sealed)
{
  Letter *letter = g_new (Letter, 1);

  letter->id = g_strdup (id);
  letter->sealed = g_bytes_ref (sealed);
  return letter;
}

static void
letter_free (gpointer data)
{
  Letter *letter = data;

  g_free (letter->id);
  g_bytes_unref (letter->sealed);
  g_free (letter);
}

void
sim_mail_box_free (gpointer data)
{
  Box *box = data;

  if (box->timer != 0)
    kith_world_drop_timer (box->sim->world, box->timer);
  g_queue_clear_full (&box->letters, letter_free);
  g_ptr_array_unref (box->prekeys);
  g_clear_pointer (&box->bundle, g_bytes_unref);
  g_bytes_unref (box->certificate);
  g_bytes_unref (box->identity);
  g_free (box->uuid);
  g_free (box);
}

static Box *
find_box (Sim *sim, const char *uuid)
{
  for (guint i = 0; i < sim->boxes->len; i++)
    if (g_str_equal (((Box *)sim->boxes->pdata[i])->uuid, uuid))
      return sim->boxes->pdata[i];
  return NULL;
}

/* What goes wrong, while anything does. */
static gboolean
trouble (Sim *sim, guint percent)
{
  return sim->mail_trouble && sim_percent (sim, percent);
}

/* --- answers take their time */

typedef void (*CallFunc) (Sim *sim, GTask *task);

typedef struct
{
  GTask *task;
  CallFunc func;
} Call;

static void
call_free (gpointer data)
{
  g_object_unref (((Call *)data)->task);
  g_free (data);
}

static gboolean
on_call (gpointer data)
{
  Call *call = data;
  Node *node = SIM_MAIL (g_task_get_source_object (call->task))->node;

  if (trouble (node->sim, 10))
    g_task_return_new_error (call->task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "the server does not answer");
  else
    call->func (node->sim, call->task);
  return G_SOURCE_REMOVE;
}

static void
answer_later (gpointer source,
              gpointer argument,
              GDestroyNotify destroy,
              CallFunc func,
              GAsyncReadyCallback cb,
              gpointer data)
{
  Sim *sim = SIM_MAIL (source)->node->sim;
  Call *call = g_new (Call, 1);

  call->task = g_task_new (source, NULL, cb, data);
  g_task_set_task_data (call->task, argument, destroy);
  call->func = func;
  kith_world_add_timer (sim->world, 1 + sim_below (sim, sim->delay_ms + 20), on_call, call, call_free);
}

/* --- deposits */

static KithDeposit
put (Sim *sim, KithParcel *parcel)
{
  Box *box = find_box (sim, kith_parcel_get_mailbox (parcel));
  Letter *letter;

  if (box == NULL || trouble (sim, 2))
    return KITH_DEPOSIT_NO_MAILBOX;
  if (trouble (sim, 10))
    return KITH_DEPOSIT_LATER;
  if (trouble (sim, 2))
    return KITH_DEPOSIT_CONFLICT;
  if (sim->mail_loses && trouble (sim, 5))
    return KITH_DEPOSIT_STORED;
  for (GList *l = box->letters.head; l != NULL; l = l->next)
    if (g_str_equal (((Letter *)l->data)->id, kith_parcel_get_id (parcel)))
      {
        if (!g_bytes_equal (((Letter *)l->data)->sealed, kith_parcel_get_sealed (parcel)))
          sim_fail (sim, "the parcel %s came with other bytes", kith_parcel_get_id (parcel));
        return KITH_DEPOSIT_DUPLICATE;
      }
  letter = letter_new (kith_parcel_get_id (parcel), kith_parcel_get_sealed (parcel));
  /* The first one may be on its way. */
  if (sim->mail_loses && trouble (sim, 20) && box->letters.length > 1)
    g_queue_push_nth (&box->letters, letter, 1);
  else
    g_queue_push_tail (&box->letters, letter);
  deliver (box);
  return KITH_DEPOSIT_STORED;
}

static void
answer_deposit (Sim *sim, GTask *task)
{
  GPtrArray *parcels = g_task_get_task_data (task);
  GArray *fates = g_array_new (FALSE, FALSE, sizeof (KithDeposit));
  g_autoptr (GHashTable) closed = g_hash_table_new (g_str_hash, g_str_equal); /* mailbox → its last fate */

  for (guint i = 0; i < parcels->len; i++)
    {
      KithParcel *parcel = g_ptr_array_index (parcels, i);
      gpointer mailbox = (gpointer)kith_parcel_get_mailbox (parcel);
      gpointer before = NULL;
      KithDeposit fate = g_hash_table_lookup_extended (closed, mailbox, NULL, &before)
                             ? (KithDeposit)GPOINTER_TO_INT (before)
                             : put (sim, parcel);

      if (fate == KITH_DEPOSIT_LATER || fate == KITH_DEPOSIT_NO_MAILBOX)
        g_hash_table_insert (closed, mailbox, GINT_TO_POINTER (fate));
      else if (fate == KITH_DEPOSIT_CONFLICT)
        g_hash_table_insert (closed, mailbox, GINT_TO_POINTER (KITH_DEPOSIT_LATER));
      g_array_append_val (fates, fate);
    }
  if (!trouble (sim, 10))
    {
      g_task_return_pointer (task, fates, (GDestroyNotify)g_array_unref);
      return;
    }
  g_array_unref (fates);
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "the answer was lost");
}

static void
sim_deposit_async (
    KithMailboxTransport *mail, GPtrArray *parcels, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  answer_later (mail, g_ptr_array_ref (parcels), (GDestroyNotify)g_ptr_array_unref, answer_deposit, cb, data);
}

static gpointer
finish_pointer (gpointer source, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- handing over: one after the other, each until it is acknowledged */

typedef struct
{
  Box *box;
  guint life;
} Handing;

static gboolean
on_deliver (gpointer data)
{
  Box *box = data;

  box->timer = 0;
  deliver (box);
  return G_SOURCE_REMOVE;
}

static void
on_handed (GObject *source, GAsyncResult *result, gpointer data)
{
  Handing *handing = data;
  Box *box = handing->box;
  Sim *sim = box->sim;
  g_autoptr (GError) error = NULL;
  KithFate fate = KITH_FATE_STORED;
  gboolean ok = kith_mailbox_transport_receive_finish (KITH_MAILBOX_TRANSPORT (source), result, &fate, &error);

  if (handing->life == box->node->life)
    {
      box->busy = FALSE;
      /* An acknowledgement may be lost. */
      if (ok && !trouble (sim, 10) && !g_queue_is_empty (&box->letters))
        letter_free (g_queue_pop_head (&box->letters));
      sim_trace (sim, "%s: mail: %s", box->node->name, ok ? "taken" : error->message);
      deliver (box);
    }
  g_free (handing);
}

static void
deliver (Box *box)
{
  Sim *sim = box->sim;
  Node *node = box->node;
  KithTransport *mail = node->mail;
  Letter *letter = g_queue_peek_head (&box->letters);
  g_autoptr (KithParcel) parcel = NULL;
  Handing *handing;

  if (letter == NULL || box->busy || box->timer != 0)
    return;
  if (!node->up || mail == NULL || SIM_MAIL (mail)->box != box
      || kith_transport_get_state (mail) != KITH_TRANSPORT_CONNECTED || trouble (sim, 30))
    {
      box->timer = kith_world_add_timer (sim->world, 500 + sim_below (sim, 3000), on_deliver, box, NULL);
      return;
    }
  handing = g_new (Handing, 1);
  handing->box = box;
  handing->life = node->life;
  box->busy = TRUE;
  parcel = kith_parcel_new (letter->id, box->uuid, letter->sealed, 0);
  kith_mailbox_transport_receive_async (KITH_MAILBOX_TRANSPORT (mail), parcel, NULL, on_handed, handing);
}

/* --- the directory */

static void
answer_lookup (Sim *sim, GTask *task)
{
  const char *username = g_task_get_task_data (task);
  KithListing *listing = NULL;

  for (guint i = 0; i < sim->boxes->len; i++)
    {
      Box *box = g_ptr_array_index (sim->boxes, i);

      if (!g_str_equal (box->node->name, username))
        continue;
      if (listing == NULL)
        listing = kith_listing_new (username, box->identity);
      g_ptr_array_add (listing->mailboxes, kith_listed_mailbox_new (box->uuid, box->certificate, 0));
    }
  if (listing != NULL)
    g_task_return_pointer (task, listing, (GDestroyNotify)kith_listing_free);
  else
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "nobody is called %s", username);
}

static void
sim_lookup_async (KithDirectory *mail, const char *username, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  answer_later (mail, g_strdup (username), g_free, answer_lookup, cb, data);
}

static void
answer_claim (Sim *sim, GTask *task)
{
  Box *box = find_box (sim, g_task_get_task_data (task));
  GByteArray *out;

  if (box == NULL || box->bundle == NULL)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "no keys");
      return;
    }
  out = g_byte_array_new ();
  g_byte_array_append (out, g_bytes_get_data (box->bundle, NULL), KITH_E2EE_BUNDLE_BYTES);
  out->data[KITH_E2EE_BUNDLE_BYTES - 1] = box->prekeys->len > 0;
  if (box->prekeys->len > 0)
    {
      g_byte_array_append (out, g_bytes_get_data (box->prekeys->pdata[0], NULL), 32);
      g_ptr_array_remove_index (box->prekeys, 0);
    }
  g_task_return_pointer (task, g_byte_array_free_to_bytes (out), (GDestroyNotify)g_bytes_unref);
}

static void
sim_claim_async (KithDirectory *mail, const char *mailbox, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  answer_later (mail, g_strdup (mailbox), g_free, answer_claim, cb, data);
}

static void
sim_publish_async (KithDirectory *mail,
                   GBytes *bundle,
                   GPtrArray *prekeys,
                   GCancellable *c,
                   GAsyncReadyCallback cb,
                   gpointer data)
{
  Box *box = SIM_MAIL (mail)->box;
  g_autoptr (GTask) task = g_task_new (mail, c, cb, data);

  g_clear_pointer (&box->bundle, g_bytes_unref);
  box->bundle = g_bytes_ref (bundle);
  for (guint i = 0; i < prekeys->len; i++)
    g_ptr_array_add (box->prekeys, g_bytes_ref (prekeys->pdata[i]));
  g_task_return_int (task, box->prekeys->len);
}

static gboolean
sim_publish_finish (KithDirectory *mail, GAsyncResult *result, guint *left, GError **error)
{
  GError *failed = NULL;

  *left = (guint)g_task_propagate_int (G_TASK (result), &failed);
  if (failed == NULL)
    return TRUE;
  g_propagate_error (error, failed);
  return FALSE;
}

static GArray *
sim_deposit_finish (KithMailboxTransport *mail, GAsyncResult *result, GError **error)
{
  return finish_pointer (mail, result, error);
}

static KithListing *
sim_lookup_finish (KithDirectory *mail, GAsyncResult *result, GError **error)
{
  return finish_pointer (mail, result, error);
}

static GBytes *
sim_claim_finish (KithDirectory *mail, GAsyncResult *result, GError **error)
{
  return finish_pointer (mail, result, error);
}

static void
sim_mail_directory (KithDirectoryInterface *iface)
{
  iface->lookup_async = sim_lookup_async;
  iface->lookup_finish = sim_lookup_finish;
  iface->claim_async = sim_claim_async;
  iface->claim_finish = sim_claim_finish;
  iface->publish_async = sim_publish_async;
  iface->publish_finish = sim_publish_finish;
}

static void
sim_mail_class_init (SimMailClass *klass)
{
  KITH_MAILBOX_TRANSPORT_CLASS (klass)->deposit_async = sim_deposit_async;
  KITH_MAILBOX_TRANSPORT_CLASS (klass)->deposit_finish = sim_deposit_finish;
}

static void
sim_mail_init (SimMail *self)
{
}

/* --- nodes */

static GBytes *
certify (Node *node, const char *uuid)
{
  g_autoptr (GByteArray) about = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  GBytes *certificate;

  for (const char *c = uuid; *c != '\0'; c++)
    {
      guint8 byte;

      if (*c == '-')
        continue;
      byte = (guint8)(g_ascii_xdigit_value (c[0]) << 4 | g_ascii_xdigit_value (c[1]));
      g_byte_array_append (about, &byte, 1);
      c++;
    }
  g_byte_array_append (about, (const guint8 *)node->name, strlen (node->name));
  bytes = g_bytes_new (about->data, about->len);
  certificate = kith_keys_certify (node->keys, "kith/mailbox/1 device", bytes, NULL);
  g_assert_nonnull (certificate);
  return certificate;
}

/* The mailbox of its device, which is made when it has none. */
static Box *
get_box (Node *node)
{
  guint32 device = kith_keys_get_device (node->keys);
  Box *box;

  for (guint i = 0; i < node->sim->boxes->len; i++)
    {
      box = g_ptr_array_index (node->sim->boxes, i);
      if (box->node == node && box->device == device)
        return box;
    }
  box = g_new0 (Box, 1);
  box->sim = node->sim;
  box->node = node;
  box->device = device;
  box->uuid = kith_world_new_uuid (node->sim->world);
  box->identity = kith_keys_dup_identity_key (node->keys);
  box->certificate = certify (node, box->uuid);
  box->prekeys = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_ptr_array_add (node->sim->boxes, box);
  return box;
}

void
sim_mail_open (Node *node)
{
  SimMail *mail = g_object_new (SIM_TYPE_MAIL, "id", "mail", NULL);
  g_autoptr (GError) error = NULL;

  mail->node = node;
  mail->box = get_box (node);
  mail->box->busy = FALSE;
  node->mail = KITH_TRANSPORT (mail);
  kith_transport_attach (node->mail, node->world);
  kith_chat_add_transport (node->chat, node->mail, &error);
  g_assert_no_error (error);
  sim_mail_connect (node, TRUE);
}

void
sim_mail_connect (Node *node, gboolean connected)
{
  kith_transport_set_state (node->mail, connected ? KITH_TRANSPORT_CONNECTED : KITH_TRANSPORT_DISCONNECTED, NULL);
  deliver (SIM_MAIL (node->mail)->box);
}

gboolean
sim_mail_connected (Node *node)
{
  return node->mail != NULL && kith_transport_get_state (node->mail) == KITH_TRANSPORT_CONNECTED;
}
