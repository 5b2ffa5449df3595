/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the relay makes of a request before and in the store. Each line of the input is one of
 *
 *   FUNCTION BODY      called by the device A, as /rest/v1/rpc/kith_FUNCTION would
 *   FUNCTION@b BODY    by the device B; @c by somebody who has signed up only
 *   =TOKEN             looked at as an access token
 *   =HEAD CLAIMS       the same, both encoded and signed with the relay's key first
 *
 * All lines of an input are one transaction, which is rolled back: every input meets the same relay. */
#include <glib/gstdio.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kith-relay-private.h"
#include "kith-schema.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

extern const KithSchema kith_relay_schema;

#define MOST_LINES 8
#define A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define C "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

typedef struct
{
  const char *text;
  gsize n;
  gboolean done;
} Input;

static KithRelay relay;
static char *folder;

static const char *const people[] = {
  "INSERT INTO users VALUES ('" A "', 1), ('" B "', 1), ('" C "', 1)",
  "INSERT INTO sessions VALUES ('" A "', '" A "', '', 1), ('" B "', '" B "', '', 1), ('" C "', '" C "', '', 1)",
  "INSERT INTO accounts VALUES ('" A "', 'a', '" KEY "', 'h', 1), ('" B "', 'b', '" KEY "', 'h', 1)",
  "INSERT INTO devices VALUES ('" A "', '" A "', 'cert', 'bundle', 1, 1), ('" B "', '" B "', 'cert', NULL, NULL, 1)",
  "INSERT INTO bells VALUES ('" A "', 0), ('" B "', 0)",
  "INSERT INTO prekeys (device, key) VALUES ('" A "', '" KEY "')",
  "INSERT INTO messages (id, to_device, from_device, from_user, ct, created_ms, expires_ms)"
  " VALUES ('" C "', '" A "', '" B "', '" B "', 'AAAA', 1, 9000000000000000)",
  "INSERT INTO leases VALUES ('" A "', '" A "', 9000000000000000)",
};

/* --- calls */

static void
check_answer (KithRelayCall *call, gboolean good, GError *error)
{
  g_autoptr(JsonNode) root = NULL;
  gsize n;
  const char *text;

  g_assert_true (good ? error == NULL : error != NULL);
  g_assert_true (call->code == NULL || (call->status >= 400 && call->status < 600 && call->message != NULL));
  g_assert_true (good || call->code != NULL);      /* no statement failed: only ours refuse */
  if (!good || call->body == NULL)
    return;
  text = g_bytes_get_data (call->body, &n);
  root = kith_json_parse (text, (gssize) n, NULL);
  g_assert_nonnull (root);
}

static void
call_clear (KithRelayCall *call)
{
  g_clear_pointer (&call->args, json_object_unref);
  g_clear_pointer (&call->body, g_bytes_unref);
  g_clear_pointer (&call->rung, g_hash_table_unref);
  g_free (call->code);
  g_free (call->message);
}

static void
try_call (KithDb *db, const char *name, const char *device, const char *body, gsize n)
{
  const KithRelayFunction *function = kith_relay_find_function (name);
  g_autoptr(GBytes) bytes = g_bytes_new (body, n);
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) args = kith_relay_parse_args (bytes, &error);
  KithRelayCall call = { .relay = &relay };
  gboolean good;

  g_assert_true ((args == NULL) == (error != NULL));
  if (function == NULL || function->run == NULL || args == NULL || !kith_relay_args_fit (function, args) ||
      kith_relay_find_mistyped (function, args) != NULL)
    return;
  call.args = g_steal_pointer (&args);
  call.now_ms = kith_world_get_date_ms (relay.world);
  g_strlcpy (call.claims.user, device, sizeof call.claims.user);
  g_strlcpy (call.claims.session, device, sizeof call.claims.session);
  good = function->run (&call, db, &error);
  check_answer (&call, good, error);
  call_clear (&call);
}

/* --- tokens */

static char *
encode (const void *data, gsize n)
{
  gsize size = sodium_base64_ENCODED_LEN (n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

  return sodium_bin2base64 (g_malloc (size), size, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void
try_token (const char *text)
{
  const char *blank = strchr (text, ' ');
  KithRelayClaims claims = { 0 };
  g_autofree char *token = NULL;
  char again[KITH_RELAY_UUID];

  if (blank == NULL)
    token = g_strdup (text);
  else
    {
      g_autofree char *head = encode (text, (gsize) (blank - text)), *said = encode (blank + 1, strlen (blank + 1));
      g_autofree char *both = g_strconcat (head, ".", said, NULL), *signature = NULL;
      guint8 mac[crypto_auth_hmacsha256_BYTES];

      crypto_auth_hmacsha256 (mac, (const guint8 *) both, strlen (both), relay.secret);
      signature = encode (mac, sizeof mac);
      token = g_strconcat (both, ".", signature, NULL);
    }
  if (kith_relay_token_check (&relay, token, &claims) != NULL)
    return;
  g_assert_nonnull (blank);                        /* nobody guesses a signature */
  g_assert_true (kith_relay_parse_uuid (claims.user, again) && strcmp (claims.user, again) == 0);
  g_assert_true (kith_relay_parse_uuid (claims.session, again));
  g_assert_cmpint (claims.expires_s, >, kith_world_get_date_ms (relay.world) / 1000);
}

/* --- inputs */

static void
try_line (KithDb *db, const char *line, gsize n)
{
  const char *blank = memchr (line, ' ', n);
  g_autofree char *name = NULL;
  const char *device = A;
  char *at;

  if (n > 0 && line[0] == '=')
    {
      g_autofree char *token = g_strndup (line + 1, n - 1);

      try_token (token);
      return;
    }
  if (blank == NULL)
    return;
  name = g_strdup_printf ("kith_%.*s", (int) (blank - line), line);
  at = strchr (name, '@');
  if (at != NULL)
    {
      device = at[1] == 'b' ? B : C;
      *at = '\0';
    }
  try_call (db, name, device, blank + 1, n - (gsize) (blank + 1 - line));
}

static gboolean
run_input (KithDb *db, gpointer data, GError **error)
{
  Input *input = data;
  const char *line = input->text, *end = line + input->n;

  for (guint i = 0; i < MOST_LINES && line < end; i++)
    {
      const char *stop = memchr (line, '\n', (gsize) (end - line));

      stop = stop != NULL ? stop : end;
      try_line (db, line, (gsize) (stop - line));
      line = stop + 1;
    }
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_REFUSED, "that was all");
  return FALSE;
}

static gboolean
run_people (KithDb *db, gpointer data, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (people); i++)
    if (!kith_relay_exec (db, error, people[i], ""))
      return FALSE;
  return TRUE;
}

static void
on_done (gpointer data, const GError *error)
{
  *(gboolean *) data = TRUE;
}

static void
on_input_done (gpointer data, const GError *error)
{
  ((Input *) data)->done = TRUE;
}

static void
clean_up (void)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  kith_store_close (relay.store);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

static void
prepare (void)
{
  static const guint8 key[KITH_STORE_KEY_BYTES] = { 1 };
  g_autofree char *path = NULL;
  gboolean done = FALSE;

  folder = g_dir_make_tmp ("kith-fuzz-relay-XXXXXX", NULL);
  path = g_build_filename (folder, "relay.db", NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  relay.world = kith_world_new_virtual (1);
  relay.secret = g_malloc0 (32);
  relay.cap_bytes = G_MAXINT64;
  relay.store = kith_store_new (relay.world);
  kith_store_set_schema (relay.store, &kith_relay_schema);
  g_assert_true (kith_store_open (relay.store, path, key, KITH_STORE_OPEN_CREATE, NULL));
  kith_store_submit (relay.store, KITH_LANE_FRONT, run_people, on_done, &done, NULL);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  atexit (clean_up);               /* after the store's cipher has registered its own end, so before that */
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  Input input = { (const char *) data, n, FALSE };

  if (relay.world == NULL)
    prepare ();
  kith_store_submit (relay.store, KITH_LANE_FRONT, run_input, on_input_done, &input, NULL);
  while (!input.done)
    g_main_context_iteration (NULL, TRUE);
  return 0;
}
