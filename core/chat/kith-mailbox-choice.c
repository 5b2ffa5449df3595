/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-mailbox-choice.h"
#include "kith-log.h"
#include "kith-message.h"

#define LISTED_MAX 16 /* an account has 8 devices; each costs a signature */

static gboolean
check (const KithListing *listing,
       const KithListedMailbox *listed,
       const KithPersonRow *person,
       KithMailboxRow *out,
       GError **error)
{
  guint8 uuid[KITH_ID_BYTES];
  guint digits = 0;

  if (listed->certificate == NULL || listed->mailbox == NULL || !g_uuid_string_is_valid (listed->mailbox))
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_PROTOCOL, "it has no certificate, or its name is no UUID");
      return FALSE;
    }
  for (const char *c = listed->mailbox; *c != '\0'; c++)
    if (*c != '-')
      {
        guint8 digit = (guint8)g_ascii_xdigit_value (*c);

        uuid[digits / 2] = digits % 2 == 0 ? (guint8)(digit << 4) : (guint8)(uuid[digits / 2] | digit);
        digits++;
      }
  return kith_keys_check_certificate (person->ik, uuid, listing->username, listed->certificate, &out->device,
                                      &out->created_ms, error);
}

static void
find_newest (const KithListing *listing, const KithPersonRow *person, KithMailboxRow *best)
{
  for (guint i = 0; i < MIN (listing->mailboxes->len, LISTED_MAX); i++)
    {
      const KithListedMailbox *listed = g_ptr_array_index (listing->mailboxes, i);
      KithMailboxRow one = { 0 };
      g_autoptr (GError) error = NULL;

      if (!check (listing, listed, person, &one, &error))
        kith_warning_about ((&(KithLogAbout){ .peer = person->name }), "a mailbox is not theirs: %s", error->message);
      else if (best->uuid == NULL || one.created_ms > best->created_ms)
        {
          g_free (best->uuid);
          best->uuid = g_ascii_strdown (listed->mailbox, -1);
          best->device = one.device;
          best->created_ms = one.created_ms;
        }
    }
}

gboolean
kith_mailbox_choose (const KithMailboxChoice *choice, KithDb *db, KithPersonRow *person, GError **error)
{
  g_auto (KithMailboxRow) best = { 0 };
  gboolean newer = FALSE;

  find_newest (choice->listing, person, &best);
  best.asked_ms = choice->now_ms;
  if (!kith_table_mailbox_set (db, person->id, choice->office, &best, error))
    return FALSE;
  if (best.uuid == NULL || best.device == person->device
      || (person->device != 0
          && best.created_ms <= kith_table_mailbox_device_seen (db, person->id, person->device)))
    return TRUE;
  if (!kith_table_people_see_device (db, person->id, best.device, choice->now_ms, &newer, error))
    return FALSE;
  if (!newer)
    return TRUE;
  person->device = best.device;
  kith_after_person (choice->after, person);
  kith_after_renew (choice->after, person->id);
  return TRUE;
}
