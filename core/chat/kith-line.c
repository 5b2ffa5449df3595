/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-links-private.h"
#include "kith-log.h"
#include "kith-trace.h"
#include <string.h>

#define ADDRESS_LEASE_S (30 * 24 * 60 * 60)

KithLine *
kith_line_ref (KithLine *line)
{
  g_atomic_ref_count_inc (&line->ref);
  return line;
}

void
kith_line_unref (KithLine *line)
{
  if (!g_atomic_ref_count_dec (&line->ref))
    return;
  g_free (line->peer.username);
  g_free (line->peer.from);
  g_free (line);
}

KithLine *
kith_line_new (KithLinks *self, const char *transport, const char *from)
{
  KithLine *line = g_new0 (KithLine, 1);

  g_atomic_ref_count_init (&line->ref);
  line->owner = self;
  line->peer.transport = g_intern_string (transport);
  line->peer.from = g_strdup (from);
  g_ptr_array_add (self->lines, line);
  return line;
}

void
kith_line_forget (KithLine *line)
{
  KithLinks *self = line->owner;
  KithLink *link = g_steal_pointer (&line->link);

  if (self == NULL)
    return;
  line->owner = NULL;
  line->peer.person = NULL;
  g_ptr_array_remove_fast (self->lines, line);
  if (link != NULL)
    kith_link_unref (link);
  kith_line_unref (line);
}

/* --- when and where they were seen */

typedef struct
{
  KithLine *line;         /* nullable: only note the time */
  gint64 person, now_ms;
  guint32 device;
  char *ip;
  gboolean newer, found;
  KithPersonRow row;
} Sighting;

static void
sighting_free (gpointer data)
{
  Sighting *sighting = data;

  if (sighting->line != NULL)
    kith_line_unref (sighting->line);
  kith_person_row_clear (&sighting->row);
  g_free (sighting->ip);
  g_free (sighting);
}

static gboolean
note_sighting (KithDb *db, gpointer data, GError **error)
{
  Sighting *sighting = data;
  GError *failure = NULL;

  sighting->newer = FALSE;
  sighting->found = kith_table_people_get (db, sighting->person, &sighting->row, &failure);
  if (!sighting->found)
    {
      if (failure != NULL)
        g_propagate_error (error, failure);
      return failure == NULL;
    }
  sighting->row.last_seen_ms = MAX (sighting->row.last_seen_ms, sighting->now_ms);
  if (sighting->ip != NULL)
    {
      g_free (sighting->row.last_ip);
      sighting->row.last_ip = g_strdup (sighting->ip);
    }
  if (!kith_table_people_save (db, &sighting->row, error))
    return FALSE;
  if (sighting->device == 0)
    return TRUE;
  if (!kith_table_people_see_device (db, sighting->person, sighting->device, sighting->now_ms, &sighting->newer, error))
    return FALSE;
  if (sighting->newer)
    sighting->row.device = sighting->device;
  return TRUE;
}

static void
on_sighting (gpointer data, const GError *error)
{
  Sighting *sighting = data;
  KithLine *line = sighting->line;
  KithLinks *self = line == NULL ? NULL : line->owner;
  KithPerson *person = NULL;

  if (self == NULL || line->peer.person == NULL)
    return;
  if (error != NULL || !sighting->found)
    {
      kith_warning_about (&(KithLogAbout) { .peer = line->peer.username }, "cannot note who is there: %s",
                          error == NULL ? "unknown by now" : error->message);
      kith_link_close (line->link, KITH_LINK_OVERLOADED, "cannot store");
      return;
    }
  person = line->peer.person;
  /* Only what this job wrote: the mirror may be ahead of it in the rest. */
  person->row.device = sighting->row.device;
  person->row.last_seen_ms = sighting->row.last_seen_ms;
  g_free (person->row.last_ip);
  person->row.last_ip = g_strdup (sighting->row.last_ip);
  if (person->friend != NULL)
    kith_friend_set_last_seen_ms (person->friend, person->row.last_seen_ms);
  if (sighting->newer && self->hooks->newer_device != NULL)
    self->hooks->newer_device (self->chat, person, sighting->device);
  if (line->owner != NULL && kith_link_is_open (line->link))
    kith_line_settle (line);
}

/* "tcp:192.0.2.1:9100" → 192.0.2.1; whatever follows the scheme, without the port. */
static char *
dup_host (const char *from)
{
  const char *host = from == NULL ? NULL : strchr (from, ':');
  const char *port = host == NULL ? NULL : strrchr (host + 1, ':');

  if (host == NULL)
    return NULL;
  return port == NULL ? g_strdup (host + 1) : g_strndup (host + 1, port - host - 1);
}

static void
see (KithLine *line, gboolean arriving)
{
  KithLinks *self = line->owner;
  Sighting *sighting = g_new0 (Sighting, 1);

  sighting->person = line->peer.person->row.id;
  sighting->now_ms = kith_world_get_date_ms (self->world);
  if (arriving)
    {
      sighting->line = kith_line_ref (line);
      sighting->device = line->peer.device;
      /* Who dialled us came from a bare IP address. */
      sighting->ip = line->peer.dialled ? dup_host (line->peer.from) : g_strdup (line->peer.from);
    }
  else
    {
      line->peer.person->row.last_seen_ms = sighting->now_ms;
      if (line->peer.person->friend != NULL)
        kith_friend_set_last_seen_ms (line->peer.person->friend, sighting->now_ms);
    }
  kith_store_submit (self->store, KITH_LANE_FRONT, note_sighting, on_sighting, sighting, sighting_free);
}

/* --- which of two links */

void
kith_line_leave (KithLine *line)
{
  KithLinks *self = line->owner;
  KithPerson *person = line->peer.person;

  if (person == NULL || g_hash_table_lookup (self->current, &person->row.id) != line)
    return;
  g_hash_table_remove (self->current, &person->row.id);
  if (person->friend != NULL)
    {
      kith_friend_set_linked (person->friend, FALSE);
      kith_bus_tell_link (self->bus, FALSE, person->friend, line->peer.transport);
    }
  self->hooks->down (self->chat, person, line->link);
}

static const guint8 *
dialler_of (KithLine *line)
{
  return line->peer.dialled ? kith_keys_get_identity (line->owner->keys) : line->peer.ik;
}

static void
take_place (KithLine *line)
{
  KithLinks *self = line->owner;
  KithPerson *person = line->peer.person;

  g_hash_table_insert (self->current, &person->row.id, line);
  kith_dialler_linked (self->dialler, person->row.id);
  kith_info_about ((&(KithLogAbout) { .peer = person->row.name, .transport = line->peer.transport }), "link up");
  if (person->friend != NULL)
    {
      /* Presence answers this with the first frame of the link; contents come after it. */
      kith_friend_set_linked (person->friend, TRUE);
      kith_bus_tell_link (self->bus, TRUE, person->friend, line->peer.transport);
    }
  if (line->owner != NULL && kith_link_is_open (line->link))
    self->hooks->up (self->chat, person, line->link);
}

void
kith_line_settle (KithLine *line)
{
  KithLinks *self = line->owner;
  KithPerson *person = line->peer.person;
  KithLine *old = g_hash_table_lookup (self->current, &person->row.id);

  if (line->settled || !kith_person_is_friend (person))
    return;
  line->settled = TRUE;
  /* Only the newest device is spoken to (content.md §2); an older one may still say what it has. */
  if (line->peer.device != person->row.device)
    {
      kith_info_about (&(KithLogAbout){ .peer = person->row.name },
                       "a link from an older device: nothing is sent on it");
      return;
    }
  if (old != NULL && old->peer.device == line->peer.device &&
      !kith_link_newer_wins (dialler_of (old), dialler_of (line), kith_link_get_up_us (old->link)))
    {
      kith_link_retire (line->link);
      return;
    }
  if (old != NULL)
    {
      kith_line_leave (old);
      if (kith_link_is_open (old->link))
        kith_link_retire (old->link);
    }
  take_place (line);
}

/* --- what a link says */

static KithLinkVerdict
on_verdict (KithLink *link, const KithLinkHello *hello, gpointer data)
{
  KithLine *line = data;
  KithLinks *self = line->owner;
  KithPerson *person = kith_people_find_ik (self->people, hello->identity_key);

  memcpy (line->peer.ik, hello->identity_key, 32);
  line->peer.device = hello->device;
  line->peer.username = g_strdup (hello->username);
  line->peer.dialled = kith_link_is_dialer (link);
  line->peer.person = person;
  if (self->offline || self->stopped || memcmp (hello->identity_key, kith_keys_get_identity (self->keys), 32) == 0)
    return KITH_LINK_DROP;
  if (person == NULL)
    return KITH_LINK_STRANGER;
  if (person->row.blocked)
    return KITH_LINK_DROP;
  return kith_person_is_friend (person) ? KITH_LINK_FRIEND : KITH_LINK_STRANGER;
}

static void
on_opened (KithLink *link, gpointer data)
{
  KithLine *line = data;
  const KithLinkHello *hello = kith_link_get_hello (link);

  if (line->peer.person == NULL || !kith_person_is_friend (line->peer.person))
    return;
  for (guint i = 0; hello->addresses[i] != NULL && i < 8; i++)
    kith_links_learn (line->owner, line->peer.person, hello->addresses[i], ADDRESS_LEASE_S);
  /* A device that we know takes its place at once; a new one when it is noted, so that what is sent is encrypted for
   * it. */
  if (line->peer.device == line->peer.person->row.device)
    kith_line_settle (line);
  if (line->owner != NULL && line->peer.person != NULL)
    see (line, TRUE);
}

static void
on_envelope (KithLink *link, guint32 n, GBytes *wire, gpointer data)
{
  KithLine *line = data;

  line->owner->hooks->envelope (line->owner->chat, link, &line->peer, n, wire);
}

static void
on_acked (KithLink *link, const KithLinkOutcome *outcomes, guint n_outcomes, gpointer data)
{
  KithLine *line = data;

  if (line->peer.person != NULL)
    line->owner->hooks->acked (line->owner->chat, link, line->peer.person, outcomes, n_outcomes);
}

static void
on_room (KithLink *link, gpointer data)
{
  KithLine *line = data;

  if (line->peer.person != NULL)
    line->owner->hooks->room (line->owner->chat, link, line->peer.person);
}

static void
on_ephemeral (KithLink *link, const char *kind, JsonObject *object, gpointer data)
{
  KithLine *line = data;
  KithPerson *person = line->peer.person;

  if (person != NULL && kith_person_is_friend (person) && kith_bus_knows_kind (line->owner->bus, kind))
    kith_bus_tell_ephemeral (line->owner->bus, kind, person->friend, object);
}

typedef struct
{
  KithLine *line;
  KithKeys *keys;
  guint8 ik[32];
  gboolean with_prekey;
  GBytes *bundle;
} Handout;

static gboolean
make_bundle (KithDb *db, gpointer data, GError **error)
{
  Handout *handout = data;

  g_clear_pointer (&handout->bundle, g_bytes_unref);
  handout->bundle = kith_keys_make_bundle (handout->keys, db, handout->ik, handout->with_prekey, error);
  return handout->bundle != NULL;
}

static void
on_bundle_made (gpointer data, const GError *error)
{
  Handout *handout = data;

  if (error != NULL)
    kith_warning ("no key bundle for a peer: %s", error->message);
  else if (handout->line->owner != NULL)
    kith_link_send_bundle (handout->line->link, handout->bundle);
}

static void
handout_free (gpointer data)
{
  Handout *handout = data;

  g_clear_pointer (&handout->bundle, g_bytes_unref);
  kith_line_unref (handout->line);
  g_object_unref (handout->keys);
  g_free (handout);
}

static void
on_bundle_request (KithLink *link, gboolean may_have_prekey, gpointer data)
{
  KithLine *line = data;
  Handout *handout = g_new0 (Handout, 1);

  handout->line = kith_line_ref (line);
  handout->keys = g_object_ref (line->owner->keys);
  memcpy (handout->ik, line->peer.ik, 32);
  handout->with_prekey = may_have_prekey;
  kith_store_submit (line->owner->store, KITH_LANE_FRONT, make_bundle, on_bundle_made, handout, handout_free);
}

static void
on_bundle (KithLink *link, GBytes *bundle, gpointer data)
{
  KithLine *line = data;

  if (line->peer.person != NULL)
    line->owner->hooks->bundle (line->owner->chat, link, line->peer.person, bundle);
}

static void
on_closed (KithLink *link, KithLinkReason reason, const GError *error, gpointer data)
{
  KithLine *line = data;
  KithLinks *self = line->owner;
  KithPerson *person = line->peer.person;
  gint64 dialled_for = line->settled ? 0 : line->dialled_for;
  gboolean was_current = person != NULL && g_hash_table_lookup (self->current, &person->row.id) == line;
  gint64 id = person == NULL ? 0 : person->row.id;

  kith_debug_about ((&(KithLogAbout){ .peer = line->peer.username, .transport = line->peer.transport }),
                    "link closed: %s", error->message);
  if (was_current)
    {
      see (line, FALSE);
      kith_line_leave (line);
    }
  if (dialled_for != 0 && !was_current)
    kith_trace_person (self->world, self->store, dialled_for, KITH_TRACE_TRIED, line->peer.transport,
                       g_strdup_printf ("%s: %s", line->peer.from, error->message));
  kith_line_forget (line);
  if (was_current)
    kith_dialler_unlinked (self->dialler, id);
  else if (dialled_for != 0)
    kith_dialler_failed (self->dialler, dialled_for);
}

const KithLinkFuncs kith_line_funcs = {
  .verdict = on_verdict,
  .opened = on_opened,
  .envelope = on_envelope,
  .acked = on_acked,
  .room = on_room,
  .ephemeral = on_ephemeral,
  .bundle_request = on_bundle_request,
  .bundle = on_bundle,
  .closed = on_closed,
};
