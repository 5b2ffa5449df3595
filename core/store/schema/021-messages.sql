-- SPDX-License-Identifier: LGPL-2.1-or-later
-- What was said, what waits to be sent, what waits for something else. Ids of contents are the 16 bytes of their UUID.

-- `pos` counts the messages of one conversation from 1 without gaps (rows stay when they are deleted), so every page is found at once.
CREATE TABLE message (
  row INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length (id) = 16),
  person INTEGER NOT NULL,
  pos INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  text TEXT NOT NULL,
  ts_ms INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  direct INTEGER NOT NULL,
  reply_to BLOB,
  rev INTEGER NOT NULL DEFAULT 0,
  edited_ms INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  reacted INTEGER NOT NULL DEFAULT 0,
  client_id TEXT,
  prev BLOB
);
CREATE UNIQUE INDEX message_place ON message (person, pos);
CREATE UNIQUE INDEX message_client ON message (client_id) WHERE client_id IS NOT NULL;
-- `prev` of one of ours: the one that we sent before it, as the peer is told. Of one of theirs: the one that should stand before it and has
-- not come, so that history shows a gap there; NULL when there is none.
CREATE INDEX message_gap ON message (prev) WHERE prev IS NOT NULL AND sent = 0;

-- Up to which of our messages the peer has read (a pos), which `read` they still have to get (a pos of theirs; 0: none), and the newest
-- message that we sent.
CREATE TABLE conversation (
  person INTEGER PRIMARY KEY,
  peer_read INTEGER NOT NULL DEFAULT 0,
  tell_read INTEGER NOT NULL DEFAULT 0,
  last_sent BLOB
);

-- Who edited and when; the texts before are not kept.
CREATE TABLE message_edit (
  message INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  mine INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (message, rev)
) WITHOUT ROWID;

-- One row for each (message, sender, emoji), also when it was taken back: the highest rev wins.
CREATE TABLE reaction (
  message INTEGER NOT NULL,
  mine INTEGER NOT NULL,
  emoji TEXT NOT NULL,
  rev INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  PRIMARY KEY (message, mine, emoji)
) WITHOUT ROWID;

-- Edits, deletions (final), reactions and read signs that came before their message.
CREATE TABLE pending (
  id INTEGER PRIMARY KEY,
  person INTEGER NOT NULL,
  message BLOB NOT NULL,
  content BLOB NOT NULL,
  received_ms INTEGER NOT NULL,
  final INTEGER NOT NULL
);
CREATE INDEX pending_message ON pending (message);
CREATE INDEX pending_person ON pending (person);

-- What a stranger sent, until they are accepted.
CREATE TABLE request_item (
  id INTEGER PRIMARY KEY,
  person INTEGER NOT NULL,
  cid BLOB NOT NULL,
  content BLOB NOT NULL,
  received_ms INTEGER NOT NULL,
  direct INTEGER NOT NULL,
  UNIQUE (person, cid)
);

-- Contents of plugins' kinds that we had, 30 days: healing brings a content again in other bytes.
CREATE TABLE content_seen (
  person INTEGER NOT NULL,
  cid BLOB NOT NULL,
  day INTEGER NOT NULL,
  PRIMARY KEY (person, cid)
) WITHOUT ROWID;

-- What waits for an acknowledgement. `id` is the order of sending and never comes again while the daemon runs; a row that is encrypted
-- (anew) gets a new one, `ord` is its first. wire NULL: plain, to be encrypted. `content` is kept until the row goes. For mailboxes: the
-- sealed envelope and the UUID under which it goes, both for ever the same; uploaded_ms 0: not yet, -1: to go over a link alone. The numbers
-- stand before the blobs, so that looking at them costs no page.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  ord INTEGER NOT NULL,
  person INTEGER NOT NULL,
  kind TEXT NOT NULL,
  cid BLOB NOT NULL,
  message INTEGER NOT NULL DEFAULT 0,
  heals INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  sealed_ms INTEGER NOT NULL DEFAULT 0,
  uploaded_ms INTEGER NOT NULL DEFAULT 0,
  parcel TEXT,
  content BLOB NOT NULL,
  wire BLOB,
  sealed BLOB
);
CREATE INDEX outbox_person ON outbox (person, id);
CREATE INDEX outbox_plain ON outbox (person, ord) WHERE wire IS NULL;
CREATE INDEX outbox_cid ON outbox (cid);
CREATE INDEX outbox_sealed ON outbox (sealed_ms) WHERE sealed_ms > 0;

-- Contents that were acknowledged, 14 days: a peer that could not read one after all asks for it again. Not those of messages, which have
-- their text; a message is here to remember how often it was sent again.
CREATE TABLE sent_content (
  cid BLOB PRIMARY KEY NOT NULL,
  person INTEGER NOT NULL,
  message INTEGER NOT NULL,
  kind TEXT NOT NULL,
  content BLOB,
  heals INTEGER NOT NULL,
  day INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sent_content_day ON sent_content (day);
CREATE INDEX sent_content_message ON sent_content (message);

-- The `cids` of the next `delivered` to a person.
CREATE TABLE receipt (
  id INTEGER PRIMARY KEY,
  person INTEGER NOT NULL,
  cid BLOB NOT NULL
);
CREATE INDEX receipt_person ON receipt (person, id);
