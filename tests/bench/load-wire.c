/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "load-wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18 };

/* A POST is a client whose "text" function is not set. */
static int epoll_fd = -1;
static unsigned posts_open, posts_failed;

uint64_t
load_now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

void
load_die (const char *what)
{
  perror (what);
  exit (2);
}

/* 64 buckets for each power of two: at most 1.6 % off. */
void
load_add (LoadHistogram *histogram, uint64_t value_ns)
{
  unsigned index = (unsigned) value_ns;

  if (value_ns >= 64)
    {
      unsigned shift = 63 - (unsigned) __builtin_clzll (value_ns) - 6;
      index = (shift + 1) * 64 + (unsigned) ((value_ns >> shift) & 63);
    }
  histogram->bucket[index]++;
  histogram->count++;
  if (value_ns > histogram->max)
    histogram->max = value_ns;
}

double
load_quantile_us (const LoadHistogram *histogram, double quantile)
{
  uint64_t wanted = (uint64_t) (quantile * (double) histogram->count), seen = 0;

  for (unsigned i = 0; i < 64 * 64; i++)
    {
      seen += histogram->bucket[i];
      if (seen > wanted)
        return (double) (i < 64 ? i : ((uint64_t) (64 + i % 64)) << (i / 64 - 1)) / 1e3;
    }
  return (double) histogram->max / 1e3;
}

int
load_epoll (void)
{
  if (epoll_fd < 0)
    epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  return epoll_fd;
}

static void
watch (LoadClient *client, int how)
{
  struct epoll_event event = { .events = EPOLLIN | (client->out_length ? EPOLLOUT : 0), .data.ptr = client };

  if (epoll_ctl (load_epoll (), how, client->fd, &event))
    load_die ("epoll_ctl");
}

static void
flush (LoadClient *client)
{
  size_t sent = 0;
  bool waited = client->out_length > 0;

  while (sent < client->out_length)
    {
      ssize_t n = send (client->fd, client->out + sent, client->out_length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN)
        break;
      if (n < 0)
        load_die ("send");
      sent += (size_t) n;
    }
  memmove (client->out, client->out + sent, client->out_length - sent);
  client->out_length -= sent;
  if (waited)
    watch (client, EPOLL_CTL_MOD);
}

static uint8_t *
reserve (uint8_t **bytes, size_t *size, size_t wanted)
{
  if (wanted > *size)
    {
      *size = wanted * 2;
      *bytes = realloc (*bytes, *size);
      if (!*bytes)
        load_die ("realloc");
    }
  return *bytes;
}

static int
dial (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

  if (fd < 0 || setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
    load_die ("socket");
  if (connect (fd, (struct sockaddr *) &address, sizeof address))
    load_die ("connect");
  return fd;
}

void
load_connect (LoadClient *client, int port, const char *path, LoadTextFunc text)
{
  char head[1024];
  int n = snprintf (head, sizeof head,
                    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);

  client->fd = dial (port);
  client->text = text;
  if (send (client->fd, head, (size_t) n, MSG_NOSIGNAL) != n)
    load_die ("handshake");
  watch (client, EPOLL_CTL_ADD);
  while (!client->open)
    if (!load_poll (5000))
      load_die ("no answer to the handshake");
}

void
load_send_text (LoadClient *client, const char *text, size_t length)
{
  uint8_t *to = reserve (&client->out, &client->out_size, client->out_length + length + 14) + client->out_length;
  size_t head = length < 126 ? 2 : length < 65536 ? 4 : 10;

  to[0] = 0x81;
  to[1] = (uint8_t) (0x80 | (head == 2 ? length : head == 4 ? 126 : 127));
  for (size_t i = 2; i < head; i++)
    to[i] = (uint8_t) (length >> (8 * (head - 1 - i)));
  memset (to + head, 0, 4);   /* a mask of zeros is a mask */
  memcpy (to + head + 4, text, length);
  client->out_length += head + 4 + length;
  flush (client);
}

/* One frame at "from"; returns its length, or 0 when it is not all there yet. */
static size_t
take_frame (LoadClient *client, uint8_t *from, size_t have, uint64_t now_ns)
{
  size_t length = from[1] & 127, head = 2;

  if (length == 126)
    head = 4;
  else if (length == 127)
    head = 10;
  if (have < head)
    return 0;
  if (head > 2)
    length = 0;
  for (size_t i = 2; i < head; i++)
    length = length << 8 | from[i];
  if (have < head + length)
    return 0;
  if ((from[0] & 15) == 1)
    client->text (client, (const char *) from + head, length, now_ns);
  else if ((from[0] & 15) == 8)
    load_close (client);
  return head + length;
}

static void
take_bytes (LoadClient *client, uint64_t now_ns)
{
  size_t at = 0;

  if (!client->open)
    {
      uint8_t *end = memmem (client->in, client->in_length, "\r\n\r\n", 4);
      if (!end)
        return;
      if (memcmp (client->in, "HTTP/1.1 101", 12))
        {
          fprintf (stderr, "no WebSocket: %.*s\n", (int) client->in_length, (char *) client->in);
          exit (2);
        }
      client->open = true;
      at = (size_t) (end + 4 - client->in);
    }
  while (client->open && client->in_length - at >= 2)
    {
      size_t n = take_frame (client, client->in + at, client->in_length - at, now_ns);
      if (n == 0)
        break;
      at += n;
    }
  memmove (client->in, client->in + at, client->in_length - at);
  client->in_length -= at;
}

static void
end_post (LoadClient *post, bool good)
{
  posts_open--;
  posts_failed += !good;
  load_close (post);
  free (post->in);
  free (post);
}

/* Whole once the body has Content-Length bytes; the daemon closes after each answer anyway. */
static bool
post_is_whole (const LoadClient *post)
{
  const char *head = (const char *) post->in;
  const char *end = memmem (head, post->in_length, "\r\n\r\n", 4);
  const char *length = end ? strcasestr (head, "\r\nContent-Length:") : NULL;

  return length && length < end
         && post->in_length >= (size_t) (end + 4 - head) + strtoul (length + strlen ("\r\nContent-Length:"), NULL, 10);
}

static void
take_answer (LoadClient *post, ssize_t n)
{
  post->in[post->in_length] = '\0';
  if (n <= 0 || post_is_whole (post))
    end_post (post, post->in_length > 12 && post->in[9] == '2');
}

static void
on_readable (LoadClient *client)
{
  ssize_t n;

  reserve (&client->in, &client->in_size, client->in_length + READ_SIZE + 1);
  n = recv (client->fd, client->in + client->in_length, client->text ? READ_SIZE : 4096, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n > 0)
    client->in_length += (size_t) n;
  if (!client->text)
    take_answer (client, n);
  else if (n <= 0)
    load_close (client);
  else
    take_bytes (client, load_now_ns ());
}

/* FALSE when nothing came. */
bool
load_poll (int timeout_ms)
{
  struct epoll_event events[256];
  int n = epoll_wait (load_epoll (), events, 256, timeout_ms);

  for (int i = 0; i < n; i++)
    {
      LoadClient *client = events[i].data.ptr;
      if (events[i].events & EPOLLOUT)
        flush (client);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        on_readable (client);
    }
  return n > 0;
}

void
load_close (LoadClient *client)
{
  if (client->fd >= 0)
    close (client->fd);
  client->fd = -1;
  client->open = false;
}

void
load_post (int port, const char *path, const char *body, size_t length)
{
  LoadClient *post = calloc (1, sizeof *post);
  char message[8192];
  int n = snprintf (message, sizeof message,
                    "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n%.*s",
                    path, port, length, (int) length, body);

  if (!post || n >= (int) sizeof message)
    load_die ("post");
  post->fd = dial (port);
  if (send (post->fd, message, (size_t) n, MSG_NOSIGNAL) != n)
    load_die ("post");
  posts_open++;
  watch (post, EPOLL_CTL_ADD);
}

unsigned
load_posts_open (void)
{
  return posts_open;
}

unsigned
load_posts_failed (void)
{
  return posts_failed;
}
