/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <kith/kith.h>

#define KITH_TYPE_RECEIPTS_PLUGIN (kith_receipts_plugin_get_type ())
G_DECLARE_FINAL_TYPE (KithReceiptsPlugin, kith_receipts_plugin, KITH, RECEIPTS_PLUGIN, KithPlugin)

struct _KithReceiptsPlugin
{
  KithPlugin parent_instance;
};

G_DEFINE_FINAL_TYPE (KithReceiptsPlugin, kith_receipts_plugin, KITH_TYPE_PLUGIN)

static const KithField command_fields[] = {
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, KITH_FIELD_REQUIRED, 0, "whose conversation", NULL, NULL, NULL },
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, KITH_FIELD_REQUIRED, 0, "everything received up to this one", NULL, NULL, NULL },
  { 0 },
};

static const KithEventSpec command_spec = {
  KITH_COMMAND_MARK_READ, KITH_KEEP_NONE, NULL, command_fields,
  "Marks the received messages of a conversation as read, up to and including one", { NULL },
};

static void
on_marked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  KithRequest *request = user_data;
  GError *error = NULL;

  if (kith_host_mark_read_finish (KITH_HOST (source), result, &error))
    kith_request_answer (request, 200, NULL);
  else
    kith_request_fail (request, error);
}

static void
on_command (KithRequest *request, gpointer user_data)
{
  KithHost *host = kith_plugin_get_host (KITH_PLUGIN (user_data));
  JsonObject *body = kith_request_get_body (request);
  const char *peer = json_object_get_string_member (body, KITH_KEY_PEER);
  const char *msg_id = json_object_get_string_member (body, KITH_KEY_MSG_ID);
  KithFriend *friend = kith_host_find_friend (host, peer);
  gboolean tell_peer;

  if (friend == NULL)
    {
      kith_request_fail (request,
                         g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "\"peer\": there is no friend \"%s\"", peer));
      return;
    }
  /* The friend's own switch, else the global one: the daemon has put both into this answer. */
  tell_peer = !kith_friend_get_blocked (friend) && kith_friend_allows (friend, KITH_ALLOW_RECEIPTS);
  /* It is stored even if the window that asked has gone. */
  kith_host_mark_read_async (host, friend, msg_id, tell_peer, NULL, on_marked, request);
}

static gboolean
kith_receipts_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  return kith_host_add_command (host, &command_spec, on_command, plugin, NULL, error);
}

static void
kith_receipts_plugin_class_init (KithReceiptsPluginClass *class)
{
  KITH_PLUGIN_CLASS (class)->activate = kith_receipts_plugin_activate;
}

static void
kith_receipts_plugin_init (KithReceiptsPlugin *self)
{
}

KITH_DEFINE_PLUGIN (kith_receipts_plugin, "receipts")
