-- SPDX-License-Identifier: LGPL-2.1-or-later
CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- Each event that must last (local-api.md 1.3). seq is given by the writer, never used twice under one epoch.
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY NOT NULL,
  event TEXT NOT NULL,
  data BLOB NOT NULL,
  msg_id TEXT
);
CREATE INDEX journal_msg_id ON journal (msg_id) WHERE msg_id IS NOT NULL;

CREATE TABLE plugin_kv (
  plugin TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (plugin, key)
) WITHOUT ROWID;

-- Kinds that enabled plugins have registered: their contents are kept even while the plugin does not run.
CREATE TABLE plugin_kind (
  kind TEXT PRIMARY KEY NOT NULL
) WITHOUT ROWID;

-- Contents of plugins' own kinds, until the plugin says done. A duplicate of one that is done is caught before, by the
-- dedupe table of the keys. place: the number among those of this friend and kind; the newest 10,000 numbers are kept.
CREATE TABLE plugin_inbox (
  row INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  kind TEXT NOT NULL,
  friend_key BLOB NOT NULL,
  place INTEGER NOT NULL,
  id TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (friend_key, id)
);
CREATE INDEX plugin_inbox_kind ON plugin_inbox (kind, row);
CREATE INDEX plugin_inbox_place ON plugin_inbox (kind, friend_key, place);
