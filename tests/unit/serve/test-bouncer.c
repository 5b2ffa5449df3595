/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy table, row by row: what is asked of a head, of a socket and of a uid, and what the path and query decoders
 * take. The same rows from outside: test_policy.py. */
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-bouncer.h"
#include "kith-out-queue.h"
#include "kith-peer-uid.h"
#include "kith-target.h"

#define PORT 8080

static KithDoorLimits limits = { .max_connections = 2, .max_headers = 8, .max_body_bytes = 1000 };

typedef struct
{
  const char *name;
  KithReason wanted;
  const char *method;       /* NULL: GET */
  const char *headers[20];  /* names and values; Host comes by itself unless it is here */
  const char *uri_host;     /* NULL: 127.0.0.1 */
  int uri_port;             /* 0: PORT */
  gboolean userinfo;
  gboolean http_1_0;
  KithWay way;
  const char *query;
  const char *token;        /* required */
} Row;

#define JSON_TYPE "Content-Type", "application/json"

static const Row rows[] = {
  /* 2. framing */
  { "plain", KITH_REASON_NONE },
  { "two-hosts", KITH_REASON_HOST_COUNT, .headers = { "Host", "127.0.0.1:8080", "Host", "127.0.0.1:8080" } },
  { "no-host", KITH_REASON_HOST_COUNT, .headers = { "-", "-" } },
  { "length", KITH_REASON_NONE, "POST", { "Content-Length", "5", JSON_TYPE } },
  { "two-lengths", KITH_REASON_LENGTH, "POST", { "Content-Length", "5", "content-length", "5", JSON_TYPE } },
  { "length-sign", KITH_REASON_LENGTH, "POST", { "Content-Length", "+5", JSON_TYPE } },
  { "length-list", KITH_REASON_LENGTH, "POST", { "Content-Length", "5, 5", JSON_TYPE } },
  { "length-empty", KITH_REASON_LENGTH, "POST", { "Content-Length", "", JSON_TYPE } },
  { "length-hex", KITH_REASON_LENGTH, "POST", { "Content-Length", "0x5", JSON_TYPE } },
  { "length-huge", KITH_REASON_LENGTH, "POST", { "Content-Length", "99999999999999999999", JSON_TYPE } },
  { "chunked", KITH_REASON_NONE, "POST", { "Transfer-Encoding", "chunked", JSON_TYPE } },
  { "length-and-transfer", KITH_REASON_TRANSFER, "POST",
    { "Content-Length", "5", "Transfer-Encoding", "chunked", JSON_TYPE } },
  { "two-transfers", KITH_REASON_TRANSFER, "POST",
    { "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked", JSON_TYPE } },
  { "transfer-gzip", KITH_REASON_TRANSFER, "POST", { "Transfer-Encoding", "gzip, chunked", JSON_TYPE } },
  { "transfer-1.0", KITH_REASON_TRANSFER, "POST", { "Transfer-Encoding", "chunked", JSON_TYPE }, .http_1_0 = TRUE },
  { "eight-headers", KITH_REASON_NONE,
    .headers = { "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7" } },
  { "nine-headers", KITH_REASON_HEADER_COUNT,
    .headers = { "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "+", "3" } },
  /* 3. host */
  { "localhost", KITH_REASON_NONE, .headers = { "Host", "localhost:8080" }, .uri_host = "localhost" },
  { "localhost-case", KITH_REASON_NONE, .headers = { "Host", "LocalHost:8080" }, .uri_host = "localhost" },
  { "v6", KITH_REASON_NONE, .headers = { "Host", "[::1]:8080" }, .uri_host = "::1" },
  { "rebound", KITH_REASON_HOST, .headers = { "Host", "evil.example:8080" }, .uri_host = "evil.example" },
  { "prefix", KITH_REASON_HOST, .headers = { "Host", "localhost.evil.example:8080" },
    .uri_host = "localhost.evil.example" },
  { "suffix", KITH_REASON_HOST, .headers = { "Host", "127.0.0.1:80800" }, .uri_port = 80800 },
  { "no-port", KITH_REASON_HOST, .headers = { "Host", "127.0.0.1" }, .uri_port = -1 },
  { "other-port", KITH_REASON_HOST, .headers = { "Host", "127.0.0.1:8081" }, .uri_port = 8081 },
  { "number", KITH_REASON_HOST, .headers = { "Host", "2130706433:8080" } },
  { "short", KITH_REASON_HOST, .headers = { "Host", "127.1:8080" } },
  { "dot", KITH_REASON_HOST, .headers = { "Host", "localhost.:8080" } },
  { "absolute-form", KITH_REASON_HOST, .uri_host = "evil.example" },
  { "absolute-port", KITH_REASON_HOST, .uri_port = 80 },
  { "userinfo", KITH_REASON_HOST, .userinfo = TRUE },
  { "unix-any-host", KITH_REASON_NONE, .headers = { "Host", "kith" }, .uri_host = "kith", .way = KITH_WAY_UNIX },
  /* 4. origin */
  { "vite", KITH_REASON_NONE, .headers = { "Origin", "http://localhost:1420" } },
  { "vite-ip", KITH_REASON_NONE, .headers = { "Origin", "http://127.0.0.1:1420" } },
  { "tauri", KITH_REASON_NONE, .headers = { "Origin", "tauri://localhost" } },
  { "tauri-http", KITH_REASON_NONE, .headers = { "Origin", "http://tauri.localhost" } },
  { "tauri-https", KITH_REASON_NONE, .headers = { "Origin", "https://tauri.localhost" } },
  { "own-page", KITH_REASON_NONE, .headers = { "Origin", "http://localhost:8080" } },
  { "foreign", KITH_REASON_ORIGIN, .headers = { "Origin", "https://evil.example" } },
  { "origin-case", KITH_REASON_ORIGIN, .headers = { "Origin", "HTTP://localhost:1420" } },
  { "origin-port", KITH_REASON_ORIGIN, .headers = { "Origin", "http://localhost:14200" } },
  { "origin-slash", KITH_REASON_ORIGIN, .headers = { "Origin", "http://localhost:1420/" } },
  { "origin-https", KITH_REASON_ORIGIN, .headers = { "Origin", "https://localhost:1420" } },
  { "origin-null", KITH_REASON_ORIGIN, .headers = { "Origin", "null" } },
  { "origin-file", KITH_REASON_ORIGIN, .headers = { "Origin", "file://" } },
  { "origin-empty", KITH_REASON_ORIGIN, .headers = { "Origin", "" } },
  { "two-origins", KITH_REASON_ORIGIN,
    .headers = { "Origin", "http://localhost:1420", "Origin", "http://localhost:1420" } },
  { "same-site-ok", KITH_REASON_NONE, .headers = { "Sec-Fetch-Site", "same-origin" } },
  { "typed-url", KITH_REASON_NONE, .headers = { "Sec-Fetch-Site", "none" } },
  { "cross-site", KITH_REASON_CROSS_SITE, .headers = { "Sec-Fetch-Site", "cross-site" } },
  { "same-site", KITH_REASON_CROSS_SITE, .headers = { "Sec-Fetch-Site", "same-site" } },
  { "two-sites", KITH_REASON_CROSS_SITE, .headers = { "Sec-Fetch-Site", "none", "Sec-Fetch-Site", "none" } },
  { "origin-and-site", KITH_REASON_NONE,
    .headers = { "Origin", "http://localhost:1420", "Sec-Fetch-Site", "same-site" } },
  /* 5. method and type */
  { "head", KITH_REASON_NONE, "HEAD" },
  { "put", KITH_REASON_NONE, "PUT" },
  { "patch", KITH_REASON_NONE, "PATCH" },
  { "delete", KITH_REASON_NONE, "DELETE" },
  { "options", KITH_REASON_NONE, "OPTIONS" },
  { "trace", KITH_REASON_METHOD, "TRACE" },
  { "lower-case", KITH_REASON_METHOD, "get" },
  { "brew", KITH_REASON_METHOD, "BREW" },
  { "no-type", KITH_REASON_TYPE, "POST", { "Content-Length", "5" } },
  { "form", KITH_REASON_TYPE, "POST", { "Content-Length", "5", "Content-Type", "application/x-www-form-urlencoded" } },
  { "text", KITH_REASON_TYPE, "POST", { "Content-Length", "5", "Content-Type", "text/plain" } },
  { "type-prefix", KITH_REASON_TYPE, "POST", { "Content-Length", "5", "Content-Type", "application/jsonp" } },
  { "two-types", KITH_REASON_TYPE, "POST", { "Content-Length", "5", "Content-Type", "text/plain", JSON_TYPE } },
  { "charset", KITH_REASON_NONE, "POST", { "Content-Length", "5", "Content-Type", "application/json; charset=utf-8" } },
  { "type-case", KITH_REASON_NONE, "POST", { "Content-Length", "5", "Content-Type", "Application/JSON" } },
  { "empty-post", KITH_REASON_NONE, "POST", { "Content-Length", "0" } },
  { "body-on-get", KITH_REASON_BODY_UNEXPECTED, "GET", { "Content-Length", "5", JSON_TYPE } },
  { "body-limit", KITH_REASON_NONE, "POST", { "Content-Length", "1000", JSON_TYPE } },
  { "body-over", KITH_REASON_BODY_SIZE, "POST", { "Content-Length", "1001", JSON_TYPE } },
  /* 6. and 7. the preflight before the token, the token */
  { "preflight", KITH_REASON_NONE, "OPTIONS",
    { "Origin", "tauri://localhost", "Access-Control-Request-Method", "POST" }, .token = "s3cret" },
  { "options-token", KITH_REASON_TOKEN, "OPTIONS", .token = "s3cret" },
  { "no-token", KITH_REASON_TOKEN, .token = "s3cret" },
  { "token", KITH_REASON_NONE, .headers = { "Authorization", "Bearer s3cret" }, .token = "s3cret" },
  { "token-scheme-case", KITH_REASON_NONE, .headers = { "Authorization", "bearer s3cret" }, .token = "s3cret" },
  { "token-wrong", KITH_REASON_TOKEN, .headers = { "Authorization", "Bearer s3creT" }, .token = "s3cret" },
  { "token-short", KITH_REASON_TOKEN, .headers = { "Authorization", "Bearer s3cre" }, .token = "s3cret" },
  { "token-basic", KITH_REASON_TOKEN, .headers = { "Authorization", "Basic s3cret" }, .token = "s3cret" },
  { "two-tokens", KITH_REASON_TOKEN,
    .headers = { "Authorization", "Bearer s3cret", "Authorization", "Bearer s3cret" }, .token = "s3cret" },
  { "token-in-query", KITH_REASON_TOKEN, .query = "token=s3cret", .token = "s3cret" },
  { "token-events", KITH_REASON_NONE, .query = "since=1&token=s3cret", .way = KITH_WAY_EVENTS, .token = "s3cret" },
  { "token-events-wrong", KITH_REASON_TOKEN, .query = "token=x", .way = KITH_WAY_EVENTS, .token = "s3cret" },
  { "token-events-twice", KITH_REASON_TOKEN, .query = "token=s3cret&token=s3cret", .way = KITH_WAY_EVENTS,
    .token = "s3cret" },
  { "token-unknown", KITH_REASON_TOKEN, .headers = { "Authorization", "Bearer " }, .token = "" },
  { "token-unix", KITH_REASON_NONE, .way = KITH_WAY_UNIX, .token = "s3cret" },
};

static void
fill (KithHead *head, const Row *row)
{
  gboolean has_host = FALSE;

  head->way = row->way;
  head->port = PORT;
  head->http_1_0 = row->http_1_0;
  head->method = row->method != NULL ? row->method : "GET";
  head->uri_host = row->uri_host != NULL ? row->uri_host : "127.0.0.1";
  head->uri_port = row->uri_port != 0 ? row->uri_port : PORT;
  head->uri_userinfo = row->userinfo;
  head->path = "/";
  head->query = row->query;
  for (guint i = 0; row->headers[i] != NULL; i += 2)
    if (strcmp (row->headers[i], "+") == 0)
      for (guint n = (guint) (row->headers[i + 1][0] - '0'); n > 0; n--)
        kith_head_add (head, "x-more", "1");
    else if (strcmp (row->headers[i], "-") == 0)
      has_host = TRUE;
    else
      {
        has_host = has_host || strcmp (row->headers[i], "Host") == 0;
        kith_head_add (head, row->headers[i], row->headers[i + 1]);
      }
  if (!has_host)
    kith_head_add (head, "Host", "127.0.0.1:8080");
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(KithBouncer) bouncer = kith_bouncer_new (&limits);
  KithHead head = { 0 };

  kith_bouncer_set_page (bouncer, PORT);
  if (row->token != NULL)
    kith_bouncer_set_token (bouncer, TRUE, row->token, strlen (row->token));
  fill (&head, row);
  g_assert_cmpstr (kith_reason_name (kith_bouncer_ask_head (bouncer, &head)), ==, kith_reason_name (row->wanted));
}

static void
test_origins (void)
{
  static const char *const mine[] = { "https://app.example", "null", "file://", NULL };
  g_autoptr(KithBouncer) bouncer = kith_bouncer_new (&limits);

  g_assert_true (kith_bouncer_knows_origin (bouncer, "tauri://localhost"));
  kith_bouncer_set_origins (bouncer, mine);
  g_assert_true (kith_bouncer_knows_origin (bouncer, "https://app.example"));
  g_assert_false (kith_bouncer_knows_origin (bouncer, "tauri://localhost"));
  /* not even when the user wrote them */
  g_assert_false (kith_bouncer_knows_origin (bouncer, "null"));
  g_assert_false (kith_bouncer_knows_origin (bouncer, "file://"));
}

/* --- who is at the other end --- */

static void
make_pair (int *server, int *client, int family)
{
  union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } a = { 0 };
  socklen_t n = sizeof a;
  int listener = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);

  a.any.sa_family = (sa_family_t) family;
  if (family == AF_INET)
    a.v4.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  else
    a.v6.sin6_addr = in6addr_loopback;
  g_assert_cmpint (bind (listener, &a.any, family == AF_INET ? sizeof a.v4 : sizeof a.v6), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, &a.any, &n), ==, 0);
  *client = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (*client, &a.any, n), ==, 0);
  *server = accept (listener, NULL, NULL);
  g_assert_cmpint (*server, >=, 0);
  close (listener);
}

static void
test_uid (gconstpointer family)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(KithPeerUid) peers = kith_peer_uid_new (&error);
  int server, client;
  uid_t uid = 12345;

  g_assert_no_error (error);
  make_pair (&server, &client, GPOINTER_TO_INT (family));
  g_assert_cmpint (kith_peer_uid_look_up (peers, server, &uid), ==, KITH_PEER_KNOWN);
  g_assert_cmpuint (uid, ==, geteuid ());
  /* Closed before it was looked up: the kernel says uid 0, which must not count as root. */
  close (client);
  g_assert_cmpint (kith_peer_uid_look_up (peers, server, &uid), ==, KITH_PEER_GONE);
  g_assert_cmpuint (uid, ==, (uid_t) -1);
  close (server);
}

static void
test_ask_socket (void)
{
  g_autoptr(KithBouncer) bouncer = kith_bouncer_new (&limits);
  g_autoptr(GError) error = NULL;
  int server, client, pair[2];
  uid_t uid;

  make_pair (&server, &client, AF_INET);
  /* Nobody is let in before it can be known who it is. */
  g_assert_cmpint (kith_bouncer_ask_socket (bouncer, KITH_WAY_API, server, 0, &uid), ==, KITH_REASON_UID_UNKNOWN);
  g_assert_true (kith_bouncer_prepare (bouncer, &error));
  g_assert_no_error (error);
  g_assert_cmpint (kith_bouncer_ask_socket (bouncer, KITH_WAY_API, server, 1, &uid), ==, KITH_REASON_NONE);
  g_assert_cmpint (kith_bouncer_ask_socket (bouncer, KITH_WAY_API, server, 2, &uid), ==, KITH_REASON_CONNECTIONS);
  g_assert_true (kith_bouncer_is_there (bouncer, KITH_WAY_API, server));
  close (client);
  g_assert_cmpint (kith_bouncer_ask_socket (bouncer, KITH_WAY_API, server, 0, &uid), ==, KITH_REASON_UID_UNKNOWN);
  g_assert_false (kith_bouncer_is_there (bouncer, KITH_WAY_API, server));
  close (server);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  g_assert_cmpint (kith_bouncer_ask_socket (bouncer, KITH_WAY_API, pair[0], 0, &uid), ==, KITH_REASON_NOT_LOOPBACK);
  g_assert_cmpint (kith_bouncer_ask_socket (bouncer, KITH_WAY_UNIX, pair[0], 0, &uid), ==, KITH_REASON_NONE);
  close (pair[0]);
  close (pair[1]);
  g_assert_cmpint (kith_bouncer_ask_uid (bouncer, geteuid ()), ==, KITH_REASON_NONE);
  g_assert_cmpint (kith_bouncer_ask_uid (bouncer, geteuid () + 1), ==, KITH_REASON_UID_OTHER);
  g_assert_cmpint (kith_bouncer_ask_uid (bouncer, kith_peer_uid_overflow ()), ==, KITH_REASON_UID_OTHER);
}

/* --- paths and queries --- */

static void
test_paths (void)
{
  static const char *const rows_of_paths[][2] = {
    { "/", "/" }, { "/a/b", "/a/b" }, { "/a%20b", "/a b" }, { "/%C3%A9", "/\xc3\xa9" }, { "/a/", "/a/" },
    { "/%2525", "/%25" },
    { "/...", "/..." }, { "/a..b", "/a..b" }, { "/a+b", "/a+b" }, { "/%7E", "/~" },
    { "", NULL }, { "*", NULL }, { "a", NULL }, { "//", NULL }, { "//a", NULL }, { "/a//b", NULL }, { "/.", NULL },
    { "/..", NULL }, { "/a/../b", NULL }, { "/a/./b", NULL }, { "/%2e%2e/b", NULL }, { "/a%2Fb", NULL },
    { "/a%2fb", NULL },
    { "/%00", NULL }, { "/%", NULL }, { "/%4", NULL }, { "/%zz", NULL }, { "/%ff", NULL }, { "/%C0%AF", NULL },
    { "/%ED%A0%80", NULL }, { "/%0a", NULL }, { "/%7f", NULL }, { "/%C2%85", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows_of_paths); i++)
    {
      g_autofree char *path = kith_target_parse_path (rows_of_paths[i][0]);

      g_assert_cmpstr (path, ==, rows_of_paths[i][1]);
    }
}

static void
test_queries (void)
{
  static const char *const bad[] = { "a=1&a=2", "a&a", "%", "a=%0", "a=%00", "a=%ff", "%ff=1", "=&=", NULL };
  g_autoptr(GHashTable) none = kith_target_parse_query (NULL);
  g_autoptr(GHashTable) some = kith_target_parse_query ("a=1+2&b&c=%26%3D%2B&&d=x=y&");

  g_assert_cmpuint (g_hash_table_size (none), ==, 0);
  g_assert_cmpuint (g_hash_table_size (some), ==, 4);
  g_assert_cmpstr (g_hash_table_lookup (some, "a"), ==, "1 2");
  g_assert_cmpstr (g_hash_table_lookup (some, "b"), ==, "");
  g_assert_cmpstr (g_hash_table_lookup (some, "c"), ==, "&=+");
  g_assert_cmpstr (g_hash_table_lookup (some, "d"), ==, "x=y");
  for (guint i = 0; bad[i] != NULL; i++)
    {
      g_autoptr(GHashTable) query = kith_target_parse_query (bad[i]);

      g_assert_null (query);
    }
}

/* --- the queue: exact to the byte --- */

static void
test_queue (void)
{
  KithOutQueue queue = { 0 };
  g_autofree guint8 *big = g_malloc0 (300000);
  g_autoptr(GBytes) bytes = g_bytes_new (big, 300000);
  gsize counted, got = 0, total = 0;
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), ==, 0);
  for (guint i = 0; i < 10; i++)
    {
      kith_out_queue_push_copy (&queue, "ab", 2);
      kith_out_queue_push (&queue, bytes, TRUE);
    }
  g_assert_cmpuint (queue.pending, ==, 10 * 300002);
  g_assert_cmpint (kith_out_queue_write (&queue, pair[0], &counted), ==, KITH_OUT_FULL);
  g_assert_cmpuint (counted, >, 0);
  total += counted;
  for (;;)
    {
      ssize_t n = read (pair[1], big, 300000);

      if (n <= 0)
        break;
      got += (gsize) n;
    }
  g_assert_cmpuint (got + queue.pending, ==, 10 * 300002);
  /* What is half out stays; the rest goes. */
  kith_out_queue_cut (&queue);
  g_assert_cmpuint (queue.len, ==, 1);
  g_assert_cmpuint (queue.pending, <, 300000);
  for (gboolean empty = FALSE; !empty;)
    {
      empty = kith_out_queue_write (&queue, pair[0], &counted) == KITH_OUT_EMPTY;
      total += counted;
      while (read (pair[1], big, 300000) > 0)
        ;
    }
  g_assert_cmpuint (queue.pending, ==, 0);
  g_assert_cmpuint (total % 300000, ==, 0);   /* whole frames only */
  close (pair[1]);
  kith_out_queue_push (&queue, bytes, TRUE);
  g_assert_cmpint (kith_out_queue_write (&queue, pair[0], &counted), ==, KITH_OUT_BROKEN);
  kith_out_queue_clear (&queue);
  close (pair[0]);
}

static void
test_reasons (void)
{
  for (KithReason reason = KITH_REASON_NONE + 1; reason < KITH_N_REASONS; reason++)
    {
      g_assert_nonnull (kith_reason_name (reason));
      g_assert_cmpuint (strlen (kith_reason_text (reason)), >, 0);
      if (reason < KITH_FIRST_DROP)
        g_assert_cmpuint (kith_reason_status (reason), >=, 400);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/serve/policy/%s", rows[i].name);

      g_test_add_data_func (path, &rows[i], test_row);
    }
  g_test_add_func ("/serve/bouncer/origins", test_origins);
  g_test_add_func ("/serve/bouncer/reasons", test_reasons);
  g_test_add_func ("/serve/bouncer/socket", test_ask_socket);
  g_test_add_data_func ("/serve/peer-uid/v4", GINT_TO_POINTER (AF_INET), test_uid);
  g_test_add_data_func ("/serve/peer-uid/v6", GINT_TO_POINTER (AF_INET6), test_uid);
  g_test_add_func ("/serve/target/paths", test_paths);
  g_test_add_func ("/serve/target/queries", test_queries);
  g_test_add_func ("/serve/out-queue/exact", test_queue);
  return g_test_run ();
}
