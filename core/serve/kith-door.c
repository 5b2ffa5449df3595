/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-serve"

#include "kith-door.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-accept.h"
#include "kith-hall.h"
#include "kith-pipe.h"
#include "kith-reception.h"

typedef struct
{
  KithDoor *door;
  KithWay way;
  guint16 port;
  KithAccept *accept;
} KithListener;

struct _KithDoor
{
  GObject parent_instance;

  KithHall *hall;
  KithReception *reception;
  GPtrArray *listeners;
  char *socket_path;
  char **origins;
  gboolean token_required;
  GTask *closing;
  GSource *grace;
};

enum
{
  PROP_0,
  PROP_ALLOWED_ORIGINS,
  PROP_REQUIRE_TOKEN,
  PROP_FIRST_LIMIT,
};

/* In the order of KithDoorLimits, all of them guint. */
static const char *const limit_names[] = {
  "max-connections", "max-websockets", "max-headers", "max-header-bytes", "max-body-bytes", "max-message-bytes",
  "max-fragments", "frame-rate", "frame-burst", "control-rate", "control-burst", "client-budget-bytes",
  "header-timeout-ms", "body-timeout-ms", "idle-timeout-ms", "close-timeout-ms", "ping-interval-ms", "pong-timeout-ms",
  "accept-pause-ms",
};
#define N_LIMITS G_N_ELEMENTS (limit_names)
G_STATIC_ASSERT (sizeof (KithDoorLimits) == N_LIMITS * sizeof (guint));

static GParamSpec *properties[PROP_FIRST_LIMIT + N_LIMITS];

G_DEFINE_FINAL_TYPE (KithDoor, kith_door, G_TYPE_OBJECT)

static guint *
get_limit (KithDoor *self, guint index)
{
  return &((guint *) &self->hall->limits)[index];
}

void
kith_door_get_limits (KithDoor *self, KithDoorLimits *limits)
{
  *limits = self->hall->limits;
}

static void
set_limit (KithDoor *self, guint index, guint value)
{
  guint *limit = get_limit (self, index);

  if (*limit == value)
    return;
  *limit = value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FIRST_LIMIT + index]);
}

void
kith_door_set_limits (KithDoor *self, const KithDoorLimits *limits)
{
  for (guint i = 0; i < N_LIMITS; i++)
    set_limit (self, i, MAX (((const guint *) limits)[i], 1));
}

void
kith_door_set_origins (KithDoor *self, const char *const *origins)
{
  g_strfreev (self->origins);
  self->origins = g_strdupv ((char **) origins);
  kith_bouncer_set_origins (self->hall->bouncer, origins);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ALLOWED_ORIGINS]);
}

void
kith_door_set_token (KithDoor *self, gboolean required, const void *token, gsize token_bytes)
{
  kith_bouncer_set_token (self->hall->bouncer, required, token, token_bytes);
  if (self->token_required == required)
    return;
  self->token_required = required;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_REQUIRE_TOKEN]);
}

void
kith_door_set_handler (KithDoor *self, KithDoorFunc func, gpointer data, GDestroyNotify destroy)
{
  kith_hall_set_func (self->hall, func, data, destroy);
}

/* --- listening --- */

static void
listener_free (gpointer data)
{
  KithListener *listener = data;

  kith_accept_free (listener->accept);
  g_free (listener);
}

static void
on_accepted (int fd, gpointer data)
{
  KithListener *listener = data;

  kith_reception_meet (listener->door->reception, listener->way, listener->port, fd);
}

static void
add_listener (KithDoor *self, KithWay way, int fd)
{
  KithListener *listener = g_new0 (KithListener, 1);

  listener->door = self;
  listener->way = way;
  listener->port = way == KITH_WAY_UNIX ? 0 : kith_listen_get_port (fd);
  listener->accept = kith_accept_new (fd, &self->hall->limits.accept_pause_ms, &self->hall->n_pauses, on_accepted,
                                      listener);
  g_ptr_array_add (self->listeners, listener);
  if (way == KITH_WAY_API)
    kith_bouncer_set_page (self->hall->bouncer, listener->port);
}

void
kith_door_stop_listening (KithDoor *self, KithWay way)
{
  for (guint i = self->listeners->len; i-- > 0;)
    if (((KithListener *) self->listeners->pdata[i])->way == way)
      g_ptr_array_remove_index (self->listeners, i);
  if (way != KITH_WAY_UNIX || self->socket_path == NULL)
    return;
  (void) g_unlink (self->socket_path);
  g_clear_pointer (&self->socket_path, g_free);
}

guint16
kith_door_get_port (KithDoor *self, KithWay way)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      KithListener *listener = self->listeners->pdata[i];

      if (listener->way == way)
        return listener->port;
    }
  return 0;
}

static void
name_setting (KithWay way, GError **error)
{
  if (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    g_prefix_error (error, "%s: ", way == KITH_WAY_API ? "api-port" : "events-port");
}

gboolean
kith_door_listen_tcp (KithDoor *self, KithWay way, guint16 port, GError **error)
{
  g_autoptr(GError) v6_error = NULL;
  int v4, v6;

  g_return_val_if_fail (way == KITH_WAY_API || way == KITH_WAY_EVENTS, FALSE);
  if (!kith_bouncer_prepare (self->hall->bouncer, error))
    return FALSE;
  if (port != 0 && kith_door_get_port (self, way) == port)
    return TRUE;
  v4 = kith_listen_tcp (FALSE, port, error);
  if (v4 < 0)
    {
      if (error != NULL)
        name_setting (way, error);
      return FALSE;
    }
  v6 = kith_listen_tcp (TRUE, kith_listen_get_port (v4), &v6_error);
  /* No IPv6 on this machine is no error; a port that somebody else holds there is: a client that means us would meet
   * it. */
  if (v6 < 0 && g_error_matches (v6_error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    {
      name_setting (way, &v6_error);
      g_propagate_error (error, g_steal_pointer (&v6_error));
      close (v4);
      return FALSE;
    }
  kith_door_stop_listening (self, way);
  add_listener (self, way, v4);
  if (v6 >= 0)
    add_listener (self, way, v6);
  return TRUE;
}

void
kith_door_set_policy (KithDoor *self, const KithDoorPolicy *policy)
{
  kith_bouncer_set_policy (self->hall->bouncer, policy);
}

gboolean
kith_door_listen_address (KithDoor *self, KithWay way, GInetSocketAddress *address, GError **error)
{
  int fd;

  if (!kith_bouncer_prepare (self->hall->bouncer, error))
    return FALSE;
  fd = kith_listen_address (G_SOCKET_ADDRESS (address), error);
  if (fd < 0)
    return FALSE;
  kith_door_stop_listening (self, way);
  add_listener (self, way, fd);
  return TRUE;
}

gboolean
kith_door_listen_unix (KithDoor *self, const char *path, GError **error)
{
  int fd;

  if (!kith_bouncer_prepare (self->hall->bouncer, error))
    return FALSE;
  if (g_strcmp0 (path, self->socket_path) == 0)
    return TRUE;
  fd = kith_listen_unix (path, error);
  if (fd < 0)
    return FALSE;
  kith_door_stop_listening (self, KITH_WAY_UNIX);
  add_listener (self, KITH_WAY_UNIX, fd);
  self->socket_path = g_strdup (path);
  return TRUE;
}

gboolean
kith_door_adopt (KithDoor *self, KithWay way, int fd, GError **error)
{
  int family = AF_UNSPEC, listening = 0;
  socklen_t n = sizeof family, m = sizeof listening;
  gboolean ok = getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0 &&
                getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &m) == 0 && listening &&
                (way == KITH_WAY_UNIX ? family == AF_UNIX : family == AF_INET || family == AF_INET6);

  if (!ok)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "the socket that was handed over for %s is no listening socket of that kind",
                 way == KITH_WAY_UNIX ? "the Unix socket" : way == KITH_WAY_API ? "api-port" : "events-port");
  if (!ok || !kith_bouncer_prepare (self->hall->bouncer, error) || !g_unix_set_fd_nonblocking (fd, TRUE, error))
    {
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
  (void) fcntl (fd, F_SETFD, FD_CLOEXEC);
  add_listener (self, way, fd);
  return TRUE;
}

gboolean
kith_door_ask_uid (KithDoor *self, gboolean known, uid_t uid, const char *method)
{
  KithBouncer *bouncer = self->hall->bouncer;
  KithReason reason = known ? kith_bouncer_ask_uid (bouncer, uid) : KITH_REASON_UID_UNKNOWN;

  if (reason != KITH_REASON_NONE)
    kith_bouncer_note (bouncer, reason, KITH_WAY_DBUS, 0, known ? uid : (uid_t) -1, method);
  return reason == KITH_REASON_NONE;
}

/* --- closing --- */

static GPtrArray *
list_pipes (KithDoor *self)
{
  GPtrArray *all = g_ptr_array_new_full (self->hall->pipes.length, g_object_unref);

  for (GList *l = self->hall->pipes.head; l != NULL; l = l->next)
    g_ptr_array_add (all, g_object_ref (l->data));
  return all;
}

static void
cut_all (KithDoor *self)
{
  g_autoptr(GPtrArray) all = list_pipes (self);

  for (guint i = 0; i < all->len; i++)
    kith_pipe_cut (all->pdata[i], KITH_REASON_NONE);
}

static void
drop_grace (KithDoor *self)
{
  if (self->grace == NULL)
    return;
  g_source_destroy (self->grace);
  g_clear_pointer (&self->grace, g_source_unref);
}

static void
on_emptied (gpointer data)
{
  KithDoor *self = data;
  g_autoptr(GTask) task = g_steal_pointer (&self->closing);

  drop_grace (self);
  self->hall->emptied = NULL;
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

static gboolean
on_grace_over (gpointer data)
{
  KithDoor *self = data;

  drop_grace (self);
  cut_all (self);
  return G_SOURCE_REMOVE;
}

void
kith_door_close_async (KithDoor *self, guint grace_ms, GAsyncReadyCallback done, gpointer data)
{
  g_autoptr(GPtrArray) all = list_pipes (self);

  g_return_if_fail (self->closing == NULL);
  self->closing = g_task_new (self, NULL, done, data);
  g_task_set_source_tag (self->closing, kith_door_close_async);
  self->hall->closing = TRUE;
  for (guint way = 0; way < KITH_N_WAYS; way++)
    kith_door_stop_listening (self, way);
  if (all->len == 0)
    {
      on_emptied (self);
      return;
    }
  self->hall->emptied = on_emptied;
  self->hall->emptied_data = self;
  self->grace = g_timeout_source_new (grace_ms);
  g_source_set_callback (self->grace, on_grace_over, self, NULL);
  g_source_attach (self->grace, self->hall->context);
  for (guint i = 0; i < all->len; i++)
    {
      KithPipe *pipe = all->pdata[i];

      if (pipe->phase == KITH_PHASE_SOCKET)
        kith_socket_close (pipe->socket, 1001, "kith is shutting down");
      else if (pipe->phase == KITH_PHASE_HEADERS || pipe->phase == KITH_PHASE_LINGER)
        kith_pipe_cut (pipe, KITH_REASON_NONE);
    }
}

gboolean
kith_door_close_finish (KithDoor *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- counters --- */

guint
kith_door_get_n_connections (KithDoor *self)
{
  return self->hall->pipes.length;
}

guint
kith_door_get_n_websockets (KithDoor *self)
{
  return self->hall->n_websockets;
}

void
kith_door_foreach_counter (KithDoor *self, KithDoorCounterFunc func, gpointer data)
{
  const KithHall *hall = self->hall;

  func ("kith_door_connections", NULL, hall->pipes.length, FALSE, data);
  func ("kith_door_websockets", NULL, hall->n_websockets, FALSE, data);
  func ("kith_door_accepted_total", NULL, hall->n_accepted, TRUE, data);
  func ("kith_door_accept_pauses_total", NULL, hall->n_pauses, TRUE, data);
  func ("kith_door_requests_total", NULL, hall->n_requests, TRUE, data);
  func ("kith_door_upgrades_total", NULL, hall->n_upgrades, TRUE, data);
  func ("kith_door_frames_total", NULL, hall->n_frames, TRUE, data);
  func ("kith_door_messages_total", NULL, hall->n_messages, TRUE, data);
  for (KithReason reason = KITH_REASON_NONE + 1; reason < KITH_N_REASONS; reason++)
    func (reason < KITH_FIRST_DROP ? "kith_door_refused_total" : "kith_door_dropped_total", kith_reason_name (reason),
          kith_bouncer_get_count (hall->bouncer, reason), TRUE, data);
}

typedef struct
{
  const char *name;
  const char *reason;
  guint64 value;
} KithWanted;

static void
pick (const char *name, const char *reason, guint64 value, gboolean total, gpointer data)
{
  KithWanted *wanted = data;

  if (g_str_equal (name, wanted->name) && g_strcmp0 (reason, wanted->reason) == 0)
    wanted->value = value;
}

guint64
kith_door_get_counter (KithDoor *self, const char *name, const char *reason)
{
  KithWanted wanted = { name, reason, 0 };

  kith_door_foreach_counter (self, pick, &wanted);
  return wanted.value;
}

/* --- the object --- */

static void
kith_door_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  KithDoor *self = KITH_DOOR (object);

  if (id == PROP_ALLOWED_ORIGINS)
    g_value_set_boxed (value, self->origins);
  else if (id == PROP_REQUIRE_TOKEN)
    g_value_set_boolean (value, self->token_required);
  else
    g_value_set_uint (value, *get_limit (self, id - PROP_FIRST_LIMIT));
}

static void
kith_door_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  KithDoor *self = KITH_DOOR (object);

  if (id == PROP_ALLOWED_ORIGINS)
    kith_door_set_origins (self, g_value_get_boxed (value));
  else if (id == PROP_REQUIRE_TOKEN)
    {
      self->token_required = g_value_get_boolean (value);
      kith_bouncer_require_token (self->hall->bouncer, self->token_required);
      g_object_notify_by_pspec (object, pspec);
    }
  else
    set_limit (self, id - PROP_FIRST_LIMIT, g_value_get_uint (value));
}

static void
kith_door_dispose (GObject *object)
{
  KithDoor *self = KITH_DOOR (object);

  drop_grace (self);
  self->hall->emptied = NULL;
  self->hall->closing = TRUE;
  for (guint way = 0; way < KITH_N_WAYS; way++)
    kith_door_stop_listening (self, way);
  cut_all (self);
  g_clear_object (&self->closing);
  kith_hall_set_func (self->hall, NULL, NULL, NULL);
  kith_hall_forget_dirty (self->hall);
  G_OBJECT_CLASS (kith_door_parent_class)->dispose (object);
}

static void
kith_door_finalize (GObject *object)
{
  KithDoor *self = KITH_DOOR (object);

  kith_reception_free (self->reception);
  g_ptr_array_unref (self->listeners);
  g_strfreev (self->origins);
  kith_hall_unref (self->hall);
  G_OBJECT_CLASS (kith_door_parent_class)->finalize (object);
}

static void
kith_door_class_init (KithDoorClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GObjectClass *object = G_OBJECT_CLASS (klass);

  object->get_property = kith_door_get_property;
  object->set_property = kith_door_set_property;
  object->dispose = kith_door_dispose;
  object->finalize = kith_door_finalize;
  properties[PROP_ALLOWED_ORIGINS] = g_param_spec_boxed ("allowed-origins", NULL, NULL, G_TYPE_STRV, flags);
  properties[PROP_REQUIRE_TOKEN] = g_param_spec_boolean ("require-token", NULL, NULL, FALSE, flags);
  for (guint i = 0; i < N_LIMITS; i++)
    properties[PROP_FIRST_LIMIT + i] = g_param_spec_uint (limit_names[i], NULL, NULL, 1, G_MAXINT, 1, flags);
  g_object_class_install_properties (object, G_N_ELEMENTS (properties), properties);
}

static void
kith_door_init (KithDoor *self)
{
  self->hall = kith_hall_new ();
  self->reception = kith_reception_new (self->hall);
  self->listeners = g_ptr_array_new_with_free_func (listener_free);
}

KithDoor *
kith_door_new (void)
{
  return g_object_new (KITH_TYPE_DOOR, NULL);
}
