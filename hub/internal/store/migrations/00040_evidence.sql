-- +goose Up

-- Bundles of evidence, as the receipts of their tokens tell of them. What is in
-- them is sealed to the hub's evidence key, which is not in this database: who
-- has a copy of it can read none.
CREATE TABLE evidence (
  token   TEXT    PRIMARY KEY REFERENCES eats (id), -- the one that gathered it
  sha256  TEXT    NOT NULL,                         -- of the whole, as the receipt says
  bytes   INTEGER NOT NULL,
  chunks  INTEGER NOT NULL,
  have    INTEGER NOT NULL DEFAULT 0,               -- how many chunks are here
  stored  INTEGER NOT NULL DEFAULT 0,               -- how many bytes they take here
  state   TEXT    NOT NULL,                         -- see api.EvidenceStates
  why     TEXT    NOT NULL DEFAULT '',
  created INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_state ON evidence (state, created);

CREATE TABLE evidence_chunks (
  token  TEXT    NOT NULL REFERENCES evidence (token),
  number INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  sealed BLOB    NOT NULL,
  UNIQUE (token, number)
) STRICT;

-- Which responses a bundle belongs to: the one that gathered it, and those that
-- asked for it again.
CREATE TABLE evidence_responses (
  response INTEGER PRIMARY KEY REFERENCES responses (n),
  token    TEXT    NOT NULL REFERENCES evidence (token)
) STRICT;
