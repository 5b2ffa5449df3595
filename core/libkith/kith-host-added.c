/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-event-private.h"
#include "kith-host-impl.h"
#include "kith-request-private.h"
#include "kith-transport-private.h"

typedef enum
{
  ADDED_COMMAND,
  ADDED_ROUTE,
  ADDED_CONTENT,
  ADDED_TRANSPORT,
  ADDED_DIRECTORY,
} AddedType;

/* One thing that the plugin offers. A box with a count, because a handler may bring about its own withdrawal. */
typedef struct
{
  AddedType type;
  KithHost *host; /* not owned; NULL once withdrawn */
  const KithEventSpec *command;
  const KithRouteSpec *route;
  char *kind;
  GObject *object;
  char *what; /* for the report of slow handlers */
  KithRequestFunc request_func;
  KithContentFunc content_func;
  gpointer data;
  GDestroyNotify destroy;
} KithAdded;

typedef struct
{
  KithHost *host;
  guint id;
  GSourceFunc func;
  gpointer data;
  GDestroyNotify destroy;
} KithHostTimer;

static void
added_clear (gpointer data)
{
  KithAdded *added = data;

  g_free (added->kind);
  g_free (added->what);
  g_clear_object (&added->object);
}

static void
added_release (gpointer data)
{
  g_rc_box_release_full (data, added_clear);
}

static void
on_asked_gone (gpointer data, GObject *request)
{
  g_ptr_array_remove_fast (((KithHost *) data)->asked, request);
}

void
kith_host_init_added (KithHost *self)
{
  self->added = g_ptr_array_new_with_free_func (added_release);
  self->timers = g_ptr_array_new ();
  self->asked = g_ptr_array_new ();
}

static KithAdded *
added_new (KithHost *host, AddedType type, gpointer data, GDestroyNotify destroy)
{
  KithAdded *added = g_rc_box_new0 (KithAdded);

  added->type = type;
  added->host = host;
  added->data = data;
  added->destroy = destroy;
  return added;
}

static void
added_drop (KithAdded *added)
{
  KithHost *host = g_steal_pointer (&added->host);
  const KithHostFuncs *funcs = host->funcs;

  switch (added->type)
    {
    case ADDED_COMMAND:
      funcs->drop_command (host->backend, host, added->command);
      break;
    case ADDED_ROUTE:
      funcs->drop_route (host->backend, host, added->route);
      break;
    case ADDED_CONTENT:
      funcs->drop_content (host->backend, host, added->kind);
      break;
    case ADDED_TRANSPORT:
      funcs->drop_transport (host->backend, host, KITH_TRANSPORT (added->object));
      break;
    case ADDED_DIRECTORY:
      funcs->drop_directory (host->backend, host, KITH_DIRECTORY (added->object));
      break;
    default:
      break;
    }
  if (added->destroy != NULL)
    g_steal_pointer (&added->destroy) (added->data);
}

void
kith_host_withdraw_added (KithHost *self)
{
  while (self->timers->len > 0)
    kith_world_drop_timer (self->world,
                           ((KithHostTimer *) g_ptr_array_index (self->timers, self->timers->len - 1))->id);
  while (self->added->len > 0)
    {
      KithAdded *added = g_ptr_array_steal_index (self->added, self->added->len - 1);

      added_drop (added);
      added_release (added);
    }
  while (self->asked->len > 0)
    {
      g_autoptr (KithRequest) request = g_object_ref (g_ptr_array_index (self->asked, self->asked->len - 1));

      g_ptr_array_remove_index (self->asked, self->asked->len - 1);
      g_object_weak_unref (G_OBJECT (request), on_asked_gone, self);
      kith_request_close (request, g_error_new (KITH_ERROR, KITH_ERROR_CLOSED,
                                                "the plugin \"%s\" has been deactivated", self->id));
    }
}

static void
on_request (KithRequest *request, gpointer data)
{
  KithAdded *added = g_rc_box_acquire (data);
  g_autoptr (KithHost) host = added->host != NULL ? g_object_ref (added->host) : NULL;
  gint64 start_us;

  if (host == NULL)
    {
      kith_request_fail (request, g_error_new_literal (KITH_ERROR, KITH_ERROR_CLOSED, "deactivated"));
      added_release (added);
      return;
    }
  g_ptr_array_add (host->asked, request);
  g_object_weak_ref (G_OBJECT (request), on_asked_gone, host);
  start_us = kith_world_get_time_us (host->world);
  added->request_func (request, added->data);
  kith_bus_measure (host->port, added->what, start_us);
  added_release (added);
}

static void
on_content (KithContent *content, gpointer data)
{
  KithAdded *added = g_rc_box_acquire (data);
  g_autoptr (KithHost) host = added->host != NULL ? g_object_ref (added->host) : NULL;
  gint64 start_us;

  if (host == NULL)
    g_object_unref (content); /* stays in the inbox */
  else
    {
      start_us = kith_world_get_time_us (host->world);
      added->content_func (content, added->data);
      kith_bus_measure (host->port, added->what, start_us);
    }
  added_release (added);
}

/* Third parties' names begin with x.ID. */
static gboolean
check_name (KithHost *self, const char *name, GError **error)
{
  g_autofree char *prefix = g_strdup_printf ("x.%s.", self->id);

  if (kith_name_is_event (name)
      && (self->builtin || (g_str_has_prefix (name, prefix) && name[strlen (prefix)] != '\0')))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
               "\"%s\" is no name for the plugin \"%s\": it must begin with \"%s\" and hold a-z 0-9 . _ - only",
               name != NULL ? name : "", self->id, prefix);
  return FALSE;
}

/* Keeps @added if the daemon took it. */
static gboolean
keep_added (KithHost *self, KithAdded *added, gboolean taken)
{
  if (taken)
    g_ptr_array_add (self->added, added);
  else
    added_release (added);
  return taken;
}

gboolean
kith_host_add_event (KithHost *self, const KithEventSpec *spec, GError **error)
{
  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (spec != NULL, FALSE);
  return !kith_host_refuse_cut (self, error) && check_name (self, spec->name, error)
         && kith_bus_add_event (self->port, spec, self->id, error);
}

gboolean
kith_host_add_ephemeral (KithHost *self, const char *kind, GError **error)
{
  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  return !kith_host_refuse_cut (self, error) && check_name (self, kind, error)
         && kith_bus_add_kind (self->port, kind, self->id, error);
}

gboolean
kith_host_add_command (KithHost *self, const KithEventSpec *spec, KithRequestFunc func, gpointer data,
                       GDestroyNotify destroy, GError **error)
{
  KithAdded *added;

  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (spec != NULL && func != NULL, FALSE);
  if (kith_host_refuse_cut (self, error) || !check_name (self, spec->name, error))
    return FALSE;
  if (self->funcs->add_command == NULL)
    {
      kith_host_refuse_ability (self, "take commands", error);
      return FALSE;
    }
  added = added_new (self, ADDED_COMMAND, data, destroy);
  added->command = spec;
  added->request_func = func;
  added->what = g_strdup_printf ("command %s", spec->name);
  return keep_added (self, added,
                     self->funcs->add_command (self->backend, self, spec, on_request, added, error));
}

gboolean
kith_host_add_route (KithHost *self, const KithRouteSpec *spec, KithRequestFunc func, gpointer data,
                     GDestroyNotify destroy, GError **error)
{
  KithAdded *added;

  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (spec != NULL && spec->method != NULL && spec->path != NULL && func != NULL, FALSE);
  if (kith_host_refuse_cut (self, error))
    return FALSE;
  if (spec->path[0] == '/' || spec->path[0] == '\0' || strstr (spec->path, "..") != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "\"%s\" is no path for a route: no slash in front, no \"..\"",
                   spec->path);
      return FALSE;
    }
  if (self->funcs->add_route == NULL)
    {
      kith_host_refuse_ability (self, "offer routes", error);
      return FALSE;
    }
  added = added_new (self, ADDED_ROUTE, data, destroy);
  added->route = spec;
  added->request_func = func;
  added->what = g_strdup_printf ("%s %s", spec->method, spec->path);
  return keep_added (self, added, self->funcs->add_route (self->backend, self, spec, on_request, added, error));
}

gboolean
kith_host_add_content (KithHost *self, const char *kind, KithContentFunc func, gpointer data, GDestroyNotify destroy,
                       GError **error)
{
  g_autofree char *prefix = NULL;
  KithAdded *added;

  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (func != NULL, FALSE);
  if (kith_host_refuse_cut (self, error))
    return FALSE;
  /* Built-in plugins too: the plain kinds are chat's. */
  prefix = g_strdup_printf ("x.%s.", self->id);
  if (!kith_name_is_event (kind) || !g_str_has_prefix (kind, prefix) || kind[strlen (prefix)] == '\0')
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                   "\"%s\" is no kind of the plugin \"%s\": it must begin with \"%s\"", kind != NULL ? kind : "",
                   self->id, prefix);
      return FALSE;
    }
  if (self->funcs->add_content == NULL)
    {
      kith_host_refuse_ability (self, "hand over contents", error);
      return FALSE;
    }
  added = added_new (self, ADDED_CONTENT, data, destroy);
  added->kind = g_strdup (kind);
  added->content_func = func;
  added->what = g_strdup_printf ("content %s", kind);
  return keep_added (self, added, self->funcs->add_content (self->backend, self, kind, on_content, added, error));
}

gboolean
kith_host_add_transport (KithHost *self, KithTransport *transport, GError **error)
{
  KithAdded *added;

  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (KITH_IS_TRANSPORT (transport), FALSE);
  if (kith_host_refuse_cut (self, error))
    return FALSE;
  if (kith_transport_get_id (transport) == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the transport of the plugin \"%s\" has no id", self->id);
      return FALSE;
    }
  if (self->funcs->add_transport == NULL)
    {
      kith_host_refuse_ability (self, "use transports", error);
      return FALSE;
    }
  kith_transport_attach (transport, self->world);
  added = added_new (self, ADDED_TRANSPORT, NULL, NULL);
  added->object = g_object_ref (G_OBJECT (transport));
  return keep_added (self, added, self->funcs->add_transport (self->backend, self, transport, error));
}

gboolean
kith_host_add_directory (KithHost *self, KithDirectory *directory, GError **error)
{
  KithAdded *added;

  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (KITH_IS_DIRECTORY (directory), FALSE);
  if (kith_host_refuse_cut (self, error))
    return FALSE;
  if (self->funcs->add_directory == NULL)
    {
      kith_host_refuse_ability (self, "use directories", error);
      return FALSE;
    }
  added = added_new (self, ADDED_DIRECTORY, NULL, NULL);
  added->object = g_object_ref (G_OBJECT (directory));
  return keep_added (self, added, self->funcs->add_directory (self->backend, self, directory, error));
}

static gboolean
on_timer (gpointer data)
{
  KithHostTimer *timer = data;
  g_autoptr (KithHost) host = g_object_ref (timer->host);
  gint64 start_us = kith_world_get_time_us (host->world);
  gboolean again = timer->func (timer->data);

  kith_bus_measure (host->port, "timer", start_us);
  return again;
}

static void
timer_free (gpointer data)
{
  KithHostTimer *timer = data;

  g_ptr_array_remove_fast (timer->host->timers, timer);
  if (timer->destroy != NULL)
    timer->destroy (timer->data);
  g_free (timer);
}

guint
kith_host_add_timer (KithHost *self, guint interval_ms, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  KithHostTimer *timer;

  g_return_val_if_fail (KITH_IS_HOST (self), 0);
  g_return_val_if_fail (func != NULL, 0);
  if (self->cut)
    {
      if (destroy != NULL)
        destroy (data);
      return 0;
    }
  timer = g_new0 (KithHostTimer, 1);
  timer->host = self;
  timer->func = func;
  timer->data = data;
  timer->destroy = destroy;
  g_ptr_array_add (self->timers, timer);
  timer->id = kith_world_add_timer (self->world, interval_ms, on_timer, timer, timer_free);
  return timer->id;
}

void
kith_host_drop_timer (KithHost *self, guint timer)
{
  g_return_if_fail (KITH_IS_HOST (self));
  /* Only its own: numbers of others' timers are none of its business. */
  for (guint i = 0; timer != 0 && i < self->timers->len; i++)
    if (((KithHostTimer *) g_ptr_array_index (self->timers, i))->id == timer)
      {
        kith_world_drop_timer (self->world, timer);
        return;
      }
}
