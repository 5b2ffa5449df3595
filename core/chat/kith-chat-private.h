/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat.h"
#include "kith-links.h"
#include "kith-people.h"
#include "kith-world.h"

G_BEGIN_DECLS

typedef struct _KithOutbox KithOutbox;
typedef struct _KithInbox KithInbox;
typedef struct _KithWaiting KithWaiting;
typedef struct _KithSearch KithSearch;
typedef struct _KithPost KithPost;
typedef struct _KithQuarantine KithQuarantine;

/* What the files of the chat room share. Main thread only, but for what says [jobs]. */
struct _KithChat
{
  GObject parent_instance;
  KithWorld *world; /* [jobs] */
  KithStore *store;
  KithKeys *keys; /* [jobs], with their KithDb */
  KithBus *bus;
  KithPeople *people;   /* mirror of the rows; made in kith_chat_new (), filled by start */
  KithLinks *links;     /* made by kith_chat_people_open () when start has loaded everybody */
  KithOutbox *outbox;   /* kith-outbox.c */
  KithInbox *inbox;     /* kith-inbox.c */
  KithWaiting *waiting; /* kith-chat-messages.c: POSTs that wait for their acknowledgement */
  KithPost *post;       /* kith-post.c: mailboxes and directories */
  KithQuarantine *quarantine; /* kith-quarantine.c: what could not be read */
  KithSearch *search;   /* kith-search.c: keeps the index up to date */
  GRefString *username; /* ours; a job takes a reference with it: g_ref_string_acquire () */
  gboolean allow[3];    /* the global switches: presence, typing, receipts */
  guint link_times_s[3]; /* kith_chat_set_link_times (); 0: what peer-link.md says */
  KithPresence status;  /* ours; loaded by start, changed by kith_chat_set_status_async () */
  gboolean started, stopped;
  guint8 id_head[3]; /* kith-chat-post.c: what the next ids begin with, and for how many more */
  guint ids_left;
  guint prune_timer;
  GPtrArray *directories; /* kith-chat-people.c: KithDirectory, in the order of their coming */
};

/* Hands an error on, if there is one: TRUE when there is none. */
static inline gboolean
kith_chat_is_fine (GError **error, GError *failed)
{
  if (failed == NULL)
    return TRUE;
  g_propagate_error (error, failed);
  return FALSE;
}

/* --- what a job leaves for its done function: people to bring up to date, contents to send, signs. A job may run
 * twice, so its run function begins with kith_after_reset (); its done function calls kith_after_apply () when there
 * was no error. */
typedef struct _KithAfter KithAfter;
KithAfter *kith_after_new (void);
void kith_after_free (KithAfter *after);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithAfter, kith_after_free)
void kith_after_reset (KithAfter *after);                            /* [jobs] */
void kith_after_person (KithAfter *after, const KithPersonRow *row); /* [jobs] kith_people_apply (), links follow */
void kith_after_unread (KithAfter *after,
                        gint64 person,
                        gint64 read_to,
                        gint64 unread);                  /* [jobs] mirror and `unread` event */
void kith_after_flush (KithAfter *after, gint64 person); /* [jobs] kith_outbox_kick () */
void
kith_after_send (KithAfter *after, gint64 person, gint64 position, GBytes *wire); /* [jobs] an encrypted outbox row */
void kith_after_renew (KithAfter *after, gint64 person);     /* [jobs] their newest device is another one */
void kith_after_plugin (KithAfter *after, const char *kind); /* [jobs] something waits in that kind's inbox */
void kith_after_index (KithAfter *after);                    /* [jobs] a message is new: the search index is behind */
void kith_after_apply (KithAfter *after, KithChat *chat);    /* main thread */

/* --- for kith-chat-people.c: what the message side does inside the jobs of others */
/* A `hello` for somebody whom we just added; goes ahead of everything else. In done: kith_outbox_kick (). */
gboolean kith_outbox_hello (
    KithChat *chat, KithDb *db, gint64 person, const char *own_name, const char *note /* nullable */, GError **error);
/* A dummy INIT to a friend, so that they learn of our new device (a restore). In done: kith_outbox_kick (). */
gboolean kith_outbox_dummy (KithChat *chat, KithDb *db, gint64 person, GError **error);
/* Everything of that person that waits to be sent is dropped (removed, or another identity was accepted). */
gboolean kith_outbox_drop (KithDb *db, gint64 person, GError **error);
/* The same, and its messages have failed. */
gboolean kith_outbox_give_up (KithDb *db, const KithPersonRow *person, const char *reason, GError **error);
/* Encrypts and sends what waits, if there is a link; asks for a bundle if one is needed. Harmless at any time. */
void kith_outbox_kick (KithChat *chat, gint64 person);
/* `person` has just become a friend (state already saved in this job): what waited in their request becomes a
 * conversation, in order, and `delivered` goes to them. Nothing happens if nothing waited. */
gboolean kith_requests_settle (
    KithChat *chat, KithDb *db, GRefString *own_name, const KithPersonRow *person, KithAfter *after, GError **error);
/* What waited is dropped (refused, blocked). */
gboolean kith_requests_drop (KithDb *db, gint64 person, GError **error);
/* Everybody who waits in /requests now: how many (the limit is 100). */
#define KITH_REQUESTS_MAX 100

/* --- kith-chat-people.c gives these to kith-chat.c and the message side */
/* start has filled chat->people: make the links and the friend objects' settings. */
void kith_chat_people_open (KithChat *chat);
void kith_chat_people_close (KithChat *chat);    /* stop: CLOSE(0), no dialling */
void kith_chat_people_settings (KithChat *chat); /* username or a switch has changed */
/* A row has changed in a committed job: mirror, friend object, links. */
void kith_chat_people_update (KithChat *chat, const KithPersonRow *row);
void kith_chat_tell_people (KithChat *chat);     /* kith-chat.c: the signal "people" */
/* The latest-grade event `unread` {peer, count} of a person; kith-chat-messages.c has it. */
void kith_chat_tell_unread (KithChat *chat, KithPerson *person);

/* The hooks that KithLinks calls: kith-chat.c has the table, outbox and inbox the functions. */
extern const KithLinksHooks kith_chat_hooks;

G_END_DECLS
