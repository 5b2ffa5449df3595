/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-guard-extension.h"

#define MOST_CONTROL_BYTES 125

struct _KithGuardExtension
{
  SoupWebsocketExtension parent_instance;

  KithHall *hall;
  KithReason reason;
  gsize message_bytes;
  guint fragments;
  double frames_left;
  double controls_left;
  gint64 refilled_us;
};

G_DEFINE_FINAL_TYPE (KithGuardExtension, kith_guard_extension, SOUP_TYPE_WEBSOCKET_EXTENSION)

static double
refill (double left, guint rate, guint burst, double seconds)
{
  return MIN (left + seconds * rate, (double) burst);
}

static KithReason
ask_rate (KithGuardExtension *self, gboolean is_control)
{
  const KithDoorLimits *limits = &self->hall->limits;
  gint64 now_us = g_get_monotonic_time ();
  double seconds = (double) (now_us - self->refilled_us) / G_USEC_PER_SEC;

  self->refilled_us = now_us;
  self->frames_left = refill (self->frames_left, limits->frame_rate, limits->frame_burst, seconds) - 1;
  self->controls_left = refill (self->controls_left, limits->control_rate, limits->control_burst, seconds);
  if (is_control)
    self->controls_left -= 1;
  if (self->controls_left < 0)
    return KITH_REASON_CONTROL_RATE;
  return self->frames_left < 0 ? KITH_REASON_FRAME_RATE : KITH_REASON_NONE;
}

static KithReason
ask_size (KithGuardExtension *self, guint8 first, gsize n)
{
  const KithDoorLimits *limits = &self->hall->limits;

  if ((first & 0x0f) != 0)   /* no continuation: a message begins */
    self->message_bytes = self->fragments = 0;
  self->message_bytes += n;
  self->fragments++;
  if (self->message_bytes > limits->max_message_bytes)
    return KITH_REASON_MESSAGE_SIZE;
  return self->fragments > limits->max_fragments ? KITH_REASON_FRAGMENTS : KITH_REASON_NONE;
}

static GBytes *
kith_guard_extension_incoming (SoupWebsocketExtension *extension, guint8 *header, GBytes *payload, GError **error)
{
  KithGuardExtension *self = KITH_GUARD_EXTENSION (extension);
  gboolean is_control = (header[0] & 0x08) != 0;
  gsize n = g_bytes_get_size (payload);
  KithReason reason = ask_rate (self, is_control);

  self->hall->n_frames++;
  /* libsoup notices a long control frame only when it answers a ping. */
  if (reason == KITH_REASON_NONE && is_control && n > MOST_CONTROL_BYTES)
    reason = KITH_REASON_PROTOCOL;
  if (reason == KITH_REASON_NONE && !is_control)
    reason = ask_size (self, header[0], n);
  if (reason == KITH_REASON_NONE)
    return payload;
  self->reason = reason;
  g_bytes_unref (payload);
  g_set_error_literal (error, SOUP_WEBSOCKET_ERROR, (int) kith_reason_status (reason), kith_reason_text (reason));
  return NULL;
}

static GBytes *
kith_guard_extension_outgoing (SoupWebsocketExtension *extension, guint8 *header, GBytes *payload, GError **error)
{
  return payload;
}

static gboolean
kith_guard_extension_configure (SoupWebsocketExtension *extension, SoupWebsocketConnectionType type, GHashTable *params,
                                GError **error)
{
  return TRUE;
}

static void
kith_guard_extension_finalize (GObject *object)
{
  kith_hall_unref (KITH_GUARD_EXTENSION (object)->hall);
  G_OBJECT_CLASS (kith_guard_extension_parent_class)->finalize (object);
}

static void
kith_guard_extension_class_init (KithGuardExtensionClass *klass)
{
  SoupWebsocketExtensionClass *extension = SOUP_WEBSOCKET_EXTENSION_CLASS (klass);

  extension->name = "x-kith-guard";
  extension->configure = kith_guard_extension_configure;
  extension->process_incoming_message = kith_guard_extension_incoming;
  extension->process_outgoing_message = kith_guard_extension_outgoing;
  G_OBJECT_CLASS (klass)->finalize = kith_guard_extension_finalize;
}

static void
kith_guard_extension_init (KithGuardExtension *self)
{
}

KithGuardExtension *
kith_guard_extension_new (KithHall *hall)
{
  KithGuardExtension *self = g_object_new (KITH_TYPE_GUARD_EXTENSION, NULL);

  self->hall = kith_hall_ref (hall);
  self->frames_left = hall->limits.frame_burst;
  self->controls_left = hall->limits.control_burst;
  self->refilled_us = g_get_monotonic_time ();
  return self;
}

KithReason
kith_guard_extension_get_reason (KithGuardExtension *self)
{
  return self->reason;
}
