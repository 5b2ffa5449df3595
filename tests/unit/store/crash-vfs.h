/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/* A layer over SQLite's own file system that writes down what is written, cut off, synced and removed, in order, so
 * that the disk can be shown as it may look after the power failed at any of those moments. It takes the name of the
 * one that the store asks for; files below @folder are recorded. */
typedef struct _CrashLog CrashLog;

/* Once a process. */
CrashLog *crash_log_new (const char *folder);
/* How many steps there are by now. */
guint crash_log_get_length (CrashLog *log);
/* What was done by somebody else to a file (made and renamed by the store itself) counts as synced. */
void crash_log_adopt (CrashLog *log, const char *path);
/* Writes the files into @folder as they may be when the power fails after @steps steps: what was synced is there; of
 * what was not, each sector is there or not, as @chance says. */
void crash_log_replay (CrashLog *log, guint steps, GRand *chance, const char *folder);
void crash_log_stop (CrashLog *log);
guint crash_log_count_syncs (CrashLog *log);
