-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The full-text index of the messages: rowid is message.row. It keeps no text of its own; what is put in and taken out is made from the text
-- by core/store/kith-table-search.c, the same way every time. What is taken out leaves no trace in its pages.
CREATE VIRTUAL TABLE search USING fts5 (text, content = '', columnsize = 0,
  tokenize = "unicode61 remove_diacritics 2 categories 'L* M* N* Co'");
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
-- Messages with a row in (0, done] are in the index, and those of an import (rows below 0).
CREATE TABLE search_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  done INTEGER NOT NULL
);
INSERT INTO search_state (id, done) VALUES (1, 0);
