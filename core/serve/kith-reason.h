/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every reason for which the door says no, or cuts a connection: its name in logs and /metrics, its status, its
 * words. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  KITH_REASON_NONE,
  /* refusals: answered, in the order in which they are asked */
  KITH_REASON_CONNECTIONS,
  KITH_REASON_NOT_LOOPBACK,
  KITH_REASON_UID_UNKNOWN,
  KITH_REASON_UID_OTHER,
  KITH_REASON_MALFORMED,
  KITH_REASON_HOST_COUNT,
  KITH_REASON_LENGTH,
  KITH_REASON_TRANSFER,
  KITH_REASON_HEADER_COUNT,
  KITH_REASON_HOST,
  KITH_REASON_ORIGIN,
  KITH_REASON_CROSS_SITE,
  KITH_REASON_METHOD,
  KITH_REASON_BODY_UNEXPECTED,
  KITH_REASON_TYPE,
  KITH_REASON_BODY_SIZE,
  KITH_REASON_TOKEN,
  KITH_REASON_PATH,
  KITH_REASON_QUERY,
  KITH_REASON_WAY,
  KITH_REASON_HANDSHAKE,
  KITH_REASON_WEBSOCKETS,
  KITH_REASON_CLOSING,
  /* drops: cut without a word, or with a WebSocket close code */
  KITH_REASON_HEADER_BYTES,
  KITH_REASON_HEADER_TIME,
  KITH_REASON_BODY_BYTES,
  KITH_REASON_BODY_TIME,
  KITH_REASON_IDLE_TIME,
  KITH_REASON_CLOSE_TIME,
  KITH_REASON_DESCRIPTORS,
  KITH_REASON_MESSAGE_SIZE,
  KITH_REASON_FRAGMENTS,
  KITH_REASON_FRAME_RATE,
  KITH_REASON_CONTROL_RATE,
  KITH_REASON_PROTOCOL,
  KITH_REASON_TEXT,
  KITH_REASON_BACKLOG,
  KITH_REASON_SILENT,
  KITH_N_REASONS,
} KithReason;

#define KITH_FIRST_DROP KITH_REASON_HEADER_BYTES

const char *kith_reason_name   (KithReason reason);   /* "origin", "frame-rate" … */
guint       kith_reason_status (KithReason reason);   /* HTTP; of a drop a WebSocket close code, or 0 */
const char *kith_reason_text   (KithReason reason);   /* what the client reads */

G_END_DECLS
