-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Own identity, prekeys, sessions and what protects them (core/keys). Blobs are plain: the file is encrypted.

-- One row. `last_created` is the highest `created` that a signed prekey of this device ever had.
CREATE TABLE key_identity (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seed BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  device INTEGER NOT NULL,
  last_created INTEGER NOT NULL
);

-- The newest is in use, four replaced ones are kept. `created` is signed and only grows; `made_ms` is the clock's.
CREATE TABLE key_spk (
  created INTEGER PRIMARY KEY,
  made_ms INTEGER NOT NULL,
  pub BLOB NOT NULL UNIQUE,
  secret BLOB NOT NULL
);

-- mark: 0 = nobody has it, 1 = given out over a link, 2 = published in a directory.
CREATE TABLE key_opk (
  id INTEGER PRIMARY KEY,
  pub BLOB NOT NULL UNIQUE,
  secret BLOB NOT NULL,
  mark INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX key_opk_mark ON key_opk (mark, id);

-- How many one-time prekeys a friend took over links in the window that began at `since_ms`.
CREATE TABLE key_grant (
  peer BLOB PRIMARY KEY,
  since_ms INTEGER NOT NULL,
  given INTEGER NOT NULL
) WITHOUT ROWID;

-- The session of a peer device with the highest stamp is the one to send on.
CREATE TABLE key_session (
  sid BLOB PRIMARY KEY,
  peer BLOB NOT NULL,
  device INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  state BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX key_session_peer ON key_session (peer, device, stamp);

-- Keys of messages that have not come yet; id is the order of insertion.
CREATE TABLE key_skipped (
  id INTEGER PRIMARY KEY,
  sid BLOB NOT NULL,
  ratchet BLOB NOT NULL,
  n INTEGER NOT NULL,
  secret BLOB NOT NULL,
  stored_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX key_skipped_place ON key_skipped (sid, ratchet, n);

-- Accepted INITs, as long as their signed prekey lives.
CREATE TABLE key_replay (
  spk BLOB NOT NULL,
  ephemeral BLOB NOT NULL,
  PRIMARY KEY (spk, ephemeral)
) WITHOUT ROWID;

-- SID[0..4) || n || SHA-256 (wire)[0..16) of every accepted message, 30 days: those of one session lie side by side, so that a
-- run of messages writes few pages. Pruned by ranges of the mark, so it needs no second index.
CREATE TABLE key_seen (
  mark BLOB PRIMARY KEY,
  day INTEGER NOT NULL
) WITHOUT ROWID;

-- Which content a place of a session held, 14 days, for healing.
CREATE TABLE key_sent (
  sid BLOB NOT NULL,
  ratchet BLOB NOT NULL,
  n INTEGER NOT NULL,
  peer BLOB NOT NULL,
  cid BLOB NOT NULL,
  day INTEGER NOT NULL,
  PRIMARY KEY (sid, ratchet, n)
) WITHOUT ROWID;

-- What is known of a peer's device, and how often it was healed.
CREATE TABLE key_peer (
  peer BLOB NOT NULL,
  device INTEGER NOT NULL,
  created INTEGER NOT NULL DEFAULT 0,
  healed_ms INTEGER NOT NULL DEFAULT 0,
  asked_since_ms INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0,
  obeyed_since_ms INTEGER NOT NULL DEFAULT 0,
  obeyed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (peer, device)
) WITHOUT ROWID;
