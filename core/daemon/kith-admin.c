/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /admin/store: the user's decision about a damaged database. */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-daemon-private.h"
#include "kith-json-writer.h"

const char *
kith_admin_find_trouble (KithDaemon *self)
{
  const char *message = kith_store_get_message (self->store);

  return message != NULL ? message : kith_api_get_trouble (self->api);
}

static GBytes *
print_store (KithDaemon *self)
{
  g_auto (GStrv) copies = kith_store_list_copies (self->home->database);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_STATE, kith_store_state_to_string (kith_store_get_state (self->store)));
  kith_json_writer_member_string_or_null (&w, KITH_KEY_MESSAGE, kith_admin_find_trouble (self));
  kith_json_writer_member_string (&w, "path", self->home->database);
  kith_json_writer_key (&w, "copies");
  kith_json_writer_begin_array (&w);
  for (char **copy = copies; copy != NULL && *copy != NULL; copy++)
    kith_json_writer_string (&w, *copy);
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

static void
get_store (KithRequest *request, gpointer data)
{
  kith_call_answer (request, 200, print_store (data));
}

/* A copy by its path or its last part; only one of those that we list. */
static char *
find_copy (KithDaemon *self, const char *name, GError **error)
{
  g_auto (GStrv) copies = kith_store_list_copies (self->home->database);

  for (char **copy = copies; copy != NULL && *copy != NULL; copy++)
    {
      g_autofree char *base = g_path_get_basename (*copy);

      if (strcmp (*copy, name) == 0 || strcmp (base, name) == 0)
        return g_path_is_absolute (*copy) ? g_strdup (*copy) : g_build_filename (self->home->data, *copy, NULL);
    }
  g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no copy “%s”, see GET /admin/store", name);
  return NULL;
}

static gboolean
decide (KithDaemon *self, JsonObject *body, KithStoreOpenFlags *flags, GError **error)
{
  const char *action = json_object_get_string_member (body, "action");
  const char *copy = json_object_get_string_member_with_default (body, "copy", NULL);
  g_autofree char *path = NULL;

  *flags = KITH_STORE_OPEN_CREATE;
  if (strcmp (action, "retry") == 0)
    return TRUE;
  *flags = KITH_STORE_OPEN_CREATE | KITH_STORE_OPEN_ANEW;
  if (strcmp (action, "anew") == 0)
    return TRUE;
  *flags = KITH_STORE_OPEN_NONE;
  if (copy == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "“copy” is missing: which one is to be restored?");
      return FALSE;
    }
  path = find_copy (self, copy, error);
  return path != NULL && kith_store_restore_copy (self->world, self->home->database, path, error);
}

static void
post_store (KithRequest *request, gpointer data)
{
  KithDaemon *self = data;
  KithStoreOpenFlags flags;
  GError *error = NULL;

  if (kith_store_get_state (self->store) == KITH_STORE_OPEN)
    error = g_error_new (KITH_ERROR, KITH_ERROR_CONFLICT, "the database is open and well");
  else if (self->opening || self->stopping)
    error = g_error_new (KITH_ERROR, KITH_ERROR_BUSY, "the database is just being opened");
  else if (decide (self, kith_request_get_body (request), &flags, &error))
    {
      self->decision = request;
      kith_daemon_open (self, flags);
      return;
    }
  kith_request_fail (request, error);
}

/* --- as tables */

static const char *const actions[] = { "anew", "restore", "retry", NULL };

static const KithField decision_fields[] = {
  { "action", KITH_FIELD_STRING, 0, 0, "anew: begin with an empty one; restore: put a copy in place; retry", NULL,
    actions },
  { "copy", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 4096, "which copy" },
  { 0 },
};

static const KithField copy_fields[] = {
  { "", KITH_FIELD_STRING, 0, 0, "a path" },
  { 0 },
};

static const KithField store_fields[] = {
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "open, or what is the matter" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "for people: what to do; null when all is well" },
  { "path", KITH_FIELD_STRING, 0, 0, "the file" },
  { "copies", KITH_FIELD_ARRAY, 0, 0, "what can be restored", copy_fields },
  { 0 },
};

const KithField kith_fields_opened[] = {
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "open" },
  { 0 },
};

static const KithRouteStatus decided[] = {
  { 200, "the database is open" },
  { 403, "the key is not at hand" },
  { 404, "there is no such copy" },
  { 409, "the database is open and well" },
  { 0 },
};

const KithHouseRoute kith_admin_routes[] = {
  { { "GET", "admin/store", NULL, NULL, store_fields, "The database and its copies" }, get_store },
  { { "POST", "admin/store", NULL, decision_fields, kith_fields_opened, "What becomes of a damaged database",
      decided, 0 }, post_store },
  { { 0 } },
};
