/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a desktop brings, and the daemon does without where there is none. */
#define G_LOG_DOMAIN "kithd"
#include <stdio.h>

#include "kith-daemon-private.h"
#include "kith-locale.h"
#include "kith-log.h"

/* --- after login */

static void
on_autostart (const char *state, gpointer data)
{
  KithDaemon *self = data;

  g_free (self->autostart_state);
  self->autostart_state = g_strdup (state);
  kith_session_bus_set_autostart (self->session_bus, state);
}

/* When we are ready and the bus is there, whichever comes last. */
static void
begin_autostart (gpointer data)
{
  KithDaemon *self = data;
  GDBusConnection *bus = kith_session_bus_get_connection (self->session_bus);

  if (bus != NULL && self->told_ready && self->autostart == NULL && kith_autostart_is_wanted ())
    self->autostart = kith_autostart_new (bus, kith_settings_get_main (self->settings), on_autostart, self);
}

/* --- one at a time */

/* Both are known: who we are on the session bus, and whom plugins may ask for the network. */
static void
one_is_known (KithDaemon *self)
{
  if (--self->start_parts == 0 && !self->stopping)
    kith_daemon_prepare (self);
}

static void
on_settled (KithBusOutcome outcome, const GError *error, gpointer data)
{
  KithDaemon *self = data;

  if (self->stopping)
    return;
  if (outcome == KITH_BUS_ALONE)
    {
      one_is_known (self);
      return;
    }
  if (outcome == KITH_BUS_HANDED_OVER)
    {
      printf ("%s\n", _("kithd runs already; it was asked to show itself"));
      /* A service that ends before this has failed, and would be started again, to show the window again. */
      kith_notify ("READY=1");
    }
  else
    {
      fprintf (stderr, "kithd: %s\n", error->message);
      self->status = 1;
    }
  self->stopping = TRUE;
  g_main_loop_quit (self->loop);
}

static void
on_quit (gpointer data)
{
  kith_daemon_stop (data);
}

/* Whoever watches over us as a service ends us, too. Otherwise the bus is the session, and its end is ours. */
static void
on_closed (gpointer data)
{
  KithDaemon *self = data;

  if (g_getenv ("NOTIFY_SOCKET") != NULL)
    kith_warning ("the session bus has gone: kithd runs on, but the desktop cannot reach it until it is started again");
  else
    {
      kith_notice ("the session bus has gone, so the session is over");
      kith_daemon_stop (self);
    }
}

static const KithSessionBusFuncs funcs = { on_settled, begin_autostart, on_quit, on_closed };

static void
on_waking_settled (gpointer data)
{
  one_is_known (data);
}

static void
on_waking (const char *why, gpointer data)
{
  KithDaemon *self = data;

  if (!self->started || self->stopping)
    return;
  kith_info ("%s: everybody is dialled, mail is collected", why);
  kith_chat_network_changed (self->chat);
}

void
kith_desktop_begin (KithDaemon *self)
{
  self->start_parts = 1;
  self->waking = kith_waking_new (on_waking, on_waking_settled, self);
  /* Servers, tests and several daemons on one machine have no place on anybody's desktop. */
  if (self->options->config != NULL)
    return;
  self->start_parts++;
  self->session_bus = kith_session_bus_new (self->options->profile, self->door, &funcs, self);
}

/* --- the rest */

void
kith_desktop_prepared (KithDaemon *self)
{
  if (self->session_bus != NULL)
    kith_session_bus_set_api (self->session_bus, self->api);
}

void
kith_desktop_look (KithDaemon *self)
{
  if (self->session_bus != NULL)
    kith_session_bus_look (self->session_bus);
}

void
kith_desktop_ready (KithDaemon *self)
{
  if (self->session_bus == NULL)
    return;
  kith_session_bus_ready (self->session_bus);
  begin_autostart (self);
}

void
kith_desktop_end (KithDaemon *self)
{
  g_clear_pointer (&self->waking, kith_waking_free);
  g_clear_pointer (&self->autostart, kith_autostart_free);
  g_clear_pointer (&self->session_bus, kith_session_bus_free);
}
