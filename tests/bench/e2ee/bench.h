/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rounds, one after the other over all measures, so that a busy moment of the machine hits all of them; medians. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *name;
  double (*run) (gpointer data); /* microseconds an operation */
  gpointer data;
  int base; /* index of what it is compared with, -1: nothing */
  double median_us;
} Measure;

void bench_run (Measure *measures, gsize n, guint rounds);

double bench_now_us (void);

#ifdef KITH_HAVE_OLM
double olm_setup (gpointer data);
double olm_one_way (gpointer data);
double olm_ping_pong (gpointer data);
#endif

G_END_DECLS
