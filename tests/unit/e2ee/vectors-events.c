/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replays a scenario: what is sent must be the recorded bytes, what is received must be read or refused as recorded,
 * and a refusal leaves everything that lasts as it was. */
#include <sodium.h>
#include <string.h>

#include "vectors.h"

typedef struct
{
  GHashTable *parties; /* name → Party */
  GHashTable *wires;   /* message → GBytes */
  JsonObject *event;
  guint n_messages;
} Stage;

static Party *
party_of (Stage *stage, const char *member)
{
  Party *party = g_hash_table_lookup (stage->parties, member_text (stage->event, member));

  if (party == NULL)
    g_error ("the vectors name somebody who has no account");
  return party;
}

static void
keep_wire (Stage *stage, GBytes *wire)
{
  g_hash_table_replace (stage->wires, g_strdup (member_text (stage->event, "msg")), g_bytes_ref (wire));
}

/* The vectors draw a ratchet pair when the message arrives that asks for it, this code when it sends next. */
static void
load_pending (Party *party, const char *session)
{
  char *key = NULL;
  GBytes *secret = NULL;

  if (!g_hash_table_steal_extended (party->pending, session, (gpointer *)&key, (gpointer *)&secret))
    return;
  script_add (&party->script.ratchet, secret);
  g_free (key);
}

static char *
on_bundle (Stage *stage)
{
  Party *of = party_of (stage, "of");
  g_autoptr (GBytes) bundle = member_base64 (stage->event, "bundle");
  guint8 ours[KITH_E2EE_BUNDLE_BYTES + 32];
  KithE2eeBundle parsed;
  gsize n;
  KithE2eeCode code = kith_e2ee_bundle_parse (g_bytes_get_data (bundle, NULL), g_bytes_get_size (bundle), &parsed);

  if (code != KITH_E2EE_OK)
    return g_strdup_printf ("a good bundle is refused: %s", kith_e2ee_code_name (code));
  if (parsed.n_opks > 0 && !mem_vault_has_opk (of->vault, parsed.opks))
    return g_strdup ("the bundle has a prekey that is not ours");
  n = mem_vault_bundle (of->vault, parsed.n_opks > 0 ? parsed.opks : NULL, ours);
  if (n != g_bytes_get_size (bundle) || memcmp (ours, g_bytes_get_data (bundle, NULL), n) != 0)
    return g_strdup ("our bundle has other bytes");
  return NULL;
}

static char *
send_and_compare (Stage *stage, Party *by, const char *session, gboolean rogue)
{
  g_autoptr (GBytes) plain = member_base64 (stage->event, "pt");
  g_autoptr (GBytes) wire = member_base64 (stage->event, "wire");
  g_autoptr (GBytes) sid = bytes_from_hex (session);
  gsize n_plain, n_wire;
  const guint8 *content = g_bytes_get_data (plain, &n_plain);
  g_autofree guint8 *ours = g_malloc (kith_e2ee_wire_bound (n_plain));
  KithE2eePlace place;
  KithE2eeCode code;

  load_pending (by, session);
  code = kith_e2ee_encrypt (&by->e, NULL, 0, peek (sid, 16), NULL, 0, content, n_plain, ours, &n_wire, &place);
  keep_wire (stage, wire);
  stage->n_messages++;
  if (code != KITH_E2EE_OK)
    return g_strdup_printf ("sending fails: %s", kith_e2ee_code_name (code));
  if (rogue)
    return NULL;
  if (n_wire != g_bytes_get_size (wire) || memcmp (ours, g_bytes_get_data (wire, NULL), n_wire) != 0)
    return g_strdup ("the wire has other bytes");
  if (!script_is_done (&by->script))
    return g_strdup ("other draws than listed");
  return NULL;
}

static char *
on_init (Stage *stage)
{
  Party *by = party_of (stage, "by"), *to = party_of (stage, "to");
  g_autoptr (GBytes) bundle = member_base64 (stage->event, "bundle");
  const char *session = member_text (stage->event, "session");
  char hex[33];
  guint8 sid[16];
  KithE2eeCode code;

  script_clear (&by->script);
  script_load (&by->script, stage->event);
  code = kith_e2ee_start (&by->e, g_bytes_get_data (bundle, NULL), g_bytes_get_size (bundle),
                          to->vault->account->identity, sid);
  if (code != KITH_E2EE_OK)
    return g_strdup_printf ("the session does not start: %s", kith_e2ee_code_name (code));
  if (strcmp (sodium_bin2hex (hex, sizeof hex, sid, 16), session) != 0)
    return g_strdup ("another session id");
  return send_and_compare (stage, by, session, FALSE);
}

static char *
on_send (Stage *stage)
{
  Party *by = party_of (stage, "by");

  script_clear (&by->script);
  script_load (&by->script, stage->event);
  return send_and_compare (stage, by, member_text (stage->event, "session"),
                           json_object_has_member (stage->event, "rogue"));
}

static char *
on_lose (Stage *stage)
{
  Party *by = party_of (stage, "by");
  const char *session = member_text (stage->event, "session");
  g_autoptr (GBytes) plain = member_base64 (stage->event, "pt");
  g_autoptr (GBytes) sid = bytes_from_hex (session);
  gsize n_plain, n_wire;
  const guint8 *content = g_bytes_get_data (plain, &n_plain);
  g_autofree guint8 *wire = g_malloc (kith_e2ee_wire_bound (n_plain));
  KithE2eePlace place;

  script_clear (&by->script);
  by->script.lax = TRUE;
  load_pending (by, session);
  for (gint64 i = member_int (stage->event, "count"); i > 0; i--)
    if (kith_e2ee_encrypt (&by->e, NULL, 0, peek (sid, 16), NULL, 0, content, n_plain, wire, &n_wire, &place)
        != KITH_E2EE_OK)
      return g_strdup ("sending fails");
  return NULL;
}

static char *
check_accepted (Stage *stage, Party *to, const guint8 *plain, const KithE2eeOpened *opened)
{
  g_autoptr (GBytes) expected = member_base64 (stage->event, "pt");
  const char *session = member_text (stage->event, "session");
  JsonObject *random = json_object_get_object_member (stage->event, "random");
  char hex[33];

  if (opened->n_content != g_bytes_get_size (expected)
      || (opened->n_content > 0 && memcmp (plain, g_bytes_get_data (expected, NULL), opened->n_content) != 0))
    return g_strdup ("another content");
  if (opened->new_session != json_object_get_boolean_member (stage->event, "new_session"))
    return g_strdup ("wrong about the session being new");
  if (strcmp (sodium_bin2hex (hex, sizeof hex, opened->place.sid, 16), session) != 0)
    return g_strdup ("another session");
  if (json_object_has_member (random, "ratchet"))
    {
      JsonArray *list = json_object_get_array_member (random, "ratchet");

      g_hash_table_replace (to->pending, g_strdup (session),
                            bytes_from_hex (json_array_get_string_element (list, 0)));
    }
  return NULL;
}

static char *
on_recv (Stage *stage)
{
  Party *to = party_of (stage, "to");
  gboolean own = json_object_has_member (stage->event, "wire"),
           ok = strcmp (member_text (stage->event, "expect"), "ok") == 0;
  g_autoptr (GBytes) wire = own ? member_base64 (stage->event, "wire")
                                : g_bytes_ref (g_hash_table_lookup (stage->wires, member_text (stage->event, "msg")));
  g_autoptr (GBytes) from
      = json_object_has_member (stage->event, "from_identity") ? member_hex (stage->event, "from_identity") : NULL;
  KithE2eeClaim claim = { from != NULL ? peek (from, 32) : NULL, 0 };
  gsize n_wire;
  const guint8 *bytes = g_bytes_get_data (wire, &n_wire);
  /* Exactly as long as it is, so that a read past the end is one. */
  g_autofree guint8 *exact = g_memdup2 (bytes, n_wire);
  g_autofree guint8 *plain = g_malloc0 (n_wire + 1);
  guint8 before[32], after[32];
  KithE2eeOpened opened;
  KithE2eeCode code;

  script_clear (&to->script);
  mem_vault_hash (to->vault, before);
  code = kith_e2ee_decrypt (&to->e, claim, exact, n_wire, plain, &opened);
  mem_vault_hash (to->vault, after);
  if (ok)
    return code == KITH_E2EE_OK ? check_accepted (stage, to, plain, &opened)
                                : g_strdup_printf ("a good message is refused: %s", kith_e2ee_code_name (code));
  if (!is_listed (json_object_get_array_member (stage->event, "errors"), code))
    return g_strdup_printf ("answered %s where the oracle says %s", kith_e2ee_code_name (code),
                            member_text (stage->event, "oracle_error"));
  return memcmp (before, after, 32) == 0 ? NULL : g_strdup ("a refused message changed the state");
}

static char *
on_check_active (Stage *stage)
{
  Party *who = party_of (stage, "who"), *peer = party_of (stage, "peer");
  guint8 sid[16];
  char hex[33];

  if (!mem_vault_active (who->vault, peer->vault->account->identity, peer->vault->account->device, sid))
    return g_strdup ("no active session");
  return strcmp (sodium_bin2hex (hex, sizeof hex, sid, 16), member_text (stage->event, "session")) == 0
             ? NULL
             : g_strdup ("another active session");
}

static char *
on_rotate (Stage *stage)
{
  g_autoptr (GBytes) secret = member_hex (stage->event, "spk_priv");

  mem_vault_add_spk (party_of (stage, "who")->vault, peek (secret, 32),
                     (guint64)member_int (stage->event, "spk_created"));
  return NULL;
}

static char *
on_drop (Stage *stage)
{
  mem_vault_drop_sessions (party_of (stage, "who")->vault);
  return NULL;
}

static const struct
{
  const char *op;
  char *(*func) (Stage *stage);
} ops[] = {
  { "bundle", on_bundle },     { "init", on_init },          { "send", on_send },
  { "lose", on_lose },         { "recv", on_recv },          { "check_active", on_check_active },
  { "rotate_spk", on_rotate }, { "drop_sessions", on_drop },
};

static char *
run_event (Stage *stage)
{
  const char *op = member_text (stage->event, "op");

  for (gsize i = 0; i < G_N_ELEMENTS (ops); i++)
    if (strcmp (op, ops[i].op) == 0)
      return ops[i].func (stage);
  return g_strdup_printf ("unknown event %s", op);
}

static GHashTable *
read_parties (JsonObject *accounts, gboolean no_wires)
{
  GHashTable *parties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)party_free);
  g_autoptr (GList) names = json_object_get_members (accounts);

  for (GList *l = names; l != NULL; l = l->next)
    {
      Party *party = party_new (json_object_get_object_member (accounts, l->data));

      party->vault->no_wires = no_wires;
      g_hash_table_insert (parties, g_strdup (l->data), party);
    }
  return parties;
}

char *
run_events (JsonObject *scenario, gboolean no_wires, guint *n_messages)
{
  JsonArray *events = json_object_get_array_member (scenario, "events");
  Stage stage = { 0 };
  char *reason = NULL;

  stage.parties = read_parties (json_object_get_object_member (scenario, "accounts"), no_wires);
  stage.wires = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
  for (guint i = 0; reason == NULL && i < json_array_get_length (events); i++)
    {
      g_autofree char *what = NULL;

      stage.event = json_array_get_object_element (events, i);
      what = run_event (&stage);
      if (what != NULL)
        reason = g_strdup_printf ("event %u (%s): %s", i, member_text (stage.event, "op"), what);
    }
  *n_messages += stage.n_messages;
  g_hash_table_unref (stage.wires);
  g_hash_table_unref (stage.parties);
  return reason;
}
