/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.Application: what the desktop file and notifications ask for. Each is the KithRequest that a page
 * would make, so it is checked and answered in the same place. */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-event-private.h"
#include "kith-json-writer.h"
#include "kith-session-bus-private.h"

#define MOST_WAITING 16

/* --- answers */

static void
on_answer (guint status, GBytes *json, GError *error, const char *const *headers, gpointer data)
{
  GDBusMethodInvocation *invocation = data;

  g_clear_pointer (&json, g_bytes_unref);
  if (error != NULL)
    g_dbus_method_invocation_take_error (invocation, error);
  else
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static const KithCaller caller = { on_answer, NULL };

static void
refuse (GDBusMethodInvocation *invocation, const char *why)
{
  g_dbus_method_invocation_return_error_literal (invocation, KITH_ERROR, KITH_ERROR_INVALID, why);
}

/* {key: value, …}; a NULL value is left out. */
static GBytes *
print_object (const char *key, const char *value, const char *other, const char *other_value)
{
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  if (value != NULL)
    kith_json_writer_member_string (&w, key, value);
  if (other_value != NULL)
    kith_json_writer_member_string (&w, other, other_value);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

static void
show (KithSessionBus *self, GDBusMethodInvocation *invocation, const char *username, const char *invite)
{
  g_autoptr (GBytes) body = print_object (KITH_KEY_USERNAME, username, KITH_KEY_INVITE, invite);

  kith_api_ask (self->api, "POST", "/windows/open", NULL, body, NULL, &caller, invocation);
}

/* --- actions */

static void
open_chat (KithSessionBus *self, GDBusMethodInvocation *invocation, GVariant *target)
{
  show (self, invocation, g_variant_get_string (target, NULL), NULL);
}

static void
accept_request (KithSessionBus *self, GDBusMethodInvocation *invocation, GVariant *target)
{
  const char *username = g_variant_get_string (target, NULL);
  g_autofree char *path = g_strdup_printf ("/requests/%s/accept", username);

  /* Part of a path, so nothing else may hide in it. */
  if (!kith_name_is_username (username, TRUE))
    refuse (invocation, "accept-request: that is no username");
  else
    kith_api_ask (self->api, "POST", path, NULL, NULL, NULL, &caller, invocation);
}

static void
mark_read (KithSessionBus *self, GDBusMethodInvocation *invocation, GVariant *target)
{
  const char *peer, *msg_id;
  g_autoptr (GBytes) data = NULL;
  GError *error = NULL;
  gsize n;
  const char *text;

  g_variant_get (target, "(&s&s)", &peer, &msg_id);
  data = print_object (KITH_KEY_PEER, peer, KITH_KEY_MSG_ID, msg_id);
  text = g_bytes_get_data (data, &n);
  if (!kith_catalog_command (kith_api_get_catalog (self->api), KITH_COMMAND_MARK_READ, text, n, 0, NULL, &caller,
                             invocation, &error))
    g_dbus_method_invocation_take_error (invocation, error);
}

static const struct
{
  const char *name, *type;
  void (*run) (KithSessionBus *self, GDBusMethodInvocation *invocation, GVariant *target);
} actions[] = {
  { "open-chat", "s", open_chat },
  { "accept-request", "s", accept_request },
  { "mark-read", "(ss)", mark_read },
};

static void
activate_action (KithSessionBus *self, GDBusMethodInvocation *invocation, const char *name, GVariant *targets)
{
  g_autoptr (GVariant) boxed = g_variant_n_children (targets) == 1 ? g_variant_get_child_value (targets, 0) : NULL;
  g_autoptr (GVariant) target = boxed != NULL ? g_variant_get_variant (boxed) : NULL;

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      if (strcmp (actions[i].name, name) != 0)
        continue;
      if (target != NULL && g_variant_is_of_type (target, G_VARIANT_TYPE (actions[i].type)))
        actions[i].run (self, invocation, target);
      else
        g_dbus_method_invocation_return_error (invocation, KITH_ERROR, KITH_ERROR_INVALID,
                                               "%s: it takes one parameter of type %s", name, actions[i].type);
      return;
    }
  g_dbus_method_invocation_return_error (invocation, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no action “%.64s”",
                                         name);
}

static void
open_uris (KithSessionBus *self, GDBusMethodInvocation *invocation, const char *const *uris)
{
  if (uris[0] == NULL || uris[1] != NULL || !g_str_has_prefix (uris[0], "kith:"))
    refuse (invocation, "what can be opened is one kith: URI");
  else
    show (self, invocation, NULL, uris[0]);
}

static void
run (KithSessionBus *self, GDBusMethodInvocation *invocation)
{
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  GVariant *parameters = g_dbus_method_invocation_get_parameters (invocation);

  if (strcmp (method, "Activate") == 0)
    show (self, invocation, NULL, NULL);
  else if (strcmp (method, "Open") == 0)
    {
      g_autofree const char **uris = NULL;

      g_variant_get (parameters, "(^a&s@a{sv})", &uris, NULL);
      open_uris (self, invocation, uris);
    }
  else
    {
      g_autoptr (GVariant) targets = NULL;
      const char *name;

      g_variant_get (parameters, "(&s@av@a{sv})", &name, &targets, NULL);
      activate_action (self, invocation, name, targets);
    }
}

void
kith_bus_actions_call (KithSessionBus *self, GDBusMethodInvocation *invocation)
{
  if (self->ready)
    run (self, invocation);
  else if (self->waiting->len < MOST_WAITING)
    g_ptr_array_add (self->waiting, invocation);
  else
    g_dbus_method_invocation_return_error_literal (invocation, KITH_ERROR, KITH_ERROR_BUSY,
                                                   "kithd is starting: try again in a moment");
}

void
kith_bus_actions_resume (KithSessionBus *self)
{
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&self->waiting);

  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < waiting->len; i++)
    run (self, g_object_ref (waiting->pdata[i]));
}
