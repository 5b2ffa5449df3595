-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The life of a message as steps, 7 days. message 0: what befell everything that waited for that person then (a dial that failed, a link).
CREATE TABLE trace (
  id INTEGER PRIMARY KEY,
  person INTEGER NOT NULL,
  message INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  what TEXT NOT NULL,
  transport TEXT,
  detail TEXT
);
CREATE INDEX trace_place ON trace (person, message, id);
