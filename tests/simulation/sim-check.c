/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim.h"
#include "kith-journal.h"
#include "kith-message.h"

#include <string.h>

/* --- what stands in a database about one conversation */

typedef struct
{
  char *id, *text, *reactions;
  gint64 pos, rev;
  gboolean sent, delivered, failed, deleted;
} Row;

typedef struct
{
  Node *node, *peer;
  GPtrArray *rows;   /* Row, by pos */
  GHashTable *by_id; /* none */
  gint64 read_to, peer_read;
} Talk;

static void
row_free (gpointer data)
{
  Row *row = data;

  g_free (row->id);
  g_free (row->text);
  g_free (row->reactions);
  g_free (row);
}

static void
talk_free (Talk *talk)
{
  g_hash_table_unref (talk->by_id);
  g_ptr_array_unref (talk->rows);
  g_free (talk);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Talk, talk_free)

/* Who reacted: the nodes' numbers, so that both sides say the same. */
static char *
read_reactions (Talk *talk, KithDb *db, gint64 message, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT mine, emoji FROM reaction WHERE message = ? AND removed = 0 ORDER BY emoji, mine = ?");
  GString *out = g_string_new (NULL);

  kith_stmt_bind_int64 (stmt, 1, message);
  kith_stmt_bind_int64 (stmt, 2, talk->node->index > talk->peer->index);
  while (kith_stmt_step (stmt, error) == KITH_STEP_ROW)
    g_string_append_printf (out, "%s%s ", kith_stmt_get_int64 (stmt, 0) ? talk->node->name : talk->peer->name,
                            kith_stmt_get_text (stmt, 1));
  return g_string_free (out, FALSE);
}

static gboolean
run_talk (KithDb *db, gpointer data, GError **error)
{
  Talk *talk = data;
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT m.row, m.id, m.pos, m.sent, m.text, m.delivered, m.failed, m.deleted, m.rev FROM message m JOIN "
          "person p ON p.id = m.person WHERE p.name = ? ORDER BY m.pos");
  KithStmt *marks = kith_db_prepare (db, "SELECT p.read_to, ifnull (c.peer_read, 0) FROM person p LEFT JOIN "
                                         "conversation c ON c.person = p.id WHERE p.name = ?");

  kith_stmt_bind_text (stmt, 1, talk->peer->name);
  kith_stmt_bind_text (marks, 1, talk->peer->name);
  while (kith_stmt_step (stmt, error) == KITH_STEP_ROW)
    {
      Row *row = g_new0 (Row, 1);
      guint8 id[KITH_ID_BYTES];
      char text[KITH_ID_TEXT];

      kith_stmt_copy_blob (stmt, 1, id, sizeof id);
      row->id = g_strdup (kith_id_print (id, text));
      row->pos = kith_stmt_get_int64 (stmt, 2);
      row->sent = kith_stmt_get_int64 (stmt, 3) != 0;
      row->text = kith_stmt_dup_text (stmt, 4);
      row->delivered = kith_stmt_get_int64 (stmt, 5) != 0;
      row->failed = kith_stmt_get_int64 (stmt, 6) != 0;
      row->deleted = kith_stmt_get_int64 (stmt, 7) != 0;
      row->rev = kith_stmt_get_int64 (stmt, 8);
      row->reactions = read_reactions (talk, db, kith_stmt_get_int64 (stmt, 0), error);
      g_ptr_array_add (talk->rows, row);
      g_hash_table_insert (talk->by_id, row->id, row);
    }
  if (kith_stmt_step (marks, error) == KITH_STEP_ROW)
    {
      talk->read_to = kith_stmt_get_int64 (marks, 0);
      talk->peer_read = kith_stmt_get_int64 (marks, 1);
    }
  return error == NULL || *error == NULL;
}

static Talk *
talk_new (Node *node, Node *peer)
{
  Talk *talk = g_new0 (Talk, 1);

  talk->node = node;
  talk->peer = peer;
  talk->rows = g_ptr_array_new_with_free_func (row_free);
  talk->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  sim_node_read (node, run_talk, talk);
  return talk;
}

/* --- both sides say the same */

static void
check_pair_row (Sim *sim, Talk *theirs, const Row *row, gboolean strict)
{
  const Row *other = g_hash_table_lookup (theirs->by_id, row->id);
  const char *from = theirs->peer->name, *to = theirs->node->name;

  if (strict && row->failed)
    sim_fail (sim, "%s could not be sent from %s to %s", row->text, from, to);
  if (other == NULL && theirs->node->renewed)
    return;
  if (other == NULL)
    {
      /* Deleted before it was sent: it never comes. */
      if (!row->deleted && (strict || row->delivered))
        sim_fail (sim, "%s (%s) from %s is not at %s", row->id, row->text, from, to);
      return;
    }
  if (other->sent)
    sim_fail (sim, "%s is of both sides", row->id);
  if (!strict)
    return;
  if (!row->deleted && !row->delivered)
    sim_fail (sim, "%s (%s) is at %s, and %s does not know", row->id, row->text, to, from);
  if (row->deleted != other->deleted)
    sim_fail (sim, "%s (%s) is deleted at one side", row->id, row->text);
  else if (!g_str_equal (row->text, other->text) || (!row->deleted && row->rev != other->rev))
    sim_fail (sim, "%s is \"%s\" (%" G_GINT64_FORMAT ") at %s and \"%s\" (%" G_GINT64_FORMAT ") at %s", row->id,
              row->text, row->rev, from, other->text, other->rev, to);
  else if (!g_str_equal (row->reactions, other->reactions))
    sim_fail (sim, "%s has \"%s\" at %s and \"%s\" at %s", row->id, row->reactions, from, other->reactions, to);
}

/* What this side sent, as the other one has it, in order. */
static void
check_direction (Sim *sim, Talk *ours, Talk *theirs, gboolean strict)
{
  const char *read = NULL, *told = NULL;
  gint64 before = 0;

  for (guint i = 0; i < ours->rows->len; i++)
    {
      const Row *row = g_ptr_array_index (ours->rows, i);

      if (!row->sent)
        continue;
      check_pair_row (sim, theirs, row, strict);
      if (row->pos <= ours->peer_read && !row->deleted)
        told = row->id;
    }
  for (guint i = 0; i < theirs->rows->len; i++)
    {
      const Row *row = g_ptr_array_index (theirs->rows, i);
      const Row *origin = g_hash_table_lookup (ours->by_id, row->id);

      if (row->sent)
        continue;
      if (row->pos <= theirs->read_to && !row->deleted)
        read = row->id;
      if (origin == NULL && ours->node->renewed)
        continue;
      if (origin == NULL)
        sim_fail (sim, "%s has %s (%s), which %s does not have", theirs->node->name, row->id, row->text,
                  ours->node->name);
      else if (origin->deleted)
        continue; /* it left the outbox, and a mailbox may still have brought it: as deleted */
      /* Who was removed or blocked has lost sessions: what was encrypted in them is healed when it comes. */
      else if (origin->pos < before && !sim->mail_loses && strict)
        sim_fail (sim, "%s came out of order at %s", row->id, theirs->node->name);
      else
        before = origin->pos;
    }
  /* What was deleted is no place where the other one can have stopped reading. */
  if (strict && g_strcmp0 (read, told) != 0)
    sim_fail (sim, "%s has read up to %s, and %s was told %s", theirs->node->name, read, ours->node->name, told);
}

/* --- what was acknowledged */

static void
check_message (Sim *sim, const Message *message, Talk *ours, Talk *theirs, gboolean strict)
{
  const Row *row = g_hash_table_lookup (ours->by_id, message->id);
  const Row *other = g_hash_table_lookup (theirs->by_id, message->id);

  if (message->voided)
    return;
  if (row == NULL)
    {
      sim_fail (sim, "%s was acknowledged to %s and is not there", message->client_id, message->from->name);
      return;
    }
  if (message->deleted && !row->deleted)
    sim_fail (sim, "%s was deleted and is there", message->client_id);
  if (!message->touched && !row->deleted && !g_str_equal (row->text, message->text))
    sim_fail (sim, "%s is \"%s\" and not \"%s\"", message->client_id, row->text, message->text);
  if (message->delivered && strict && other == NULL)
    sim_fail (sim, "%s was answered 200, and %s does not have it", message->client_id, message->to->name);
  if ((ours->node->renewed || theirs->node->renewed) && !row->deleted && (other == NULL || !row->delivered))
    sim_fail (sim, "%s is not delivered to %s or from it", message->client_id, message->to->name);
  if (message->read && other != NULL && theirs->read_to < other->pos)
    sim_fail (sim, "%s was read by %s, and is unread", message->client_id, message->to->name);
}

static void
check_pair (Sim *sim, Node *a, Node *b)
{
  g_autoptr (Talk) ours = talk_new (a, b);
  g_autoptr (Talk) theirs = talk_new (b, a);
  gboolean strict = !sim->disturbed[a->index][b->index];

  check_direction (sim, ours, theirs, strict);
  check_direction (sim, theirs, ours, strict);
  for (guint i = 0; i < sim->messages->len; i++)
    {
      const Message *message = g_ptr_array_index (sim->messages, i);

      if (!message->acknowledged)
        continue;
      if (message->from == a && message->to == b)
        check_message (sim, message, ours, theirs, strict);
      else if (message->from == b && message->to == a)
        check_message (sim, message, theirs, ours, strict);
    }
}

/* --- the journal */

typedef struct
{
  Node *node;
  gint64 next;
  GHashTable *seen; /* "event msg_id" */
} Journal;

static char *
member (const char *data, const char *name)
{
  g_autofree char *key = g_strdup_printf ("\"%s\":\"", name);
  const char *at = strstr (data, key), *end;

  if (at == NULL)
    return NULL;
  at += strlen (key);
  end = strchr (at, '"');
  return end != NULL ? g_strndup (at, (gsize)(end - at)) : NULL;
}

static gboolean
check_entry (gint64 seq, const char *event, const char *data, gsize n, gpointer user_data)
{
  Journal *journal = user_data;
  Node *node = journal->node;
  g_autofree char *text = g_strndup (data, n);
  g_autofree char *id = member (text, "msg_id");
  const char *told = seq <= (gint64)node->events->len ? node->events->pdata[seq - 1] : NULL;

  if (seq != journal->next)
    sim_fail (node->sim, "%s: the journal goes on with %" G_GINT64_FORMAT " after %" G_GINT64_FORMAT, node->name, seq,
              journal->next - 1);
  journal->next = seq + 1;
  if (told != NULL && !g_str_equal (told, event))
    sim_fail (node->sim, "%s: %" G_GINT64_FORMAT " was told as %s and is %s", node->name, seq, told, event);
  if (id != NULL
      && (g_str_equal (event, KITH_EVENT_NEW_MESSAGE) || g_str_equal (event, KITH_EVENT_MESSAGE_DELIVERED)
          || g_str_equal (event, KITH_EVENT_MESSAGE_DELETED))
      && !g_hash_table_add (journal->seen, g_strconcat (event, " ", id, NULL)))
    sim_fail (node->sim, "%s: %s was shown twice for %s", node->name, event, id);
  return TRUE;
}

static gboolean
run_journal (KithDb *db, gpointer data, GError **error)
{
  return kith_db_foreach_journal (db, 0, G_MAXINT, check_entry, data, error);
}

typedef struct
{
  gint64 value;
  const char *sql;
} Query;

static gboolean
run_query (KithDb *db, gpointer data, GError **error)
{
  Query *query = data;

  return kith_db_query_int64 (db, query->sql, &query->value, error);
}

static gint64
ask (Node *node, const char *sql)
{
  Query query = { 0, sql };

  sim_node_read (node, run_query, &query);
  return query.value;
}

static void
check_node (Sim *sim, Node *node)
{
  Journal journal = { node, 1, g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) };
  guint shown = 0;
  GHashTableIter iter;
  gpointer key;
  gint64 alive, all;

  sim_node_read (node, run_journal, &journal);
  if (node->events->len >= journal.next)
    sim_fail (sim, "%s: %u events were told, and the journal has %" G_GINT64_FORMAT, node->name, node->events->len,
              journal.next - 1);
  g_hash_table_iter_init (&iter, journal.seen);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    shown += g_str_has_prefix (key, KITH_EVENT_NEW_MESSAGE " ");
  g_hash_table_unref (journal.seen);
  alive = ask (node, "SELECT count(*) FROM message WHERE deleted = 0");
  all = ask (node, "SELECT count(*) FROM message");
  if (shown < alive || shown > all)
    sim_fail (sim, "%s: %" G_GINT64_FORMAT " messages, %u were shown", node->name, all, shown);
}

/* --- whether anything is still under way */

/* Carol is not there in most seeds; who comes back from a backup writes to her all the same. */
#define OF_TWO "SELECT count(*) FROM outbox WHERE person NOT IN (SELECT id FROM person WHERE name = 'carol')"

static const char *const waits[] = {
  "SELECT count(*) FROM outbox",
  "SELECT count(*) FROM receipt",
  "SELECT count(*) FROM conversation WHERE tell_read <> 0",
  "SELECT count(*) FROM request_item",
};
static const char *const wait_names[] = { "contents in the outbox", "receipts", "read signs", "requests" };

static gboolean
run_outbox (KithDb *db, gpointer data, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT group_concat (kind || CASE WHEN wire IS NULL THEN ' (plain' ELSE ' (encrypted' END || ', ' || heals "
          "|| ' times healed)', ', ') FROM outbox");

  if (kith_stmt_step (stmt, error) == KITH_STEP_ROW && !kith_stmt_is_null (stmt, 0))
    g_string_append_printf (data, ", in it %s", kith_stmt_get_text (stmt, 0));
  return TRUE;
}

gboolean
sim_is_quiet (Sim *sim, GString *why)
{
  gboolean quiet = sim->pending == 0;

  for (guint i = 0; i < sim->n_nodes; i++)
    {
      Node *node = sim->nodes[i];

      for (guint k = 0; k < sim->n_nodes; k++)
        if (k != i && !sim_node_linked (node, sim->nodes[k]))
          {
            quiet = FALSE;
            if (why != NULL)
              g_string_append_printf (why, ", %s has no link to %s", node->name, sim->nodes[k]->name);
          }
      for (guint k = 0; k < G_N_ELEMENTS (waits) && (quiet || why != NULL); k++)
        {
          gint64 n = ask (node, k == 0 && sim->n_nodes < SIM_NODES_MAX ? OF_TWO : waits[k]);

          quiet = quiet && n == 0;
          if (n != 0 && why != NULL)
            g_string_append_printf (why, ", %s: %" G_GINT64_FORMAT " %s", node->name, n, wait_names[k]);
        }
      if (why != NULL)
        sim_node_read (node, run_outbox, why);
    }
  return quiet;
}

void
sim_check (Sim *sim)
{
  for (guint i = 0; i < sim->n_nodes; i++)
    {
      Node *node = sim->nodes[i];

      for (guint k = 0; k < i; k++)
        check_pair (sim, sim->nodes[k], node);
      check_node (sim, node);
    }
}
