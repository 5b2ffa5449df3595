/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-link"
#include "kith-link-private.h"
#include "kith-e2ee.h"
#include <kith/kith-json.h>
#include <kith/kith-names.h>
#include "kith-log.h"
#include <sodium.h>
#include <string.h>

#define E2EE_VERSION 0x01
#define E2EE_INIT 0x01
#define E2EE_MSG 0x02
#define MAX_BUNDLE_BYTES 4096
#define EPHEMERALS_BURST 200      /* far above what people do: it only keeps somebody from keeping us busy */
#define EPHEMERALS_A_SECOND 100

/* --- HELLO */

static gboolean
hello_is_theirs (KithLink *self, const KithLinkHello *hello)
{
  guint8 exchange[32];

  return kith_e2ee_exchange_key (hello->identity_key, exchange) == KITH_E2EE_OK
         && sodium_memcmp (exchange, self->peer_key, 32) == 0;
}

static void
open_link (KithLink *self)
{
  g_autoptr (GBytes) hello = NULL;

  self->opened_us = kith_world_get_time_us (kith_link_door_get_world (self->door));
  self->heard_us = self->active_us = self->theirs_us = self->opened_us;
  self->ephemerals_us = G_MININT64;
  self->state = KITH_LINK_OPEN;
  kith_link_door_leave_half_open (self->door, self);
  kith_link_door_enter_open (self->door, self);
  if (!self->dialer)
    {
      hello = kith_link_door_print_hello (self->door);
      kith_sealer_put (&self->sealer, KITH_FRAME_HELLO, g_bytes_get_data (hello, NULL), g_bytes_get_size (hello));
      kith_link_flush_soon (self);
    }
  kith_link_schedule (self);
  kith_debug_about ((&(KithLogAbout){ .peer = self->hello.username, .transport = self->transport }),
                    "link %s %s is open", self->dialer ? "to" : "from", self->address);
  if (self->funcs->opened != NULL)
    self->funcs->opened (self, self->data);
}

void
kith_link_greet (KithLink *self, const guint8 *json, gsize n)
{
  g_autoptr (GError) error = NULL;
  KithLinkVerdict verdict;

  if (!kith_link_hello_parse (&self->hello, json, n, &error))
    {
      kith_link_close (self, KITH_LINK_PROTOCOL, error->message);
      return;
    }
  if (!hello_is_theirs (self, &self->hello))
    {
      kith_link_hello_clear (&self->hello);
      kith_link_close (self, KITH_LINK_PROTOCOL, "HELLO: the identity key is not the one of the handshake");
      return;
    }
  verdict = self->funcs->verdict == NULL ? KITH_LINK_FRIEND : self->funcs->verdict (self, &self->hello, self->data);
  if (self->state != KITH_LINK_GREETING)
    return;
  self->verdict = verdict;
  if (verdict == KITH_LINK_DROP)
    kith_link_end_f (self, KITH_LINK_DROPPED, KITH_ERROR_REFUSED, "they are blocked");
  else if (verdict == KITH_LINK_STRANGER && !kith_link_door_enter_stranger (self->door, self))
    kith_link_close (self, KITH_LINK_OVERLOADED, "too many links of people we do not know");
  else
    open_link (self);
}

/* --- envelopes and what became of them */

/* Somebody who is no friend: INITs by their budget; everything else is answered here. TRUE: chat may see it. */
static gboolean
judge_stranger (KithLink *self, guint32 n, const guint8 *wire, gsize size)
{
  if (size < 2 || wire[0] != E2EE_VERSION || (wire[1] != E2EE_INIT && wire[1] != E2EE_MSG))
    kith_link_close (self, KITH_LINK_PROTOCOL, "who is no friend may send INIT envelopes only");
  else if (wire[1] == E2EE_MSG)
    kith_link_ack (self, n, KITH_ACK_UNREADABLE);
  else if (!kith_link_door_take_init (self->door, self->hello.identity_key))
    kith_link_ack (self, n, KITH_ACK_REFUSED);
  else
    return TRUE;
  return FALSE;
}

static void
take_envelope (KithLink *self, const guint8 *body, gsize n)
{
  g_autoptr (GBytes) wire = NULL;
  guint32 number;

  if (n < 4)
    {
      kith_link_close (self, KITH_LINK_PROTOCOL, "an envelope without a number");
      return;
    }
  number = kith_read_u32 (body);
  switch (kith_received_window_take (&self->received, number, n - 4))
    {
    case KITH_WINDOW_WRONG_NUMBER:
      kith_link_close_f (self, KITH_LINK_PROTOCOL, "envelope %u is not the next", number);
      return;
    case KITH_WINDOW_FULL:
      kith_link_close (self, KITH_LINK_OVERLOADED, "more than 256 envelopes or 4 MiB without an acknowledgement");
      return;
    case KITH_WINDOW_TAKEN:
    default:
      break;
    }
  if (self->verdict != KITH_LINK_FRIEND && !judge_stranger (self, number, body + 4, n - 4))
    return;
  if (self->funcs->envelope == NULL)
    {
      kith_link_ack (self, number, KITH_ACK_REFUSED);
      return;
    }
  wire = g_bytes_new (body + 4, n - 4);
  self->funcs->envelope (self, number, wire, self->data);
}

static void
take_ack (KithLink *self, const guint8 *body, gsize n)
{
  KithLinkOutcome outcomes[KITH_WINDOW_ENVELOPES];
  guint n_outcomes;

  if (!kith_sent_window_settle (&self->sent, body, n, outcomes, &n_outcomes))
    {
      kith_link_close (self, KITH_LINK_PROTOCOL, "an acknowledgement out of range");
      return;
    }
  if (self->funcs->acked != NULL)
    self->funcs->acked (self, outcomes, n_outcomes, self->data);
  if (self->state != KITH_LINK_OPEN)
    return;
  kith_link_check_retired (self);
  if (self->wants_room && kith_link_is_open (self))
    {
      self->wants_room = FALSE;
      if (self->funcs->room != NULL)
        self->funcs->room (self, self->data);
    }
}

void
kith_link_say_acks (KithLink *self)
{
  guint8 body[KITH_ACK_MAX_BODY];
  gsize n;

  while ((n = kith_received_window_write_ack (&self->received, body)) > 0)
    {
      kith_sealer_put (&self->sealer, KITH_FRAME_ACK, body, n);
      self->busy = TRUE;
    }
}

/* --- the others */

static gboolean
spend_ephemeral (KithLink *self)
{
  gint64 full_us = (gint64) EPHEMERALS_BURST * G_USEC_PER_SEC / EPHEMERALS_A_SECOND;
  gint64 begun_us = MAX (self->ephemerals_us, self->heard_us - full_us);

  if (begun_us + G_USEC_PER_SEC / EPHEMERALS_A_SECOND > self->heard_us)
    return FALSE;
  self->ephemerals_us = begun_us + G_USEC_PER_SEC / EPHEMERALS_A_SECOND;
  return TRUE;
}

static void
take_ephemeral (KithLink *self, const guint8 *body, gsize n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = NULL;
  JsonNode *kind;

  if (self->verdict != KITH_LINK_FRIEND)
    return;
  if (n > KITH_FRAME_MAX_EPHEMERAL)
    {
      kith_link_close (self, KITH_LINK_PROTOCOL, "EPHEMERAL: more than 4 KiB");
      return;
    }
  if (!spend_ephemeral (self))
    return;
  root = kith_json_parse ((const char *) body, (gssize) n, &error);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      kith_link_close_f (self, KITH_LINK_PROTOCOL, "EPHEMERAL: %s", root == NULL ? error->message : "no object");
      return;
    }
  kind = json_object_get_member (json_node_get_object (root), KITH_KEY_KIND);
  if (kind == NULL || !JSON_NODE_HOLDS_VALUE (kind) || json_node_get_value_type (kind) != G_TYPE_STRING)
    kith_link_close (self, KITH_LINK_PROTOCOL, "EPHEMERAL: 'kind' is missing or no string");
  else if (self->funcs->ephemeral != NULL)
    self->funcs->ephemeral (self, json_node_get_string (kind), json_node_get_object (root), self->data);
}

static void
take_ping (KithLink *self, guint8 type, const guint8 *body, gsize n)
{
  if (n != 8)
    kith_link_close (self, KITH_LINK_PROTOCOL, "PING and PONG have 8 bytes");
  else if (type == KITH_FRAME_PING)
    {
      kith_sealer_put (&self->sealer, KITH_FRAME_PONG, body, n);
      kith_link_flush_soon (self);
    }
}

static void
take_close (KithLink *self, const guint8 *body, gsize n)
{
  KithLinkReason reason = n > 0 && body[0] <= KITH_LINK_OVERLOADED ? (KithLinkReason) body[0] : KITH_LINK_GOING_AWAY;
  g_autofree char *text = n > 1 ? g_utf8_make_valid ((const char *)body + 1, (gssize)MIN (n - 1, 256)) : g_strdup ("");

  for (char *at = text; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      *at = ' ';                       /* their words go into our log */
  kith_link_end_f (self, reason, reason == KITH_LINK_PROTOCOL ? KITH_ERROR_PROTOCOL : KITH_ERROR_CLOSED,
                   "they closed the link (reason %u): %s", n > 0 ? body[0] : 0, text);
}

/* One at a time: who asks again before the answer is not answered twice. */
static void
take_bundle_request (KithLink *self)
{
  if (self->verdict != KITH_LINK_FRIEND && self->n_bundle_requests > 0)
    kith_link_close (self, KITH_LINK_PROTOCOL, "who is no friend may ask for one bundle a link");
  else if (!self->owes_bundle && self->funcs->bundle_request != NULL)
    {
      self->n_bundle_requests++;
      self->owes_bundle = TRUE;
      self->funcs->bundle_request (self, self->verdict == KITH_LINK_FRIEND, self->data);
    }
}

static void
take_bundle (KithLink *self, const guint8 *body, gsize n)
{
  g_autoptr (GBytes) bundle = NULL;

  if (!self->asked_bundle)
    return;                            /* nobody asked: not worth looking at */
  self->asked_bundle = FALSE;
  if (n > MAX_BUNDLE_BYTES)
    {
      kith_link_close (self, KITH_LINK_PROTOCOL, "BUNDLE: too long");
      return;
    }
  bundle = g_bytes_new (body, n);
  if (self->funcs->bundle != NULL)
    self->funcs->bundle (self, bundle, self->data);
}

/* What somebody may say at all in this state; an unknown type of a friend is skipped, so that the link can grow. */
static gboolean
type_is_allowed (KithLink *self, guint8 type)
{
  if (self->state == KITH_LINK_GREETING)
    return type == KITH_FRAME_HELLO || type == KITH_FRAME_CLOSE;
  if (type == KITH_FRAME_HELLO)
    return FALSE;
  if (self->verdict == KITH_LINK_FRIEND)
    return TRUE;
  return (type >= KITH_FRAME_ENVELOPE && type <= KITH_FRAME_BUNDLE_REQUEST && type != KITH_FRAME_ACK);
}

static void
take_known (KithLink *self, guint8 type, const guint8 *body, gsize n)
{
  switch (type)
    {
    case KITH_FRAME_HELLO:
      kith_link_greet (self, body, n);
      break;
    case KITH_FRAME_ENVELOPE:
      take_envelope (self, body, n);
      break;
    case KITH_FRAME_ACK:
      take_ack (self, body, n);
      break;
    case KITH_FRAME_EPHEMERAL:
      take_ephemeral (self, body, n);
      break;
    case KITH_FRAME_PING:
    case KITH_FRAME_PONG:
      take_ping (self, type, body, n);
      break;
    case KITH_FRAME_CLOSE:
      take_close (self, body, n);
      break;
    case KITH_FRAME_BUNDLE_REQUEST:
      take_bundle_request (self);
      break;
    case KITH_FRAME_BUNDLE:
      take_bundle (self, body, n);
      break;
    default:
      break;
    }
}

gboolean
kith_link_take_frame (guint8 type, const guint8 *body, gsize n, gpointer data)
{
  KithLink *self = data;

  if (!type_is_allowed (self, type))
    {
      kith_link_close_f (self, KITH_LINK_PROTOCOL, "frame type 0x%02x is not for now, or not for you", type);
      return FALSE;
    }
  if (type != KITH_FRAME_PING && type != KITH_FRAME_PONG)
    self->active_us = self->heard_us;
  if (type == KITH_FRAME_ENVELOPE || type == KITH_FRAME_BUNDLE_REQUEST)
    self->theirs_us = self->heard_us;   /* what else a stranger says is nothing that we need to hear */
  take_known (self, type, body, n);
  return self->state < KITH_LINK_CLOSING;
}
