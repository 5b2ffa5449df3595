/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.portal.Notification: what a click does is done by the application's own actions, for which the portal
 * starts it when it does not run. */
#include <glib/gi18n-lib.h>

#include "kith-notifier-private.h"

static void
portal_appeared (KithNotifier *self)
{
  self->funcs->ready (self->data);
}

/* Only actions without "app." come here. */
static void
portal_signal (KithNotifier *self, const char *signal, GVariant *parameters)
{
  const char *id, *action;

  if (!g_str_equal (signal, "ActionInvoked") || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(ssav)")))
    return;
  g_variant_get (parameters, "(&s&sav)", &id, &action, NULL);
  if (g_str_equal (action, "refuse-request"))
    self->funcs->action (id, KITH_ACTION_REFUSE, self->data);
}

static void
add_button (GVariantBuilder *buttons, const char *label, const char *action, GVariant *target)
{
  g_variant_builder_open (buttons, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (buttons, "{sv}", "label", g_variant_new_string (label));
  g_variant_builder_add (buttons, "{sv}", "action", g_variant_new_string (action));
  g_variant_builder_add (buttons, "{sv}", "target", target);
  g_variant_builder_close (buttons);
}

static const char *
portal_show (KithNotifier *self, KithNoticeSlot *slot, const KithNotice *notice, GVariant **arguments)
{
  GVariantBuilder buttons = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  GVariantBuilder members = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{sv}"));

  g_variant_builder_add (&members, "{sv}", "title", g_variant_new_string (notice->title));
  g_variant_builder_add (&members, "{sv}", "body", g_variant_new_string (notice->body));
  g_variant_builder_add (&members, "{sv}", "priority", g_variant_new_string ("normal"));
  /* Else the application is activated. */
  if (notice->username != NULL && !notice->request)
    {
      g_variant_builder_add (&members, "{sv}", "default-action", g_variant_new_string ("app.open-chat"));
      g_variant_builder_add (&members, "{sv}", "default-action-target", g_variant_new_string (notice->username));
    }
  if (notice->request && notice->username != NULL)
    {
      add_button (&buttons, _("Accept"), "app.accept-request", g_variant_new_string (notice->username));
      add_button (&buttons, _("Refuse"), "refuse-request", g_variant_new_string (notice->username));
    }
  else if (notice->msg_id != NULL)
    add_button (&buttons, _("Mark as Read"), "app.mark-read",
                g_variant_new ("(ss)", notice->username, notice->msg_id));
  g_variant_builder_add (&members, "{sv}", "buttons", g_variant_builder_end (&buttons));
  *arguments = g_variant_new ("(sa{sv})", slot->id, &members);
  return "AddNotification";
}

static void
portal_shown (KithNoticeSlot *slot, GVariant *answer)
{
  slot->number = 1;
}

static const char *
portal_withdraw (KithNotifier *self, KithNoticeSlot *slot, GVariant **arguments)
{
  *arguments = g_variant_new ("(s)", slot->id);
  return "RemoveNotification";
}

const KithNotifierWay kith_notifier_portal = {
  .name = "org.freedesktop.portal.Desktop",
  .path = "/org/freedesktop/portal/desktop",
  .interface = "org.freedesktop.portal.Notification",
  .missing = "There is no Notification portal on the session bus, so no notifications are shown: install "
             "xdg-desktop-portal and the back end of your desktop",
  .stays = TRUE,
  .appeared = portal_appeared,
  .signal = portal_signal,
  .show = portal_show,
  .withdraw = portal_withdraw,
  .shown = portal_shown,
};
