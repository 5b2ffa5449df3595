/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages through mailboxes: what goes when, what comes back, and what is shown of it. */
#include "mail-fixture.h"

#include <string.h>

/* Two friends who have only mailboxes to reach each other. */
typedef struct
{
  Net net;
  Server *server;
  Side *alice, *bob;
  KithMailboxTransport *a, *b;
} Post;

static void
set_up (Post *post, gconstpointer data)
{
  net_set_up (&post->net, NULL);
  post->server = server_new (&post->net);
  post->alice = net_add (&post->net, "alice");
  post->bob = net_add (&post->net, "bob");
  side_cut (post->alice);
  side_cut (post->bob);
  post->alice->unreachable = post->bob->unreachable = TRUE;
  post->a = side_open_mail (post->alice, post->server);
  post->b = side_open_mail (post->bob, post->server);
  net_wait (&post->net, server_find (post->server, "alice")->prekeys->len >= 100);
  net_wait (&post->net, server_find (post->server, "bob")->prekeys->len >= 100);
}

static void
tear_down (Post *post, gconstpointer data)
{
  side_stop (post->alice);
  side_stop (post->bob);
  g_clear_object (&post->a);
  g_clear_object (&post->b);
  net_tear_down (&post->net, NULL);
  server_free (post->server);
}

static guint
letters (Post *post, const char *who)
{
  return server_find (post->server, who)->letters.length;
}

/* Both have added each other, by name. */
static void
befriend (Post *post)
{
  g_free (side_look_up (post->alice, "bob"));
  g_free (side_look_up (post->bob, "alice"));
  net_wait (&post->net, letters (post, "alice") > 0 && letters (post, "bob") > 0);
  side_collect (post->alice, post->a, post->server);
  side_collect (post->bob, post->b, post->server);
}

/* Both look into their mailboxes until the condition holds. */
#define mail_wait(post, condition)                                                                                     \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    while (!(condition))                                                                                               \
      {                                                                                                                \
        g_main_context_iteration ((post)->net.context, TRUE);                                                          \
        side_collect ((post)->alice, (post)->a, (post)->server);                                                       \
        side_collect ((post)->bob, (post)->b, (post)->server);                                                         \
      }                                                                                                                \
  }                                                                                                                    \
  G_STMT_END

/* Everything goes back and forth until nobody waits for anything. */
static gint64
waiting (Side *side)
{
  return side_query (side, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM receipt)");
}

static void
exchange (Post *post)
{
  mail_wait (post, waiting (post->alice) == 0 && waiting (post->bob) == 0);
}

static void
test_message (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *page = NULL;
  gboolean delivered = TRUE;

  befriend (post);
  id = side_post (post->alice, "bob", "Hey there!", &delivered);
  g_assert_false (delivered);
  mail_wait (post, side_told (post->bob, "new_message", id));
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"offline\""));
  exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  page = side_page (post->alice, "bob");
  g_assert_nonnull (strstr (page, "\"delivered\":true,\"delivery_method\":\"offline\""));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/chat/mail/message", Post, NULL, set_up, test_message, tear_down);
  return g_test_run ();
}
