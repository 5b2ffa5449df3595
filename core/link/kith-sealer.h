/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gio/gio.h>
#include "kith-noise.h"

G_BEGIN_DECLS

/* What goes out: frames are written straight into the Noise message that is being filled, which is sealed in place. So
 * a byte is copied once. */
typedef struct
{
  GByteArray *bytes;
  gsize n_written;         /* of bytes, already out */
  guint64 n_out;           /* in all */
  gsize open;              /* where the message that is being filled begins (its length); only while is_open */
  gboolean is_open;
  KithNoiseCipher cipher;
} KithSealer;

void            kith_sealer_init    (KithSealer *self);
void            kith_sealer_clear   (KithSealer *self);
/* A handshake message: its length and the bytes as they are. */
void            kith_sealer_put_raw (KithSealer *self, const guint8 *bytes, gsize n);
/* A frame's length, type and the first part of its body, and n_rest more bytes of it that come with kith_sealer_add().
 */
void            kith_sealer_begin   (KithSealer *self, guint8 type, const void *head, gsize n_head, gsize n_rest);
void            kith_sealer_add     (KithSealer *self, const void *bytes, gsize n);
void            kith_sealer_put     (KithSealer *self, guint8 type, const void *body, gsize n);
/* Seals what is being filled, if anything. */
void            kith_sealer_finish  (KithSealer *self);
gsize           kith_sealer_get_pending (KithSealer *self);
/* Few numbers are left under this key: say CLOSE while that is possible. */
gboolean        kith_sealer_is_worn (KithSealer *self);
/* One write, without blocking: TRUE when it could write (pending says whether all of it); FALSE with
 * G_IO_ERROR_WOULD_BLOCK or a real error. */
gboolean        kith_sealer_write   (KithSealer *self, GPollableOutputStream *stream, GError **error);

G_END_DECLS
