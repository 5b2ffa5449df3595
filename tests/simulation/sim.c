/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim.h"

#include <string.h>

/* SplitMix64. */
guint64
sim_draw (Sim *sim)
{
  guint64 z = (sim->chance += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

guint
sim_below (Sim *sim, guint n)
{
  return n > 1 ? (guint)(sim_draw (sim) % n) : 0;
}

gboolean
sim_percent (Sim *sim, guint percent)
{
  return sim_below (sim, 100) < percent;
}

void
sim_trace (Sim *sim, const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strdup_printf ("%12.3f %s", (double)kith_world_get_time_us (sim->world) / 1e6, text);
  g_checksum_update (sim->trace, (const guchar *)line, (gssize)strlen (line));
  if (sim->verbose)
    g_print ("# %s\n", line);
}

void
sim_fail (Sim *sim, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  sim_trace (sim, "FAILED %s", text);
  g_string_append_printf (sim->failure, "%s%s", sim->failure->len > 0 ? "; " : "", text);
}

void
sim_turn (Sim *sim)
{
  kith_world_run_until_idle (sim->world);
}

void
sim_advance (Sim *sim, guint64 ms)
{
  kith_world_advance (sim->world, ms * 1000);
}
