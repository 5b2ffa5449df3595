/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chat-fixture.h"
#include "kith-contents.h"

#include <string.h>

#define CID "11111111-1111-4111-8111-111111111111"
#define ID "22222222-2222-4222-8222-222222222222"
#define HEAD "\"cid\":\"" CID "\",\"ts\":1700000000000"

typedef struct
{
  const char *json;
  const char *kind; /* NULL: invalid */
} Case;

static const Case cases[] = {
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\"}", "message" },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\",\"reply_to\":\"" ID "\",\"more\":[1,{\"a\":null}]}", "message" },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\",\"prev\":\"" ID "\"}", "message" },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\",\"prev\":7}", "message" },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"a\\nb\\tc\"}", "message" },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"\"}", NULL },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"a\\u0007\"}", NULL },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"a\\u0085\"}", NULL },
  { "{\"k\":\"message\"," HEAD ",\"text\":7}", NULL },
  { "{\"k\":\"message\"," HEAD "}", NULL },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\",\"reply_to\":\"x\"}", NULL },
  { "{\"k\":\"message\",\"cid\":\"nope\",\"ts\":1,\"text\":\"hi\"}", NULL },
  { "{\"k\":\"message\",\"cid\":\"" CID "\",\"ts\":1.5,\"text\":\"hi\"}", NULL },
  { "{\"k\":\"message\",\"cid\":\"" CID "\",\"text\":\"hi\"}", NULL },
  { "{\"k\":\"message\",\"k\":\"edit\"," HEAD ",\"text\":\"hi\"}", NULL },
  { "[]", NULL },
  { "", NULL },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\"} ", "message" },
  { "{\"k\":\"message\"," HEAD ",\"text\":\"hi\"}x", NULL },
  { "{\"k\":\"edit\"," HEAD ",\"id\":\"" ID "\",\"rev\":1,\"text\":\"hi\"}", "edit" },
  { "{\"k\":\"edit\"," HEAD ",\"id\":\"" ID "\",\"rev\":0,\"text\":\"hi\"}", NULL },
  { "{\"k\":\"edit\"," HEAD ",\"rev\":1,\"text\":\"hi\"}", NULL },
  { "{\"k\":\"delete\"," HEAD ",\"id\":\"" ID "\"}", "delete" },
  { "{\"k\":\"delete\"," HEAD "}", NULL },
  { "{\"k\":\"reaction\"," HEAD ",\"id\":\"" ID "\",\"rev\":3,\"emoji\":\"❤️\",\"removed\":false}", "reaction" },
  { "{\"k\":\"reaction\"," HEAD ",\"id\":\"" ID "\",\"rev\":3,\"emoji\":\"ab\",\"removed\":false}", NULL },
  { "{\"k\":\"reaction\"," HEAD ",\"id\":\"" ID "\",\"rev\":3,\"emoji\":\"❤️\",\"removed\":0}", NULL },
  { "{\"k\":\"delivered\"," HEAD ",\"cids\":[]}", "delivered" },
  { "{\"k\":\"delivered\"," HEAD ",\"cids\":[ \"" ID "\" , \"" CID "\" ]}", "delivered" },
  { "{\"k\":\"delivered\"," HEAD ",\"cids\":[\"x\"]}", NULL },
  { "{\"k\":\"delivered\"," HEAD ",\"cids\":[1]}", NULL },
  { "{\"k\":\"delivered\"," HEAD ",\"cids\":{}}", NULL },
  { "{\"k\":\"read\"," HEAD ",\"id\":\"" ID "\"}", "read" },
  { "{\"k\":\"read\"," HEAD ",\"id\":5}", NULL },
  { "{\"k\":\"hello\"," HEAD "}", "hello" },
  { "{\"k\":\"hello\"," HEAD ",\"note\":\"it is me\"}", "hello" },
  { "{\"k\":\"hello\"," HEAD ",\"note\":5}", NULL },
  { "{\"k\":\"x.polls.vote\"," HEAD ",\"anything\":5}", "x.polls.vote" },
  { "{\"k\":\"something new\"," HEAD "}", "something new" },
  { "{\"k\":\"\"," HEAD "}", NULL },
};

static void
test_parse (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (cases[i].json, strlen (cases[i].json));
      g_auto (KithSaid) said = { NULL };
      const char *why = NULL;
      gboolean ok = kith_said_parse (&said, bytes, &why);

      g_test_message ("%s", cases[i].json);
      g_assert_cmpstr (ok ? said.kind : NULL, ==, cases[i].kind);
      g_assert_true (ok || why != NULL);
    }
}

static void
test_limits (void)
{
  g_autofree char *text = g_strnfill (10001, 'x');
  g_autofree char *json = g_strdup_printf ("{\"k\":\"message\"," HEAD ",\"text\":\"%s\"}", text);
  GString *many = g_string_new ("{\"k\":\"delivered\"," HEAD ",\"cids\":[");
  g_auto (KithSaid) said = { NULL };
  g_autoptr (GBytes) bytes = g_bytes_new (json, strlen (json));
  g_autoptr (GBytes) list = NULL;
  const char *why;

  g_assert_false (kith_said_parse (&said, bytes, &why));
  kith_said_clear (&said);
  for (guint i = 0; i < 201; i++)
    g_string_append_printf (many, "%s\"" ID "\"", i > 0 ? "," : "");
  g_string_append (many, "]}");
  list = g_string_free_to_bytes (many);
  g_assert_false (kith_said_parse (&said, list, &why));
}

static void
test_emoji (void)
{
  const char *good[] = { "👍",
                         "👍🏽",
                         "❤️",
                         "🏳️‍🌈",
                         "👨‍👩‍👧‍👦",
                         "🇩🇪",
                         "1️⃣",
                         "é",
                         "x",
                         "🏴󠁧󠁢󠁥󠁮󠁧󠁿" };
  const char *bad[] = { "",         "👍👍",
                        "ab",       "🇩🇪🇫🇷",
                        " ",        "\n",
                        "\xcc\x81", "👍\xe2\x80\x8d",
                        "\xff",     "👨‍👩‍👧‍👦👨‍👩‍👧‍👦" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (kith_emoji_check (good[i], NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (kith_emoji_check (bad[i], NULL));
}

/* --- every order of the same contents ends alike */

#define M "{\"k\":\"message\",\"cid\":\"" ID "\",\"ts\":1,\"text\":\"first\"}"
#define C(n) "\"cid\":\"11111111-1111-4111-8111-00000000000" #n "\",\"ts\":2,\"id\":\"" ID "\""

static const char *const edits[] = {
  M,
  "{\"k\":\"edit\"," C (1) ",\"rev\":1,\"text\":\"second\"}",
  "{\"k\":\"edit\"," C (2) ",\"rev\":2,\"text\":\"third\"}",
  "{\"k\":\"reaction\"," C (3) ",\"rev\":1,\"emoji\":\"👍\",\"removed\":false}",
  "{\"k\":\"reaction\"," C (4) ",\"rev\":2,\"emoji\":\"👍\",\"removed\":true}",
  "{\"k\":\"reaction\"," C (5) ",\"rev\":1,\"emoji\":\"🎉\",\"removed\":false}",
};

static const char *const deletion[] = {
  M,
  "{\"k\":\"edit\"," C (1) ",\"rev\":1,\"text\":\"second\"}",
  "{\"k\":\"delete\"," C (2) "}",
  "{\"k\":\"reaction\"," C (3) ",\"rev\":1,\"emoji\":\"👍\",\"removed\":false}",
};

typedef struct
{
  const char *const *contents;
  guint order[8], n;
  char *state;
  gboolean done;
} Shuffle;

static gboolean
write_one (const KithMessageRow *row, gpointer data)
{
  g_autoptr (GBytes) bytes = kith_message_print (row, data);
  KithMessageView *view = data;
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);

  g_free ((char *)view->own);
  view->own = g_strndup (text, n);
  return TRUE;
}

/* Applied twice each, in a person of its own; rolled back at the end by its error. */
static gboolean
run_shuffle (KithDb *db, gpointer data, GError **error)
{
  Shuffle *shuffle = data;
  g_autoptr (KithAfter) after = kith_after_new ();
  KithPersonRow person = { .id = 77, .name = (char *)"peer", .state = KITH_PERSON_FRIEND };
  KithApply apply = { .db = db, .after = after, .own_name = "own", .person = &person, .now_ms = 10, .direct = TRUE };
  KithMessageView view = { db, g_strdup ("none"), "peer", 0, 0 };

  for (guint i = 0; i < shuffle->n; i++)
    {
      g_autoptr (GBytes) bytes
          = g_bytes_new_static (shuffle->contents[shuffle->order[i]], strlen (shuffle->contents[shuffle->order[i]]));
      g_auto (KithSaid) said = { NULL };
      const char *why;

      g_assert_true (kith_said_parse (&said, bytes, &why));
      for (guint twice = 0; twice < 2; twice++)
        {
          gboolean ok = kith_contents_apply (&apply, &said, error);

          g_assert_true (ok);
        }
    }
  g_assert_true (kith_table_message_each (db, 77, 1, 10, write_one, &view, error));
  g_free (shuffle->state);
  shuffle->state = g_strdup_printf ("%s unread %d", view.own, (int)person.unread);
  g_free ((char *)view.own);
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_FAILED, "roll back");
  return FALSE;
}

static void
on_shuffle (gpointer data, const GError *error)
{
  g_assert_cmpstr (error->message, ==, "roll back");
  ((Shuffle *)data)->done = TRUE;
}

static char *
state_of (Side *side, Shuffle *shuffle)
{
  shuffle->done = FALSE;
  kith_store_submit (side->store, KITH_LANE_FRONT, run_shuffle, on_shuffle, shuffle, NULL);
  net_wait (side->net, shuffle->done);
  return g_steal_pointer (&shuffle->state);
}

static gboolean
next_order (guint *order, guint n)
{
  guint i = n - 1, j = n - 1;

  while (i > 0 && order[i - 1] >= order[i])
    i--;
  if (i == 0)
    return FALSE;
  while (order[j] <= order[i - 1])
    j--;
  for (guint swap = order[i - 1], once = 0; once == 0; once++)
    {
      order[i - 1] = order[j];
      order[j] = swap;
    }
  for (j = n - 1; i < j; i++, j--)
    {
      guint swap = order[i];

      order[i] = order[j];
      order[j] = swap;
    }
  return TRUE;
}

static void
converge (Side *side, const char *const *contents, guint n, const char *part)
{
  Shuffle shuffle = { .contents = contents, .n = n };
  g_autofree char *expected = NULL;

  for (guint i = 0; i < n; i++)
    shuffle.order[i] = i;
  expected = state_of (side, &shuffle);
  g_assert_nonnull (strstr (expected, part));
  while (next_order (shuffle.order, n))
    {
      g_autofree char *state = state_of (side, &shuffle);

      g_assert_cmpstr (state, ==, expected);
    }
}

static void
test_converge (Net *net, gconstpointer data)
{
  Side *side = net_add (net, "alice");

  converge (side, edits, G_N_ELEMENTS (edits), "third");
  converge (side, deletion, G_N_ELEMENTS (deletion), "\"deleted\":true");
}

/* --- gaps */

#define N(n) "33333333-3333-4333-8333-00000000000" #n
#define AFTER(n, prev) "{\"k\":\"message\",\"cid\":\"" N (n) "\",\"ts\":1,\"text\":\"t\"" prev "}"
#define GONE(n) "{\"k\":\"delete\"," HEAD ",\"id\":\"" N (n) "\"}"
#define PREV(n) ",\"prev\":\"" N (n) "\""

static const char *const in_order[] = { AFTER (1, ""), AFTER (2, PREV (1)), AFTER (3, PREV (2)) };
static const char *const out_of_order[] = { AFTER (3, PREV (2)), AFTER (1, ""), AFTER (2, PREV (1)) };
static const char *const one_missing[] = { AFTER (1, ""), AFTER (3, PREV (2)), AFTER (4, PREV (3)) };
static const char *const deleted_first[] = { AFTER (1, ""), GONE (2), AFTER (3, PREV (2)) };
static const char *const deleted_late[] = { AFTER (1, ""), AFTER (3, PREV (2)), GONE (2) };
static const char *const itself[] = { AFTER (1, PREV (1)) };

typedef struct
{
  const char *const *contents;
  guint n;
  char *gaps; /* after each content, those that are shown */
  gboolean done;
} Gaps;

static gboolean
append_gap (const KithMessageRow *row, gpointer data)
{
  KithMessageView view = { NULL, "own", "peer", 0, 0 };
  g_autoptr (GBytes) bytes = kith_message_print (row, &view);
  g_autofree char *json = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  if (row->has_prev)
    g_string_append_printf (data, "%x→%x", row->id[KITH_ID_BYTES - 1], row->prev[KITH_ID_BYTES - 1]);
  g_assert_cmpint (strstr (json, "\"gap\":\"33333333") != NULL, ==, row->has_prev && !row->sent);
  return TRUE;
}

static gboolean
run_gaps (KithDb *db, gpointer data, GError **error)
{
  Gaps *gaps = data;
  g_autoptr (KithAfter) after = kith_after_new ();
  KithPersonRow person = { .id = 77, .name = (char *)"peer", .state = KITH_PERSON_FRIEND };
  KithApply apply = { .db = db, .after = after, .own_name = "own", .person = &person, .now_ms = 10, .direct = TRUE };
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < gaps->n; i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_static (gaps->contents[i], strlen (gaps->contents[i]));
      g_auto (KithSaid) said = { NULL };
      const char *why;
      gboolean ok = kith_said_parse (&said, bytes, &why) && kith_contents_apply (&apply, &said, error)
                    && kith_table_message_each (db, 77, 1, 10, append_gap, out, error);

      g_assert_true (ok);
      g_string_append_c (out, ';');
    }
  gaps->gaps = g_string_free (out, FALSE);
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_FAILED, "roll back");
  return FALSE;
}

static void
on_gaps (gpointer data, const GError *error)
{
  g_assert_cmpstr (error->message, ==, "roll back");
  ((Gaps *)data)->done = TRUE;
}

static void
assert_gaps (Side *side, const char *const *contents, guint n, const char *expected)
{
  Gaps gaps = { contents, n, NULL, FALSE };

  kith_store_submit (side->store, KITH_LANE_FRONT, run_gaps, on_gaps, &gaps, NULL);
  net_wait (side->net, gaps.done);
  g_assert_cmpstr (gaps.gaps, ==, expected);
  g_free (gaps.gaps);
}

static void
test_gaps (Net *net, gconstpointer data)
{
  Side *side = net_add (net, "alice");

  assert_gaps (side, in_order, G_N_ELEMENTS (in_order), ";;;");
  assert_gaps (side, out_of_order, G_N_ELEMENTS (out_of_order), "3→2;3→2;;");
  assert_gaps (side, one_missing, G_N_ELEMENTS (one_missing), ";3→2;3→2;");
  assert_gaps (side, deleted_first, G_N_ELEMENTS (deleted_first), ";;;");
  assert_gaps (side, deleted_late, G_N_ELEMENTS (deleted_late), ";3→2;;");
  assert_gaps (side, itself, G_N_ELEMENTS (itself), ";");
}

/* What we send says what went before it. */
static void
test_gap_sent (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice"), *bob = net_add (net, "bob");
  g_autofree char *one = NULL, *two = NULL;
  gboolean delivered;

  net_befriend (alice, bob);
  one = side_post (alice, "bob", "one", &delivered);
  two = side_post (alice, "bob", "two", &delivered);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM message a JOIN message b ON b.prev = a.id"
                                      " WHERE a.text = 'one' AND b.text = 'two'"), ==, 1);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM message WHERE prev IS NULL"), ==, 1);
  net_wait (net, side_query (bob, "SELECT count(*) FROM message") == 2);
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM message WHERE prev IS NOT NULL"), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chat/contents/parse", test_parse);
  g_test_add_func ("/chat/contents/limits", test_limits);
  g_test_add_func ("/chat/contents/emoji", test_emoji);
  g_test_add ("/chat/contents/converge", Net, NULL, net_set_up, test_converge, net_tear_down);
  g_test_add ("/chat/contents/gaps", Net, NULL, net_set_up, test_gaps, net_tear_down);
  g_test_add ("/chat/contents/gap-sent", Net, NULL, net_set_up, test_gap_sent, net_tear_down);
  return g_test_run ();
}
