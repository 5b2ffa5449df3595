/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-locale.h"
#include <json-glib/json-glib.h>
#include <libsoup/soup.h>
#include <stdio.h>

G_BEGIN_DECLS

/* kithctl: the daemon's client in a shell. Everything is asked over the Unix socket; only restore works on the files.
 */
enum { KITH_CLI_OK = 0, KITH_CLI_ERROR = 1, KITH_CLI_USAGE = 2, KITH_CLI_NO_DAEMON = 3 };

typedef struct
{
  /* options; strings are raw bytes of the command line, not owned elsewhere */
  char *profile, *config, *data;
  gboolean json, version;
  char *note, *since, *epoch, *before, *peer, *format, *output, *reply_to;
  gint limit, passphrase_fd;
  gboolean yes, force, anew, everyone, no_pager;

  gboolean colour;
  gint columns;              /* of the terminal; 0: none, so nothing is wrapped */
  FILE *pager;
  char *socket;
  SoupSession *session;
} KithCli;

typedef struct
{
  const char *name;
  const char *arguments;     /* for the usage line */
  const char *summary;       /* N_() */
  gint min, max;             /* how many arguments; max -1: any number */
  int (*run) (KithCli *cli, int argc, char **argv);
} KithCliCommand;

/* An option of some commands only. */
typedef struct
{
  const char *commands;      /* " verify backup " … */
  GOptionEntry entry;        /* arg_data: an offset into KithCli */
} KithCliChoice;

/* kithctl.c: from these two come usage, completion and the list in the manual. */
extern const KithCliCommand *const kith_cli_rooms[];     /* ends with NULL */
extern const KithCliChoice kith_cli_choices[];           /* ends with no commands */
gboolean    kith_cli_choice_is_for (const KithCliChoice *choice, const char *command);

extern const KithCliCommand kith_cli_people[];
extern const KithCliCommand kith_cli_messages[];
extern const KithCliCommand kith_cli_history[];
extern const KithCliCommand kith_cli_change[];
extern const KithCliCommand kith_cli_key[];
extern const KithCliCommand kith_cli_daemon[];
extern const KithCliCommand kith_cli_backup[];

/* kith-cli-client.c. body: full, nullable. The answer (full; a null node for 204), or NULL when *status is what to end
 * with: it has been said. */
JsonNode *kith_cli_ask (KithCli *cli, const char *method, JsonObject *body, int *status, const char *format, ...)
    G_GNUC_PRINTF (5, 6);
/* GET, whatever comes; the message (full) has the headers. NULL as above. */
GBytes *kith_cli_fetch (KithCli *cli, SoupMessage **message, int *status, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* For what needs no answer but yes: says so when @done (with one %s for the name) is given and --json is not. */
int kith_cli_do (KithCli *cli, const char *method, JsonObject *body, const char *path, const char *done);
char       *kith_cli_escape       (const char *segment);        /* full; for a path or a query */
int         kith_cli_fail         (KithCli *cli, int status, const char *format, ...) G_GNUC_PRINTF (3, 4);
int         kith_cli_fail_error   (KithCli *cli, const GError *error);   /* status by what it is */
const char *kith_cli_get_socket   (KithCli *cli);
SoupSession *kith_cli_get_session (KithCli *cli);

/* kith-cli-print.c. What peers wrote is made harmless for a terminal. */
char *kith_cli_clean (const char *text,
                      const char *indent); /* full; indent: what follows a newline, NULL: no newlines */
void        kith_cli_print_json   (JsonNode *node);
void        kith_cli_print_pair   (KithCli *cli, const char *name, const char *format, ...) G_GNUC_PRINTF (3, 4);
const char *kith_cli_colour (KithCli *cli,
                             const char *sgr); /* "1" bold, "2" dim, "32" green, "0" back; "" without a terminal */
char       *kith_cli_time         (const char *iso);                        /* full; local, short */
const char *kith_cli_string       (JsonObject *object, const char *member); /* "" when it is missing or no string */
char       *kith_cli_dup_clean    (JsonObject *object, const char *member); /* full; the same in one harmless line */
void        kith_cli_print_line   (JsonObject *object, const char *member); /* … and printed */
gboolean    kith_cli_bool         (JsonObject *object, const char *member);
gint64      kith_cli_int          (JsonObject *object, const char *member);
void        kith_cli_print_message (KithCli *cli, JsonObject *message);
void        kith_cli_print_member (KithCli *cli, const char *name, const char *value);   /* {"name":"value"}, or null */

/* kith-cli-text.c. Columns of a terminal: wide characters take two, combining ones none. The texts are clean. */
gint        kith_cli_width        (const char *text);
char       *kith_cli_pad          (const char *text, gint width);           /* full; never cut */
/* full; breaks at blanks. start: the column of the first line; columns 0: as it is. */
char       *kith_cli_wrap         (const char *text, gint start, const char *indent, gint columns);
char       *kith_cli_duration     (gint64 seconds);                         /* full */
const char *kith_cli_say_presence (const char *state); /* for people; as it is when it is unknown */
/* nullable: none. wanted: $PAGER */
const char *kith_cli_choose_pager (const char *wanted, gboolean has_less);

/* kith-cli-secret.c: from --passphrase-fd or the terminal, without an echo; wipe and g_free(). */
char       *kith_cli_read_passphrase (KithCli *cli, gboolean twice, GError **error);
gboolean    kith_cli_confirm      (KithCli *cli, const char *question);

/* kith-cli-page.c: what is printed between the two goes through the pager, on a terminal. */
void        kith_cli_page_begin   (KithCli *cli);
void        kith_cli_page_end     (KithCli *cli);

/* kith-cli-read.c. full, nullable: the "before" of the page that comes before this one */
char       *kith_cli_find_before  (JsonNode *page);
int         kith_cli_read         (KithCli *cli, int argc, char **argv);
int         kith_cli_doctor       (KithCli *cli, int argc, char **argv);
int         kith_cli_completion   (KithCli *cli, int argc, char **argv);

/* kith-cli-tail.c */
int         kith_cli_tail         (KithCli *cli, int argc, char **argv);
/* kith-cli-restore.c */
int         kith_cli_restore      (KithCli *cli, int argc, char **argv);

G_END_DECLS
