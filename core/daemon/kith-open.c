/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POST /windows/open: the desktop (a notification, the menu, a link) wants a conversation, an invite or just the
 * window to be shown. Who is connected to /events is told; when nobody is, the user's program is started. */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-daemon-private.h"
#include "kith-event-private.h"
#include "kith-events.h"
#include "kith-json-writer.h"
#include "kith-log.h"

/* Of the portal, and then of whatever else opens it. */
#define DEADLINE_MS 5000
/* Where the session bus never answers, GLib keeps a thread for each until it does. */
#define MOST_LAUNCHES 4

/* --- the windows that are there */

static void
tell_windows (KithDaemon *self, const char *username, const char *invite)
{
  g_auto (KithJsonWriter) w;
  g_autoptr (GBytes) data = NULL;
  g_autoptr (KithEvent) event = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  if (username != NULL)
    kith_json_writer_member_string (&w, KITH_KEY_USERNAME, username);
  if (invite != NULL)
    kith_json_writer_member_string (&w, KITH_KEY_INVITE, invite);
  kith_json_writer_end_object (&w);
  data = kith_json_writer_finish (&w);
  event = kith_event_new_trusted (KITH_EVENT_OPEN_CHAT, data);
  kith_bus_tell_event (self->bus, event);
}

static void
answer (KithRequest *request, guint n_windows, gboolean launched)
{
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_int (&w, "windows", n_windows);
  kith_json_writer_member_bool (&w, "launched", launched);
  kith_json_writer_end_object (&w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

/* --- the program that has one */

typedef struct
{
  KithDaemon *daemon;
  KithRequest *request;   /* NULL: answered */
  char *uri;
  guint deadline;
} Launch;

static void
launch_answer (Launch *launch, const char *trouble)
{
  g_clear_handle_id (&launch->deadline, g_source_remove);
  if (launch->request == NULL)
    return;
  if (trouble != NULL)
    kith_warning ("chat-uri: nothing opens %s: %s", launch->uri, trouble);
  answer (g_steal_pointer (&launch->request), 0, trouble == NULL);
}

static void
launch_end (Launch *launch, const GError *error)
{
  launch_answer (launch, error != NULL ? error->message : NULL);
  launch->daemon->launches--;
  g_free (launch->uri);
  g_free (launch);
}

static gboolean
on_deadline (gpointer data)
{
  Launch *launch = data;

  launch->deadline = 0;
  launch_answer (launch, "the desktop does not answer");
  return G_SOURCE_REMOVE;
}

static void
on_launched (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_app_info_launch_default_for_uri_finish (result, &error);
  launch_end (data, error);
}

static void
launch_directly (Launch *launch)
{
  launch->deadline = g_timeout_add (DEADLINE_MS, on_deadline, launch);
  g_app_info_launch_default_for_uri_async (launch->uri, NULL, NULL, on_launched, launch);
}

static void
on_portal (GObject *connection, GAsyncResult *result, gpointer data)
{
  Launch *launch = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) handle = g_dbus_connection_call_finish (G_DBUS_CONNECTION (connection), result, &error);

  if (handle != NULL)
    launch_end (launch, NULL);
  else if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    launch_directly (launch);
  else
    launch_end (launch, error);
}

/* Through the portal wherever there is one: what we started ourselves would live in the confinement of our own unit. */
static void
launch (KithDaemon *self, KithRequest *request, char *uri)
{
  GDBusConnection *bus = self->session_bus != NULL ? kith_session_bus_get_connection (self->session_bus) : NULL;
  Launch *launched = g_new0 (Launch, 1);

  self->launches++;
  launched->daemon = self;
  launched->request = request;
  launched->uri = uri;
  if (bus == NULL)
    launch_directly (launched);
  else
    g_dbus_connection_call (bus, "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop",
                            "org.freedesktop.portal.OpenURI", "OpenURI", g_variant_new ("(ssa{sv})", "", uri, NULL),
                            G_VARIANT_TYPE ("(o)"), G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, on_portal,
                            launched);
}

/* Full; NULL: there is none, and why was said. */
static char *
make_uri (KithDaemon *self, const char *username, const char *invite)
{
  g_autofree char *pattern = g_settings_get_string (kith_settings_get_main (self->settings), "chat-uri");
  g_autofree char *name = g_uri_escape_string (username != NULL ? username : "", NULL, FALSE);
  g_autofree char *link = g_uri_escape_string (invite != NULL ? invite : "", NULL, FALSE);
  g_autoptr (GString) uri = g_string_new (pattern);
  g_autoptr (GError) error = NULL;

  if (*pattern == 0)
    {
      kith_notice ("there is no window to show %s%s: open one, or set chat-uri to what opens one",
                   username != NULL ? "the conversation with " : "", username != NULL ? username : "kith in");
      return NULL;
    }
  g_string_replace (uri, "{username}", name, 0);
  g_string_replace (uri, "{invite}", link, 0);
  if (g_uri_is_valid (uri->str, G_URI_FLAGS_NONE, &error))
    return g_strdup (uri->str);
  kith_warning ("chat-uri is no URI: %s", error->message);
  return NULL;
}

static void
post_open (KithRequest *request, gpointer data)
{
  KithDaemon *self = data;
  JsonObject *body = kith_request_get_body (request);
  const char *username = json_object_get_string_member_with_default (body, KITH_KEY_USERNAME, NULL);
  const char *invite = json_object_get_string_member_with_default (body, KITH_KEY_INVITE, NULL);
  guint n_windows = kith_windows_get_n (kith_api_get_windows (self->api));
  char *uri;

  /* Without its database nobody is a friend, but the window that helps with that should open all the same. */
  if (username != NULL && kith_store_get_state (self->store) == KITH_STORE_OPEN
      && kith_chat_find_friend (self->chat, username) == NULL)
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no friend “%s”", username));
      return;
    }
  if (n_windows > 0)
    {
      tell_windows (self, username, invite);
      answer (request, n_windows, FALSE);
      return;
    }
  if (self->launches >= MOST_LAUNCHES)
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_BUSY, "the desktop is still opening others"));
      return;
    }
  uri = make_uri (self, username, invite);
  if (uri != NULL)
    launch (self, request, uri);
  else
    answer (request, 0, FALSE);
}

static const KithField answer_fields[] = {
  { "windows", KITH_FIELD_INTEGER, 0, 0, "how many were told" },
  { "launched", KITH_FIELD_BOOLEAN, 0, 0, "there was none, and what chat-uri names was started" },
  { 0 },
};

static const KithRouteStatus opened[] = {
  { 200, "done" },
  { 404, "there is no such friend" },
  { 0 },
};

const KithHouseRoute kith_open_routes[] = {
  { { "POST", "windows/open", NULL, kith_fields_open_chat, answer_fields,
      "Asks every window to show a conversation; opens one when there is none", opened, 0 }, post_open },
  { { 0 } },
};
