/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The physical limit that fan-out is compared with: one thread, a frame for each "bench_broadcast" that it gets, and a
 * bare write () per client.
 *   kith-write-loop PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 16384, SIZE = 1 << 18 };

static struct { int fd, open; uint8_t *bytes; size_t length; } clients[MOST];
static int n_clients;

static void
broadcast (const uint8_t *data, size_t length)
{
  static const char start[] = "{\"event\":\"new_message\",\"data\":";
  static uint8_t frame[1 << 17];
  size_t whole = sizeof start - 1 + length, head = whole < 126 ? 2 : 4;

  frame[0] = 0x81;
  frame[1] = (uint8_t) (whole < 126 ? whole : 126);
  if (head == 4)
    {
      frame[2] = (uint8_t) (whole >> 8);
      frame[3] = (uint8_t) whole;
    }
  memcpy (frame + head, start, sizeof start - 1);
  memcpy (frame + head + sizeof start - 1, data, length);
  for (int i = 0; i < n_clients; i++)
    if (clients[i].open && write (clients[i].fd, frame, head + whole) < 0 && errno != EAGAIN)
      clients[i].open = 0;
}

static size_t
take_frame (uint8_t *from, size_t have)
{
  size_t length = from[1] & 127, head = length == 126 ? 8 : 6;
  uint8_t *data;

  if (have < head)
    return 0;
  if (head == 8)
    length = (size_t) from[2] << 8 | from[3];
  if (have < head + length)
    return 0;
  data = memmem (from + head, length, "\"data\":", 7);   /* the generator masks with zeros */
  if ((from[0] & 15) == 1 && data)
    broadcast (data + 7, length - (size_t) (data + 7 - (from + head)));
  return head + length;
}

static void
on_readable (int i)
{
  static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  size_t at = 0, n;
  ssize_t got = read (clients[i].fd, clients[i].bytes + clients[i].length, SIZE - clients[i].length);

  if (got <= 0)
    {
      if (got == 0 || errno != EAGAIN)
        {
          close (clients[i].fd);
          clients[i].open = 0;
        }
      return;
    }
  clients[i].length += (size_t) got;
  if (!clients[i].open && memmem (clients[i].bytes, clients[i].length, "\r\n\r\n", 4))
    {
      if (write (clients[i].fd, answer, sizeof answer - 1) < 0)
        return;
      clients[i].open = 1;
      clients[i].length = 0;
    }
  while (clients[i].open && clients[i].length - at >= 6
         && (n = take_frame (clients[i].bytes + at, clients[i].length - at)) > 0)
    at += n;
  memmove (clients[i].bytes, clients[i].bytes + at, clients[i].length - at);
  clients[i].length -= at;
}

static void
accept_all (int listener, int poll_fd)
{
  int fd, one = 1;

  while (n_clients < MOST && (fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t) n_clients };
      setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      clients[n_clients].fd = fd;
      clients[n_clients].bytes = malloc (SIZE);
      epoll_ctl (poll_fd, EPOLL_CTL_ADD, fd, &event);
      n_clients++;
    }
}

int
main (int argc, char **argv)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                 .sin_port = htons ((uint16_t) (argc > 1 ? atoi (argv[1]) : 8081)) };
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1, poll_fd = epoll_create1 (0);
  struct epoll_event event = { .events = EPOLLIN, .data.u32 = MOST }, events[256];

  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind (listener, (struct sockaddr *) &address, sizeof address) || listen (listener, 4096))
    {
      perror ("kith-write-loop");
      return 1;
    }
  epoll_ctl (poll_fd, EPOLL_CTL_ADD, listener, &event);
  for (;;)
    {
      int n = epoll_wait (poll_fd, events, 256, -1);
      for (int i = 0; i < n; i++)
        {
          if (events[i].data.u32 == MOST)
            accept_all (listener, poll_fd);
          else
            on_readable ((int) events[i].data.u32);
        }
    }
}
