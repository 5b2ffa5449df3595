/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Frames of peer-link.md §2: u32 length || u8 type || body. */
#define KITH_FRAME_MAX 131072            /* type and body */
#define KITH_FRAME_MAX_HELLO 1024
#define KITH_FRAME_MAX_EPHEMERAL 4096

typedef enum
{
  KITH_FRAME_HELLO = 0x01,
  KITH_FRAME_ENVELOPE = 0x02,
  KITH_FRAME_ACK = 0x03,
  KITH_FRAME_EPHEMERAL = 0x04,
  KITH_FRAME_PING = 0x05,
  KITH_FRAME_PONG = 0x06,
  KITH_FRAME_CLOSE = 0x07,
  KITH_FRAME_BUNDLE_REQUEST = 0x08,
  KITH_FRAME_BUNDLE = 0x09
} KithFrameType;

/* The incremental parser: holds the beginning of one frame at most, and nothing between two. */
typedef struct
{
  guint8 *partial;
  gsize n_partial;
  gsize n_allocated;
} KithFrames;

typedef enum
{
  KITH_FRAMES_MORE,        /* everything was taken */
  KITH_FRAMES_BAD_LENGTH,  /* zero, or above KITH_FRAME_MAX: the stream cannot be followed further */
  KITH_FRAMES_STOPPED      /* the function said so */
} KithFramesResult;

/* The body is only valid during the call. FALSE: stop here. */
typedef gboolean (*KithFrameFunc) (guint8 type, const guint8 *body, gsize n, gpointer data);

KithFramesResult kith_frames_feed  (KithFrames *self, const guint8 *bytes, gsize n, KithFrameFunc func, gpointer data);
void             kith_frames_clear (KithFrames *self);

static inline guint32
kith_read_u32 (const guint8 *at)
{
  return (guint32) at[0] << 24 | (guint32) at[1] << 16 | (guint32) at[2] << 8 | at[3];
}

static inline void
kith_write_u32 (guint8 *at, guint32 value)
{
  at[0] = (guint8) (value >> 24);
  at[1] = (guint8) (value >> 16);
  at[2] = (guint8) (value >> 8);
  at[3] = (guint8) value;
}

G_END_DECLS
