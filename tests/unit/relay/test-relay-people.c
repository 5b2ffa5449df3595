/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Presence, read positions, doorbells, /signal's clock, and how the relay begins. */
#include <glib/gstdio.h>
#include <string.h>

#include "relay-fixture.h"

#define CONV "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MANY(n) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " n ") "

/* --- presence and read positions */

static void
check_peers (Device *device, const char *expected)
{
  g_autoptr(Answer) answer = device_call (device, "beat", "{}");
  g_autofree char *quoted = g_strdelimit (g_strdup (expected), "'", '"');
  const char *peers = strstr (answer->text, "\"peers\":");

  g_assert_nonnull (peers);
  g_assert_cmpstr (peers, ==, quoted);
}

static void
test_presence (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);
  g_autofree char *unseen = g_strdup_printf ("'peers':[{'user_id':'%s','sealed':'here','last_seen':null}]}", a->user);
  g_autofree char *seen = g_strdup_printf ("'peers':[{'user_id':'%s','sealed':'here','last_seen':"
                                           "'2026-09-21T14:13:00Z'}]}", a->user);

  kith_world_set_date_ms (f->world, G_GINT64_CONSTANT (1790000030000));     /* 14:13:50 */
  check_status (device_call (a, "grant", "{'p_peer':'%s','p_sealed':'here'}", b->user), 204, NULL);
  check_peers (b, unseen);
  check_status (device_call (a, "beat", "{'p_visible':true}"), 200, NULL);
  check_peers (b, seen);                                                    /* to the minute */
  relay_pass_s (f, 600);
  check_peers (b, seen);                                                    /* nothing is made up */
  check_peers (a, "'peers':[]}");                                           /* only one way */
  check_status (device_call (a, "beat", "{'p_visible':false}"), 200, NULL);
  check_peers (b, unseen);                                                  /* invisible leaves no trace */
  check_status (device_call (a, "ungrant", "{'p_peer':'%s'}", b->user), 204, NULL);
  check_peers (b, "'peers':[]}");
}

static void
test_grants (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);
  g_autofree char *most = g_strnfill (4096, 'x'), *sql = NULL;

  check_status (device_call (a, "grant", "{'p_peer':'" UUID_A "'}"), 404, "kith_no_user");
  check_status (device_call (a, "grant", "{'p_peer':null}"), 404, "kith_no_user");
  check_status (device_call (a, "grant", "{'p_peer':'%s','p_sealed':'%sx'}", b->user, most), 400, "kith_bad_request");
  relay_sql (f, MANY ("500") "INSERT INTO accounts SELECT 'acc' || i, 'name' || i, 'k', 'h', 1 FROM n");
  sql = g_strdup_printf ("INSERT INTO grants SELECT '%s', id, NULL FROM accounts WHERE id LIKE 'acc%%' LIMIT 499",
                         a->user);
  relay_sql (f, sql);
  check_status (device_call (a, "grant", "{'p_peer':'%s','p_sealed':'%s'}", b->user, most), 204, NULL);
  check_status (device_call (a, "grant", "{'p_peer':'%s','p_sealed':'%s'}", b->user, most), 204, NULL);
  check_status (device_call (a, "grant", "{'p_peer':'%s'}", a->user), 413, "kith_too_many_grants");
  g_assert_cmpint (relay_sql (f, "SELECT count(*) FROM grants"), ==, 500);
}

static void
test_marks (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autofree char *sealed = g_strnfill (1025, 'x'), *sql = NULL;

  check_text (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':7,'p_sealed':'s'}"), "7");
  check_text (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':7,'p_sealed':'t'}"), "7");
  check_text (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':-9223372036854775808}"), "7");
  check_text (device_call (a, "marks", "{}"), "[{'conv':'" CONV "','pos':7,'sealed':'s'}]");
  check_text (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':9223372036854775807}"), "9223372036854775807");
  check_status (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':9223372036854775808}"), 400, NULL);
  check_status (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':1,'p_sealed':'%s'}", sealed), 400, NULL);
  sql = g_strdup_printf (MANY ("1999") "INSERT INTO marks SELECT '%s', 'c' || i, 1, NULL FROM n", a->user);
  relay_sql (f, sql);
  check_status (device_call (a, "mark_read", "{'p_conv':'B" CONV "','p_pos':1}"), 400, "kith_bad_request");
  check_status (device_call (a, "mark_read", "{'p_conv':'BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA','p_pos':1}"), 413,
                "kith_too_many_marks");
  check_text (device_call (a, "mark_read", "{'p_conv':'" CONV "','p_pos':8}"), "9223372036854775807");
}

/* --- doorbells */

static void
join (Wire *wire, const char *topic, Device *who, const char *of)
{
  g_autofree char *text = g_strdup_printf ("['1','1','realtime:%s','phx_join',{'access_token':'%s','config':{'postgres_"
                                           "changes':[{'event':'UPDATE','schema':'public',"
                                           "'table':'bells','filter':'device=eq.%s'}]}}]",
                                           topic, who->token, of);

  wire_say (wire, text);
}

static Wire *
open_bells (Relay *f, Device *device)
{
  Wire *wire = wire_open (f, "/realtime/v1/websocket?vsn=2.0.0");

  join (wire, "inbox", device, device->id);
  g_free (wire_expect (wire, "'phx_reply',{'status':'ok','response':{'postgres_changes':[{"));
  g_free (wire_expect (wire, "Subscribed to PostgreSQL"));
  return wire;
}

static void
test_bell (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);
  g_autoptr(Wire) wire = open_bells (f, b);
  g_autoptr(Wire) own = open_bells (f, a);
  g_autoptr(Wire) spy = wire_open (f, "/realtime/v1/websocket?vsn=2.0.0");
  g_autofree char *rung = NULL;

  join (spy, "inbox", a, b->id);
  g_free (wire_expect (spy, "'status':'ok'"));
  g_free (wire_expect (spy, "Unable to subscribe"));
  check_sent (a, b, 3, "stored*3");
  rung = wire_expect (wire, "'postgres_changes',{'ids':[1]");
  g_assert_nonnull (strstr (rung, b->id));
  check_sent (a, b, 3, "stored*2 mailbox_full");
  g_free (wire_expect (wire, "'seq':5"));
  wire_say (wire, "[null,'7','phoenix','heartbeat',{}]");
  g_free (wire_expect (wire, "[null,'7','phoenix','phx_reply',{'status':'ok'"));   /* two sends, two bells */
  wire_say (own, "[null,'8','phoenix','heartbeat',{}]");
  g_free (wire_expect (own, "'phx_reply'"));                                       /* none for another device */
  wire_say (spy, "[null,'8','phoenix','heartbeat',{}]");
  g_free (wire_expect (spy, "'phx_reply'"));                                       /* and none for the spy */
}

static void
test_bell_refusals (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Wire) wire = wire_open (f, "/realtime/v1/websocket?vsn=2.0.0");
  g_autofree char *token = g_strdup (a->token);

  g_free (a->token);
  a->token = g_strdup ("x");
  join (wire, "inbox", a, a->id);
  g_free (wire_expect (wire, "InvalidJWTToken"));
  g_free (a->token);
  a->token = g_steal_pointer (&token);
  wire_say (wire, "['1','1','elsewhere','phx_join',{}]");
  g_free (wire_expect (wire, "unmatched topic"));
  wire_say (wire, "['1','1','realtime:inbox','access_token',{}]");
  g_free (wire_expect (wire, "unmatched topic"));
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *topic = g_strdup_printf ("t%u", i);

      join (wire, topic, a, a->id);
      g_free (wire_expect (wire, "'status':'ok'"));
      g_free (wire_expect (wire, "Subscribed"));
    }
  join (wire, "t5", a, a->id);
  g_free (wire_expect (wire, "too many channels"));
  wire_say (wire, "['1','9','realtime:t0','broadcast',{}]");
  g_free (wire_expect (wire, "bells only"));
  wire_say (wire, "['1','9','realtime:t0','phx_leave',{}]");
  g_free (wire_expect (wire, "'status':'ok'"));
  g_free (wire_expect (wire, "phx_close"));
  wire_say (wire, "{'topic':'phoenix'}");
  g_assert_null (wire_next (wire));
  g_assert_cmpuint (wire->close_code, ==, 1008);
}

/* A channel lasts as long as its token, and goes on with a new one of the same device only. */
static void
test_bell_expiry (Relay *f, gconstpointer data)
{
  g_autoptr(Device) a = device_new (f);
  g_autoptr(Device) b = device_new (f);
  g_autoptr(Wire) wire = open_bells (f, b);
  g_autoptr(Wire) other = open_bells (f, b);
  g_autofree char *renew = NULL, *foreign = NULL;
  g_autofree char *body = g_strdup_printf ("{'refresh_token':'%s'}", b->refresh);
  g_autoptr(Answer) renewed = NULL;

  relay_pass_s (f, 3000);
  renewed = relay_ask (f, "POST", "/auth/v1/token?grant_type=refresh_token", NULL, body);
  renew = g_strdup_printf ("['1','5','realtime:inbox','access_token',{'access_token':'%s'}]",
                           answer_get (renewed, "access_token"));
  wire_say (wire, renew);
  g_free (wire_expect (wire, "Subscribed to PostgreSQL"));
  relay_pass_s (f, 610);
  g_free (wire_expect (other, "Token has expired"));
  g_free (wire_expect (other, "phx_close"));
  wire_say (wire, "[null,'7','phoenix','heartbeat',{}]");
  g_free (wire_expect (wire, "phx_reply"));                                  /* this one goes on */
  device_renew (a);
  foreign = g_strdup_printf ("['1','5','realtime:inbox','access_token',{'access_token':'%s'}]", a->token);
  wire_say (wire, foreign);
  g_free (wire_expect (wire, "not a valid JWT"));
  g_free (wire_expect (wire, "phx_close"));
}

/* --- /signal's clock */

static void
test_signal_time (Relay *f, gconstpointer data)
{
  g_autoptr(Wire) wire = wire_open (f, "/signal");

  g_free (wire_expect (wire, "'type':'auth_challenge'"));
  relay_pass_s (f, 9);
  g_assert_cmpuint (wire->close_code, ==, 0);
  relay_pass_s (f, 2);
  g_free (wire_expect (wire, "'type':'auth_failure'"));
  g_assert_null (wire_next (wire));
  g_assert_cmpuint (wire->close_code, ==, 4401);
}

static void
test_signal_unproved (Relay *f, gconstpointer data)
{
  static const char *const first[] = { "{'type':'watch','public_keys':[]}", "x", "{'type':'auth_response'}", "[]",
                                       "{'type':'auth_response','public_key':'" A_KEY "','signature':'AAAA','v':2}" };

  for (guint i = 0; i < G_N_ELEMENTS (first); i++)
    {
      g_autoptr(Wire) wire = wire_open (f, "/signal");
      char *text;

      g_free (wire_expect (wire, "'type':'auth_challenge'"));
      wire_say (wire, first[i]);
      while ((text = wire_next (wire)) != NULL)
        {
          g_assert_null (strstr (text, "auth_success"));
          g_free (text);
        }
      g_assert_cmpuint (wire->close_code, ==, 4401);
    }
}

/* --- how it begins */

static void
test_same_key (Relay *f, gconstpointer data)
{
  g_autofree char *before = g_strdup (f->relay.api_key);
  g_autoptr(Device) device = device_new (f);

  relay_restart (f);
  g_assert_cmpstr (f->relay.api_key, ==, before);
  g_assert_true (g_str_has_prefix (before, "sb_publishable_"));
  check_text (device_call (device, "marks", "{}"), "[]");               /* the token is good still */
}

static void
test_files (Relay *f, gconstpointer data)
{
  g_autoptr(GDir) dir = g_dir_open (f->folder, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);
      GStatBuf info;

      g_assert_cmpint (g_stat (path, &info), ==, 0);
      if (g_str_has_suffix (name, ".key"))
        {
          g_assert_cmpuint (info.st_mode & 0777, ==, 0600);
          n++;
        }
    }
  g_assert_cmpuint (n, ==, 3);
}

static void
check_refused (Relay *f, KithRelayOptions options, const char *names)
{
  KithRelay second = { 0 };
  g_autoptr(GError) error = NULL;

  g_assert_false (kith_relay_open (&second, f->world, &options, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, names));
  if (second.store != NULL)
    kith_store_close (second.store);
  kith_relay_clear (&second);
}

static void
test_refused_starts (Relay *f, gconstpointer data)
{
  g_autofree char *folder = g_dir_make_tmp ("kith-relay-XXXXXX", NULL),
                  *key = g_build_filename (folder, "relay-api.key", NULL);
  g_autofree char *invite = g_build_filename (folder, "word", NULL), *port = g_strdup_printf (
    "127.0.0.1:%u", kith_door_get_port (f->relay.door, KITH_WAY_API));
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", folder);
  KithRelayOptions usual = { .data = folder, .listen = "127.0.0.1:0" }, options;

#define WITH(member, value) (options = usual, options.member = (value), options)
  check_refused (f, WITH (listen, "nonsense:x"), "nonsense");
  check_refused (f, WITH (listen, "example.org:80"), "--listen example.org:80");
  check_refused (f, WITH (listen, port), port + strlen ("127.0.0.1:"));
  check_refused (f, WITH (url, "ftp://x"), "--url");
  check_refused (f, WITH (url, "https://it's"), "--url");
  check_refused (f, WITH (invite, invite), "word");
  g_assert_true (g_file_set_contents (invite, "short\n", -1, NULL));
  check_refused (f, WITH (invite, invite), "at least 8");
  g_assert_true (g_file_set_contents (invite, "with a blank", -1, NULL));
  check_refused (f, WITH (invite, invite), "at least 8");
  g_assert_true (g_file_set_contents (key, "short", -1, NULL));
  check_refused (f, usual, "relay-api.key");
  check_refused (f, WITH (data, "/proc/no-such-folder"), "/proc/no-such-folder");
#undef WITH
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
}

#define ADD(path, test) g_test_add ("/relay/people/" path, Relay, NULL, relay_set_up, test, relay_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("presence", test_presence);
  ADD ("grants", test_grants);
  ADD ("marks", test_marks);
  ADD ("bell", test_bell);
  ADD ("bell-refusals", test_bell_refusals);
  ADD ("bell-expiry", test_bell_expiry);
  ADD ("signal-time", test_signal_time);
  ADD ("signal-unproved", test_signal_unproved);
  ADD ("same-key", test_same_key);
  ADD ("files", test_files);
  ADD ("refused-starts", test_refused_starts);
  return g_test_run ();
}
