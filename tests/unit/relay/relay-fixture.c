/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-json-private.h"
#include "relay-fixture.h"

#define START_MS G_GINT64_CONSTANT (1790000000000)
#define WATCHDOG_S 120

/* --- the relay */

static void
begin (Relay *f)
{
  g_autoptr(GError) error = NULL;

  memset (&f->relay, 0, sizeof f->relay);
  kith_relay_open (&f->relay, f->world, &f->options, &error);
  g_assert_no_error (error);
  g_free (f->key);
  f->key = g_strconcat (f->relay.api_key, f->relay.invite != NULL ? "." : "", f->relay.invite, NULL);
}

static void
on_closed (GObject *door, GAsyncResult *result, gpointer data)
{
  g_assert_true (kith_door_close_finish (KITH_DOOR (door), result, NULL));
  *(gboolean *) data = TRUE;
}

static void
finish (Relay *f)
{
  gboolean closed = FALSE;

  kith_door_close_async (f->relay.door, 0, on_closed, &closed);
  while (!closed)
    g_main_context_iteration (NULL, TRUE);
  kith_store_close (f->relay.store);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  kith_relay_clear (&f->relay);
}

void
relay_set_up (Relay *f, gconstpointer data)
{
  static const RelayWish usual = { 0 };
  const RelayWish *wish = data != NULL ? data : &usual;

  alarm (WATCHDOG_S);
  f->world = kith_world_new_virtual (7);
  kith_world_set_date_ms (f->world, START_MS);
  f->folder = g_dir_make_tmp ("kith-relay-XXXXXX", NULL);
  f->options = (KithRelayOptions) { .data = f->folder, .listen = "127.0.0.1:0", .cap_mib = wish->cap_mib,
                                    .sign_ups = wish->sign_ups != 0 ? wish->sign_ups : 10000 };
  if (wish->invite != NULL)
    {
      f->invite_path = g_build_filename (f->folder, "invite", NULL);
      g_assert_true (g_file_set_contents (f->invite_path, wish->invite, -1, NULL));
      f->options.invite = f->invite_path;
    }
  begin (f);
}

void
relay_tear_down (Relay *f, gconstpointer data)
{
  g_autoptr(GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *name;

  finish (f);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (f->folder);
  g_free (f->folder);
  g_free (f->invite_path);
  g_free (f->key);
  g_free (f->forwarded);
  kith_world_unref (f->world);
  alarm (0);
}

void
relay_restart (Relay *f)
{
  finish (f);
  begin (f);
}

void
relay_pass_s (Relay *f, guint seconds)
{
  kith_world_advance (f->world, (guint64) seconds * G_USEC_PER_SEC);
  kith_world_run_until_idle (f->world);
}

typedef struct
{
  const char *sql;
  gint64 value;
  gboolean done;
} Statement;

static gboolean
run_statement (KithDb *db, gpointer data, GError **error)
{
  Statement *statement = data;
  KithStmt *stmt = kith_db_prepare (db, statement->sql);
  KithStep step = kith_stmt_step (stmt, error);

  if (step == KITH_STEP_ROW)
    statement->value = kith_stmt_get_int64 (stmt, 0);
  kith_stmt_reset (stmt);
  return step != KITH_STEP_ERROR;
}

static void
statement_done (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Statement *) data)->done = TRUE;
}

gint64
relay_sql (Relay *f, const char *sql)
{
  Statement statement = { sql, 0, FALSE };

  kith_store_submit (f->relay.store, KITH_LANE_FRONT, run_statement, statement_done, &statement, NULL);
  while (!statement.done)
    g_main_context_iteration (NULL, TRUE);
  return statement.value;
}

/* --- asking it */

typedef struct
{
  const char *out;
  gsize n_out, sent;
  GByteArray *in;
  gboolean ended;
} Talk;

static gboolean
on_ready (int fd, GIOCondition condition, gpointer data)
{
  Talk *talk = data;
  char part[65536];
  gssize n;

  if (talk->sent < talk->n_out && (condition & G_IO_OUT) != 0)
    {
      n = send (fd, talk->out + talk->sent, talk->n_out - talk->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      talk->sent = n < 0 ? talk->n_out : talk->sent + (gsize) n;   /* it has heard enough: what does it say? */
      if (talk->sent < talk->n_out)
        return G_SOURCE_CONTINUE;
    }
  n = recv (fd, part, sizeof part, MSG_DONTWAIT);
  if (n > 0)
    g_byte_array_append (talk->in, (const guint8 *) part, (guint) n);
  talk->ended = n == 0 || (n < 0 && (condition & (G_IO_HUP | G_IO_ERR)) != 0);
  return G_SOURCE_CONTINUE;
}

static int
dial (Relay *f)
{
  struct sockaddr_in there = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) },
                               .sin_port = htons (kith_door_get_port (f->relay.door, KITH_WAY_API)) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *) &there, sizeof there), ==, 0);
  return fd;
}

static int
find_number (const char *head, const char *name)
{
  const char *at = strstr (head, name);

  return at != NULL ? atoi (at + strlen (name)) : 0;
}

static Answer *
parse_answer (const char *text, gsize n)
{
  Answer *answer = g_new0 (Answer, 1);
  const char *end = g_strstr_len (text, (gssize) n, "\r\n\r\n");
  JsonObject *object;

  g_assert_nonnull (end);
  answer->head = g_strndup (text, (gsize) (end - text));
  answer->text = g_strndup (end + 4, n - (gsize) (end + 4 - text));
  answer->status = (guint) find_number (answer->head, "HTTP/1.1 ");
  answer->retry_s = find_number (answer->head, "\r\nRetry-After: ");
  answer->json = kith_json_parse (answer->text, -1, NULL);
  answer->code = "";
  if (answer->json == NULL || !JSON_NODE_HOLDS_OBJECT (answer->json))
    return answer;
  object = json_node_get_object (answer->json);
  if (json_object_has_member (object, "error_code"))
    answer->code = json_object_get_string_member (object, "error_code");
  else if (json_object_has_member (object, "code"))
    answer->code = json_object_get_string_member (object, "code");
  return answer;
}

Answer *
relay_ask_bytes (Relay *f, const char *method, const char *path, const char *token, const void *body, gsize n)
{
  g_autoptr(GString) out = g_string_new (NULL);
  Talk talk = { .in = g_byte_array_new () };
  int fd = dial (f);
  guint source;
  Answer *answer;

  g_string_printf (out, "%s %s HTTP/1.1\r\nHost: relay\r\n", method, path);
  if (f->key != NULL)
    g_string_append_printf (out, "apikey: %s\r\n", f->key);
  if (token != NULL)
    g_string_append_printf (out, "Authorization: Bearer %s\r\n", token);
  if (f->forwarded != NULL)
    g_string_append_printf (out, "X-Forwarded-For: %s\r\n", f->forwarded);
  if (body != NULL)
    g_string_append_printf (out, "Content-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n", n);
  g_string_append (out, "\r\n");
  if (body != NULL)
    g_string_append_len (out, body, (gssize) n);
  talk.out = out->str;
  talk.n_out = out->len;
  source = g_unix_fd_add (fd, G_IO_IN | G_IO_OUT | G_IO_HUP | G_IO_ERR, on_ready, &talk);
  while (!talk.ended)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  close (fd);
  answer = parse_answer ((const char *) talk.in->data, talk.in->len);
  g_byte_array_unref (talk.in);
  return answer;
}

static char *
quote (const char *text)
{
  return text != NULL ? g_strdelimit (g_strdup (text), "'", '"') : NULL;
}

Answer *
relay_ask (Relay *f, const char *method, const char *path, const char *token, const char *body)
{
  g_autofree char *quoted = quote (body);

  return relay_ask_bytes (f, method, path, token, quoted, quoted != NULL ? strlen (quoted) : 0);
}

void
answer_free (Answer *answer)
{
  g_clear_pointer (&answer->json, json_node_unref);
  g_free (answer->head);
  g_free (answer->text);
  g_free (answer);
}

static JsonNode *
get_member (Answer *answer, const char *member)
{
  JsonNode *node = answer->json != NULL && JSON_NODE_HOLDS_OBJECT (answer->json)
                   ? json_object_get_member (json_node_get_object (answer->json), member) : NULL;

  if (node == NULL)
    g_error ("no %s in %u %s", member, answer->status, answer->text);
  return node;
}

const char *
answer_get (Answer *answer, const char *member)
{
  return json_node_get_string (get_member (answer, member));
}

gint64
answer_get_int (Answer *answer, const char *member)
{
  return json_node_get_int (get_member (answer, member));
}

JsonArray *
answer_list (Answer *answer, const char *member)
{
  return json_node_get_array (get_member (answer, member));
}

void
check_status (Answer *answer, guint status, const char *code)
{
  if (answer->status != status || (code != NULL && strcmp (answer->code, code) != 0))
    g_error ("expected %u %s, got %u %s", status, code != NULL ? code : "", answer->status, answer->text);
  answer_free (answer);
}

int
check_throttled (Answer *answer, const char *code)
{
  int retry_s = answer->retry_s;

  g_assert_cmpint (retry_s, >=, 1);
  check_status (answer, 429, code);
  return retry_s;
}

void
check_text (Answer *answer, const char *expected)
{
  g_autofree char *quoted = quote (expected);

  g_assert_cmpuint (answer->status, ==, 200);
  g_assert_cmpstr (answer->text, ==, quoted);
  answer_free (answer);
}

/* --- devices */

Device *
device_sign_up (Relay *f)
{
  g_autoptr(Answer) answer = relay_ask (f, "POST", "/auth/v1/signup", NULL, "{'data':{},'gotrue_meta_security':{}}");
  Device *device = g_new0 (Device, 1);

  g_assert_cmpuint (answer->status, ==, 200);
  device->at = f;
  device->token = g_strdup (answer_get (answer, "access_token"));
  device->refresh = g_strdup (answer_get (answer, "refresh_token"));
  device->id = g_strdup (json_object_get_string_member (json_node_get_object (get_member (answer, "user")), "id"));
  return device;
}

Device *
device_new (Relay *f)
{
  Device *device = device_sign_up (f);
  g_autoptr(Answer) answer = NULL;

  device->name = g_strdup_printf ("u%u", f->n_devices++);
  answer = device_call (device, "register", "{'p_username':'%s','p_identity_key':'" A_KEY "','p_cert':'" A_CERT "',"
                        "'p_recovery_hash':'" A_HASH "'}", device->name);
  g_assert_cmpuint (answer->status, ==, 200);
  device->user = g_strdup (answer_get (answer, "user_id"));
  return device;
}

void
device_renew (Device *device)
{
  g_autofree char *body = g_strdup_printf ("{'refresh_token':'%s'}", device->refresh);
  g_autoptr(Answer) answer = relay_ask (device->at, "POST", "/auth/v1/token?grant_type=refresh_token", NULL, body);

  g_assert_cmpuint (answer->status, ==, 200);
  g_free (device->token);
  g_free (device->refresh);
  device->token = g_strdup (answer_get (answer, "access_token"));
  device->refresh = g_strdup (answer_get (answer, "refresh_token"));
}

void
device_free (Device *device)
{
  g_free (device->id);
  g_free (device->user);
  g_free (device->token);
  g_free (device->refresh);
  g_free (device->name);
  g_free (device);
}

Answer *
device_call (Device *device, const char *function, const char *format, ...)
{
  g_autofree char *path = g_strconcat ("/rest/v1/rpc/kith_", function, NULL);
  g_autofree char *body = NULL;
  va_list values;

  va_start (values, format);
  body = g_strdup_vprintf (format, values);
  va_end (values);
  return relay_ask (device->at, "POST", path, device->token, body);
}

static char *
tell_statuses (JsonArray *results)
{
  g_autoptr(GString) said = g_string_new (NULL);
  guint n = json_array_get_length (results);

  for (guint i = 0, same = 1; i < n; i += same, same = 1)
    {
      const char *status = json_object_get_string_member (json_array_get_object_element (results, i), "status");

      while (i + same < n && g_strcmp0 (status, json_object_get_string_member (
                                                  json_array_get_object_element (results, i + same), "status")) == 0)
        same++;
      g_string_append_printf (said, "%s%s", i > 0 ? " " : "", status);
      if (same > 1)
        g_string_append_printf (said, "*%u", same);
    }
  return g_string_free (g_steal_pointer (&said), FALSE);
}

char *
device_send (Device *from, Device *to, guint n, gsize n_chars)
{
  g_autoptr(GString) body = g_string_new ("{'p_messages':[");
  g_autofree char *ct = g_strnfill (n_chars, 'A');
  g_autoptr(Answer) answer = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_uuid_string_random ();

      g_string_append_printf (body, "%s{'id':'%s','to':'%s','ct':'%s'}", i > 0 ? "," : "", id, to->id, ct);
    }
  g_string_append (body, "]}");
  answer = relay_ask (from->at, "POST", "/rest/v1/rpc/kith_send", from->token, body->str);
  if (answer->status != 200)
    return g_strdup_printf ("%u %s", answer->status, answer->code);
  return tell_statuses (answer_list (answer, "results"));
}

void
check_sent (Device *from, Device *to, guint n, const char *expected)
{
  g_autofree char *said = device_send (from, to, n, 40);

  g_assert_cmpstr (said, ==, expected);
}

int
device_fetch (Device *device, const char *consumer)
{
  g_autoptr(Answer) answer = device_call (device, "fetch", "{'p_consumer':'%s','p_lease':60}", consumer);

  return answer->status == 200 ? (int) json_array_get_length (answer_list (answer, "messages")) : -(int) answer->status;
}
