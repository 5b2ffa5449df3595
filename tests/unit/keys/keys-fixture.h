/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-courier.h"
#include "kith-keys.h"

G_BEGIN_DECLS

/* A daemon's store and keys, in a folder of its own and a virtual world of its own. */
typedef struct
{
  KithWorld *world;
  KithStore *store;
  KithKeys *keys;
  char *folder;
  char *path;
  guint8 key[KITH_STORE_KEY_BYTES];
  guint changed;  /* "bundle-changed" seen */
  gboolean stays; /* the folder is the caller's */
} Person;

Person *person_new (guint64 seed);
/* In a folder that may have a database already, and stays. */
Person *person_new_at (const char *folder, guint64 seed);
void person_free (Person *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Person, person_free)

/* Closes and opens again, as a restart would. */
void person_restart (Person *self);
void person_advance (Person *self, gint64 ms);
gint64 person_count (Person *self, const char *sql);
/* A hash over every row of the keys' tables. */
char *person_hash (Person *self);

/* Runs one job; NULL, or its error. */
typedef gboolean (*PersonFunc) (Person *self, KithDb *db, gpointer data, GError **error);
GError *person_try (Person *self, PersonFunc func, gpointer data);
void person_run (Person *self, PersonFunc func, gpointer data);

GBytes *person_bundle (Person *self, Person *by, gboolean is_friend);
gsize bundle_opks (GBytes *bundle);
void person_start (Person *self, Person *with, GBytes *bundle);
GBytes *person_send (Person *self, Person *to, const char *text);
/* Decrypts; *text (nullable, free it) is set when it was read. */
KithE2eeCode person_receive (Person *self, Person *from, GBytes *wire, char **text);
void assert_receives (Person *self, Person *from, GBytes *wire, const char *text);

/* Runs the default context until it is there. */
GAsyncResult *wait_for (GAsyncResult **result);
void keep_result (GObject *source, GAsyncResult *result, gpointer data);

G_END_DECLS
