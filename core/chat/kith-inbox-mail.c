/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-arrival.h"
#include "kith-inbox-private.h"
#include "kith-log.h"
#include "kith-outbox.h"
#include "kith-post.h"
#include "kith-quarantine.h"

#include <string.h>

#define PARCEL_ID_MAX 64

/* A parcel: opened, read and remembered in one job. */
typedef struct
{
  KithArrival arrival;
  GTask *task;
  KithParcel *parcel;
  KithFate fate;
} Mail;

static void
mail_free (gpointer data)
{
  Mail *mail = data;

  kith_arrival_clear (&mail->arrival);
  kith_parcel_unref (mail->parcel);
  g_object_unref (mail->task);
  g_free (mail);
}

static gboolean
keep (Mail *mail, KithDb *db, GBytes *wire, KithE2eeCode code, GError **error)
{
  KithArrival *arrival = &mail->arrival;
  KithQuarantineRow row = { .person = arrival->person,
                            .device = arrival->device,
                            .wire = wire,
                            .code = code,
                            .reason = (char *)kith_e2ee_code_name (code),
                            .transport = (char *)arrival->transport,
                            .received_ms = arrival->now_ms };

  mail->fate = KITH_FATE_QUARANTINED;
  return kith_table_quarantine_add (db, &row, error);
}

/* Strangers who cannot be read have nothing that could be healed, and no claim on our disk. */
static gboolean
judge (Mail *mail, KithDb *db, GError **error)
{
  KithArrival *arrival = &mail->arrival;

  if (arrival->error_code == KITH_E2EE_E_DUPLICATE)
    mail->fate = KITH_FATE_DUPLICATE;
  else if (arrival->blocked || arrival->code == KITH_ACK_REFUSED)
    mail->fate = KITH_FATE_DROPPED;
  else if (arrival->code == KITH_ACK_REQUEST)
    mail->fate = KITH_FATE_REQUEST;
  else if (arrival->code == KITH_ACK_UNREADABLE && arrival->is_friend)
    return keep (mail, db, arrival->wire, arrival->error_code, error);
  else if (arrival->code == KITH_ACK_UNREADABLE)
    mail->fate = KITH_FATE_DROPPED;
  else
    mail->fate = KITH_FATE_STORED;
  return TRUE;
}

static gboolean
run_mail (KithDb *db, gpointer data, GError **error)
{
  Mail *mail = data;
  KithArrival *arrival = &mail->arrival;
  KithE2eeCode code = KITH_E2EE_OK;
  GError *failed = NULL;
  gboolean fresh;

  kith_after_reset (arrival->after);
  arrival->person = 0;
  arrival->is_friend = arrival->new_session = FALSE;
  mail->fate = KITH_FATE_DUPLICATE;
  if (!kith_table_parcel_add (db, kith_parcel_get_id (mail->parcel), arrival->now_ms, &fresh, error))
    return FALSE;
  if (!fresh)
    return TRUE;
  g_clear_pointer (&arrival->wire, g_bytes_unref);
  arrival->wire = kith_keys_unseal (arrival->chat->keys, kith_parcel_get_sealed (mail->parcel), arrival->ik,
                                    &arrival->device, &code, &failed);
  if (arrival->wire == NULL && code == KITH_E2EE_FAILED)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  if (arrival->wire == NULL)
    {
      g_error_free (failed);
      return keep (mail, db, kith_parcel_get_sealed (mail->parcel), code, error);
    }
  return kith_arrival_run (arrival, db, error) && judge (mail, db, error);
}

static void
settle (Mail *mail)
{
  KithArrival *arrival = &mail->arrival;
  KithChat *chat = arrival->chat;
  KithPerson *person = kith_people_find_id (chat->people, arrival->person);

  kith_after_apply (arrival->after, chat);
  if (arrival->new_session)
    kith_post_prekey_used (chat->post);
  if (mail->fate == KITH_FATE_QUARANTINED)
    kith_quarantine_note (chat->quarantine, arrival->person);
  else if (arrival->is_friend && (arrival->new_session || arrival->missing))
    kith_quarantine_look (chat->quarantine, arrival->person);
  if (person != NULL && mail->fate == KITH_FATE_STORED)
    kith_outbox_sign (chat->outbox, person);
}

static void
on_mail (gpointer data, const GError *error)
{
  Mail *mail = data;
  KithChat *chat = mail->arrival.chat;

  if (error != NULL && mail->arrival.refused)
    {
      g_task_return_int (mail->task, KITH_FATE_DROPPED);
      return;
    }
  if (error != NULL)
    {
      int code = g_error_matches (error, KITH_ERROR, KITH_ERROR_BUSY)     ? KITH_ERROR_BUSY
                 : g_error_matches (error, KITH_ERROR, KITH_ERROR_CLOSED) ? KITH_ERROR_CLOSED
                                                                          : KITH_ERROR_STORE;

      kith_warning ("what a mailbox brought could not be stored: %s", error->message);
      g_task_return_new_error (mail->task, KITH_ERROR, code, "it could not be stored: %s", error->message);
      return;
    }
  if (!chat->stopped)
    settle (mail);
  g_task_return_int (mail->task, mail->fate);
}

void
kith_inbox_take_parcel (KithInbox *self, KithMailboxTransport *transport, KithParcel *parcel, GTask *task)
{
  KithChat *chat = self->chat;
  gsize n = g_bytes_get_size (kith_parcel_get_sealed (parcel));
  Mail *mail;

  if (chat->stopped || !chat->started || kith_store_is_full (chat->store))
    {
      if (chat->stopped)
        g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_CLOSED, "the daemon is stopping");
      else
        g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_BUSY, "too much waits to be stored");
      g_object_unref (task);
      return;
    }
  /* No such thing was ever deposited by one of us: there is nothing to keep of it. */
  if (strlen (kith_parcel_get_id (parcel)) > PARCEL_ID_MAX || n > KITH_E2EE_MAX_WIRE + KITH_E2EE_SEAL_OVERHEAD)
    {
      g_task_return_int (task, KITH_FATE_DROPPED);
      g_object_unref (task);
      return;
    }
  mail = g_new0 (Mail, 1);
  kith_arrival_init (&mail->arrival, self, kith_transport_get_id (KITH_TRANSPORT (transport)));
  mail->arrival.missing = kith_quarantine_any (chat->quarantine);
  mail->task = task;
  mail->parcel = kith_parcel_ref (parcel);
  kith_store_submit_sized (chat->store, KITH_LANE_FRONT, n, run_mail, on_mail, mail, mail_free);
}
