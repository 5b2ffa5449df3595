/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mail-fixture.h"
#include "kith-transport-private.h"

#include <string.h>

static void
letter_free (gpointer data)
{
  Letter *letter = data;

  g_bytes_unref (letter->sealed);
  g_free (letter->id);
  g_free (letter->mailbox);
  g_free (letter);
}

static void
account_free (gpointer data)
{
  Account *account = data;

  g_queue_clear_full (&account->letters, letter_free);
  g_ptr_array_unref (account->prekeys);
  g_clear_pointer (&account->bundle, g_bytes_unref);
  g_bytes_unref (account->certificate);
  g_bytes_unref (account->identity);
  g_free (account->username);
  g_free (account->mailbox);
  g_free (account);
}

Server *
server_new (Net *net)
{
  Server *server = g_new0 (Server, 1);

  server->net = net;
  server->accounts = g_ptr_array_new_with_free_func (account_free);
  server->fates = g_array_new (FALSE, FALSE, sizeof (KithDeposit));
  server->seen = g_ptr_array_new_with_free_func (g_free);
  return server;
}

void
server_free (Server *server)
{
  g_ptr_array_unref (server->accounts);
  g_array_unref (server->fates);
  g_ptr_array_unref (server->seen);
  g_free (server);
}

Account *
server_find (Server *server, const char *username)
{
  for (guint i = 0; i < server->accounts->len; i++)
    if (g_str_equal (((Account *)server->accounts->pdata[i])->username, username))
      return server->accounts->pdata[i];
  return NULL;
}

static Account *
find_mailbox (Server *server, const char *mailbox)
{
  for (guint i = 0; i < server->accounts->len; i++)
    if (g_str_equal (((Account *)server->accounts->pdata[i])->mailbox, mailbox))
      return server->accounts->pdata[i];
  return NULL;
}

void
server_empty (Server *server, const char *username)
{
  g_queue_clear_full (&server_find (server, username)->letters, letter_free);
}

void
server_next (Server *server, KithDeposit fate)
{
  g_array_append_val (server->fates, fate);
}

/* --- the transport, which is also the directory */

#define TEST_TYPE_MAIL (test_mail_get_type ())
G_DECLARE_FINAL_TYPE (TestMail, test_mail, TEST, MAIL, KithMailboxTransport)

struct _TestMail
{
  KithMailboxTransport parent_instance;
  Server *server;
  Account *account;
};

static void test_mail_iface_init (KithDirectoryInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestMail, test_mail, KITH_TYPE_MAILBOX_TRANSPORT,
                               G_IMPLEMENT_INTERFACE (KITH_TYPE_DIRECTORY, test_mail_iface_init))

static gboolean
fails (TestMail *self, GTask *task)
{
  if (!self->server->down)
    return FALSE;
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "the server does not answer");
  return TRUE;
}

static KithDeposit
deposit_one (Server *server, KithParcel *parcel)
{
  Account *account = find_mailbox (server, kith_parcel_get_mailbox (parcel));
  g_autofree char *hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, kith_parcel_get_sealed (parcel));
  Letter *letter;

  server->parcels++;
  g_ptr_array_add (server->seen, g_strdup_printf ("%s %s", kith_parcel_get_id (parcel), hash));
  if (server->fates->len > 0)
    {
      KithDeposit fate = g_array_index (server->fates, KithDeposit, 0);

      g_array_remove_index (server->fates, 0);
      if (fate != KITH_DEPOSIT_STORED)
        return fate;
    }
  if (account == NULL)
    return KITH_DEPOSIT_NO_MAILBOX;
  for (GList *l = account->letters.head; l != NULL; l = l->next)
    if (g_str_equal (((Letter *)l->data)->id, kith_parcel_get_id (parcel)))
      return g_bytes_equal (((Letter *)l->data)->sealed, kith_parcel_get_sealed (parcel)) ? KITH_DEPOSIT_DUPLICATE
                                                                                           : KITH_DEPOSIT_CONFLICT;
  letter = g_new0 (Letter, 1);
  letter->id = g_strdup (kith_parcel_get_id (parcel));
  letter->mailbox = g_strdup (account->mailbox);
  letter->sealed = g_bytes_ref (kith_parcel_get_sealed (parcel));
  g_queue_push_tail (&account->letters, letter);
  return KITH_DEPOSIT_STORED;
}

static void
test_deposit_async (
    KithMailboxTransport *mail, GPtrArray *parcels, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  TestMail *self = TEST_MAIL (mail);
  Server *server = self->server;
  g_autoptr (GTask) task = g_task_new (mail, c, cb, data);
  GArray *fates;
  gsize bytes = 0;

  g_assert_cmpuint (parcels->len, >, 0);
  g_assert_cmpuint (parcels->len, <=, 50);
  server->deposits++;
  if (fails (self, task))
    return;
  fates = g_array_new (FALSE, FALSE, sizeof (KithDeposit));
  for (guint i = 0; i < parcels->len; i++)
    {
      KithDeposit fate = deposit_one (server, parcels->pdata[i]);

      bytes += g_bytes_get_size (kith_parcel_get_sealed (parcels->pdata[i]));
      g_array_append_val (fates, fate);
      /* As the contract says: after one that may pass later the rest waits. */
      for (guint j = i + 1; fate == KITH_DEPOSIT_LATER && j < parcels->len; j++, i++)
        g_array_append_val (fates, fate);
    }
  g_assert_cmpuint (bytes, <=, 512 * 1024);
  if (!server->lose_answer)
    {
      g_task_return_pointer (task, fates, (GDestroyNotify)g_array_unref);
      return;
    }
  server->lose_answer = FALSE;
  g_array_unref (fates);
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "the answer was lost");
}

static GArray *
test_deposit_finish (KithMailboxTransport *mail, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
test_collect (KithMailboxTransport *mail)
{
  TEST_MAIL (mail)->server->collects++;
}

static void
test_mail_class_init (TestMailClass *klass)
{
  KITH_MAILBOX_TRANSPORT_CLASS (klass)->deposit_async = test_deposit_async;
  KITH_MAILBOX_TRANSPORT_CLASS (klass)->deposit_finish = test_deposit_finish;
  KITH_MAILBOX_TRANSPORT_CLASS (klass)->collect = test_collect;
}

static void
test_mail_init (TestMail *self)
{
}

static void
on_lookup_cancelled (GCancellable *c, GTask *task)
{
  g_task_return_error_if_cancelled (task);
  g_object_unref (task);
}

static void
test_lookup_async (
    KithDirectory *directory, const char *username, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  TestMail *self = TEST_MAIL (directory);
  g_autoptr (GTask) task = g_task_new (directory, c, cb, data);
  Account *account = server_find (self->server, username);
  KithListing *listing;

  self->server->lookups++;
  if (fails (self, task))
    return;
  if (self->server->silent)
    {
      g_cancellable_connect (c, G_CALLBACK (on_lookup_cancelled), g_steal_pointer (&task), NULL);
      return;
    }
  if (self->server->lookups_to_fail > 0)
    {
      self->server->lookups_to_fail--;
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "not this time");
      return;
    }
  if (account == NULL)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "nobody is called %s", username);
      return;
    }
  listing = kith_listing_new (username, account->identity);
  g_ptr_array_add (listing->mailboxes, kith_listed_mailbox_new (account->mailbox, account->certificate, 1));
  g_task_return_pointer (task, listing, (GDestroyNotify)kith_listing_free);
}

static KithListing *
test_lookup_finish (KithDirectory *directory, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GBytes *
make_fetch_form (Account *account)
{
  GByteArray *out = g_byte_array_new ();
  const guint8 *bundle = g_bytes_get_data (account->bundle, NULL);

  g_byte_array_append (out, bundle, KITH_E2EE_BUNDLE_BYTES);
  out->data[145] = account->prekeys->len > 0;
  if (account->prekeys->len > 0)
    {
      g_byte_array_append (out, g_bytes_get_data (account->prekeys->pdata[0], NULL), 32);
      g_ptr_array_remove_index (account->prekeys, 0);
    }
  return g_byte_array_free_to_bytes (out);
}

static void
test_claim_async (
    KithDirectory *directory, const char *mailbox, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  TestMail *self = TEST_MAIL (directory);
  g_autoptr (GTask) task = g_task_new (directory, c, cb, data);
  Account *account = find_mailbox (self->server, mailbox);

  self->server->claims++;
  if (fails (self, task))
    return;
  if (account == NULL || account->bundle == NULL)
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "no such mailbox, or no keys");
  else
    g_task_return_pointer (task, make_fetch_form (account), (GDestroyNotify)g_bytes_unref);
}

static GBytes *
test_claim_finish (KithDirectory *directory, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
test_publish_async (KithDirectory *directory,
                    GBytes *bundle,
                    GPtrArray *prekeys,
                    GCancellable *c,
                    GAsyncReadyCallback cb,
                    gpointer data)
{
  TestMail *self = TEST_MAIL (directory);
  g_autoptr (GTask) task = g_task_new (directory, c, cb, data);
  Account *account = self->account;

  if (fails (self, task))
    return;
  g_assert_cmpuint (g_bytes_get_size (bundle), ==, KITH_E2EE_BUNDLE_BYTES);
  g_clear_pointer (&account->bundle, g_bytes_unref);
  account->bundle = g_bytes_ref (bundle);
  account->published++;
  for (guint i = 0; i < prekeys->len; i++)
    g_ptr_array_add (account->prekeys, g_bytes_ref (prekeys->pdata[i]));
  g_task_return_int (task, account->prekeys->len);
}

static gboolean
test_publish_finish (KithDirectory *directory, GAsyncResult *result, guint *left, GError **error)
{
  GError *failed = NULL;

  *left = (guint)g_task_propagate_int (G_TASK (result), &failed);
  if (failed == NULL)
    return TRUE;
  g_propagate_error (error, failed);
  return FALSE;
}

static void
test_mail_iface_init (KithDirectoryInterface *iface)
{
  iface->lookup_async = test_lookup_async;
  iface->lookup_finish = test_lookup_finish;
  iface->claim_async = test_claim_async;
  iface->claim_finish = test_claim_finish;
  iface->publish_async = test_publish_async;
  iface->publish_finish = test_publish_finish;
}

/* --- sides */

static Account *
sign_up (Side *side, Server *server)
{
  Account *account = g_new0 (Account, 1);
  GByteArray *about = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GString) hex = g_string_new (NULL);
  guint8 uuid[16];

  account->username = g_strdup (side->name);
  account->mailbox = kith_world_new_uuid (side->net->world);
  account->identity = kith_keys_dup_identity_key (side->keys);
  account->prekeys = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  for (const char *c = account->mailbox; *c != '\0'; c++)
    if (*c != '-')
      g_string_append_c (hex, *c);
  for (guint i = 0; i < 16; i++)
    uuid[i] = (guint8)(g_ascii_xdigit_value (hex->str[2 * i]) << 4 | g_ascii_xdigit_value (hex->str[2 * i + 1]));
  g_byte_array_append (about, uuid, sizeof uuid);
  g_byte_array_append (about, (const guint8 *)side->name, strlen (side->name));
  bytes = g_byte_array_free_to_bytes (about);
  account->certificate = kith_keys_certify (side->keys, "kith/mailbox/1 device", bytes, NULL);
  g_assert_nonnull (account->certificate);
  g_ptr_array_add (server->accounts, account);
  return account;
}

KithMailboxTransport *
side_open_mail (Side *side, Server *server)
{
  TestMail *mail = g_object_new (TEST_TYPE_MAIL, "id", "mail", NULL);
  g_autoptr (GError) error = NULL;

  mail->server = server;
  mail->account = server_find (server, side->name);
  if (mail->account == NULL)
    mail->account = sign_up (side, server);
  kith_transport_attach (KITH_TRANSPORT (mail), side->net->world);
  kith_chat_add_transport (side->chat, KITH_TRANSPORT (mail), &error);
  g_assert_no_error (error);
  kith_chat_add_directory (side->chat, KITH_DIRECTORY (mail), &error);
  g_assert_no_error (error);
  kith_transport_set_state (KITH_TRANSPORT (mail), KITH_TRANSPORT_CONNECTED, NULL);
  return KITH_MAILBOX_TRANSPORT (mail);
}

void
side_close_mail (Side *side, KithMailboxTransport *mail)
{
  kith_chat_drop_transport (side->chat, KITH_TRANSPORT (mail));
  kith_chat_drop_directory (side->chat, KITH_DIRECTORY (mail));
  g_object_unref (mail);
}

gboolean
side_take (Side *side, KithMailboxTransport *mail, const Letter *letter, KithFate *fate, GError **error)
{
  g_autoptr (KithParcel) parcel = kith_parcel_new (letter->id, letter->mailbox, letter->sealed, 0);
  Wait wait = { 0 };
  gboolean ok;

  kith_mailbox_transport_receive_async (mail, parcel, NULL, wait_callback, &wait);
  ok = kith_mailbox_transport_receive_finish (mail, side_wait (side, &wait), fate, error);
  wait_clear (&wait);
  return ok;
}

KithFate
side_collect (Side *side, KithMailboxTransport *mail, Server *server)
{
  Account *account = server_find (server, side->name);
  KithFate fate = KITH_FATE_DUPLICATE;

  while (!g_queue_is_empty (&account->letters))
    {
      Letter *letter = g_queue_pop_head (&account->letters);
      g_autoptr (GError) error = NULL;

      side_take (side, mail, letter, &fate, &error);
      g_assert_no_error (error);
      letter_free (letter);
    }
  return fate;
}

char *
side_look_up (Side *side, const char *username)
{
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };
  char *name;

  kith_chat_add_async (side->chat, username, NULL, NULL, NULL, wait_callback, &wait);
  name = kith_chat_add_finish (side->chat, side_wait (side, &wait), &error);
  g_assert_no_error (error);
  wait_clear (&wait);
  return name;
}

/* --- two sides */

void
post_set_up (Post *post, gconstpointer data)
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

void
post_tear_down (Post *post, gconstpointer data)
{
  side_stop (post->alice);
  side_stop (post->bob);
  g_clear_object (&post->a);
  g_clear_object (&post->b);
  net_tear_down (&post->net, NULL);
  server_free (post->server);
}

guint
post_letters (Post *post, const char *who)
{
  return server_find (post->server, who)->letters.length;
}

void
post_befriend (Post *post)
{
  g_free (side_look_up (post->alice, "bob"));
  g_free (side_look_up (post->bob, "alice"));
  net_wait (&post->net, post_letters (post, "alice") > 0 && post_letters (post, "bob") > 0);
  side_collect (post->alice, post->a, post->server);
  side_collect (post->bob, post->b, post->server);
}

static gint64
waiting (Side *side)
{
  return side_query (side, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM receipt)");
}

void
post_exchange (Post *post)
{
  mail_wait (post, waiting (post->alice) == 0 && waiting (post->bob) == 0);
}

void
post_restart (Post *post, Side *side, KithMailboxTransport **mail)
{
  side_stop (side);
  g_clear_object (mail);
  side_start (side);
  side_cut (side);
  *mail = side_open_mail (side, post->server);
}
