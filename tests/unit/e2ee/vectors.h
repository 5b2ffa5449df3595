/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the vector test share: JSON members as bytes, accounts by name, scripted chance, and the score.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "mem-vault.h"

G_BEGIN_DECLS

/* TAP, by hand: the program also runs by itself with files as arguments. */
typedef struct
{
  guint n;
  guint failed;
} Score;

void score_tell (Score *score, const char *group, const char *name, const char *reason /* NULL: fine */);

const char *member_text (JsonObject *object, const char *name);
gint64 member_int (JsonObject *object, const char *name);
GBytes *member_hex (JsonObject *object, const char *name);
GBytes *member_base64 (JsonObject *object, const char *name);
GBytes *bytes_from_hex (const char *hex);
const guint8 *peek (GBytes *bytes, gsize n); /* aborts when it has another length */

/* Chance that was written down: queues by purpose, and what a session will draw at its next send. */
typedef struct
{
  KithE2eeRandom random;
  GQueue ephemeral;
  GQueue ratchet;
  GQueue nonce;
  GQueue other;
  gboolean lax; /* anything where the queue is empty */
  gboolean short_of;
} Script;

void script_init (Script *self);
void script_clear (Script *self);
void script_load (Script *self, JsonObject *event);
void script_add (GQueue *queue, GBytes *bytes);
gboolean script_is_done (Script *self);

typedef struct
{
  MemVault *vault;
  Script script;
  GHashTable *pending; /* session id (hex) → GBytes: the ratchet secret that the vectors drew at the receipt */
  KithE2ee e;
} Party;

Party *party_new (JsonObject *setup);
void party_free (Party *self);

/* One scenario or message case; NULL, or what went wrong (free it). no_wires: without the dedupe table, so that the
 * ratchet itself has to refuse what comes twice. */
char *run_events (JsonObject *scenario, gboolean no_wires, guint *n_messages);

void test_primitives (Score *score, JsonObject *primitives);
void test_bundles (Score *score, JsonObject *accounts, JsonArray *cases);
void test_seals (Score *score, JsonArray *cases);

gboolean is_listed (JsonArray *errors, KithE2eeCode code);

G_END_DECLS
