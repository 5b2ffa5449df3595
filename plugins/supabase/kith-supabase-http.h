/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "kith-supabase-config.h"

/* What came of a request. Never holds what the server wrote for people: its words are not ours to log or show. */
typedef struct
{
  guint status;          /* 0: no answer */
  JsonNode *root;        /* none; NULL: an empty body, or none that is JSON */
  const char *code;      /* what the server calls the error; "" when it does not say */
  guint retry_after_s;
  const GError *error;   /* NULL: 2xx, and JSON or nothing */
} KithSupabaseAnswer;

typedef void (*KithSupabaseAnswered) (const KithSupabaseAnswer *answer, gpointer data);

typedef struct _KithSupabaseHttp KithSupabaseHttp;

KithSupabaseHttp *kith_supabase_http_new (KithHost *host, const KithSupabaseConfig *config);
/* Ends what is under way (each is answered with KITH_ERROR_CLOSED, soon) and frees it. */
void kith_supabase_http_free (KithSupabaseHttp *self);

/* One POST; @token NULL: nobody is signed in. @answered is called exactly once, never before this returns. */
void kith_supabase_http_post (KithSupabaseHttp *self, const char *path, GBytes *body, const char *token,
                              KithSupabaseAnswered answered, gpointer data);
/* A message for the doorbell, with the key in its address. */
SoupMessage *kith_supabase_http_new_bell (KithSupabaseHttp *self);
SoupSession *kith_supabase_http_get_session (KithSupabaseHttp *self);
