/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The load generator: prints one JSON object. Everything that it sends carries "@NUMBER,NANOSECONDS@", so that the
 * sender and the receivers share one clock.
 *   kith-load fanout PORT COMMAND CLIENTS WINDOW EVENTS SIZE PID   one client says COMMAND, every client gets the event
 *   kith-load latency POST_PORT EVENTS_PORT TO RATE COUNT SIZE     POST /messages here, new_message there
 *   kith-load flood EVENTS_PORT TO COUNT WINDOW SIZE               the bench plugin sends, deliveries are counted */
#include "load-wire.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { WARM = 20, STALL_S = 20 };

static LoadHistogram latency;
static uint64_t delivered, *arrivals, injected, completed, first_measured, clients_wanted, last_ns;

static uint64_t
cpu_of (pid_t pid)
{
  clockid_t clock;
  struct timespec t;

  if (clock_getcpuclockid (pid, &clock) || clock_gettime (clock, &t))
    return 0;
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

static long
rss_of (pid_t pid)
{
  char path[64], line[256];
  long kib = 0;
  FILE *file;

  snprintf (path, sizeof path, "/proc/%d/status", (int) pid);
  file = fopen (path, "r");
  while (file && fgets (line, sizeof line, file))
    if (!strncmp (line, "VmRSS:", 6))
      kib = strtol (line + 6, NULL, 10);
  if (file)
    fclose (file);
  return kib;
}

/* "@NUMBER,NANOSECONDS@" anywhere in the text. */
static bool
find_stamp (const char *text, size_t length, uint64_t *number, uint64_t *sent_ns)
{
  const char *at = memchr (text, '@', length);

  return at && length - (size_t) (at - text) > 32 && sscanf (at, "@%" SCNu64 ",%" SCNu64 "@", number, sent_ns) == 2;
}

static void
put_stamp (char *text, size_t size, uint64_t number)
{
  int n = snprintf (text, size + 1, "@%010" PRIu64 ",%020" PRIu64 "@", number, load_now_ns ());

  memset (text + n, 'x', size - (size_t) n);
  text[size] = '\0';
}

static void
on_fanned (LoadClient *client, const char *text, size_t length, uint64_t now_ns)
{
  uint64_t number, sent_ns;

  if (!find_stamp (text, length, &number, &sent_ns) || number == 0 || number > injected)
    return;
  client->received++;
  if (number > first_measured)
    {
      load_add (&latency, now_ns - sent_ns);
      delivered++;
    }
  last_ns = now_ns;
  arrivals[number]++;
  while (completed < injected && arrivals[completed + 1] >= clients_wanted)
    completed++;
}

static void
say_event (LoadClient *client, const char *command, size_t size)
{
  static char text[65536], frame[70000];
  int n;

  injected++;
  put_stamp (text, size, injected);
  n = snprintf (frame, sizeof frame,
                "{\"event\":\"%s\",\"data\":{\"msg_id\":\"550e8400-e29b-41d4-a716-446655440000\","
                "\"from\":\"alice\",\"to\":\"bob\","
                "\"text\":\"%s\",\"timestamp\":\"2026-01-15T10:30:00Z\",\"direction\":\"received\",\"delivered\":true,"
                "\"delivery_method\":\"direct\"}}", command, text);
  load_send_text (client, frame, (size_t) n);
}

static void
drive (LoadClient *client, const char *command, uint64_t until, uint64_t window, size_t size)
{
  uint64_t progress = completed, since = load_now_ns ();

  while (completed < until)
    {
      while (injected < until && injected - completed < window)
        say_event (client, command, size);
      load_poll (10);
      if (completed != progress)
        {
          progress = completed;
          since = load_now_ns ();
        }
      else if (load_now_ns () - since > STALL_S * 1000000000ull)
        {
          fprintf (stderr, "stalled at %" PRIu64 " of %" PRIu64 "\n", completed, until);
          exit (3);
        }
    }
}

static int
fanout (char **argv)
{
  int port = atoi (argv[2]);
  const char *command = argv[3];
  uint64_t window, events, began, cpu;
  size_t size = strtoul (argv[7], NULL, 10) - 230;   /* what surrounds the text of such an event */
  pid_t pid = atoi (argv[8]);
  LoadClient *clients;
  long rss = rss_of (pid), rss_open;

  clients_wanted = strtoull (argv[4], NULL, 10);
  window = strtoull (argv[5], NULL, 10);
  events = strtoull (argv[6], NULL, 10);
  clients = calloc (clients_wanted, sizeof *clients);
  arrivals = calloc (events + WARM + 2, sizeof *arrivals);
  for (uint64_t i = 0; i < clients_wanted; i++)
    load_connect (&clients[i], port, "/events", on_fanned);
  while (load_poll (200))
    continue;
  rss_open = rss_of (pid);
  first_measured = WARM;
  drive (clients, command, WARM, 1, size);
  began = load_now_ns ();
  cpu = cpu_of (pid);
  drive (clients, command, events + WARM, window, size);
  cpu = cpu_of (pid) - cpu;
  printf ("{\"clients\":%" PRIu64 ",\"window\":%" PRIu64 ",\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
          "\"cpu_us\":%.3f,\"bytes_per_client\":%.0f}\n",
          clients_wanted, window, (double) delivered * 1e9 / (double) (last_ns - began),
          load_quantile_us (&latency, 0.5), load_quantile_us (&latency, 0.99), (double) cpu / 1e3 / (double) delivered,
          (double) (rss_open - rss) * 1024 / (double) clients_wanted);
  return 0;
}

static void
on_message (LoadClient *client, const char *text, size_t length, uint64_t now_ns)
{
  uint64_t number, sent_ns;

  if (!memmem (text, length, "\"new_message\"", 13) || !find_stamp (text, length, &number, &sent_ns))
    return;
  client->received++;
  delivered++;
  if (number > WARM)
    load_add (&latency, now_ns - sent_ns);
}

static int
post_and_wait (char **argv)
{
  int port = atoi (argv[2]);
  double rate = atof (argv[5]);
  uint64_t count = strtoull (argv[6], NULL, 10) + WARM, began;
  size_t size = strtoul (argv[7], NULL, 10);
  static char text[8192], body[8192];
  LoadClient window = { .fd = -1 };

  load_connect (&window, atoi (argv[3]), "/events", on_message);
  began = load_now_ns ();
  while (delivered < count || load_posts_open () > 0)
    {
      uint64_t now = load_now_ns ();
      uint64_t due = rate > 0 ? (uint64_t) ((double) (now - began) * rate / 1e9) : delivered;
      if (injected < count && injected <= due && (rate > 0 || load_posts_open () == 0))
        {
          int n;
          put_stamp (text, size, ++injected);
          n = snprintf (body, sizeof body, "{\"to\":\"%s\",\"text\":\"%.4096s\"}", argv[4], text);
          load_post (port, "/messages", body, (size_t) n);
        }
      load_poll (1);
      if (now - began > (uint64_t) (STALL_S + (rate > 0 ? (double) count / rate : 60)) * 1000000000ull)
        {
          fprintf (stderr, "%" PRIu64 " of %" PRIu64 " came\n", delivered, count);
          return 3;
        }
    }
  printf ("{\"rate\":%.0f,\"count\":%" PRIu64 ",\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"failed\":%u}\n",
          rate, count - WARM, load_quantile_us (&latency, 0.5), load_quantile_us (&latency, 0.99),
          (double) latency.max / 1e3, load_posts_failed ());
  return load_posts_failed () > 0;
}

static void
on_delivered (LoadClient *client, const char *text, size_t length, uint64_t now_ns)
{
  client->received++;
  if (memmem (text, length, "\"message_delivered\"", 19))
    {
      delivered++;
      load_add (&latency, now_ns - last_ns);
      last_ns = now_ns;
    }
}

static int
flood (char **argv)
{
  uint64_t count = strtoull (argv[4], NULL, 10), began, progress = 0, since;
  LoadClient window = { .fd = -1 };
  char command[512];
  int n = snprintf (command, sizeof command,
                    "{\"event\":\"x.bench.flood\",\"data\":{\"to\":\"%s\",\"count\":%s,\"window\":%s,\"size\":%s}}",
                    argv[3], argv[4], argv[5], argv[6]);

  load_connect (&window, atoi (argv[2]), "/events", on_delivered);
  while (load_poll (300))   /* what was pending comes first and is no part of this */
    continue;
  delivered = 0;
  memset (&latency, 0, sizeof latency);
  began = since = last_ns = load_now_ns ();
  load_send_text (&window, command, (size_t) n);
  while (delivered < count)
    {
      load_poll (100);
      if (delivered != progress)
        {
          progress = delivered;
          since = load_now_ns ();
        }
      if (!window.open || load_now_ns () - since > STALL_S * 1000000000ull)
        {
          fprintf (stderr, "%" PRIu64 " of %" PRIu64 " were delivered\n", delivered, count);
          return 3;
        }
    }
  /* With one in flight, the time between two deliveries is that from a message to its receipt. */
  printf ("{\"count\":%" PRIu64 ",\"window\":%s,\"seconds\":%.3f,\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
          count, argv[5], (double) (last_ns - began) / 1e9, (double) count * 1e9 / (double) (last_ns - began),
          load_quantile_us (&latency, 0.5), load_quantile_us (&latency, 0.99));
  return 0;
}

int
main (int argc, char **argv)
{
  struct rlimit files;

  signal (SIGPIPE, SIG_IGN);
  getrlimit (RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit (RLIMIT_NOFILE, &files);
  if (argc == 9 && !strcmp (argv[1], "fanout"))
    return fanout (argv);
  if (argc == 8 && !strcmp (argv[1], "latency"))
    return post_and_wait (argv);
  if (argc == 7 && !strcmp (argv[1], "flood"))
    return flood (argv);
  fprintf (stderr, "usage: see the head of load.c\n");
  return 1;
}
