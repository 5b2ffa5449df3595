/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chat-fixture.h"

#include <stdlib.h>
#include <string.h>

/* performance.md P10 within one process: both sides encrypt, store durably and acknowledge; 256 posts under way. */
typedef struct
{
  Side *from;
  guint left, away, delivered;
} Run;

static void post_next (Run *run);

static void
on_posted (GObject *source, GAsyncResult *result, gpointer data)
{
  Run *run = data;
  g_autoptr (KithPosted) posted = kith_chat_post_finish (run->from->chat, result, NULL);

  run->away--;
  run->delivered += posted != NULL && posted->delivered;
  post_next (run);
}

static void
post_next (Run *run)
{
  static char text[301];

  memset (text, 'x', 300);
  while (run->left > 0 && run->away < 256)
    {
      run->left--;
      run->away++;
      kith_chat_post_async (run->from->chat, "bob", text, NULL, NULL, NULL, on_posted, run);
    }
}

int
main (int argc, char **argv)
{
  guint total = argc > 1 ? (guint)atoi (argv[1]) : 20000;
  Net net = { 0 };
  Side *bob;
  Run run = { 0 };
  KithStoreCounters a, b;
  gint64 since;

  net_set_up (&net, NULL);
  run.from = net_add (&net, "alice");
  bob = net_add (&net, "bob");
  net_befriend (run.from, bob);
  run.left = total;
  since = g_get_monotonic_time ();
  post_next (&run);
  net_wait (&net, run.left + run.away == 0);
  kith_store_get_counters (run.from->store, &a);
  kith_store_get_counters (bob->store, &b);
  g_print ("%u messages, %u delivered, %.0f a second; alice %.1f jobs a commit, bob %.1f\n", total, run.delivered,
           total / ((double)(g_get_monotonic_time () - since) / G_USEC_PER_SEC), (double)a.jobs / (double)a.commits,
           (double)b.jobs / (double)b.commits);
  net_tear_down (&net, NULL);
  return 0;
}
