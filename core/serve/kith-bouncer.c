/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-serve"

#include "kith-bouncer.h"

#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-peer-uid.h"
#include "kith-target.h"

static const char *const usual_origins[] = {
  "http://localhost:1420", "http://127.0.0.1:1420", "tauri://localhost", "http://tauri.localhost",
  "https://tauri.localhost", NULL
};
static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL };
static const char *const way_names[KITH_N_WAYS] = { "api", "events", "unix", "dbus" };

const KithDoorPolicy kith_policy_local = { "local", TRUE, TRUE, TRUE, TRUE, NULL, NULL };

struct _KithBouncer
{
  const KithDoorLimits *limits;
  const KithDoorPolicy *policy;
  KithPeerUid *peers;
  uid_t own;
  uid_t overflow;
  GHashTable *origins;
  char *pages[2];            /* our own page: http://127.0.0.1:API-PORT and by name */
  gboolean token_required;
  guint8 *token;             /* sodium_malloc */
  gsize token_bytes;
  guint64 counts[KITH_N_REASONS];
};

KithBouncer *
kith_bouncer_new (const KithDoorLimits *limits)
{
  KithBouncer *self = g_new0 (KithBouncer, 1);

  self->limits = limits;
  self->policy = &kith_policy_local;
  self->own = geteuid ();
  self->overflow = kith_peer_uid_overflow ();
  self->origins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  kith_bouncer_set_origins (self, NULL);
  return self;
}

void
kith_bouncer_set_policy (KithBouncer *self, const KithDoorPolicy *policy)
{
  self->policy = policy;
}

const KithDoorPolicy *
kith_bouncer_get_policy (KithBouncer *self)
{
  return self->policy;
}

gboolean
kith_bouncer_prepare (KithBouncer *self, GError **error)
{
  if (self->own == self->overflow)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "kith does not run as uid %u: it stands for every user that is unknown in this user namespace, so"
                   " nobody could be told from anybody; run it as a user of its own", (guint) self->own);
      return FALSE;
    }
  if (!self->policy->same_user)
    return TRUE;
  if (self->peers == NULL)
    self->peers = kith_peer_uid_new (error);
  return self->peers != NULL;
}

void
kith_bouncer_free (KithBouncer *self)
{
  g_clear_pointer (&self->peers, kith_peer_uid_free);
  g_hash_table_unref (self->origins);
  g_free (self->pages[0]);
  g_free (self->pages[1]);
  sodium_free (self->token);
  g_free (self);
}

void
kith_bouncer_set_origins (KithBouncer *self, const char *const *origins)
{
  if (origins == NULL)
    origins = usual_origins;
  g_hash_table_remove_all (self->origins);
  for (; *origins != NULL; origins++)
    /* "null" is what every sandboxed frame and local file of every site says: it names nobody. */
    if (strcmp (*origins, "null") != 0 && !g_str_has_prefix (*origins, "file:"))
      g_hash_table_add (self->origins, g_strdup (*origins));
}

void
kith_bouncer_set_page (KithBouncer *self, guint16 api_port)
{
  g_clear_pointer (&self->pages[0], g_free);
  g_clear_pointer (&self->pages[1], g_free);
  if (api_port == 0)
    return;
  self->pages[0] = g_strdup_printf ("http://127.0.0.1:%u", api_port);
  self->pages[1] = g_strdup_printf ("http://localhost:%u", api_port);
}

void
kith_bouncer_set_token (KithBouncer *self, gboolean required, const void *token, gsize n)
{
  g_clear_pointer (&self->token, sodium_free);
  self->token_required = required;
  self->token_bytes = n;
  if (token == NULL || n == 0 || sodium_init () < 0)
    return;
  self->token = sodium_malloc (n);
  if (self->token != NULL)
    memcpy (self->token, token, n);
}

void
kith_bouncer_require_token (KithBouncer *self, gboolean required)
{
  self->token_required = required;
}

KithReason
kith_bouncer_ask_uid (KithBouncer *self, uid_t uid)
{
  return uid == self->own && uid != self->overflow ? KITH_REASON_NONE : KITH_REASON_UID_OTHER;
}

KithReason
kith_bouncer_ask_socket (KithBouncer *self, KithWay way, int fd, guint n_open, uid_t *uid)
{
  struct ucred who = { 0, (uid_t) -1, (gid_t) -1 };
  socklen_t n = sizeof who;

  *uid = (uid_t) -1;
  if (n_open >= self->limits->max_connections)
    return KITH_REASON_CONNECTIONS;
  if (way == KITH_WAY_UNIX)
    {
      /* No process id is nothing odd: between a Flatpak and the host, or two instances of it, there is none to tell. */
      if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || n != sizeof who || who.uid == (uid_t) -1)
        return KITH_REASON_UID_UNKNOWN;
      *uid = who.uid;
      return kith_bouncer_ask_uid (self, who.uid);
    }
  if (!self->policy->same_user)
    return KITH_REASON_NONE;
  if (self->peers == NULL)
    return KITH_REASON_UID_UNKNOWN;
  switch (kith_peer_uid_look_up (self->peers, fd, uid))
    {
    case KITH_PEER_KNOWN:
      return kith_bouncer_ask_uid (self, *uid);
    case KITH_PEER_FOREIGN:
      return KITH_REASON_NOT_LOOPBACK;
    case KITH_PEER_GONE:
    case KITH_PEER_UNKNOWN:
    default:
      return KITH_REASON_UID_UNKNOWN;
    }
}

gboolean
kith_bouncer_is_there (KithBouncer *self, KithWay way, int fd)
{
  uid_t uid;

  return way == KITH_WAY_UNIX || self->peers == NULL ||
         kith_peer_uid_look_up (self->peers, fd, &uid) != KITH_PEER_GONE;
}

gboolean
kith_bouncer_knows_origin (KithBouncer *self, const char *origin)
{
  return !self->policy->listed_origins || g_hash_table_contains (self->origins, origin) ||
         g_strcmp0 (origin, self->pages[0]) == 0 ||
         g_strcmp0 (origin, self->pages[1]) == 0;
}

static KithReason
ask_framing (const KithDoorLimits *limits, const KithHead *head)
{
  if (head->n_host != 1)
    return KITH_REASON_HOST_COUNT;
  if (head->n_length > 1)
    return KITH_REASON_LENGTH;
  if (head->n_length == 1)
    {
      gsize n = strspn (head->length, "0123456789");

      if (n == 0 || n > 15 || head->length[n] != '\0')
        return KITH_REASON_LENGTH;
    }
  if (head->n_transfer > 1 || (head->n_transfer == 1 && (head->n_length > 0 || head->http_1_0 ||
                                                         g_ascii_strcasecmp (head->transfer, "chunked") != 0)))
    return KITH_REASON_TRANSFER;
  if (head->n_type > 1)
    return KITH_REASON_TYPE;
  return head->n_headers > limits->max_headers ? KITH_REASON_HEADER_COUNT : KITH_REASON_NONE;
}

/* name[:port], where the name is one of three and the port ours. */
static gboolean
is_our_host (const char *host, guint16 port)
{
  static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gsize n = strlen (names[i]);
      char digits[8];

      if (g_ascii_strncasecmp (host, names[i], n) != 0)
        continue;
      if (host[n] == '\0')
        return port == 80;
      g_snprintf (digits, sizeof digits, ":%u", port);
      return strcmp (host + n, digits) == 0;
    }
  return FALSE;
}

static KithReason
ask_host (const KithDoorPolicy *policy, const KithHead *head)
{
  const char *name = head->uri_host;
  int port = head->uri_port < 0 ? 80 : head->uri_port;

  /* No web page reaches a Unix socket: there is no name to rebind. */
  if (head->way == KITH_WAY_UNIX || !policy->own_host)
    return head->uri_userinfo ? KITH_REASON_HOST : KITH_REASON_NONE;
  /* An absolute-form target overrides Host, so what the parser made of both counts as well. */
  if (!is_our_host (head->host, head->port) || head->uri_userinfo || name == NULL || port != head->port)
    return KITH_REASON_HOST;
  return strcmp (name, "127.0.0.1") == 0 || g_ascii_strcasecmp (name, "localhost") == 0 || strcmp (name, "::1") == 0
         ? KITH_REASON_NONE : KITH_REASON_HOST;
}

static KithReason
ask_origin (KithBouncer *self, const KithHead *head)
{
  if (head->n_origin > 1 || (head->n_origin == 1 && !kith_bouncer_knows_origin (self, head->origin)))
    return KITH_REASON_ORIGIN;
  if (self->policy->listed_origins && head->n_origin == 0 && head->n_site > 0 &&
      (head->n_site > 1 || (strcmp (head->site, "same-origin") != 0 && strcmp (head->site, "none") != 0)))
    return KITH_REASON_CROSS_SITE;
  return KITH_REASON_NONE;
}

static gboolean
is_json (const char *type)
{
  gsize n = strlen ("application/json");

  if (type == NULL || g_ascii_strncasecmp (type, "application/json", n) != 0)
    return FALSE;
  return type[n] == '\0' || type[n] == ';' || type[n] == ' ' || type[n] == '\t';
}

static KithReason
ask_body (const KithDoorLimits *limits, const KithHead *head)
{
  if (!g_strv_contains (methods, head->method))
    return KITH_REASON_METHOD;
  if (!kith_head_has_body (head))
    return KITH_REASON_NONE;
  if (strcmp (head->method, "GET") == 0 || strcmp (head->method, "HEAD") == 0)
    return KITH_REASON_BODY_UNEXPECTED;
  if (!is_json (head->type))
    return KITH_REASON_TYPE;
  if (head->n_length == 1 && g_ascii_strtoull (head->length, NULL, 10) > limits->max_body_bytes)
    return KITH_REASON_BODY_SIZE;
  return KITH_REASON_NONE;
}

/* Takes as long for a wrong token as for the right one; only its length shows. */
static gboolean
is_token (KithBouncer *self, const char *text)
{
  return text != NULL && self->token != NULL && strlen (text) == self->token_bytes &&
         sodium_memcmp (text, self->token, self->token_bytes) == 0;
}

static KithReason
ask_token (KithBouncer *self, const KithHead *head)
{
  const char *sent = head->authorization;

  if (!self->token_required || head->way == KITH_WAY_UNIX)
    return KITH_REASON_NONE;
  if (head->n_authorization == 1 && g_ascii_strncasecmp (sent, "Bearer ", 7) == 0)
    return is_token (self, sent + 7) ? KITH_REASON_NONE : KITH_REASON_TOKEN;
  /* A browser cannot set headers on a WebSocket; everywhere else a token in a URL would end up in histories. */
  if (head->n_authorization == 0 && head->way == KITH_WAY_EVENTS && head->query != NULL)
    {
      g_autoptr(GHashTable) query = kith_target_parse_query (head->query);

      if (query != NULL && is_token (self, g_hash_table_lookup (query, "token")))
        return KITH_REASON_NONE;
    }
  return KITH_REASON_TOKEN;
}

KithReason
kith_bouncer_ask_head (KithBouncer *self, const KithHead *head)
{
  KithReason reason = ask_framing (self->limits, head);

  if (reason == KITH_REASON_NONE)
    reason = ask_host (self->policy, head);
  if (reason == KITH_REASON_NONE)
    reason = ask_origin (self, head);
  if (reason == KITH_REASON_NONE)
    reason = ask_body (self->limits, head);
  if (reason == KITH_REASON_NONE && !kith_head_is_preflight (head))
    reason = ask_token (self, head);
  return reason;
}

void
kith_bouncer_note (KithBouncer *self, KithReason reason, KithWay way, guint64 client, uid_t uid, const char *method)
{
  self->counts[reason]++;
  g_log_structured (G_LOG_DOMAIN, reason < KITH_FIRST_DROP ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_INFO,
                    "KITH_REASON", kith_reason_name (reason),
                    "MESSAGE", "%s %s: %s (way %s, client %" G_GUINT64_FORMAT ", uid %d%s%.16s)",
                    reason < KITH_FIRST_DROP ? "refused" : "dropped", kith_reason_name (reason),
                    kith_reason_text (reason), way_names[way], client, (int) uid,
                    method != NULL ? ", method " : "", method != NULL ? method : "");
}

guint64
kith_bouncer_get_count (KithBouncer *self, KithReason reason)
{
  return self->counts[reason];
}
