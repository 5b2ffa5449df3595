/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a door is for. One value for everything in which a door for this machine's user differs from one for the world;
 * framing, sizes, times and limits are the same for both. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *name;
  gboolean same_user;              /* over loopback, by a process of our own uid; else anybody who can connect */
  gboolean own_host;               /* Host must be a loopback name with our port */
  gboolean listed_origins;         /* Origin must be in the list; else any page may ask (nothing rides on cookies) */
  gboolean split_ways;             /* /events and /admin belong to ways of their own */
  const char *cors_headers;        /* what a preflight allows besides Content-Type and Authorization (nullable) */
  const char *const *kept_headers; /* for kith_exchange_get_header(); NULL: none */
} KithDoorPolicy;

/* The daemon's doors: spec/security.md §1. */
extern const KithDoorPolicy kith_policy_local;

G_END_DECLS
