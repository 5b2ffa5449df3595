/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last warnings, for who asks what is the matter. Any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KITH_RECENT_MAX 20

typedef struct
{
  gint64 date_us;
  char *domain, *message;       /* masked */
} KithRecentLine;

/* Zeroed is empty. It is given to the log writer, which cannot be changed again, so it lives as long as the process. */
typedef struct
{
  GMutex mutex;
  KithRecentLine lines[KITH_RECENT_MAX];        /* a ring */
  guint64 n;                                    /* ever written */
} KithRecent;

/* A GLogWriterFunc over kith_log_writer(); data: the KithRecent. */
GLogWriterOutput kith_recent_writer  (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data);
/* Oldest first; the lines are good during the call only. */
void             kith_recent_foreach (KithRecent *self, void (*func) (const KithRecentLine *line, gpointer data),
                                      gpointer data);
/* When nothing is logged any more. */
void             kith_recent_clear   (KithRecent *self);

G_END_DECLS
