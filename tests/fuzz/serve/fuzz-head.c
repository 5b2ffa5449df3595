/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The head of a request and a chunked body, as anybody may send them: our check never reads too far, what it lets pass
 * libsoup parses too and sees no second Content-Length in, and the bouncer judges it without falling over. */
#include <libsoup/soup.h>
#include <stdint.h>
#include <string.h>

#include "kith-bouncer.h"
#include "kith-chunks.h"
#include "kith-head-check.h"
#include "kith-target.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

static void
judge (SoupMessageHeaders *headers, const char *method, const char *path, SoupHTTPVersion version)
{
  static const KithDoorLimits limits = { .max_connections = 1, .max_headers = 64, .max_body_bytes = 1000 };
  g_autoptr(KithBouncer) bouncer = kith_bouncer_new (&limits);
  g_autofree char *parsed = kith_target_parse_path (path);
  const char *query = strchr (path, '?');
  g_autoptr(GHashTable) values = kith_target_parse_query (query != NULL ? query + 1 : NULL);
  KithHead head = { .way = KITH_WAY_EVENTS, .port = 8081, .http_1_0 = version == SOUP_HTTP_1_0, .method = method,
                    .uri_host = "localhost", .uri_port = 8081, .path = path, .query = query };
  SoupMessageHeadersIter iter;
  const char *name, *value;

  soup_message_headers_iter_init (&iter, headers);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    kith_head_add (&head, name, value);
  g_assert_cmpuint (head.n_length, <=, 1);
  g_assert_cmpuint (head.n_transfer, <=, 1);
  g_assert_true (head.n_length == 0 || head.n_transfer == 0);
  kith_bouncer_set_token (bouncer, TRUE, "s3cret", 6);
  (void) kith_bouncer_ask_head (bouncer, &head);
  if (parsed != NULL)
    {
      g_assert_true (parsed[0] == '/' && g_utf8_validate (parsed, -1, NULL));
      g_assert_null (strstr (parsed, "//"));
      g_assert_null (strstr (parsed, "/../"));
    }
}

static void
try_head (const char *text, gsize n)
{
  g_autoptr(SoupMessageHeaders) headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  g_autofree char *method = NULL, *path = NULL;
  SoupHTTPVersion version;
  guint status;

  if (kith_head_check (text, n) != KITH_REASON_NONE)
    return;
  /* libsoup is given the head without its empty line. */
  status = soup_headers_parse_request (text, (int) n - 2, headers, &method, &path, &version);
  g_assert_true (status == SOUP_STATUS_OK || status == SOUP_STATUS_EXPECTATION_FAILED ||
                 status == SOUP_STATUS_BAD_REQUEST);
  if (status == SOUP_STATUS_OK)
    judge (headers, method, path, version);
}

/* In one piece or byte by byte, the verdict is the same. */
static void
try_chunks (const uint8_t *data, gsize n)
{
  KithChunks whole = { 0 }, parts = { 0 };
  gboolean good = kith_chunks_check (&whole, data, n), also_good = TRUE;

  for (gsize i = 0; i < n && also_good; i++)
    also_good = kith_chunks_check (&parts, data + i, 1);
  g_assert_cmpint (good, ==, also_good);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  gsize n_head = kith_head_measure ((const char *) data, n);

  g_assert_cmpuint (n_head, <=, n);
  if (n_head > 0)
    {
      g_autofree char *exact = g_memdup2 (data, n_head);   /* a sanitizer sees the first byte too many */

      try_head (exact, n_head);
    }
  try_chunks (data + n_head, n - n_head);
  return 0;
}
