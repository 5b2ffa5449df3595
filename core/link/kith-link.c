/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-link"
#include "kith-link-private.h"
#include <kith/kith-json.h>
#include <kith/kith-names.h>
#include "kith-log.h"
#include <sodium.h>
#include <string.h>

#define STALE_BACKLOG_BYTES (1024 * 1024)    /* behind so much, an ephemeral would be old when it arrives */

/* --- life */

static void
free_link (KithLink *self)
{
  kith_link_hello_clear (&self->hello);
  kith_sealer_clear (&self->sealer);
  kith_frames_clear (&self->frames);
  kith_noise_clear (&self->noise);
  sodium_memzero (&self->receiving, sizeof self->receiving);
  g_clear_pointer (&self->in, g_free);
  g_clear_error (&self->error);
  g_clear_object (&self->stream);
  g_free (self->transport);
  g_free (self->address);
  kith_link_door_unref (self->door);
  g_free (self);
}

KithLink *
kith_link_ref (KithLink *self)
{
  self->refs++;
  return self;
}

void
kith_link_unref (KithLink *self)
{
  if (self == NULL || --self->refs > 0)
    return;
  /* A closing that was begun is carried through; anything else ends with its last user. */
  if (self->state < KITH_LINK_CLOSING)
    {
      self->refs = 1;
      kith_link_cut (self);
      self->refs = 0;
    }
  if (self->holds == 0)
    free_link (self);
}

void
kith_link_release (KithLink *self)
{
  if (--self->holds == 0 && self->refs == 0)
    free_link (self);
}

static KithLink *
new_link (KithLinkDoor *door,
          GIOStream *stream,
          const char *transport,
          const char *address,
          const KithLinkFuncs *funcs,
          gpointer data)
{
  KithLink *self = g_new0 (KithLink, 1);

  self->refs = 1;
  self->door = kith_link_door_ref (door);
  self->limits = *kith_link_door_get_limits (door);
  self->funcs = funcs;
  self->data = data;
  self->stream = stream;
  self->transport = g_strdup (transport);
  self->traffic = kith_link_door_get_traffic (door, transport);
  self->address = g_strdup (address == NULL ? "" : address);
  self->verdict = KITH_LINK_DROP;
  self->started_us = kith_world_get_time_us (kith_link_door_get_world (door));
  kith_sealer_init (&self->sealer);
  kith_sent_window_init (&self->sent, self->limits.window, self->limits.window_bytes);
  kith_received_window_init (&self->received);
  kith_link_door_add (door, self);
  return self;
}

static KithLink *
start (KithLink *self, GError **error)
{
  if (!kith_link_start (self, error))
    {
      kith_link_cut (self);
      kith_link_unref (self);
      return NULL;
    }
  return self;
}

KithLink *
kith_link_dial (KithLinkDoor *door,
                GIOStream *stream,
                const char *transport,
                const char *to,
                const guint8 identity_key[32],
                const KithLinkFuncs *funcs,
                gpointer data,
                GError **error)
{
  KithLink *self = new_link (door, stream, transport, to, funcs, data);

  self->dialer = TRUE;
  memcpy (self->peer_key, identity_key, 32);
  return start (self, error);
}

KithLink *
kith_link_accept (KithLinkDoor *door,
                  GIOStream *stream,
                  const char *transport,
                  const char *from,
                  const KithLinkFuncs *funcs,
                  gpointer data,
                  GError **error)
{
  KithLink *self = new_link (door, stream, transport, from, funcs, data);

  if (kith_link_door_is_shut (door) || !kith_link_door_enter (door, self))
    {
      kith_link_cut (self);
      kith_link_unref (self);
      g_set_error (error, KITH_ERROR, KITH_ERROR_BUSY,
                   "too many connections from %s, or in all, wait for their handshake", from == NULL ? "there" : from);
      return NULL;
    }
  return start (self, error);
}

/* --- the end */

void
kith_link_tear_down (KithLink *self)
{
  gboolean was_closing = self->state == KITH_LINK_CLOSING || self->state == KITH_LINK_LINGERING;

  if (self->state == KITH_LINK_GONE)
    return;
  self->state = KITH_LINK_GONE;
  if (self->timer != 0)
    kith_world_drop_timer (kith_link_door_get_world (self->door), self->timer);
  self->timer = 0;
  kith_link_stop_io (self);
  kith_link_door_leave (self->door, self);
  kith_link_door_remove (self->door, self);
  if (was_closing)
    kith_link_release (self);
}

/* Tells it once. Who has dropped the link hears nothing. */
static void
tell_closed (KithLink *self)
{
  gint level = self->counted_open ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_DEBUG;

  if (self->ended)
    return;
  self->ended = TRUE;
  if (!self->counted_open && self->reason == KITH_LINK_HANDSHAKE)
    kith_link_door_count_failed (self->door);
  if (self->reason == KITH_LINK_OVERLOADED)
    kith_link_door_count_overloaded (self->door);
  kith_link_door_leave (self->door, self);
  kith_log_at (level, (&(KithLogAbout){ .peer = self->hello.username, .transport = self->transport }),
               "link %s %s ended: %s", self->dialer ? "to" : "from", self->address, self->error->message);
  if (self->refs > 0 && self->funcs->closed != NULL)
    self->funcs->closed (self, self->reason, self->error, self->data);
}

void
kith_link_end (KithLink *self, KithLinkReason reason, GError *error)
{
  KITH_LINK_HELD (self);

  if (self->state == KITH_LINK_GONE || self->error != NULL)
    g_error_free (error);
  else
    {
      self->reason = reason;
      self->error = error;
    }
  if (self->state == KITH_LINK_GONE)
    return;
  kith_link_tear_down (self);
  tell_closed (self);
}

void
kith_link_end_f (KithLink *self, KithLinkReason reason, KithError code, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  kith_link_end (self, reason, g_error_new_literal (KITH_ERROR, (gint) code, text));
}

void
kith_link_cut (KithLink *self)
{
  KITH_LINK_HELD (self);

  self->ended = TRUE;
  kith_link_tear_down (self);
}

static void
begin_closing (KithLink *self, KithLinkReason reason, GError *error)
{
  self->reason = reason;
  self->error = error;
  self->state = KITH_LINK_CLOSING;
  self->closing_us = kith_world_get_time_us (kith_link_door_get_world (self->door));
  kith_link_hold (self);
  kith_link_flush_soon (self);
  kith_link_schedule (self);
}

void
kith_link_close (KithLink *self, KithLinkReason reason, const char *text)
{
  guint8 body[1 + 255];
  gsize n;

  if (self->state >= KITH_LINK_CLOSING)
    return;
  if (self->state >= KITH_LINK_GREETING)
    {
      kith_link_say_acks (self);   /* what is durable is promised before we go */
      n = text == NULL ? 0 : MIN (strlen (text), sizeof body - 1);
      body[0] = (guint8) reason;
      memcpy (body + 1, text == NULL ? "" : text, n);
      kith_sealer_put (&self->sealer, KITH_FRAME_CLOSE, body, 1 + n);
    }
  begin_closing (self, reason,
                 g_error_new (KITH_ERROR, reason == KITH_LINK_PROTOCOL ? KITH_ERROR_PROTOCOL : KITH_ERROR_CLOSED,
                              "we closed the link: %s", text == NULL ? "done" : text));
}

void
kith_link_close_f (KithLink *self, KithLinkReason reason, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  kith_link_close (self, reason, text);
}

void
kith_link_said_all (KithLink *self)
{
  KITH_LINK_HELD (self);

  self->state = KITH_LINK_LINGERING;
  self->closing_us = kith_world_get_time_us (kith_link_door_get_world (self->door));
  kith_link_schedule (self);
  tell_closed (self);
}

void
kith_link_check_retired (KithLink *self)
{
  if (self->state == KITH_LINK_OPEN && self->retired && kith_sent_window_count (&self->sent) == 0
      && kith_received_window_count (&self->received) == 0)
    kith_link_close (self, KITH_LINK_DUPLICATE, "another link took its place");
}

void
kith_link_retire (KithLink *self)
{
  if (self->retired || self->state >= KITH_LINK_CLOSING)
    return;
  self->retired = TRUE;
  self->retired_us = kith_world_get_time_us (kith_link_door_get_world (self->door));
  kith_link_flush_soon (self);
  kith_link_schedule (self);
}

/* --- what is known of it */

gboolean
kith_link_is_open (KithLink *self)
{
  return self->state == KITH_LINK_OPEN && !self->retired;
}

gboolean
kith_link_is_dialer (KithLink *self)
{
  return self->dialer;
}

const char *
kith_link_get_transport (KithLink *self)
{
  return self->transport;
}

const char *
kith_link_get_address (KithLink *self)
{
  return self->address;
}

const KithLinkHello *
kith_link_get_hello (KithLink *self)
{
  return self->hello.username == NULL ? NULL : &self->hello;
}

KithLinkVerdict
kith_link_get_verdict (KithLink *self)
{
  return self->verdict;
}

gint64
kith_link_get_up_us (KithLink *self)
{
  if (self->opened_us == 0)
    return -1;
  return kith_world_get_time_us (kith_link_door_get_world (self->door)) - self->opened_us;
}

guint
kith_link_get_in_flight (KithLink *self)
{
  return kith_sent_window_count (&self->sent);
}

gpointer
kith_link_get_data (KithLink *self)
{
  return self->data;
}

/* --- what it does */

void
kith_link_set_verdict (KithLink *self, KithLinkVerdict verdict)
{
  if (self->state != KITH_LINK_OPEN || verdict == self->verdict)
    return;
  self->verdict = verdict;
  if (verdict == KITH_LINK_DROP)
    {
      /* without a word: what waits to be said is thrown away, and nothing is added to it */
      kith_sealer_clear (&self->sealer);
      kith_sealer_init (&self->sealer);
      begin_closing (self, KITH_LINK_DROPPED, g_error_new_literal (KITH_ERROR, KITH_ERROR_REFUSED, "they are blocked"));
      return;
    }
  if (verdict == KITH_LINK_FRIEND)
    kith_link_door_leave_stranger (self->door, self);
  else if (!kith_link_door_enter_stranger (self->door, self))
    kith_link_close (self, KITH_LINK_OVERLOADED, "too many links of people we do not know");
  self->theirs_us = kith_world_get_time_us (kith_link_door_get_world (self->door));
  kith_link_schedule (self);
}

gboolean
kith_link_send_envelope (KithLink *self, GBytes *wire, guint32 *n)
{
  guint8 number[4];
  gconstpointer bytes;
  gsize size;

  bytes = g_bytes_get_data (wire, &size);
  if (!kith_link_is_open (self))
    return FALSE;
  if (size > KITH_FRAME_MAX - 1 - sizeof number)
    {
      g_critical ("an envelope of %" G_GSIZE_FORMAT " bytes fits no frame", size);
      return FALSE;
    }
  if (!kith_sent_window_take (&self->sent, size, n))
    {
      self->wants_room = TRUE;
      return FALSE;
    }
  kith_write_u32 (number, *n);
  kith_sealer_begin (&self->sealer, KITH_FRAME_ENVELOPE, number, sizeof number, size);
  kith_sealer_add (&self->sealer, bytes, size);
  self->busy = TRUE;
  kith_link_flush_soon (self);
  return TRUE;
}

void
kith_link_ack (KithLink *self, guint32 n, KithAck code)
{
  if (self->state != KITH_LINK_OPEN)
    return;
  if (!kith_received_window_settle (&self->received, n, (guint8) code))
    g_critical ("envelope %u of this link does not wait for an outcome", n);
  kith_link_flush_soon (self);
}

gboolean
kith_link_send_ephemeral (KithLink *self, const char *kind, JsonObject *data)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (GBytes) text = NULL;
  g_autoptr (GList) names = data == NULL ? NULL : json_object_get_members (data);

  if (!kith_link_is_open (self))
    return FALSE;
  json_object_set_string_member (object, KITH_KEY_KIND, kind);
  for (GList *name = names; name != NULL; name = name->next)
    if (strcmp (name->data, KITH_KEY_KIND) != 0)
      json_object_set_member (object, name->data, json_object_dup_member (data, name->data));
  json_node_set_object (root, object);
  text = kith_json_print (root);
  if (g_bytes_get_size (text) > KITH_FRAME_MAX_EPHEMERAL
      || kith_sealer_get_pending (&self->sealer) > STALE_BACKLOG_BYTES)
    return FALSE;
  kith_sealer_put (&self->sealer, KITH_FRAME_EPHEMERAL, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  self->busy = TRUE;
  kith_link_flush_soon (self);
  return TRUE;
}

gboolean
kith_link_request_bundle (KithLink *self)
{
  if (!kith_link_is_open (self))
    return FALSE;
  if (!self->asked_bundle)
    kith_sealer_put (&self->sealer, KITH_FRAME_BUNDLE_REQUEST, "", 0);
  self->asked_bundle = TRUE;
  self->busy = TRUE;
  kith_link_flush_soon (self);
  return TRUE;
}

gboolean
kith_link_send_bundle (KithLink *self, GBytes *bundle)
{
  if (self->state != KITH_LINK_OPEN)
    return FALSE;
  self->owes_bundle = FALSE;
  kith_sealer_put (&self->sealer, KITH_FRAME_BUNDLE, g_bytes_get_data (bundle, NULL), g_bytes_get_size (bundle));
  self->busy = TRUE;
  kith_link_flush_soon (self);
  return TRUE;
}
