-- SPDX-License-Identifier: LGPL-2.1-or-later
-- What goes through mailboxes (core/chat, kith-post*.c and kith-mail*.c).

-- The mailbox of a friend's device, as a directory listed it and their identity key certified it. `office` is the transport that goes there.
-- uuid NULL: the name was theirs when the directory was asked, and none of the mailboxes listed was.
CREATE TABLE mailbox (
  person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  office TEXT NOT NULL,
  uuid TEXT,
  device INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  asked_ms INTEGER NOT NULL,
  PRIMARY KEY (person, office)
) WITHOUT ROWID;

-- Parcels that came, 14 days: the server may bring one again.
CREATE TABLE parcel_seen (
  id TEXT PRIMARY KEY NOT NULL,
  day INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX parcel_seen_day ON parcel_seen (day);

-- What came and could not be read. person 0: the envelope itself could not be opened. asked_ms: when a retry request named it. answered:
-- something new of theirs was read since.
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  person INTEGER NOT NULL,
  device INTEGER NOT NULL,
  wire BLOB NOT NULL,
  code INTEGER NOT NULL,
  reason TEXT NOT NULL,
  transport TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  asked_ms INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX quarantine_person ON quarantine (person, id);
