/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to the one server that is configured: a deadline, a bound for the body, no redirect, strict JSON. */
#include "kith-supabase-http.h"

#include <string.h>

#include "kith-supabase-value.h"

#define DEADLINE_MS 30000
#define MOST_BYTES (8u * 1024 * 1024)     /* 25 rows of 64 KiB in base64 are 2.2 MB */
#define PART_BYTES 65536
#define MOST_RETRY_S 86400
#define API_VERSION "2024-01-01"

struct _KithSupabaseHttp
{
  KithHost *host;
  SoupSession *session;
  char *url, *key;
  GPtrArray *requests;    /* of Request: under way */
};

typedef struct
{
  KithSupabaseHttp *http; /* NULL once it is freed */
  SoupMessage *message;
  GCancellable *cancellable;
  GInputStream *stream;
  GByteArray *body;
  guint timer;
  gboolean late;
  KithSupabaseAnswered answered;
  gpointer data;
} Request;

static void
request_free (Request *request)
{
  if (request->http != NULL)
    {
      kith_host_drop_timer (request->http->host, request->timer);
      g_ptr_array_remove_fast (request->http->requests, request);
    }
  g_clear_object (&request->stream);
  g_object_unref (request->cancellable);
  g_object_unref (request->message);
  g_byte_array_unref (request->body);
  g_free (request);
}

/* --- what came */

static guint
find_retry_after (SoupMessage *message)
{
  const char *text = soup_message_headers_get_one (soup_message_get_response_headers (message), "Retry-After");
  guint64 seconds;

  if (text == NULL)
    return 0;
  if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &seconds, NULL))
    return (guint) MIN (seconds, MOST_RETRY_S);
  return 60;    /* a date, by a clock that may be in 1970 */
}

/* Words of our own and of the services only: nothing that could be a token. */
static gboolean
is_code (const char *text)
{
  gsize n = strlen (text);

  return (n > 0 && n <= 48 && strspn (text, "abcdefghijklmnopqrstuvwxyz_") == n)
         || (g_str_has_prefix (text, "PGRST") && n <= 9 && strspn (text + 5, "0123456789") == n - 5)
         || (n == 5 && strspn (text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n);
}

/* {code, message} with a version header, {code: number, error_code, msg} without, {error} of old. */
static const char *
find_code (JsonNode *root)
{
  static const char *const names[] = { "error_code", "code", "error" };
  JsonObject *object = kith_supabase_get_object (root);

  for (guint i = 0; object != NULL && i < G_N_ELEMENTS (names); i++)
    {
      const char *text = kith_supabase_get_string (object, names[i], 48);

      if (text != NULL && is_code (text))
        return text;
    }
  return "";
}

static KithError
find_error (guint status)
{
  if (status == 429)
    return KITH_ERROR_TOO_FAST;
  if (status >= 500 || status < 200)
    return KITH_ERROR_UNREACHABLE;
  return status >= 400 ? KITH_ERROR_REFUSED : KITH_ERROR_PROTOCOL;
}

static void
finish (Request *request, GError *why)
{
  KithSupabaseAnswered answered = request->answered;
  gpointer data = request->data;
  g_autoptr (GError) error = why;
  g_autoptr (GError) fault = NULL;
  g_autoptr (JsonNode) root = NULL;
  KithSupabaseAnswer answer = { .code = "" };

  if (request->http == NULL)
    {
      g_clear_error (&error);
      error = g_error_new_literal (KITH_ERROR, KITH_ERROR_CLOSED, "the server is not used any more");
    }
  else if (request->late)
    {
      g_clear_error (&error);
      error = g_error_new_literal (KITH_ERROR, KITH_ERROR_UNREACHABLE, "the server did not answer in time");
    }
  if (error == NULL)
    {
      answer.status = soup_message_get_status (request->message);
      answer.retry_after_s = find_retry_after (request->message);
      if (request->body->len > 0)
        root = kith_json_parse ((const char *) request->body->data, (gssize) request->body->len, &fault);
      answer.root = root;
      answer.code = find_code (root);
      if (answer.status < 200 || answer.status >= 300)
        error = g_error_new (KITH_ERROR, (gint) find_error (answer.status), "the server answers %u%s%s", answer.status,
                             *answer.code != '\0' ? " " : "", answer.code);
      else if (fault != NULL)
        error = g_error_new_literal (KITH_ERROR, KITH_ERROR_PROTOCOL,
                                     "what answers there is no such server: its answer is not JSON");
    }
  answer.error = error;
  request_free (request);
  answered (&answer, data);
}

static void read_on (Request *request);

static void
on_read (GObject *stream, GAsyncResult *result, gpointer data)
{
  Request *request = data;
  GError *error = NULL;
  g_autoptr (GBytes) part = g_input_stream_read_bytes_finish (G_INPUT_STREAM (stream), result, &error);

  if (part == NULL || g_bytes_get_size (part) == 0)
    {
      finish (request, error);
      return;
    }
  if (request->body->len + g_bytes_get_size (part) > MOST_BYTES)
    {
      finish (request, g_error_new (KITH_ERROR, KITH_ERROR_PROTOCOL,
                                    "the server's answer does not end after %u bytes", MOST_BYTES));
      return;
    }
  g_byte_array_append (request->body, g_bytes_get_data (part, NULL), (guint) g_bytes_get_size (part));
  read_on (request);
}

static void
read_on (Request *request)
{
  g_input_stream_read_bytes_async (request->stream, PART_BYTES, G_PRIORITY_DEFAULT, request->cancellable, on_read,
                                   request);
}

static void
on_sent (GObject *session, GAsyncResult *result, gpointer data)
{
  Request *request = data;
  g_autoptr (GError) error = NULL;

  request->stream = soup_session_send_finish (SOUP_SESSION (session), result, &error);
  if (request->stream != NULL)
    read_on (request);
  else
    finish (request, g_error_new (KITH_ERROR, KITH_ERROR_UNREACHABLE, "the server cannot be reached: %s",
                                  error->message));
}

static gboolean
on_deadline (gpointer data)
{
  Request *request = data;

  request->timer = 0;
  request->late = TRUE;
  g_cancellable_cancel (request->cancellable);
  return G_SOURCE_REMOVE;
}

void
kith_supabase_http_post (KithSupabaseHttp *self, const char *path, GBytes *body, const char *token,
                         KithSupabaseAnswered answered, gpointer data)
{
  g_autofree char *url = g_strconcat (self->url, path, NULL);
  Request *request = g_new0 (Request, 1);
  SoupMessageHeaders *headers;

  request->http = self;
  request->answered = answered;
  request->data = data;
  request->cancellable = g_cancellable_new ();
  request->body = g_byte_array_new ();
  request->message = soup_message_new (SOUP_METHOD_POST, url);
  soup_message_add_flags (request->message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
  soup_message_set_request_body_from_bytes (request->message, "application/json", body);
  headers = soup_message_get_request_headers (request->message);
  soup_message_headers_replace (headers, "apikey", self->key);
  soup_message_headers_replace (headers, "X-Supabase-Api-Version", API_VERSION);
  if (token != NULL)
    {
      g_autofree char *bearer = g_strconcat ("Bearer ", token, NULL);

      soup_message_headers_replace (headers, "Authorization", bearer);
    }
  g_ptr_array_add (self->requests, request);
  request->timer = kith_host_add_timer (self->host, DEADLINE_MS, on_deadline, request, NULL);
  soup_session_send_async (self->session, request->message, G_PRIORITY_DEFAULT, request->cancellable, on_sent, request);
}

SoupMessage *
kith_supabase_http_new_bell (KithSupabaseHttp *self)
{
  g_autofree char *key = g_uri_escape_string (self->key, NULL, FALSE);
  g_autofree char *url = g_strconcat ("ws", self->url + strlen ("http"), "/realtime/v1/websocket?apikey=", key,
                                      "&vsn=2.0.0", NULL);
  SoupMessage *message = soup_message_new (SOUP_METHOD_GET, url);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
  return message;
}

SoupSession *
kith_supabase_http_get_session (KithSupabaseHttp *self)
{
  return self->session;
}

KithSupabaseHttp *
kith_supabase_http_new (KithHost *host, const KithSupabaseConfig *config)
{
  KithSupabaseHttp *self = g_new0 (KithSupabaseHttp, 1);

  self->host = host;
  self->url = g_strdup (config->url);
  self->key = g_strdup (config->key);
  self->requests = g_ptr_array_new ();
  self->session = soup_session_new_with_options ("timeout", 2 * DEADLINE_MS / 1000, "idle-timeout", 90,
                                                 "max-conns-per-host", 4, NULL);
  /* No cookies, no passwords, no compression: what is not there cannot be abused. */
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_AUTH_MANAGER);
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_CONTENT_DECODER);
  return self;
}

void
kith_supabase_http_free (KithSupabaseHttp *self)
{
  while (self->requests->len > 0)
    {
      Request *request = g_ptr_array_steal_index (self->requests, self->requests->len - 1);

      kith_host_drop_timer (self->host, request->timer);
      request->http = NULL;
      g_cancellable_cancel (request->cancellable);
    }
  g_ptr_array_unref (self->requests);
  soup_session_abort (self->session);
  g_object_unref (self->session);
  g_free (self->url);
  g_free (self->key);
  g_free (self);
}
