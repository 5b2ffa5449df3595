/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* Structured logging: one G_LOG_DOMAIN per room ("kith-link", …), fields that can be searched for, the level checked
 * before anything is formatted. Debug shows with G_MESSAGES_DEBUG. Keys, tokens and texts are masked by the writer;
 * call sites must still not put message texts into a log. Any thread. */
typedef struct
{
  const char *peer;      /* KITH_PEER: a username or fingerprint */
  const char *message;   /* KITH_MESSAGE_ID */
  const char *plugin;    /* KITH_PLUGIN */
  const char *transport; /* KITH_TRANSPORT */
} KithLogAbout;

KITH_PRIVATE gboolean kith_log_wanted (GLogLevelFlags level, const char *domain);
KITH_PRIVATE void kith_log_full (const char *domain, GLogLevelFlags level, const char *file, int line, const char *func,
                                 const KithLogAbout *about, const char *format, ...) G_GNUC_PRINTF (7, 8);

#define kith_log_at(level, about, ...)                                                                                \
  G_STMT_START                                                                                                        \
  {                                                                                                                   \
    if (kith_log_wanted ((level), G_LOG_DOMAIN))                                                                      \
      kith_log_full (G_LOG_DOMAIN, (level), __FILE__, __LINE__, G_STRFUNC, (about), __VA_ARGS__);                     \
  }                                                                                                                   \
  G_STMT_END

#define kith_debug(...) kith_log_at (G_LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
#define kith_info(...) kith_log_at (G_LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define kith_notice(...) kith_log_at (G_LOG_LEVEL_MESSAGE, NULL, __VA_ARGS__)
#define kith_warning(...) kith_log_at (G_LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
/* With fields: kith_debug_about (&(KithLogAbout) { .peer = name }, "…", …) */
#define kith_debug_about(about, ...) kith_log_at (G_LOG_LEVEL_DEBUG, about, __VA_ARGS__)
#define kith_info_about(about, ...) kith_log_at (G_LOG_LEVEL_INFO, about, __VA_ARGS__)
#define kith_warning_about(about, ...) kith_log_at (G_LOG_LEVEL_WARNING, about, __VA_ARGS__)

/* A GLogWriterFunc for kithd's g_log_set_writer_func(): masks, then journal or stderr. */
KITH_PRIVATE GLogWriterOutput kith_log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                               gpointer user_data);
/* A copy of @text with everything masked that looks like a secret. */
KITH_PRIVATE char *kith_log_mask (const char *text);

G_END_DECLS
