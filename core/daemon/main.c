/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "kith-daemon.h"
#include "kith-describe-self.h"
#include "kith-locale.h"
#include "kith-recent.h"

int
main (int argc, char **argv)
{
  static KithRecent recent;      /* the log writer stays until the end */
  KithOptions options = { .recent = &recent };
  g_autoptr (GError) error = NULL;
  int status = 1;

  kith_locale_init ();
  g_set_prgname ("kithd");
  g_log_set_writer_func (kith_recent_writer, &recent, NULL);
  if (!kith_options_parse (&options, &argc, &argv, &error))
    fprintf (stderr, "kithd: %s\n", error->message);
  else if (options.version)
    status = printf ("kithd %s\n", KITH_DAEMON_VERSION) < 0;
  else if (options.describe != NULL)
    status = kith_describe_self (options.describe);
  else if (options.relay)
    status = kith_options_run_relay (&options);
  else
    status = kith_daemon_run (&options);
  kith_options_clear (&options);
  kith_recent_clear (&recent);
  return status;
}
