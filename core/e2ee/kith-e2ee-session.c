/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session as the vault keeps it: one small blob that is written anew with every message, so nothing in it that is
 * not needed again. */
#include "kith-e2ee-private.h"

enum
{
  FORMAT = 1,
  FLAG_INITIATOR = 1 << 0,
  FLAG_CONFIRMED = 1 << 1,
  FLAG_HAS_CKR = 1 << 2,
  FLAG_PENDING = 1 << 3,
  ALL_FLAGS = 0x0f,
};

typedef struct
{
  uint8_t *at;
} Writer;

static void
put (Writer *writer, const void *bytes, size_t n)
{
  memcpy (writer->at, bytes, n);
  writer->at += n;
}

static void
put_u32 (Writer *writer, uint32_t value)
{
  kith_e2ee_put_u32 (writer->at, value);
  writer->at += 4;
}

/* Whether the session still has to say where it began. */
static bool
has_origin (const KithE2eeSession *session)
{
  return session->initiator && !session->confirmed;
}

void
kith_e2ee_session_write (KithE2eeSession *session)
{
  Writer writer = { session->row.state };
  uint8_t head[2] = { FORMAT, 0 };

  head[1] = (uint8_t)((session->initiator ? FLAG_INITIATOR : 0) | (session->confirmed ? FLAG_CONFIRMED : 0)
                      | (session->has_ckr ? FLAG_HAS_CKR : 0) | (session->pending ? FLAG_PENDING : 0));
  put (&writer, head, sizeof head);
  put (&writer, session->ad, sizeof session->ad);
  put (&writer, session->rk, 32);
  put (&writer, session->dhr, 32);
  put_u32 (&writer, session->ns);
  put_u32 (&writer, session->nr);
  put_u32 (&writer, session->pn);
  put_u32 (&writer, session->skipped);
  if (!session->pending)
    {
      put (&writer, session->dhs_secret, 32);
      put (&writer, session->dhs, 32);
      put (&writer, session->cks, 32);
    }
  if (session->has_ckr)
    put (&writer, session->ckr, 32);
  if (has_origin (session))
    put (&writer, &session->origin, sizeof session->origin);
  session->row.n_state = (size_t)(writer.at - session->row.state);
}

typedef struct
{
  const uint8_t *at;
  size_t left;
  bool short_of;
} Reader;

static void
get (Reader *reader, void *out, size_t n)
{
  if (reader->left < n)
    {
      reader->short_of = true;
      return;
    }
  memcpy (out, reader->at, n);
  reader->at += n;
  reader->left -= n;
}

static uint32_t
get_u32 (Reader *reader)
{
  uint8_t bytes[4] = { 0 };

  get (reader, bytes, sizeof bytes);
  return kith_e2ee_get_u32 (bytes);
}

bool
kith_e2ee_session_read (KithE2eeSession *session)
{
  Reader reader = { session->row.state, session->row.n_state, false };
  uint8_t head[2] = { 0 };

  get (&reader, head, sizeof head);
  if (head[0] != FORMAT || (head[1] & ~ALL_FLAGS) != 0)
    return false;
  session->initiator = (head[1] & FLAG_INITIATOR) != 0;
  session->confirmed = (head[1] & FLAG_CONFIRMED) != 0;
  session->has_ckr = (head[1] & FLAG_HAS_CKR) != 0;
  session->pending = (head[1] & FLAG_PENDING) != 0;
  get (&reader, session->ad, sizeof session->ad);
  get (&reader, session->rk, 32);
  get (&reader, session->dhr, 32);
  session->ns = get_u32 (&reader);
  session->nr = get_u32 (&reader);
  session->pn = get_u32 (&reader);
  session->skipped = get_u32 (&reader);
  if (!session->pending)
    {
      get (&reader, session->dhs_secret, 32);
      get (&reader, session->dhs, 32);
      get (&reader, session->cks, 32);
    }
  if (session->has_ckr)
    get (&reader, session->ckr, 32);
  if (has_origin (session))
    get (&reader, &session->origin, sizeof session->origin);
  return !reader.short_of && reader.left == 0;
}
