/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of core/keys share. */
#pragma once

#include <kith/kith.h>

#include "kith-keys.h"

G_BEGIN_DECLS

struct _KithKeys
{
  GObject parent;
  KithWorld *world;
  KithE2eeRandom random; /* the world's */

  KithE2eeAccount *account; /* atomic; NULL until open */
  GPtrArray *retired;       /* accounts of before a restore: somebody may still hold their identity */
  gint64 created_ms;

  GMutex lock;             /* for `loaded` and `certified` */
  KithE2eeAccount *loaded; /* by a job, to be adopted once it is committed */
  gint64 loaded_created_ms;
  gint64 certified; /* `created` of the last certificate */

  /* Writer thread only. */
  KithE2eeArena *arena;
  guint slice;       /* of the present round of pruning */
  gint64 pruned_day; /* the day of the last full round */
  gboolean refilling;
  gint renewed; /* atomic: a job made prekeys, tell "bundle-changed" when it is committed */

  KithStore *store; /* while open, main thread */
  guint timer;
  gboolean busy; /* a maintaining job is under way */
};

#define KITH_KEYS_DAY_MS (INT64_C (86400) * 1000)

/* Any thread; NULL until open. */
const KithE2eeAccount *kith_keys_get_account (KithKeys *self);
/* In a job that may run after load and before adopt: the account that the job's tables are of. */
const KithE2eeAccount *kith_keys_get_newest_account (KithKeys *self);
gint64 kith_keys_now_ms (KithKeys *self);
/* Takes the account. */
void kith_keys_set_loaded (KithKeys *self, KithE2eeAccount *account, gint64 created_ms);
/* FALSE with an error that says so. */
gboolean kith_keys_check_open (KithKeys *self, GError **error);
/* Asks for a maintaining job soon; any thread. */
void kith_keys_kick (KithKeys *self);
void kith_keys_start_looking_after (KithKeys *self, KithStore *store);

void kith_backup_copy_seed (KithBackup *self, guint8 seed[32]);

/* Makes `n` one-time prekeys. */
gboolean kith_keys_make_opks (KithKeys *self, KithDb *db, guint n, GError **error);

/* In words, domain KITH_ERROR; FAILED is a matter of the database. */
void kith_keys_set_code_error (GError **error, KithE2eeCode code, const char *doing);

G_END_DECLS
