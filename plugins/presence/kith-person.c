/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-person.h"

/* How long friend_online waits for the friend's first word on a new link. */
#define WAIT_US G_USEC_PER_SEC
/* How long "offline", said on a link, outlives it: a heartbeat elsewhere must not give an invisible friend away. */
#define SAID_OFFLINE_US (5 * 60 * G_USEC_PER_SEC)
#define MAX_SOURCES 16

typedef struct
{
  const char *source; /* interned */
  KithPresence says;
  gint64 until_us;
} Evidence;

static void person_settle (KithPerson *self);

static void
on_allow (KithPerson *self)
{
  kith_person_tell_status (self, FALSE);
}

KithPerson *
kith_person_new (KithHost *host, KithFriend *friend)
{
  KithPerson *self = g_new0 (KithPerson, 1);

  self->host = g_object_ref (host);
  self->friend = g_object_ref (friend);
  self->evidence = g_array_new (FALSE, FALSE, sizeof (Evidence));
  self->allow_handler = g_signal_connect_swapped (friend, "notify::allow", G_CALLBACK (on_allow), self);
  return self;
}

void
kith_person_free (KithPerson *self)
{
  kith_host_drop_timer (self->host, self->timer);
  g_signal_handler_disconnect (self->friend, self->allow_handler);
  g_array_unref (self->evidence);
  g_object_unref (self->friend);
  g_object_unref (self->host);
  g_free (self);
}

static void
publish (KithPerson *self, const char *event, const char *status)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, KITH_KEY_USERNAME, kith_friend_get_username (self->friend));
  if (status != NULL)
    json_object_set_string_member (data, KITH_KEY_STATUS, status);
  kith_host_publish (self->host, kith_event_new (event, data));
}

/* Edges only: a state that is shown already is never repeated. */
static void
person_show (KithPerson *self, KithPresence presence)
{
  KithPresence before = self->shown;

  if (before == presence)
    return;
  self->shown = presence;
  kith_host_set_presence (self->host, self->friend, presence);
  if (before == KITH_PRESENCE_OFFLINE)
    publish (self, KITH_EVENT_FRIEND_ONLINE, NULL);
  else if (presence == KITH_PRESENCE_OFFLINE)
    publish (self, KITH_EVENT_FRIEND_OFFLINE, NULL);
  publish (self, KITH_EVENT_PRESENCE, kith_presence_to_status (presence));
}

/* The most present that anybody saw of them. */
static KithPresence
best_evidence (KithPerson *self, gint64 now_us)
{
  KithPresence best = KITH_PRESENCE_OFFLINE;

  for (guint i = self->evidence->len; i > 0; i--)
    {
      Evidence *evidence = &g_array_index (self->evidence, Evidence, i - 1);

      if (evidence->until_us <= now_us)
        g_array_remove_index_fast (self->evidence, i - 1);
      else
        best = MAX (best, evidence->says);
    }
  return best;
}

static KithPresence
person_judge (KithPerson *self, gint64 now_us)
{
  KithPresence seen = best_evidence (self, now_us);

  if (self->has_said && self->said_until_us != 0 && self->said_until_us <= now_us)
    self->has_said = FALSE;
  if (self->has_said)
    return self->said;
  if (self->links == 0)
    return seen;
  if (self->wait_until_us > now_us)
    return MAX (seen, self->shown);
  return KITH_PRESENCE_ONLINE;
}

static gboolean
on_timer (gpointer data)
{
  KithPerson *self = data;

  self->timer = 0;
  person_settle (self);
  return G_SOURCE_REMOVE;
}

static void
sooner (gint64 *next_us, gint64 at_us, gint64 now_us)
{
  if (at_us > now_us && (*next_us == 0 || at_us < *next_us))
    *next_us = at_us;
}

/* One timer, for whatever ends first. */
static void
person_watch (KithPerson *self, gint64 now_us)
{
  gint64 next_us = 0;

  sooner (&next_us, self->wait_until_us, now_us);
  sooner (&next_us, self->offline_at_us, now_us);
  if (self->has_said)
    sooner (&next_us, self->said_until_us, now_us);
  for (guint i = 0; i < self->evidence->len; i++)
    sooner (&next_us, g_array_index (self->evidence, Evidence, i).until_us, now_us);
  kith_host_drop_timer (self->host, self->timer);
  self->timer = 0;
  if (next_us != 0)
    self->timer = kith_host_add_timer (self->host, (guint) ((next_us - now_us + 999) / 1000), on_timer, self, NULL);
}

/* Going offline takes a moment, so that a link that comes back at once is no news; unless they say so themself. */
static void
person_settle (KithPerson *self)
{
  gint64 now_us = kith_host_get_time_us (self->host);
  KithPresence presence = person_judge (self, now_us);
  GSettings *settings = kith_host_get_settings (self->host);
  guint delay_s = settings != NULL ? g_settings_get_uint (settings, "offline-delay") : 0;
  gboolean fading = presence == KITH_PRESENCE_OFFLINE && self->shown != KITH_PRESENCE_OFFLINE && !self->has_said;

  if (!fading)
    self->offline_at_us = 0;
  else if (self->offline_at_us == 0)
    self->offline_at_us = now_us + (gint64) delay_s * G_USEC_PER_SEC;
  if (!fading || self->offline_at_us <= now_us)
    {
      self->offline_at_us = 0;
      person_show (self, presence);
    }
  person_watch (self, now_us);
}

void
kith_person_tell_status (KithPerson *self, gboolean always)
{
  KithPresence status = kith_host_get_status (self->host);
  JsonObject *data;

  if (self->links == 0)
    return;
  if (status == KITH_PRESENCE_INVISIBLE || kith_friend_get_blocked (self->friend)
      || !kith_friend_allows (self->friend, KITH_ALLOW_PRESENCE))
    status = KITH_PRESENCE_OFFLINE;
  if (!always && status == self->told)
    return;
  self->told = status;
  data = json_object_new ();
  json_object_set_string_member (data, KITH_KEY_STATUS, kith_presence_to_status (status));
  kith_host_send_ephemeral (self->host, self->friend, KITH_EPHEMERAL_PRESENCE, data);
}

void
kith_person_link_up (KithPerson *self)
{
  self->links++;
  kith_person_tell_status (self, TRUE);
  /* What they said on an earlier link is not what they say on this one; a second link beside it changes nothing. */
  if (self->links == 1)
    {
      self->has_said = FALSE;
      self->wait_until_us = kith_host_get_time_us (self->host) + WAIT_US;
    }
  person_settle (self);
}

void
kith_person_link_down (KithPerson *self)
{
  if (self->links > 0)
    self->links--;
  if (!kith_friend_get_linked (self->friend))
    self->links = 0;
  if (self->links > 0)
    return;
  self->wait_until_us = 0;
  if (self->has_said && self->said == KITH_PRESENCE_OFFLINE)
    self->said_until_us = kith_host_get_time_us (self->host) + SAID_OFFLINE_US;
  else
    self->has_said = FALSE;
  person_settle (self);
}

void
kith_person_said (KithPerson *self, KithPresence says)
{
  self->has_said = TRUE;
  self->said = says == KITH_PRESENCE_INVISIBLE ? KITH_PRESENCE_OFFLINE : says;
  self->said_until_us = 0;
  self->wait_until_us = 0;
  person_settle (self);
}

void
kith_person_give_evidence (KithPerson *self, const char *source, KithPresence says, guint lease_ms)
{
  Evidence evidence = { g_intern_string (source), says == KITH_PRESENCE_INVISIBLE ? KITH_PRESENCE_OFFLINE : says,
                        kith_host_get_time_us (self->host) + (gint64) lease_ms * 1000 };
  guint i = 0;

  while (i < self->evidence->len && g_array_index (self->evidence, Evidence, i).source != evidence.source)
    i++;
  if (i < self->evidence->len)
    g_array_index (self->evidence, Evidence, i) = evidence;
  else if (self->evidence->len < MAX_SOURCES)
    g_array_append_val (self->evidence, evidence);
  person_settle (self);
}

void
kith_person_forget (KithPerson *self)
{
  self->links = 0;
  self->has_said = FALSE;
  self->wait_until_us = 0;
  self->offline_at_us = 0;
  g_array_set_size (self->evidence, 0);
  person_show (self, KITH_PRESENCE_OFFLINE);
  person_watch (self, kith_host_get_time_us (self->host));
}
