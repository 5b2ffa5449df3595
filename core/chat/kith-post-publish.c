/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-post-private.h"
#include "kith-log.h"

#define KEEP 100 /* one-time prekeys in a directory: e2ee.md §2 */
#define REFILL_BELOW 20
#define PAUSE_S 5
#define PAUSE_MAX_S 3600

/* First the bundle alone goes, and the directory says how many prekeys it has; then what it lacks. What was taken out
 * for it goes until it is there: the same keys, for nobody else gets them; then the bundle is looked at once more. */
typedef struct
{
  KithChat *chat;
  KithOffice *office;
  guint count;
  GBytes *bundle;
  GPtrArray *prekeys;
} Batch;

static void
batch_free (gpointer data)
{
  Batch *batch = data;

  g_clear_pointer (&batch->bundle, g_bytes_unref);
  g_clear_pointer (&batch->prekeys, g_ptr_array_unref);
  kith_office_unref (batch->office);
  g_object_unref (batch->chat);
  g_free (batch);
}

static gboolean
run_batch (KithDb *db, gpointer data, GError **error)
{
  Batch *batch = data;

  g_clear_pointer (&batch->bundle, g_bytes_unref);
  g_clear_pointer (&batch->prekeys, g_ptr_array_unref);
  return kith_keys_publish (batch->chat->keys, db, batch->count, &batch->bundle, &batch->prekeys, error);
}

static gboolean
on_timer (gpointer data)
{
  KithOffice *office = data;

  office->publish_timer = 0;
  kith_office_publish (office);
  return G_SOURCE_REMOVE;
}

static void
try_later (KithOffice *office)
{
  KithPost *self = office->owner;
  guint ms = kith_post_pause_ms (self, office->publish_failures++, PAUSE_S, PAUSE_MAX_S);

  office->publishing = FALSE;
  if (office->publish_timer == 0)
    office->publish_timer = kith_world_add_timer (self->chat->world, ms, on_timer, office, NULL);
}

static gboolean
is_gone (KithOffice *office)
{
  return office->owner == NULL || office->owner->stopped;
}

static void take (KithOffice *office, guint count);

static void
on_published (GObject *source, GAsyncResult *result, gpointer data)
{
  KithOffice *office = data;
  g_autoptr (GError) error = NULL;
  guint left = 0, given;
  gboolean ok = kith_directory_publish_finish (KITH_DIRECTORY (source), result, &left, &error);

  if (is_gone (office))
    {
      kith_office_unref (office);
      return;
    }
  if (!ok)
    {
      kith_info_about ((&(KithLogAbout){ .transport = office->id }), "the key bundle is not published: %s",
                       error->message);
      try_later (office);
      kith_office_unref (office);
      return;
    }
  office->left = left;
  g_clear_pointer (&office->bundle, g_bytes_unref);
  office->bundle = g_steal_pointer (&office->put_bundle);
  given = office->put_prekeys->len;
  g_clear_pointer (&office->put_prekeys, g_ptr_array_unref);
  office->publishing = FALSE;
  if (left >= REFILL_BELOW)
    office->publish_failures = 0;
  if (left < REFILL_BELOW && given == 0)
    take (office, KEEP - left);
  else if (left < REFILL_BELOW)
    try_later (office); /* one that swallows them is not to have us make them all day */
  else if (office->publish_again || given > 0)
    kith_office_publish (office);
  kith_office_unref (office);
}

static void
put (KithOffice *office)
{
  KithDirectory *directory = kith_office_get_directory (office);

  if (directory == NULL)
    {
      office->publishing = FALSE;
      return;
    }
  office->publishing = TRUE;
  kith_directory_publish_async (directory, office->put_bundle, office->put_prekeys, office->cancellable, on_published,
                                kith_office_ref (office));
}

static void
on_batch (gpointer data, const GError *error)
{
  Batch *batch = data;
  KithOffice *office = batch->office;

  if (is_gone (office))
    return;
  if (error != NULL)
    {
      kith_warning ("no key bundle to publish: %s", error->message);
      try_later (office);
      return;
    }
  office->publishing = FALSE;
  /* It is there already, with enough of the others. */
  if (batch->count == 0 && office->bundle != NULL && g_bytes_equal (office->bundle, batch->bundle)
      && office->left >= REFILL_BELOW)
    return;
  g_clear_pointer (&office->put_bundle, g_bytes_unref);
  office->put_bundle = g_steal_pointer (&batch->bundle);
  g_clear_pointer (&office->put_prekeys, g_ptr_array_unref);
  office->put_prekeys = g_steal_pointer (&batch->prekeys);
  put (office);
}

static void
take (KithOffice *office, guint count)
{
  Batch *batch = g_new0 (Batch, 1);

  batch->chat = g_object_ref (office->owner->chat);
  batch->office = kith_office_ref (office);
  batch->count = count;
  office->publishing = TRUE;
  kith_store_submit (batch->chat->store, KITH_LANE_FRONT, run_batch, on_batch, batch, batch_free);
}

void
kith_office_publish (KithOffice *office)
{
  if (office->publishing)
    {
      office->publish_again = TRUE;
      return;
    }
  office->publish_again = FALSE;
  if (office->publish_timer != 0)
    kith_world_drop_timer (office->owner->chat->world, office->publish_timer);
  office->publish_timer = 0;
  if (office->put_prekeys != NULL && office->put_prekeys->len > 0)
    put (office);
  else
    take (office, 0);
}
