/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the door costs: the uid look-up alone, the bouncer per request and per WebSocket, and one-shot GETs a second
 * through the door next to libsoup as it comes. Prints a table.
 *   bench-door [--rounds N] [--requests N] */
#include <arpa/inet.h>
#include <libsoup/soup.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kith-bouncer.h"
#include "kith-head-check.h"
#include "kith-peer-uid.h"
#include "kith-target.h"

#define REQUEST "GET /status HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
#define HANDSHAKE "GET /events HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define ANSWER "{\"status\":\"ok\",\"username\":\"alice\",\"uptime_seconds\":1}"

static int n_rounds = 3;
static int n_requests = 4000;

static const GOptionEntry entries[] = {
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "interleaved rounds, the median counts", "N" },
  { "requests", 0, 0, G_OPTION_ARG_INT, &n_requests, "requests a round", "N" },
  { NULL },
};

static double
now_us (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static int
connect_to (guint16 port)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons (port),
                           .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (connect (fd, (struct sockaddr *) &a, sizeof a) < 0)
    g_error ("connect: %s", g_strerror (errno));
  return fd;
}

/* --- alone --- */

typedef void (*BenchFunc) (gpointer data);

static double
measure_us (BenchFunc func, gpointer data, guint n)
{
  double start = now_us ();

  for (guint i = 0; i < n; i++)
    func (data);
  return (now_us () - start) / n;
}

typedef struct
{
  KithPeerUid *peers;
  KithBouncer *bouncer;
  int fd;
} Alone;

static void
look_up (gpointer data)
{
  Alone *alone = data;
  uid_t uid;

  if (kith_peer_uid_look_up (alone->peers, alone->fd, &uid) != KITH_PEER_KNOWN)
    g_error ("the look-up failed");
}

static void
ask_request (gpointer data)
{
  static const char raw[] = "GET /messages?peer=bob&limit=50 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\n"
                            "Accept: */*\r\nOrigin: http://localhost:1420\r\nSec-Fetch-Site: cross-site\r\n\r\n";
  Alone *alone = data;
  g_autofree char *path = NULL;
  g_autoptr(GHashTable) query = NULL;
  KithHead head = { .port = 8080, .method = "GET", .uri_host = "127.0.0.1", .uri_port = 8080 };

  kith_head_add (&head, "Host", "127.0.0.1:8080");
  kith_head_add (&head, "User-Agent", "bench");
  kith_head_add (&head, "Accept", "*/*");
  kith_head_add (&head, "Origin", "http://localhost:1420");
  kith_head_add (&head, "Sec-Fetch-Site", "cross-site");
  if (kith_head_check (raw, sizeof raw - 1) != KITH_REASON_NONE ||
      kith_bouncer_ask_head (alone->bouncer, &head) != KITH_REASON_NONE)
    g_error ("the bouncer refused");
  path = kith_target_parse_path ("/messages");
  query = kith_target_parse_query ("peer=bob&limit=50");
}

/* --- servers --- */

static void
answer_exchange (KithExchange *exchange, gpointer data)
{
  static const KithSocketFuncs funcs = { 0 };
  g_autoptr(GBytes) body = NULL;

  if (kith_exchange_wants_socket (exchange))
    {
      kith_exchange_upgrade (exchange, &funcs, NULL, NULL);
      return;
    }
  body = g_bytes_new_static (ANSWER, sizeof ANSWER - 1);
  kith_exchange_answer (exchange, 200, body, NULL);
}

static void
answer_soup (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_STATIC, ANSWER, sizeof ANSWER - 1);
}

static void
keep_socket (SoupServer *server, SoupServerMessage *message, const char *path, SoupWebsocketConnection *socket,
             gpointer data)
{
  g_signal_connect (g_object_ref (socket), "closed", G_CALLBACK (g_object_unref), NULL);
}

typedef struct
{
  const char *name;
  gboolean is_door;
  pid_t pid;
  guint16 api, events;
  GArray *gets;
  GArray *sockets;
} Server;

G_GNUC_NORETURN static void
run_server (const Server *server, int out)
{
  guint16 ports[2];
  g_autoptr(GError) error = NULL;

  if (server->is_door)
    {
      KithDoor *door = kith_door_new ();

      kith_door_set_handler (door, answer_exchange, NULL, NULL);
      if (!kith_door_listen_tcp (door, KITH_WAY_API, 0, &error) ||
          !kith_door_listen_tcp (door, KITH_WAY_EVENTS, 0, &error))
        g_error ("%s", error->message);
      ports[0] = kith_door_get_port (door, KITH_WAY_API);
      ports[1] = kith_door_get_port (door, KITH_WAY_EVENTS);
    }
  else
    {
      SoupServer *soup = soup_server_new (NULL, NULL);
      GSList *uris;

      soup_server_add_handler (soup, "/status", answer_soup, NULL, NULL);
      soup_server_add_websocket_handler (soup, "/events", NULL, NULL, keep_socket, NULL, NULL);
      if (!soup_server_listen_local (soup, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error))
        g_error ("%s", error->message);
      uris = soup_server_get_uris (soup);
      ports[0] = ports[1] = (guint16) g_uri_get_port (uris->data);
    }
  if (write (out, ports, sizeof ports) != sizeof ports)
    _exit (1);
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
  _exit (0);
}

static void
start_server (Server *server)
{
  guint16 ports[2];
  int pipes[2];

  if (pipe (pipes) < 0)
    g_error ("pipe: %s", g_strerror (errno));
  server->pid = fork ();
  if (server->pid == 0)
    run_server (server, pipes[1]);
  if (read (pipes[0], ports, sizeof ports) != sizeof ports)
    g_error ("%s did not start", server->name);
  close (pipes[0]);
  close (pipes[1]);
  server->api = ports[0];
  server->events = ports[1];
  server->gets = g_array_new (FALSE, FALSE, sizeof (double));
  server->sockets = g_array_new (FALSE, FALSE, sizeof (double));
}

static void
talk (guint16 port, const char *request, gboolean until_end)
{
  char answer[4096];
  int fd = connect_to (port);

  if (write (fd, request, strlen (request)) < 0)
    g_error ("write: %s", g_strerror (errno));
  while (read (fd, answer, sizeof answer) > 0 && until_end)
    ;
  close (fd);
}

static void
measure_server (Server *server)
{
  g_autofree char *request = g_strdup_printf (REQUEST, server->api);
  g_autofree char *handshake = g_strdup_printf (HANDSHAKE, server->events);
  double start = now_us (), each;

  /* libsoup's own listener keeps a connection that is not asked to close: the answer's end is what counts. */
  for (int i = 0; i < n_requests; i++)
    talk (server->api, request, server->is_door);
  each = (now_us () - start) / n_requests;
  g_array_append_val (server->gets, each);
  start = now_us ();
  for (int i = 0; i < n_requests / 4; i++)
    talk (server->events, handshake, FALSE);
  each = (now_us () - start) / (n_requests / 4.0);
  g_array_append_val (server->sockets, each);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

static double
get_median (GArray *values)
{
  g_array_sort (values, compare);
  return g_array_index (values, double, values->len / 2);
}

static void
print_alone (void)
{
  static const KithDoorLimits limits = { .max_connections = 128, .max_headers = 64, .max_body_bytes = 262144 };
  g_autoptr(GError) error = NULL;
  g_autoptr(KithPeerUid) peers = kith_peer_uid_new (&error);
  g_autoptr(KithBouncer) bouncer = kith_bouncer_new (&limits);
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t n = sizeof a;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client;
  Alone alone = { peers, bouncer, -1 };

  if (peers == NULL || bind (listener, (struct sockaddr *) &a, sizeof a) < 0 || listen (listener, 1) < 0 ||
      getsockname (listener, (struct sockaddr *) &a, &n) < 0)
    g_error ("cannot listen");
  client = connect_to (ntohs (a.sin_port));
  alone.fd = accept (listener, NULL, NULL);
  printf ("| uid look-up alone | %.1f µs |\n", measure_us (look_up, &alone, 50000));
  printf ("| head, Host, Origin, path and query of one request | %.1f µs |\n", measure_us (ask_request, &alone, 50000));
  close (client);
  close (alone.fd);
  close (listener);
}

int
main (int argc, char **argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;
  Server servers[] = { { .name = "door", .is_door = TRUE }, { .name = "libsoup as it comes" } };

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  printf ("| what | cost |\n|---|--:|\n");
  print_alone ();
  fflush (stdout);
  for (guint i = 0; i < G_N_ELEMENTS (servers); i++)
    start_server (&servers[i]);
  for (int round = 0; round < n_rounds; round++)
    for (guint i = 0; i < G_N_ELEMENTS (servers); i++)
      measure_server (&servers[i]);
  for (guint i = 0; i < G_N_ELEMENTS (servers); i++)
    {
      double get_us = get_median (servers[i].gets), socket_us = get_median (servers[i].sockets);

      printf ("| one-shot GET, one at a time, %s | %.0f µs, %.0f /s |\n", servers[i].name, get_us, 1e6 / get_us);
      printf ("| WebSocket connect, handshake, close, %s | %.0f µs, %.0f /s |\n", servers[i].name, socket_us,
              1e6 / socket_us);
      kill (servers[i].pid, SIGKILL);
      waitpid (servers[i].pid, NULL, 0);
      g_array_unref (servers[i].gets);
      g_array_unref (servers[i].sockets);
    }
  return 0;
}
