/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of core/e2ee share. */
#pragma once

#include <sodium.h>
#include <string.h>

#include "kith-e2ee.h"

#define KITH_E2EE_VERSION 0x01

enum
{
  KITH_E2EE_TYPE_INIT = 0x01,
  KITH_E2EE_TYPE_MSG = 0x02,
  KITH_E2EE_TYPE_BUNDLE = 0x10,
  KITH_E2EE_TYPE_SEAL = 0x20,
};

/* Literals as the protocol has them: without their NUL. */
#define KITH_E2EE_TEXT(s) (s), (sizeof (s) - 1)
#define KITH_E2EE_INFO_X3DH "kith/e2ee/1 x3dh"
#define KITH_E2EE_INFO_ROOT "kith/e2ee/1 root"
#define KITH_E2EE_INFO_SEAL1 "kith/e2ee/1 seal1"
#define KITH_E2EE_INFO_SEAL2 "kith/e2ee/1 seal2"
#define KITH_E2EE_INFO_FILE "kith/e2ee/1 file"
#define KITH_E2EE_TAG_SPK "kith/e2ee/1 spk"
#define KITH_E2EE_TAG_SID "kith/e2ee/1 sid"
#define KITH_E2EE_TAG_FP "kith/e2ee/1 fp"

extern const uint8_t kith_e2ee_zeros[32];

/* An INIT's fields after the session id, or a session's beginning. OPK: 32 zero bytes when there is none. */
typedef struct
{
  uint8_t ephemeral[32];
  uint8_t spk[32];
  uint8_t opk[32];
} KithE2eeOrigin;

/* A session while a call works on it: always a copy in the arena. */
typedef struct
{
  KithE2eeRow row; /* who, which, stamp; its state is what was loaded */
  bool initiator;
  bool confirmed; /* something was decrypted: no more INITs */
  bool has_ckr;   /* explicit, so that a zeroed chain key is never taken for one */
  bool pending;   /* the own pair for (rk, dhr) is drawn at the next send; till then dhs and cks do not exist */
  uint8_t ad[KITH_E2EE_AD_BYTES];
  KithE2eeOrigin origin; /* only of an initiator that is not confirmed */
  uint8_t dhs_secret[32];
  uint8_t dhs[32];
  uint8_t dhr[32];
  uint8_t rk[32];
  uint8_t cks[32];
  uint8_t ckr[32];
  uint32_t ns;
  uint32_t nr;
  uint32_t pn;
  uint32_t skipped; /* at most so many keys are stored; 0: do not look */
} KithE2eeSession;

typedef struct
{
  bool init;
  const uint8_t *wire;
  size_t n_wire;
  size_t n_header; /* all before the nonce */
  const uint8_t *sid;
  const uint8_t *ratchet;
  uint32_t pn;
  uint32_t n;
  /* INIT only */
  const uint8_t *sender;
  uint32_t sender_device;
  uint32_t recipient_device;
  const KithE2eeOrigin *origin;
} KithE2eeParsed;

/* bytes */
void kith_e2ee_put_u16 (uint8_t *out, uint16_t value);
void kith_e2ee_put_u32 (uint8_t *out, uint32_t value);
void kith_e2ee_put_u64 (uint8_t *out, uint64_t value);
uint16_t kith_e2ee_get_u16 (const uint8_t *in);
uint32_t kith_e2ee_get_u32 (const uint8_t *in);
uint64_t kith_e2ee_get_u64 (const uint8_t *in);
bool kith_e2ee_is_zero_key (const uint8_t key[32]);
void kith_e2ee_draw (const KithE2eeRandom *random, KithE2eeDraw purpose, void *out, size_t n);

/* wire: everything that the bytes alone can show, in the order of the protocol, but for the keys of an INIT */
KithE2eeCode kith_e2ee_wire_parse (const uint8_t *wire, size_t n, KithE2eeParsed *out);
void kith_e2ee_pad (uint8_t *buffer, size_t n, size_t target);

/* x3dh */
KithE2eeCode kith_e2ee_x3dh_initiate (const KithE2ee *e, const KithE2eeBundle *bundle,
                                      const uint8_t ephemeral_secret[32], uint8_t sk[32]);
KithE2eeCode kith_e2ee_x3dh_respond (const KithE2ee *e, const uint8_t sender[32], const KithE2eeOrigin *origin,
                                     const uint8_t spk_secret[32], const uint8_t *opk_secret, uint8_t sk[32]);
void kith_e2ee_write_ad (uint8_t ad[KITH_E2EE_AD_BYTES], const uint8_t initiator[32], uint32_t a,
                         const uint8_t responder[32], uint32_t b);
void kith_e2ee_session_id (const uint8_t initiator[32], uint32_t a, const uint8_t responder[32], uint32_t b,
                           const KithE2eeOrigin *origin, uint8_t sid[16]);

/* session: the state as the vault keeps it */
void kith_e2ee_session_write (KithE2eeSession *session);
bool kith_e2ee_session_read (KithE2eeSession *session);

/* ratchet */
void kith_e2ee_chain_next (uint8_t chain[32]);
void kith_e2ee_chain_step (uint8_t chain[32], uint8_t key[32]);
KithE2eeCode kith_e2ee_ratchet_send (const KithE2ee *e, KithE2eeSession *session, uint8_t key[32]);
/* The key of message (H, n), and the session as it will be after it; `start` is the chain key that message stands on,
 * at the first number not yet received. What is skipped is derived only once the message is known to be real, from
 * `before`, the session as it was. */
KithE2eeCode kith_e2ee_ratchet_receive (KithE2eeSession *session, const KithE2eeParsed *message, uint8_t start[32],
                                        uint8_t key[32]);
/* Fills runs[0..*n_runs), two at most; their keys lie in the arena. */
KithE2eeCode kith_e2ee_ratchet_skip (const KithE2ee *e, const KithE2eeSession *before, const KithE2eeParsed *message,
                                     const uint8_t start[32], KithE2eeSkipped runs[2], size_t *n_runs);
