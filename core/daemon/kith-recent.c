/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-recent.h"

#include <string.h>

#include "kith-log.h"

static char *
dup_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0 && fields[i].value != NULL)
      return fields[i].length < 0 ? g_strdup (fields[i].value) : g_strndup (fields[i].value, (gsize) fields[i].length);
  return g_strdup ("");
}

static void
clear_line (KithRecentLine *line)
{
  g_clear_pointer (&line->domain, g_free);
  g_clear_pointer (&line->message, g_free);
}

static void
keep (KithRecent *self, const GLogField *fields, gsize n_fields)
{
  g_autofree char *plain = dup_field (fields, n_fields, "MESSAGE");
  KithRecentLine line = { g_get_real_time (), dup_field (fields, n_fields, "GLIB_DOMAIN"), kith_log_mask (plain) };
  KithRecentLine *place;

  g_mutex_lock (&self->mutex);
  place = &self->lines[self->n++ % KITH_RECENT_MAX];
  clear_line (place);
  *place = line;
  g_mutex_unlock (&self->mutex);
}

GLogWriterOutput
kith_recent_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
    keep (data, fields, n_fields);
  return kith_log_writer (level, fields, n_fields, NULL);
}

void
kith_recent_foreach (KithRecent *self, void (*func) (const KithRecentLine *line, gpointer data), gpointer data)
{
  guint64 first;

  g_mutex_lock (&self->mutex);
  first = self->n > KITH_RECENT_MAX ? self->n - KITH_RECENT_MAX : 0;
  for (guint64 i = first; i < self->n; i++)
    func (&self->lines[i % KITH_RECENT_MAX], data);
  g_mutex_unlock (&self->mutex);
}

void
kith_recent_clear (KithRecent *self)
{
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < KITH_RECENT_MAX; i++)
    clear_line (&self->lines[i]);
  self->n = 0;
  g_mutex_unlock (&self->mutex);
}
