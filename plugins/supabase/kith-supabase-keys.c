/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directory: who is who, and their key bundles. What comes is checked for its shape only; certificates, signatures
 * and pinned keys are the daemon's. */
#include "kith-supabase-private.h"

#include <string.h>

#define KEY_BYTES 32
#define CERTIFICATE_BYTES 76
#define BUNDLE_BYTES 146
#define COUNT_AT 144
#define MOST_DEVICES 16
#define MOST_LEFT 100000

static gboolean
refuse_early (KithSupabase *self, GTask *task)
{
  if (self->ready)
    return FALSE;
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "the offline server is not reached: %s",
                           self->trouble != NULL ? self->trouble->message : "it is being connected");
  g_object_unref (task);
  return TRUE;
}

static void
fail (GTask *task, const KithSupabaseAnswer *answer)
{
  g_task_return_error (task, kith_supabase_answer_error (answer));
  g_object_unref (task);
}

static void
fail_nonsense (GTask *task, const char *what)
{
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_PROTOCOL, "the offline server gives no valid %s", what);
  g_object_unref (task);
}

/* --- looking up */

static void
add_device (KithListing *listing, JsonNode *node)
{
  JsonObject *device = kith_supabase_get_object (node);
  const char *id = device != NULL ? kith_supabase_get_uuid (device, "id") : NULL;
  const char *text = device != NULL ? kith_supabase_get_string (device, "cert", 4096) : NULL;
  g_autoptr (GBytes) certificate = text != NULL ? kith_supabase_decode (text, 1, 2048) : NULL;
  g_autofree char *lower = id != NULL ? g_ascii_strdown (id, -1) : NULL;
  guint64 created = 0;

  if (id == NULL || certificate == NULL || listing->mailboxes->len >= MOST_DEVICES)
    return;
  if (g_bytes_get_size (certificate) == CERTIFICATE_BYTES)
    memcpy (&created, (const guint8 *) g_bytes_get_data (certificate, NULL) + 4, sizeof created);
  created = MIN (GUINT64_FROM_BE (created), G_MAXINT64);
  g_ptr_array_add (listing->mailboxes, kith_listed_mailbox_new (lower, certificate, (gint64) created));
}

static void
on_looked_up (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  GTask *task = data;
  const char *asked = g_task_get_task_data (task);
  JsonObject *object = kith_supabase_get_object (answer->root);
  const char *username = object != NULL ? kith_supabase_get_string (object, "username", 32) : NULL;
  const char *text = object != NULL ? kith_supabase_get_string (object, "identity_key", 64) : NULL;
  const char *account = object != NULL ? kith_supabase_get_uuid (object, "user_id") : NULL;
  JsonArray *devices = object != NULL ? kith_supabase_get_array (object, "devices") : NULL;
  g_autoptr (GBytes) key = text != NULL ? kith_supabase_decode (text, KEY_BYTES, KEY_BYTES) : NULL;
  KithListing *listing;

  if (answer->error != NULL)
    {
      fail (task, answer);
      return;
    }
  if (answer->root != NULL && JSON_NODE_HOLDS_NULL (answer->root))
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "nobody is listed as “%s”", asked);
      g_object_unref (task);
      return;
    }
  if (key == NULL || account == NULL || devices == NULL || g_strcmp0 (username, asked) != 0)
    {
      fail_nonsense (task, "entry");
      return;
    }
  listing = kith_listing_new (username, key);
  for (guint i = 0; i < json_array_get_length (devices); i++)
    add_device (listing, json_array_get_element (devices, i));
  if (!self->stopped)
    kith_supabase_people_learn (self, key, account);
  g_task_return_pointer (task, listing, (GDestroyNotify) kith_listing_free);
  g_object_unref (task);
}

void
kith_supabase_lookup (KithSupabase *self, const char *username, GTask *task)
{
  JsonObject *args;

  if (refuse_early (self, task))
    return;
  g_task_set_task_data (task, g_strdup (username), g_free);
  args = json_object_new ();
  json_object_set_string_member (args, "p_username", username);
  kith_supabase_call (self, "lookup", args, on_looked_up, task);
}

/* --- claiming */

/* In fetch form the one-time prekey stands behind the bundle, and is counted in it. */
static GBytes *
join_bundle (GBytes *bundle, GBytes *prekey)
{
  GByteArray *whole = g_byte_array_new ();

  g_byte_array_append (whole, g_bytes_get_data (bundle, NULL), BUNDLE_BYTES);
  whole->data[COUNT_AT] = 0;
  whole->data[COUNT_AT + 1] = prekey != NULL;
  if (prekey != NULL)
    g_byte_array_append (whole, g_bytes_get_data (prekey, NULL), KEY_BYTES);
  return g_byte_array_free_to_bytes (whole);
}

static void
on_claimed (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  GTask *task = data;
  JsonObject *object = kith_supabase_get_object (answer->root);
  const char *text = object != NULL ? kith_supabase_get_string (object, "bundle", 1024) : NULL;
  JsonNode *node = object != NULL ? json_object_get_member (object, "prekey") : NULL;
  gboolean without = node == NULL || JSON_NODE_HOLDS_NULL (node);
  const char *prekey_text = without || object == NULL ? NULL : kith_supabase_get_string (object, "prekey", 64);
  g_autoptr (GBytes) bundle = text != NULL ? kith_supabase_decode (text, BUNDLE_BYTES, BUNDLE_BYTES) : NULL;
  g_autoptr (GBytes) prekey
    = prekey_text != NULL ? kith_supabase_decode (prekey_text, KEY_BYTES, KEY_BYTES) : NULL;

  if (answer->status == 404)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN,
                               "there is no such device at the offline server, or it has published no keys");
      g_object_unref (task);
    }
  else if (answer->error != NULL)
    fail (task, answer);
  else if (bundle == NULL || (prekey == NULL && !without))
    fail_nonsense (task, "key bundle");
  else
    {
      g_task_return_pointer (task, join_bundle (bundle, prekey), (GDestroyNotify) g_bytes_unref);
      g_object_unref (task);
    }
}

void
kith_supabase_claim (KithSupabase *self, const char *mailbox, GTask *task)
{
  JsonObject *args;

  if (refuse_early (self, task))
    return;
  args = json_object_new ();
  json_object_set_string_member (args, "p_device", mailbox);
  kith_supabase_call (self, "claim", args, on_claimed, task);
}

/* --- publishing */

static void
on_published (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  GTask *task = data;
  JsonObject *object = kith_supabase_get_object (answer->root);
  gint64 left;

  if (answer->error != NULL)
    {
      fail (task, answer);
      return;
    }
  if (object == NULL || !kith_supabase_get_int (object, "prekeys", 0, MOST_LEFT, &left))
    {
      fail_nonsense (task, "answer to our keys");
      return;
    }
  g_task_return_int (task, (gssize) left);
  g_object_unref (task);
}

void
kith_supabase_publish (KithSupabase *self, GBytes *bundle, GPtrArray *prekeys, GTask *task)
{
  g_autofree char *text = NULL;
  JsonArray *list;
  JsonObject *args;

  if (refuse_early (self, task))
    return;
  text = kith_supabase_encode (bundle);
  list = json_array_new ();
  for (guint i = 0; prekeys != NULL && i < prekeys->len; i++)
    {
      g_autofree char *one = kith_supabase_encode (g_ptr_array_index (prekeys, i));

      json_array_add_string_element (list, one);
    }
  args = json_object_new ();
  json_object_set_string_member (args, "p_bundle", text);
  json_object_set_array_member (args, "p_prekeys", list);
  kith_supabase_call (self, "publish", args, on_published, task);
}
