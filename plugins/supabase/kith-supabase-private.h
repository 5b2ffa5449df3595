/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-supabase-backoff.h"
#include "kith-supabase-http.h"
#include "kith-supabase-value.h"

/* One server, from the moment when the settings name it until they name another: everything else of this plugin is a
 * part of it, one file each. Counted; whatever waits for an answer holds it, and asks `stopped` before it goes on. */
typedef struct _KithSupabase KithSupabase;
typedef struct _KithSupabaseSession KithSupabaseSession;
typedef struct _KithSupabaseIncoming KithSupabaseIncoming;
typedef struct _KithSupabaseOutgoing KithSupabaseOutgoing;
typedef struct _KithSupabaseBell KithSupabaseBell;
typedef struct _KithSupabaseBeat KithSupabaseBeat;
typedef struct _KithSupabasePeople KithSupabasePeople;
typedef struct _KithSupabaseMarks KithSupabaseMarks;

struct _KithSupabase
{
  KithHost *host;                     /* both until it is stopped */
  KithMailboxTransport *transport;
  GNetworkMonitor *monitor;
  KithSupabaseConfig *config;
  KithSupabaseHttp *http;             /* NULL once stopped */
  GCancellable *cancellable;
  gboolean leaving;                   /* saying good-bye, beginning nothing new */
  gboolean stopped;

  KithSupabaseSession *session;
  KithSupabaseIncoming *incoming;
  KithSupabaseOutgoing *outgoing;
  KithSupabaseBell *bell;
  KithSupabaseBeat *beat;
  KithSupabasePeople *people;
  KithSupabaseMarks *marks;

  GRand *chance;
  KithSupabaseBackoff backoff;        /* of the server as a whole */
  guint timer;                        /* until it opens again */
  KithSupabaseBackoff setup_backoff;  /* of registering: a renewed token is no success of that */
  gboolean can_connect;               /* what https needs was loaded */
  gboolean setting_up;
  gboolean ready;                     /* signed in and registered */
  gboolean fetched;                   /* the mailbox was read, and that has not failed since */
  gboolean lost;                      /* the session; nothing changes that any more */
  GError *trouble;                    /* what the user should know */
};

/* --- kith-supabase.c: the whole */

KithSupabase *
kith_supabase_new (KithHost *host, KithMailboxTransport *transport, KithSupabaseConfig *config /* full */);
KithSupabase *kith_supabase_ref (KithSupabase *self);
void kith_supabase_unref (KithSupabase *self);
void kith_supabase_start (KithSupabase *self);
void kith_supabase_stop (KithSupabase *self);
/* Says good-bye to the server, within a moment, then stops; @done is called exactly once, perhaps at once. */
void kith_supabase_leave (KithSupabase *self, GDestroyNotify done, gpointer data);
/* A resume, another network: what waits need not wait any longer. */
void kith_supabase_hurry (KithSupabase *self);
/* Works out the transport's state anew. */
void kith_supabase_tell (KithSupabase *self);
void kith_supabase_set_trouble (KithSupabase *self, const GError *error);
/* There is no way there, or no way in: nothing goes to the server until the back-off has passed. */
void kith_supabase_give_way (KithSupabase *self, guint retry_after_s);
/* TRUE: not now; all that waits is kicked when it is over. */
gboolean kith_supabase_is_waiting (KithSupabase *self);
void kith_supabase_worked (KithSupabase *self);
double kith_supabase_chance (KithSupabase *self, double least, double most);
/* One of the parts tries again later, by its own back-off: what else the server does well says nothing of it. */
void kith_supabase_try_later (KithSupabase *self, KithSupabaseBackoff *backoff, guint *timer, guint retry_after_s,
                              GSourceFunc func);
/* … or need not wait any longer. */
void kith_supabase_retry_now (KithSupabase *self, KithSupabaseBackoff *backoff, guint *timer);
/* One-shot timer. */
guint kith_supabase_after (KithSupabase *self, guint ms, GSourceFunc func, gpointer data);

/* --- kith-supabase-call.c: one function of the server, signed in */

typedef void (*KithSupabaseFunc) (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data);

/* @func is called exactly once, never before this returns, also when stopped meanwhile. @args is full. */
void kith_supabase_call (KithSupabase *self, const char *function, JsonObject *args, KithSupabaseFunc func,
                         gpointer data);
/* Whether the answer is a failure of the way there, which the same call may survive later. */
gboolean kith_supabase_may_pass (const KithSupabaseAnswer *answer);
/* A KithError for whoever asked through the daemon. */
GError *kith_supabase_answer_error (const KithSupabaseAnswer *answer);
/* Anything that the server says against the contract. */
void kith_supabase_nonsense (KithSupabase *self, const char *function);

/* --- kith-supabase-session.c */

typedef void (*KithSupabaseTokenFunc) (KithSupabase *self, const char *token, const GError *error, gpointer data);

KithSupabaseSession *kith_supabase_session_new (void);
void kith_supabase_session_free (KithSupabaseSession *session);
/* Gives a token that is good for a while; @refused: one that the server did not take, or NULL. Never calls back before
 * it returns. */
void kith_supabase_session_get_token (KithSupabase *self, const char *refused, KithSupabaseTokenFunc func,
                                      gpointer data);
const char *kith_supabase_session_get_device (KithSupabase *self);
gboolean kith_supabase_session_is_lost (KithSupabase *self);
gboolean kith_supabase_session_has_token (KithSupabase *self);
/* After a loss, when the user takes the server out of the settings: the next sign-in begins anew. */
void kith_supabase_session_forget (KithSupabase *self);

/* --- kith-supabase-register.c */

void kith_supabase_register (KithSupabase *self, void (*done) (KithSupabase *self, const GError *error,
                                                               gboolean may_pass, guint retry_after_s));

/* --- kith-supabase-incoming.c */

KithSupabaseIncoming *kith_supabase_incoming_new (void);
void kith_supabase_incoming_free (KithSupabaseIncoming *incoming);
void kith_supabase_incoming_stop (KithSupabase *self);
/* There may be mail. */
void kith_supabase_incoming_wake (KithSupabase *self);
/* Goes on with what waited; and looks after the polling. */
void kith_supabase_incoming_kick (KithSupabase *self);
/* What waits for its own reasons need not either. */
void kith_supabase_incoming_hurry (KithSupabase *self);
/* Lets another process have the mailbox at once; best effort. TRUE: @func will be called. */
gboolean kith_supabase_incoming_release (KithSupabase *self, KithSupabaseFunc func, gpointer data);

/* --- kith-supabase-outgoing.c */

KithSupabaseOutgoing *kith_supabase_outgoing_new (void);
void kith_supabase_outgoing_free (KithSupabaseOutgoing *outgoing);
void kith_supabase_outgoing_stop (KithSupabase *self);
void kith_supabase_outgoing_kick (KithSupabase *self);
void kith_supabase_outgoing_hurry (KithSupabase *self);
/* @task is full: returns a GArray of KithDeposit. @parcels is none. */
void kith_supabase_outgoing_deposit (KithSupabase *self, GPtrArray *parcels, GTask *task);

/* --- kith-supabase-bell.c */

KithSupabaseBell *kith_supabase_bell_new (void);
void kith_supabase_bell_free (KithSupabaseBell *bell);
void kith_supabase_bell_stop (KithSupabase *self);
void kith_supabase_bell_kick (KithSupabase *self);
void kith_supabase_bell_hurry (KithSupabase *self);
/* The session has another token. */
void kith_supabase_bell_renew (KithSupabase *self, const char *token);
gboolean kith_supabase_bell_is_live (KithSupabase *self);

/* --- kith-supabase-keys.c: the directory. Tasks are full. */

void kith_supabase_lookup (KithSupabase *self, const char *username, GTask *task);        /* KithListing */
void kith_supabase_claim (KithSupabase *self, const char *mailbox, GTask *task);          /* GBytes */
void kith_supabase_publish (KithSupabase *self, GBytes *bundle, GPtrArray *prekeys, GTask *task);   /* int: left */

/* --- kith-supabase-people.c: which friend is which account here */

typedef struct
{
  char *key;            /* identity key, base64 */
  char *account;        /* UUID */
  char *granted;        /* checksum of what they were granted; NULL: nothing */
  gint64 granted_ms;
  gboolean seen;        /* evidence of them was given */
  char *sealed;         /* checksum of the last addresses that came */
  gint64 said_ms;       /* when they wrote them, by their clock */
  GStrv addresses;
} KithSupabasePerson;

KithSupabasePeople *kith_supabase_people_new (void);
void kith_supabase_people_free (KithSupabasePeople *people);
void kith_supabase_people_stop (KithSupabase *self);
/* Reads the table, once, then looks up some who are missing in it; @done is called when that is over. */
void kith_supabase_people_update (KithSupabase *self, void (*done) (KithSupabase *self));
GPtrArray *kith_supabase_people_get (KithSupabase *self);                                 /* of KithSupabasePerson */
void kith_supabase_people_learn (KithSupabase *self, GBytes *identity_key, const char *account);
void kith_supabase_people_forget (KithSupabase *self, KithSupabasePerson *person);
/* What they were granted, and when. */
void kith_supabase_people_granted (KithSupabase *self, KithSupabasePerson *person, const char *granted);
void kith_supabase_people_save (KithSupabase *self);
/* Transfer full; NULL: no friend, or a blocked one. */
KithFriend *kith_supabase_people_find_friend (KithSupabase *self, const KithSupabasePerson *person);
KithSupabasePerson *kith_supabase_people_find_account (KithSupabase *self, const char *account);
KithSupabasePerson *kith_supabase_people_find_key (KithSupabase *self, const char *key);

/* --- kith-supabase-beat.c: presence and addresses */

KithSupabaseBeat *kith_supabase_beat_new (void);
void kith_supabase_beat_free (KithSupabaseBeat *beat);
void kith_supabase_beat_stop (KithSupabase *self);
void kith_supabase_beat_start (KithSupabase *self);
void kith_supabase_beat_kick (KithSupabase *self);
/* Tells the friends, too, that we go; best effort. TRUE: @func will be called. */
gboolean kith_supabase_beat_farewell (KithSupabase *self, KithSupabaseFunc func, gpointer data);

/* --- kith-supabase-marks.c: read positions */

KithSupabaseMarks *kith_supabase_marks_new (void);
void kith_supabase_marks_free (KithSupabaseMarks *marks);
void kith_supabase_marks_start (KithSupabase *self);
void kith_supabase_marks_stop (KithSupabase *self);
void kith_supabase_marks_kick (KithSupabase *self);
