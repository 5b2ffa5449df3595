/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib/gstdio.h>

#include "kith-journal.h"
#include "kith-store-private.h"

/* A store in a folder of its own, on a context of its own, with a watchdog. */
typedef struct
{
  GMainContext *context;
  KithWorld    *world;
  KithStore    *store;
  char         *folder;
  char         *path;
  guint8        key[KITH_STORE_KEY_BYTES];
  GSource      *watchdog;
  GString      *told;      /* "name:seq " of every event told and, with note(), of what else happens */
} Fixture;

void     fixture_set_up (Fixture *f, gconstpointer virtual_seed);   /* 0: the real world */
void     fixture_tear_down (Fixture *f, gconstpointer data);
gboolean fixture_open (Fixture *f, KithStoreOpenFlags flags);
/* Closes and makes a store object anew, as a restart would. */
void     fixture_restart (Fixture *f);
/* As if the process had been killed: the files as they are now go to another folder, and f->path is there. */
void     fixture_kill (Fixture *f);
/* Runs the loop until *@flag or the watchdog. */
void     fixture_wait (Fixture *f, const gboolean *flag);
void     fixture_iterate_until (Fixture *f, gboolean (*condition) (gpointer), gpointer data);

/* A job of one SQL text, and what became of it. */
typedef struct
{
  Fixture  *f;
  char     *sql;
  char     *event;      /* (nullable): journals this too */
  gboolean  fail;       /* after the SQL, with KITH_ERROR_INVALID */
  guint     runs;
  gboolean  done;
  gboolean  destroyed;
  int       code;       /* -1: good */
  char     *name;       /* goes to told when done */
  gint64    value;      /* of a read's first column */
} Work;

Work *work_new (Fixture *f, const char *sql);
void  work_free (Work *work);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Work, work_free)
void  work_submit (Work *work, KithLane lane);
void  work_read (Work *work);
/* Submits or reads, waits, gives the code (-1: good). */
int   fixture_run (Fixture *f, const char *sql);
gint64 fixture_query (Fixture *f, const char *sql);
