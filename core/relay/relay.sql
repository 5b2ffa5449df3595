-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The tables of data/supabase/kith.sql, for SQLite. Times are Unix milliseconds, UUIDs lower-case texts, tokens of a
-- bucket millionths.

-- What the auth service of a Supabase project keeps: one anonymous user a device, and its rotating refresh tokens.
CREATE TABLE users (
  id TEXT PRIMARY KEY NOT NULL,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  user TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  last BLOB NOT NULL,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);
-- SHA-256 of each; used ones stay for a week, so that using one again is noticed.
CREATE TABLE refresh_tokens (
  hash BLOB PRIMARY KEY NOT NULL,
  session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  used_ms INTEGER NOT NULL DEFAULT 0,
  next BLOB
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session);

CREATE TABLE accounts (
  id TEXT PRIMARY KEY NOT NULL,
  username TEXT NOT NULL UNIQUE,
  identity_key TEXT NOT NULL,
  recovery_hash TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX accounts_recovery ON accounts (recovery_hash);
CREATE TABLE devices (
  id TEXT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  cert TEXT NOT NULL,
  bundle TEXT,
  last_seen_ms INTEGER,
  created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX devices_account ON devices (account);
CREATE TABLE prekeys (
  n INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  UNIQUE (device, key)
);
CREATE INDEX prekeys_order ON prekeys (device, n);
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  to_device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  from_device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  from_user TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  ct TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
);
CREATE INDEX messages_to ON messages (to_device, seq);
CREATE INDEX messages_pair ON messages (to_device, from_user);
CREATE INDEX messages_from_device ON messages (from_device);
CREATE INDEX messages_from_user ON messages (from_user);
CREATE INDEX messages_expiry ON messages (expires_ms);
CREATE TABLE grants (
  owner TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  peer TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  sealed TEXT,
  PRIMARY KEY (owner, peer)
) WITHOUT ROWID;
CREATE INDEX grants_peer ON grants (peer);
CREATE TABLE marks (
  account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  conv TEXT NOT NULL,
  pos INTEGER NOT NULL,
  sealed TEXT,
  PRIMARY KEY (account, conv)
) WITHOUT ROWID;
CREATE TABLE buckets (
  key TEXT PRIMARY KEY NOT NULL,
  tokens INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE leases (
  device TEXT PRIMARY KEY NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  consumer TEXT NOT NULL,
  expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE links (
  code_hash TEXT PRIMARY KEY NOT NULL,
  account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX links_account ON links (account);
CREATE TABLE bells (
  device TEXT PRIMARY KEY NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
