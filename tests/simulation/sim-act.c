/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim.h"

/* --- what is asked, and what came of it */

typedef enum
{
  OP_POST,
  OP_EDIT,
  OP_DELETE,
  OP_REACT,
  OP_READ,
  OP_PERSON, /* add, remove, block */
} OpKind;

struct _Op
{
  OpKind kind;
  Node *node;
  guint life;
  Message *message; /* none */
  char *text;
};

static const char *const emojis[] = { "👍", "❤️", "😂" };

void
sim_message_free (gpointer data)
{
  Message *message = data;

  g_free (message->text);
  g_free (message->client_id);
  g_free (message->id);
  g_free (message);
}

static Op *
op_new (OpKind kind, Node *node, Message *message, const char *text)
{
  Op *op = g_new0 (Op, 1);

  op->kind = kind;
  op->node = node;
  op->life = node->life;
  op->message = message;
  op->text = g_strdup (text);
  node->ops++;
  node->sim->pending++;
  return op;
}

static void
op_free (Op *op)
{
  g_free (op->text);
  g_free (op);
}

static void
answer_post (Op *op, KithPosted *posted, const GError *error)
{
  Message *message = op->message;
  Sim *sim = op->node->sim;

  if (posted == NULL)
    {
      if (!sim->disturbed[message->from->index][message->to->index] && error->code != KITH_ERROR_CLOSED)
        sim_fail (sim, "%s could not post: %s", op->node->name, error->message);
      return;
    }
  if (message->id != NULL && !g_str_equal (message->id, posted->msg_id))
    sim_fail (sim, "one client_id, two messages: %s and %s", message->id, posted->msg_id);
  g_free (message->id);
  message->id = g_strdup (posted->msg_id);
  message->acknowledged = TRUE;
  message->delivered = message->delivered || posted->delivered;
}

/* Answers come in the order of the commits, so the last one tells what holds. */
static void
answer_change (Op *op)
{
  Message *message = op->message;

  if (op->kind == OP_EDIT)
    {
      g_free (message->text);
      message->text = g_strdup (op->text);
    }
  else if (op->kind == OP_DELETE)
    message->deleted = TRUE;
  else if (op->kind == OP_READ)
    message->read = TRUE;
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  static const char *const words[] = { "posted", "edited", "deleted", "reacted", "read", "person" };
  Op *op = data;
  Node *node = op->node;
  Sim *sim = node->sim;
  KithChat *chat = KITH_CHAT (source);
  g_autoptr (KithPosted) posted = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gboolean good;

  if (op->kind == OP_POST)
    posted = kith_chat_post_finish (chat, result, &error);
  else if (op->kind == OP_EDIT)
    bytes = kith_chat_print_finish (chat, result, &error);
  else
    kith_chat_change_finish (chat, result, &error);
  good = error == NULL;
  if (op->life != node->life)
    {
      /* Its caller is dead. */
      op_free (op);
      return;
    }
  node->ops--;
  sim->pending--;
  sim_trace (sim, "%s: %s %s: %s", node->name, words[op->kind], op->text,
             error != NULL ? error->message : posted == NULL ? "yes" : posted->delivered ? "200" : "202");
  if (op->kind == OP_POST)
    answer_post (op, posted, error);
  else if (good && op->message != NULL)
    answer_change (op);
  op_free (op);
}

static void
on_added (GObject *source, GAsyncResult *result, gpointer data)
{
  Op *op = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = kith_chat_add_finish (KITH_CHAT (source), result, &error);

  if (op->life == op->node->life)
    {
      op->node->ops--;
      op->node->sim->pending--;
      sim_trace (op->node->sim, "%s: added %s: %s", op->node->name, op->text, error != NULL ? error->message : name);
    }
  op_free (op);
}

/* --- actions */

static Node *
pick_up (Sim *sim)
{
  Node *node = sim->nodes[sim_below (sim, sim->n_nodes)];

  return node->up ? node : NULL;
}

static Node *
pick_other (Sim *sim, Node *node)
{
  return sim->nodes[(node->index + 1 + sim_below (sim, sim->n_nodes - 1)) % sim->n_nodes];
}

static void
post (Node *node, Message *message)
{
  Op *op = op_new (OP_POST, node, message, message->client_id);

  kith_chat_post_async (node->chat, message->to->name, message->text, NULL, message->client_id, NULL, on_answer, op);
}

static void
act_post (Sim *sim, Node *node)
{
  Message *message = g_new0 (Message, 1);

  message->from = node;
  message->to = pick_other (sim, node);
  message->client_id = g_strdup_printf ("c%u", ++sim->n_posts);
  message->text = g_strdup_printf ("%s to %s %u", node->name, message->to->name, sim->n_posts);
  g_ptr_array_add (sim->messages, message);
  sim_trace (sim, "%s posts %s to %s", node->name, message->client_id, message->to->name);
  post (node, message);
}

static Message *
pick_message (Sim *sim, Node *node, gboolean own)
{
  Message *message;

  if (sim->messages->len == 0)
    return NULL;
  message = g_ptr_array_index (sim->messages, sim_below (sim, sim->messages->len));
  return message->id != NULL && (own ? message->from == node : message->from == node || message->to == node) ? message
                                                                                                          : NULL;
}

/* A client that had no answer, or does not know any more, asks again. */
static void
act_retry (Sim *sim, Node *node)
{
  Message *message = sim->messages->len > 0
                         ? g_ptr_array_index (sim->messages, sim_below (sim, sim->messages->len)) : NULL;

  if (message == NULL || message->from != node || message->edits > 0 || message->voided)
    return;
  sim_trace (sim, "%s posts %s again", node->name, message->client_id);
  post (node, message);
}

static void
act_edit (Sim *sim, Node *node)
{
  Message *message = pick_message (sim, node, TRUE);
  g_autofree char *text = NULL;

  if (message == NULL)
    return;
  text = g_strdup_printf ("%s, edit %u", message->client_id, ++message->edits);
  sim_trace (sim, "%s edits %s", node->name, text);
  kith_chat_edit_async (node->chat, message->id, text, NULL, on_answer, op_new (OP_EDIT, node, message, text));
}

static void
act_delete (Sim *sim, Node *node)
{
  Message *message = pick_message (sim, node, TRUE);

  if (message == NULL)
    return;
  message->edits++;
  sim_trace (sim, "%s deletes %s", node->name, message->client_id);
  kith_chat_delete_async (node->chat, message->id, TRUE, NULL, on_answer,
                          op_new (OP_DELETE, node, message, message->client_id));
}

static void
act_react (Sim *sim, Node *node)
{
  Message *message = pick_message (sim, node, FALSE);
  const char *emoji = emojis[sim_below (sim, G_N_ELEMENTS (emojis))];
  gboolean removed = sim_percent (sim, 30);
  g_autofree char *text = NULL;

  if (message == NULL)
    return;
  text = g_strdup_printf ("%c%s %s", removed ? '-' : '+', emoji, message->client_id);
  sim_trace (sim, "%s reacts %s", node->name, text);
  kith_chat_react_async (node->chat, message->id, emoji, removed, NULL, on_answer,
                         op_new (OP_REACT, node, message, text));
}

static void
act_read (Sim *sim, Node *node)
{
  Message *message = pick_message (sim, node, FALSE);
  KithFriend *peer;

  if (message == NULL || message->to != node)
    return;
  peer = kith_chat_find_friend (node->chat, message->from->name);
  if (peer == NULL)
    return;
  sim_trace (sim, "%s reads up to %s", node->name, message->client_id);
  kith_chat_mark_read_async (node->chat, peer, message->id, TRUE, NULL, on_answer,
                             op_new (OP_READ, node, message, message->client_id));
}

static void
add (Node *node, Node *other)
{
  g_autofree char *invite = kith_chat_make_invite (other->chat);

  sim_trace (node->sim, "%s adds %s", node->name, other->name);
  kith_chat_add_async (node->chat, NULL, invite, "it is me", NULL, on_added,
                       op_new (OP_PERSON, node, NULL, other->name));
}

static void
act_person (Sim *sim, Node *node)
{
  Node *other = pick_other (sim, node);
  guint what = sim_below (sim, 4);
  g_autofree char *text = g_strdup_printf ("%u %s", what, other->name);

  if (!sim->strangers || !other->up)
    return;
  sim->disturbed[node->index][other->index] = sim->disturbed[other->index][node->index] = TRUE;
  if (what == 3)
    {
      add (node, other);
      return;
    }
  sim_trace (sim, "%s: %s %s", node->name, what == 0 ? "removes" : what == 1 ? "blocks" : "unblocks", other->name);
  if (what == 0)
    kith_chat_remove_async (node->chat, other->name, NULL, on_answer, op_new (OP_PERSON, node, NULL, text));
  else
    kith_chat_set_blocked_async (node->chat, other->name, what == 1, NULL, on_answer,
                                 op_new (OP_PERSON, node, NULL, text));
}

/* What its callers were not told of, they do not know. */
static void
forget_answers (Sim *sim, Node *node)
{
  for (guint i = 0; i < sim->messages->len; i++)
    {
      Message *message = g_ptr_array_index (sim->messages, i);

      if (message->from == node && message->edits > 0)
        message->touched = TRUE;
    }
}

static void
act_kill (Sim *sim, Node *node)
{
  gboolean silently = sim_percent (sim, 30);
  guint steps = sim_below (sim, 12);

  /* In the middle of whatever is going on. */
  if (sim_percent (sim, 50))
    sim_advance (sim, sim_below (sim, 40));
  for (guint i = 0; i < steps; i++)
    g_main_context_iteration (sim->context, FALSE);
  sim_trace (sim, "%s is killed%s", node->name, silently ? ", silently" : "");
  if (node->ops > 0)
    forget_answers (sim, node);
  sim_node_kill (node, silently);
  if (sim_percent (sim, 60))
    {
      sim_trace (sim, "%s starts", node->name);
      sim_node_start (node);
    }
}

static void
act_stop (Sim *sim, Node *node)
{
  sim_trace (sim, "%s stops", node->name);
  sim_node_stop (node);
  if (sim_percent (sim, 60))
    {
      sim_trace (sim, "%s starts", node->name);
      sim_node_start (node);
    }
}

static void
act_renew (Sim *sim, Node *node)
{
  /* With those who are no friends, a backup is another story. */
  if (sim->strangers)
    return;
  sim_trace (sim, "%s comes back from a backup", node->name);
  sim_node_renew (node, sim->backups[node->index]);
}

static void
act_part (Sim *sim)
{
  guint a = sim_below (sim, sim->n_nodes);
  guint b = (a + 1) % sim->n_nodes;

  sim_trace (sim, "%s %s %s", sim->nodes[a]->name, sim->parted[a][b] ? "meets" : "is parted from", sim->nodes[b]->name);
  sim_part (sim, a, b, !sim->parted[a][b]);
}

static void
act_mail (Sim *sim, Node *node)
{
  if (node->mail == NULL)
    return;
  sim_trace (sim, "%s: mailboxes %s", node->name, sim_mail_connected (node) ? "go" : "come");
  sim_mail_connect (node, !sim_mail_connected (node));
}

static void
act_skew (Sim *sim, Node *node)
{
  gint64 ms = ((gint64)sim_below (sim, 2 * 86400) - 86400) * 1000;

  if (sim_percent (sim, 50))
    ms /= 1000;
  sim_trace (sim, "%s: the calendar jumps by %" G_GINT64_FORMAT " ms", node->name, ms);
  sim_world_shift (node->world, ms);
}

static void
pass_time (Sim *sim)
{
  guint dice = sim_below (sim, 100);

  if (dice < 45)
    return;
  if (dice < 65)
    for (guint i = sim_below (sim, 6); i > 0; i--)
      g_main_context_iteration (sim->context, FALSE);
  else if (dice < 90)
    sim_advance (sim, 1 + sim_below (sim, 500));
  else if (dice < 98)
    sim_advance (sim, 1000 + sim_below (sim, 10000));
  else
    sim_advance (sim, 60000 + sim_below (sim, 300000));
}

static void
act_on_node (Sim *sim, Node *node, guint dice)
{
  if (dice < 45)
    act_post (sim, node);
  else if (dice < 53)
    act_edit (sim, node);
  else if (dice < 57)
    act_delete (sim, node);
  else if (dice < 66)
    act_react (sim, node);
  else if (dice < 72)
    act_read (sim, node);
  else if (dice < 74)
    act_mail (sim, node);
  else if (dice < 78)
    act_retry (sim, node);
  else if (dice < 80)
    act_skew (sim, node);
  else if (dice < 83)
    act_person (sim, node);
  else if (dice < 87)
    act_kill (sim, node);
  else if (dice < 89)
    act_stop (sim, node);
  else
    act_renew (sim, node);
}

void
sim_act (Sim *sim)
{
  Node *node = pick_up (sim);
  guint dice = sim_below (sim, 100);

  if (node == NULL && sim_percent (sim, 40))
    for (guint i = 0; i < sim->n_nodes; i++)
      if (!sim->nodes[i]->up)
        {
          sim_trace (sim, "%s starts", sim->nodes[i]->name);
          sim_node_start (sim->nodes[i]);
        }
  if (node != NULL && (dice < 89 || (dice == 89 && sim_percent (sim, 50))))
    act_on_node (sim, node, dice);
  else if (dice >= 97)
    act_part (sim);
  else if (dice >= 89)
    sim_cut_some (sim, dice >= 94);
  pass_time (sim);
}

/* --- in the end all is well */

static gboolean
are_friends (Node *node, Node *other)
{
  KithPerson *person = kith_people_find_name (node->chat->people, other->name);

  return person != NULL && kith_person_is_friend (person);
}

/* A post waits three seconds at most. */
static void
await_answers (Sim *sim)
{
  for (guint i = 0; i < 100 && sim->pending > 0; i++)
    sim_advance (sim, 50);
}

static void
mend (Node *node, Node *other)
{
  KithPerson *person = kith_people_find_name (node->chat->people, other->name);

  if (person != NULL && person->row.blocked)
    kith_chat_set_blocked_async (node->chat, other->name, FALSE, NULL, on_answer,
                                 op_new (OP_PERSON, node, NULL, "2"));
  await_answers (node->sim);
  if (!are_friends (node, other))
    add (node, other);
  await_answers (node->sim);
}

void
sim_befriend (Node *a, Node *b)
{
  add (a, b);
  add (b, a);
}

void
sim_heal (Sim *sim)
{
  sim_trace (sim, "all is mended");
  sim->mail_trouble = FALSE;
  for (guint a = 0; a < sim->n_nodes; a++)
    for (guint b = 0; b < a; b++)
      if (sim->parted[a][b])
        sim_part (sim, a, b, FALSE);
  for (guint i = 0; i < sim->n_nodes; i++)
    if (!sim->nodes[i]->up)
      sim_node_start (sim->nodes[i]);
  for (guint i = 0; i < sim->n_nodes; i++)
    if (sim->nodes[i]->mail != NULL)
      sim_mail_connect (sim->nodes[i], TRUE);
  await_answers (sim); /* a block may be on its way */
  for (guint a = 0; a < sim->n_nodes; a++)
    for (guint b = 0; b < sim->n_nodes; b++)
      if (a != b)
        mend (sim->nodes[a], sim->nodes[b]);
}
