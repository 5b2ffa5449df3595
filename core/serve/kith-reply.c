/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-reply.h"

#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>

#define ALL_METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

GBytes *
kith_reply_error_body (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *json = g_string_new ("{\"error\":\"");

  for (const char *p = valid; *p != '\0'; p++)
    {
      if (*p == '"' || *p == '\\')
        g_string_append_c (json, '\\');
      if ((guchar) *p < 0x20)
        g_string_append_printf (json, "\\u%04x", (guint) *p);
      else
        g_string_append_c (json, *p);
    }
  g_string_append (json, "\"}");
  return g_string_free_to_bytes (json);
}

static gboolean
has_header (const char *const *headers, const char *name)
{
  for (; headers != NULL && headers[0] != NULL; headers += 2)
    if (g_ascii_strcasecmp (headers[0], name) == 0)
      return TRUE;
  return FALSE;
}

static void
add_headers (GString *head, const char *const *headers)
{
  for (; headers != NULL && headers[0] != NULL; headers += 2)
    {
      g_return_if_fail (headers[1] != NULL && strpbrk (headers[1], "\r\n") == NULL);
      g_string_append_printf (head, "%s: %s\r\n", headers[0], headers[1]);
    }
}

static void
begin (GString *head, guint status, const char *date)
{
  g_string_append_printf (head, "HTTP/1.1 %u %s\r\nConnection: close\r\nVary: Origin\r\n", status,
                          soup_status_get_phrase (status));
  if (date != NULL)
    g_string_append_printf (head, "Date: %s\r\n", date);
  g_string_append (head, "X-Content-Type-Options: nosniff\r\n");
}

void
kith_reply (KithPipe *pipe, guint status, GBytes *body, const char *const *headers, const char *origin,
            gboolean head_only)
{
  gboolean bodiless = status == SOUP_STATUS_NO_CONTENT || status == SOUP_STATUS_NOT_MODIFIED;
  GString *head = g_string_sized_new (384);
  g_autoptr(GBytes) bytes = NULL;

  begin (head, status, kith_hall_get_date (pipe->hall));
  if (!has_header (headers, "Cache-Control"))
    g_string_append (head, "Cache-Control: no-store\r\n");
  if (origin != NULL)
    g_string_append_printf (head, "Access-Control-Allow-Origin: %s\r\n", origin);
  if (body != NULL && !bodiless && !has_header (headers, "Content-Type"))
    g_string_append (head, "Content-Type: application/json\r\n");
  if (!bodiless)
    g_string_append_printf (head, "Content-Length: %" G_GSIZE_FORMAT "\r\n",
                            body != NULL ? g_bytes_get_size (body) : 0);
  add_headers (head, headers);
  g_string_append (head, "\r\n");
  bytes = g_string_free_to_bytes (head);
  kith_out_queue_push (&pipe->queue, bytes, FALSE);
  if (body != NULL && !bodiless && !head_only)
    kith_out_queue_push (&pipe->queue, body, FALSE);
  kith_pipe_finish (pipe);
}

void
kith_reply_refuse (KithPipe *pipe, KithReason reason, const KithHead *head)
{
  static const char *const allow[] = { "Allow", ALL_METHODS, NULL };
  static const char *const bearer[] = { "WWW-Authenticate", "Bearer", NULL };
  static const char *const version[] = { "Sec-WebSocket-Version", "13", NULL };
  const char *const *headers = NULL;
  const char *origin = NULL;
  g_autoptr(GBytes) body = kith_reply_error_body (kith_reason_text (reason));

  kith_bouncer_note (pipe->hall->bouncer, reason, pipe->way, pipe->client, pipe->uid,
                     head != NULL ? head->method : NULL);
  if (reason == KITH_REASON_METHOD)
    headers = allow;
  else if (reason == KITH_REASON_TOKEN)
    headers = bearer;
  else if (reason == KITH_REASON_HANDSHAKE)
    headers = version;
  /* A page that may talk to us may also read why it cannot. */
  if (head != NULL && reason > KITH_REASON_CROSS_SITE && head->n_origin == 1)
    origin = head->origin;
  kith_reply (pipe, kith_reason_status (reason), body, headers, origin,
              head != NULL && strcmp (head->method, "HEAD") == 0);
}

void
kith_reply_preflight (KithPipe *pipe, const KithHead *head)
{
  const char *more = kith_bouncer_get_policy (pipe->hall->bouncer)->cors_headers;
  g_autofree char *allowed = g_strconcat ("Content-Type, Authorization", more != NULL ? ", " : NULL, more, NULL);
  const char *headers[] = {
    "Access-Control-Allow-Methods", ALL_METHODS,
    "Access-Control-Allow-Headers", allowed,
    "Access-Control-Max-Age", "600",
    head->asks_private ? "Access-Control-Allow-Private-Network" : NULL, "true",
    NULL
  };

  kith_reply (pipe, SOUP_STATUS_NO_CONTENT, NULL, headers, head->origin, FALSE);
}

void
kith_reply_at_accept (int fd, KithReason reason)
{
  g_autoptr(GBytes) body = kith_reply_error_body (kith_reason_text (reason));
  g_autoptr(GString) answer = g_string_sized_new (384);
  gsize n = g_bytes_get_size (body);

  begin (answer, kith_reason_status (reason), NULL);
  g_string_append_printf (answer, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", n);
  g_string_append_len (answer, g_bytes_get_data (body, NULL), (gssize) n);
  (void) !send (fd, answer->str, answer->len, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void) shutdown (fd, SHUT_WR);
}
