/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is noted outside of the database so that an older copy in its place is noticed (e2ee.md §13): beside the key the
 * number of the start, and in a file KEY.mark the newest event, which tells copies from within one run. */
#define G_LOG_DOMAIN "kithd"
#include "kith-mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kith-db.h"
#include "kith-journal.h"
#include "kith-log.h"

#define TOGETHER_MS 1000   /* what is told in between is noted together */
#define MARK_BYTES 80   /* written at once, never across a sector: no half of it is ever read */

struct _KithMark
{
  KithWorld *world;
  KithStore *store;
  KithKeyStore *key_store;
  char *path;
  int fd;
  guint timer;
  char written[MARK_BYTES + 1];
  gint64 starts;          /* as read from the database */
  gboolean noting;        /* a worker has the key store in its hands */
};

KithMark *
kith_mark_new (KithWorld *world, KithStore *store, KithKeyStore *key_store, const char *key_path)
{
  KithMark *self = g_new0 (KithMark, 1);

  self->world = kith_world_ref (world);
  self->store = g_object_ref (store);
  self->key_store = key_store;
  self->path = g_strconcat (key_path, ".mark", NULL);
  self->fd = -1;
  return self;
}

void
kith_mark_free (KithMark *self)
{
  while (self->noting)
    g_main_context_iteration (NULL, TRUE);
  if (self->timer != 0)
    kith_world_drop_timer (self->world, self->timer);
  if (self->fd >= 0)
    close (self->fd);
  g_object_unref (self->store);
  kith_world_unref (self->world);
  g_free (self->path);
  g_free (self);
}

void
kith_mark_expect (KithMark *self)
{
  g_autofree char *text = NULL;
  char epoch[37] = "";
  long long newest = 0;

  kith_store_expect_starts (self->store, kith_key_store_get_starts (self->key_store));
  if (g_file_get_contents (self->path, &text, NULL, NULL) && sscanf (text, "%36s %lld", epoch, &newest) == 2)
    kith_store_expect_journal (self->store, epoch, newest);
  else
    kith_store_expect_journal (self->store, NULL, 0);
}

/* Not synced: it may lag behind, and must never be ahead. */
static void
write_mark (KithMark *self)
{
  char text[MARK_BYTES + 1];
  KithJournalBounds bounds;

  if (kith_store_get_state (self->store) != KITH_STORE_OPEN)
    return;
  kith_store_get_journal (self->store, &bounds);
  g_snprintf (text, sizeof text, "%s %020" G_GINT64_FORMAT "%*s\n", bounds.epoch, bounds.newest, 22, "");
  if (strcmp (text, self->written) == 0)
    return;
  if (self->fd < 0)
    self->fd = open (self->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->fd >= 0 && pwrite (self->fd, text, strlen (text), 0) == (gssize) strlen (text))
    memcpy (self->written, text, sizeof text);
}

static gboolean
on_timer (gpointer data)
{
  KithMark *self = data;

  self->timer = 0;
  write_mark (self);
  return G_SOURCE_REMOVE;
}

static void
on_noted (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean rolled_back;

  ((KithMark *) data)->noting = FALSE;
  if (!kith_key_store_note_starts_finish (NULL, result, &rolled_back, &error))
    kith_warning ("The number of this start could not be noted beside the key: %s", error->message);
}

static gboolean
read_starts (KithDb *db, gpointer data, GError **error)
{
  g_autofree char *text = kith_db_get_meta (db, "starts", error);

  ((KithMark *) data)->starts = text != NULL ? g_ascii_strtoll (text, NULL, 10) : 0;
  return text != NULL || *error == NULL;
}

/* What the file has, not what it was to have: on a full disk the start may not have been noted in it. */
static void
on_starts (gpointer data, const GError *error)
{
  KithMark *self = data;

  if (error != NULL || self->starts <= 0)
    return;
  self->noting = TRUE;
  kith_key_store_note_starts_async (self->key_store, self->starts, NULL, on_noted, self);
}

void
kith_mark_opened (KithMark *self)
{
  write_mark (self);
  kith_store_read (self->store, read_starts, on_starts, self, NULL);
}

void
kith_mark_moved (KithMark *self)
{
  if (self->timer == 0)
    self->timer = kith_world_add_timer (self->world, TOGETHER_MS, on_timer, self, NULL);
}

void
kith_mark_closing (KithMark *self)
{
  if (self->timer != 0)
    kith_world_drop_timer (self->world, self->timer);
  self->timer = 0;
  write_mark (self);
}
