/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client half of RFC 6455 over plain sockets and epoll, and one-shot HTTP: what the load generator speaks. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LoadClient LoadClient;
typedef void (*LoadTextFunc) (LoadClient *client, const char *text, size_t length, uint64_t now_ns);

struct LoadClient
{
  int fd;
  bool open;
  uint8_t *in;
  size_t in_length, in_size;
  uint8_t *out;
  size_t out_length, out_size;
  LoadTextFunc text;
  uint64_t received;
};

typedef struct
{
  uint64_t bucket[64 * 64], count, max;
} LoadHistogram;

uint64_t load_now_ns (void);
void load_die (const char *what);
void load_add (LoadHistogram *histogram, uint64_t value_ns);
double load_quantile_us (const LoadHistogram *histogram, double quantile);

int load_epoll (void);
void load_connect (LoadClient *client, int port, const char *path, LoadTextFunc text);
void load_send_text (LoadClient *client, const char *text, size_t length);
bool load_poll (int timeout_ms);
void load_close (LoadClient *client);

/* One POST on a connection of its own: started here, answered by the server in its time; load_poll () takes it. */
void load_post (int port, const char *path, const char *body, size_t length);
unsigned load_posts_open (void);
unsigned load_posts_failed (void);
