/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-options.h"

#include <stdio.h>

#include "kith-home.h"
#include "kith-locale.h"
#include "kith-settings.h"

#include <kith/kith.h>

static gboolean
check (const KithOptions *options, int argc, char **argv, GError **error)
{
  if (argc > 1)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, _("“%s” is not understood, see kithd --help"), argv[1]);
  else if (!kith_profile_is_valid (options->profile))
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                 _("the profile “%s” cannot be: its name is a-z, then up to 15 of a-z 0-9 _"), options->profile);
  else
    return TRUE;
  return FALSE;
}

gboolean
kith_options_parse (KithOptions *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "profile", 0, 0, G_OPTION_ARG_STRING, &options->profile, N_("Settings, data and socket of their own"), "NAME" },
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config, N_("Settings from a key file instead of the desktop's"),
      "FILE" },
    { "data", 0, 0, G_OPTION_ARG_FILENAME, &options->data, N_("Where the data are kept, and the socket"), "DIR" },
    { "describe", 0, 0, G_OPTION_ARG_STRING, &options->describe,
      N_("Print what the API is and end: openapi, schema, catalog or typescript"), "WHAT" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, N_("Show the version and end"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  const GOptionEntry relay_entries[] = {
    { "relay", 0, 0, G_OPTION_ARG_NONE, &options->relay, N_("Be a relay for others' mail and nothing else"), NULL },
    { "listen", 0, 0, G_OPTION_ARG_STRING, &options->listen, N_("Where (127.0.0.1:8765)"), "ADDR:PORT" },
    { "url", 0, 0, G_OPTION_ARG_STRING, &options->url, N_("What clients call it, behind TLS"), "URL" },
    { "invite", 0, 0, G_OPTION_ARG_FILENAME, &options->invite, N_("Sign-ups need the word in this file"), "FILE" },
    { "disk-cap", 0, 0, G_OPTION_ARG_INT, &options->cap_mib, N_("Most that its database may hold (1024)"), "MIB" },
    { "sign-ups", 0, 0, G_OPTION_ARG_INT, &options->sign_ups, N_("From one address at once (30)"), "N" },
    { "open", 0, 0, G_OPTION_ARG_NONE, &options->open, N_("Tell everybody's presence to everybody on /signal"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_("- messages between friends, for any user interface"));
  g_autofree char *description = NULL;

  g_option_context_add_main_entries (context, entries, KITH_TEXT_DOMAIN);
  g_option_context_add_main_entries (context, relay_entries, KITH_TEXT_DOMAIN);
  description = g_strconcat (_("When everything answers, one line is printed:"),
                             "\n  ready api=PORT events=PORT peer=PORT invite=kith:…\n", NULL);
  g_option_context_set_description (context, description);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options->profile == NULL)
    options->profile = g_strdup (options->relay ? "relay" : "default");
  return check (options, *argc, *argv, error);
}

int
kith_options_run_relay (const KithOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KithHome) home = NULL;
  KithRelayOptions relay;

  if (kith_process_harden (&error))
    home = kith_home_new (options->profile, options->data, &error);
  if (home == NULL)
    {
      fprintf (stderr, "kithd: %s\n", error->message);
      return 1;
    }
  relay = (KithRelayOptions) { home->data, options->listen, options->url, options->invite,
                               (guint) MAX (options->cap_mib, 0), (guint) MAX (options->sign_ups, 0), options->open };
  return kith_relay_run (&relay);
}

void
kith_options_clear (KithOptions *options)
{
  g_free (options->profile);
  g_free (options->config);
  g_free (options->data);
  g_free (options->listen);
  g_free (options->url);
  g_free (options->invite);
  g_free (options->describe);
}
