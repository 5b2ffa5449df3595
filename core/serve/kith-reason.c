/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-reason.h"

static const struct
{
  const char *name;
  guint status;
  const char *text;
} reasons[KITH_N_REASONS] = {
  [KITH_REASON_NONE] = { "none", 200, "" },
  [KITH_REASON_CONNECTIONS] = { "connections", 503, "too many connections: close one, or raise max-connections" },
  [KITH_REASON_NOT_LOOPBACK] = { "not-loopback", 403, "only programs on this machine may connect" },
  [KITH_REASON_UID_UNKNOWN] = { "uid-unknown", 403, "the kernel does not say which user connects" },
  [KITH_REASON_UID_OTHER] = { "uid-other", 403, "another user's program may not connect" },
  [KITH_REASON_MALFORMED] = { "malformed", 400, "this is not a well-formed HTTP/1.1 request" },
  [KITH_REASON_HOST_COUNT] = { "host-count", 400, "exactly one Host header is needed" },
  [KITH_REASON_LENGTH] = { "length", 400, "Content-Length must be there at most once, and be digits only" },
  [KITH_REASON_TRANSFER] = { "transfer", 400,
                             "Transfer-Encoding must be chunked, once, without Content-Length, in HTTP/1.1" },
  [KITH_REASON_HEADER_COUNT] = { "header-count", 431, "too many headers" },
  [KITH_REASON_HOST] = { "host", 421, "the host must be 127.0.0.1, localhost or [::1] with this port" },
  [KITH_REASON_ORIGIN] = { "origin", 403, "this origin is not in allowed-origins" },
  [KITH_REASON_CROSS_SITE] = { "cross-site", 403, "requests from other web sites are refused" },
  [KITH_REASON_METHOD] = { "method", 405, "this method is not known here" },
  [KITH_REASON_BODY_UNEXPECTED] = { "body-unexpected", 400, "GET and HEAD take no body" },
  [KITH_REASON_TYPE] = { "type", 415, "the body must be application/json" },
  [KITH_REASON_BODY_SIZE] = { "body-size", 413, "the body is too large" },
  [KITH_REASON_TOKEN] = { "token", 401, "the API token is needed: see kithctl token" },
  [KITH_REASON_PATH] = { "path", 400,
                         "the path must be percent-encoded UTF-8 without dot segments, empty segments, encoded slashes"
                         " or control characters" },
  [KITH_REASON_QUERY] = { "query", 400, "the query must be percent-encoded UTF-8, each name once" },
  [KITH_REASON_WAY] = { "way", 404, "there is nothing at this path on this port" },
  [KITH_REASON_HANDSHAKE] = { "handshake", 400, "this is not a well-formed WebSocket handshake of version 13" },
  [KITH_REASON_WEBSOCKETS] = { "websockets", 503, "too many WebSockets: close one, or raise max-websockets" },
  [KITH_REASON_CLOSING] = { "closing", 503, "kith is shutting down" },
  [KITH_REASON_HEADER_BYTES] = { "header-bytes", 0, "headers too large" },
  [KITH_REASON_HEADER_TIME] = { "header-time", 0, "headers took too long" },
  [KITH_REASON_BODY_BYTES] = { "body-bytes", 0, "body too large" },
  [KITH_REASON_BODY_TIME] = { "body-time", 0, "body took too long" },
  [KITH_REASON_IDLE_TIME] = { "idle-time", 0, "the answer was not taken" },
  [KITH_REASON_CLOSE_TIME] = { "close-time", 0, "the other end did not close" },
  [KITH_REASON_DESCRIPTORS] = { "descriptors", 0, "no file descriptor left" },
  [KITH_REASON_MESSAGE_SIZE] = { "message-size", 1009, "message too large" },
  [KITH_REASON_FRAGMENTS] = { "fragments", 1008, "too many fragments" },
  [KITH_REASON_FRAME_RATE] = { "frame-rate", 1008, "too many frames a second" },
  [KITH_REASON_CONTROL_RATE] = { "control-rate", 1008, "too many control frames a second" },
  [KITH_REASON_PROTOCOL] = { "protocol", 1002, "protocol error" },
  [KITH_REASON_TEXT] = { "text", 1007, "text that is not UTF-8" },
  [KITH_REASON_BACKLOG] = { "backlog", 1013, "too slow: resume with since" },
  [KITH_REASON_SILENT] = { "silent", 0, "no answer to a ping" },
};

const char *
kith_reason_name (KithReason reason)
{
  return reasons[reason].name;
}

guint
kith_reason_status (KithReason reason)
{
  return reasons[reason].status;
}

const char *
kith_reason_text (KithReason reason)
{
  return reasons[reason].text;
}
