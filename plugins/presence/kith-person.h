/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

/* What is known of one friend's presence, and what was shown of it. */
typedef struct
{
  KithHost *host;
  KithFriend *friend;
  gulong allow_handler;

  guint links;
  KithPresence told;       /* what we said of ourselves on this link */
  gboolean has_said;
  KithPresence said;       /* what they say of themself: it overrides everything else */
  gint64 said_until_us;    /* 0 = as long as a link is up */
  gint64 wait_until_us;    /* a link is up; their first word is awaited until then */
  gint64 offline_at_us;    /* shown as online although nothing says so any more, until then */
  GArray *evidence;        /* of Evidence */
  KithPresence shown;
  guint timer;
} KithPerson;

KithPerson *kith_person_new (KithHost *host, KithFriend *friend);
void kith_person_free (KithPerson *self);

void kith_person_link_up (KithPerson *self);
void kith_person_link_down (KithPerson *self);
void kith_person_said (KithPerson *self, KithPresence says);
/* A lease of 0 takes the source's word back. */
void kith_person_give_evidence (KithPerson *self, const char *source, KithPresence says, guint lease_ms);
/* Tells them how we are, if it is news to them, or always. */
void kith_person_tell_status (KithPerson *self, gboolean always);
/* Shows them as offline and stops watching. */
void kith_person_forget (KithPerson *self);

G_END_DECLS
