/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "kith-recent.h"
#include "kith-relay.h"

G_BEGIN_DECLS

typedef struct
{
  char *profile;    /* never NULL */
  char *config, *data;
  char *describe;   /* nullable: what to describe instead of running */
  gboolean version;
  gboolean relay;   /* nothing but the relay */
  char *listen, *url, *invite;
  int cap_mib, sign_ups;
  gboolean open;
  KithRecent *recent;   /* none, nullable: the last warnings */
} KithOptions;

/* --help is answered by itself. FALSE: one line that says what is wrong. */
gboolean kith_options_parse (KithOptions *options, int *argc, char ***argv, GError **error);
int      kith_options_run_relay (const KithOptions *options);
void     kith_options_clear (KithOptions *options);

G_END_DECLS
