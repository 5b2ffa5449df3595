-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Everybody whom we know by an identity key, and where they can be reached.
CREATE TABLE person (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ik BLOB NOT NULL UNIQUE CHECK (length (ik) = 32),
  username TEXT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  blocked INTEGER NOT NULL DEFAULT 0,
  verified INTEGER NOT NULL DEFAULT 0,
  allow_presence INTEGER NOT NULL DEFAULT -1,
  allow_typing INTEGER NOT NULL DEFAULT -1,
  allow_receipts INTEGER NOT NULL DEFAULT -1,
  device INTEGER NOT NULL DEFAULT 0,
  last_seen_ms INTEGER NOT NULL DEFAULT 0,
  added_ms INTEGER NOT NULL DEFAULT 0,
  last_ip TEXT,
  changed_ik BLOB CHECK (changed_ik IS NULL OR length (changed_ik) = 32),
  read_to INTEGER NOT NULL DEFAULT 0,
  unread INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE address (
  person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  uri TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  learned INTEGER NOT NULL,
  PRIMARY KEY (person, uri)
) WITHOUT ROWID;
-- Every device that an authenticated HELLO, INIT or certificate has shown: only one never seen before is newer.
CREATE TABLE person_device (
  person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  device INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,
  PRIMARY KEY (person, device)
) WITHOUT ROWID;
