/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way up: key of the database, database, identity, people and outbox, plugins, "ready". Without a database the
 * daemon runs on and says so (security.md §4); the user's decision takes the same way again. */
#define G_LOG_DOMAIN "kithd"
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#include "kith-daemon-private.h"
#include "kith-json-writer.h"
#include "kith-log.h"

/* --- the last step */

static void
say_ready (KithDaemon *self)
{
  g_autofree char *invite = self->started ? kith_chat_make_invite (self->chat) : NULL;

  if (self->told_ready || self->stopping)
    return;
  self->told_ready = TRUE;
  if (self->sockets != NULL)
    kith_sockets_adopt (self->sockets, self->door);
  printf ("ready api=%u events=%u peer=%u%s%s\n", kith_door_get_port (self->door, KITH_WAY_API),
          kith_door_get_port (self->door, KITH_WAY_EVENTS), kith_api_get_peer_port (self->api),
          invite != NULL ? " invite=" : "", invite != NULL ? invite : "");
  fflush (stdout);
  kith_notify ("READY=1");
  kith_desktop_ready (self);
}

static void
answer_decision (KithDaemon *self, const GError *error)
{
  g_auto (KithJsonWriter) w = { NULL };

  if (self->decision == NULL)
    return;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_STATE, kith_store_state_to_string (kith_store_get_state (self->store)));
  kith_json_writer_end_object (&w);
  kith_call_finish (g_steal_pointer (&self->decision), error != NULL ? g_error_copy (error) : NULL, 200,
                    kith_json_writer_finish (&w));
}

/* The daemon runs on without a database, neither sends nor receives, and answers 503 where it is needed. */
static void
run_without (KithDaemon *self, const GError *error)
{
  self->opening = FALSE;
  if (self->stopping)
    return;
  /* What is the matter with the file, the store has said itself. */
  if (kith_store_get_message (self->store) == NULL)
    kith_warning ("running without the database %s: %s", self->home->database, error->message);
  kith_api_set_trouble (self->api, error->message);
  kith_api_set_ready (self->api, TRUE);
  answer_decision (self, error);
  say_ready (self);
  kith_desktop_look (self);
}

/* --- plugins */

/* Contents of plugins' own kinds are kept while the plugin is wanted, whether it runs or not. */
static void
keep_kinds (KithDaemon *self)
{
  g_autoptr (GPtrArray) infos = kith_loader_list (self->loader);
  g_autoptr (GPtrArray) wanted = g_ptr_array_new ();

  for (guint i = 0; i < infos->len; i++)
    {
      const KithPluginInfo *info = infos->pdata[i];

      if (info->enabled)
        g_ptr_array_add (wanted, (char *) info->id);
    }
  g_ptr_array_add (wanted, NULL);
  kith_chat_keep_kinds (self->chat, (const char *const *) wanted->pdata);
}

static void
on_plugin_changed (KithLoader *loader, const char *id, KithDaemon *self)
{
  const KithPluginInfo *info = kith_loader_find (loader, id);

  if (self->started && !self->stopping && info != NULL && !info->enabled)
    keep_kinds (self);
}

void
kith_daemon_follow_plugins (KithDaemon *self)
{
  g_signal_connect (self->loader, "changed", G_CALLBACK (on_plugin_changed), self);
}

static void
on_plugins (GObject *loader, GAsyncResult *result, gpointer data)
{
  KithDaemon *self = data;
  const KithPluginInfo *tcp = kith_loader_find (KITH_LOADER (loader), "tcp");

  kith_loader_activate_all_finish (KITH_LOADER (loader), result, NULL);
  kith_loader_set_vital (KITH_LOADER (loader), "tcp", FALSE);
  self->opening = FALSE;
  if (self->stopping)
    return;
  self->started = TRUE;
  keep_kinds (self);
  /* At the start a peer port of somebody else is a mistake that the user should see; later it is a state of the
   * transport. */
  if (!self->told_ready && tcp != NULL && tcp->state == KITH_PLUGIN_FAILED)
    {
      g_autoptr (GError) error = g_error_new (KITH_ERROR, KITH_ERROR_CONFLICT, "%s", tcp->error);

      kith_daemon_fail (self, error);
      return;
    }
  answer_decision (self, NULL);
  say_ready (self);
  kith_desktop_look (self);
}

static void
on_chat (GObject *chat, GAsyncResult *result, gpointer data)
{
  KithDaemon *self = data;
  g_autoptr (GError) error = NULL;

  if (!kith_chat_start_finish (KITH_CHAT (chat), result, &error))
    {
      run_without (self, error);
      return;
    }
  if (self->stopping)
    return;
  kith_api_set_trouble (self->api, NULL);
  kith_api_set_ready (self->api, TRUE);
  if (self->told_ready)
    kith_api_store_changed (self->api);
  kith_loader_set_vital (self->loader, "tcp", !self->told_ready);
  kith_loader_activate_all_async (self->loader, self->starting, on_plugins, self);
}

/* --- database and identity */

static void
on_keys (GObject *keys, GAsyncResult *result, gpointer data)
{
  KithDaemon *self = data;
  g_autoptr (GError) error = NULL;

  if (!kith_keys_open_finish (KITH_KEYS (keys), result, &error))
    {
      /* So that the user can decide what becomes of it. */
      if (!self->stopping)
        kith_store_close (self->store);
      run_without (self, error);
    }
  else if (!self->stopping)
    kith_chat_start_async (self->chat, self->starting, on_chat, self);
}

static void
on_store (GObject *store, GAsyncResult *result, gpointer data)
{
  KithDaemon *self = data;
  g_autoptr (GError) error = NULL;

  if (!kith_store_open_finish (KITH_STORE (store), result, &error))
    run_without (self, error);
  else if (!self->stopping)
    {
      kith_mark_opened (self->mark);
      kith_keys_open_async (self->keys, self->store, self->starting, on_keys, self);
    }
}

static void
on_key (GObject *source, GAsyncResult *result, gpointer data)
{
  KithDaemon *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (KithDbKey) key = kith_key_store_obtain_finish (self->key_store, result, &error);

  G_STATIC_ASSERT (sizeof (KithDbKey) == KITH_STORE_KEY_BYTES);
  if (key == NULL)
    run_without (self, error);
  else if (!self->stopping)
    {
      kith_mark_expect (self->mark);
      kith_store_open_async (self->store, self->home->database, (const guint8 *) key, self->open_flags, self->starting,
                             on_store, self);
    }
}

void
kith_daemon_open (KithDaemon *self, KithStoreOpenFlags flags)
{
  g_auto (GStrv) copies = kith_store_list_copies (self->home->database);
  gboolean exists = g_access (self->home->database, F_OK) == 0 || (copies != NULL && copies[0] != NULL);

  self->opening = TRUE;
  self->open_flags = flags;
  kith_key_store_obtain_async (self->key_store, exists && !(flags & KITH_STORE_OPEN_ANEW), self->starting, on_key,
                               self);
}
