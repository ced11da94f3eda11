-- +goose Up

-- The append-only log of tokens, approvals, receipts and changes. A record is
-- canonical JSON with the SHA-256 of its document; records count from 0. The
-- hashes are those that golang.org/x/mod/sumdb/tlog stores for the records. A
-- checkpoint is the hub's signed word on the log as it was at a size: whoever
-- can write here, but has not the log's key, cannot make one.
CREATE TABLE audit (
  n      INTEGER PRIMARY KEY,
  type   TEXT    NOT NULL,
  id     TEXT    NOT NULL,
  record BLOB    NOT NULL,
  doc    BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_id ON audit (type, id);

CREATE TABLE audit_hashes (
  n    INTEGER PRIMARY KEY,
  hash BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_checkpoints (
  size INTEGER PRIMARY KEY,
  note BLOB    NOT NULL
) STRICT;
