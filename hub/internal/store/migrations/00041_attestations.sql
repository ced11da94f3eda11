-- +goose Up

-- The newest attestation of each host. Those before it are receipts in the log.
CREATE TABLE attestations (
  host     INTEGER PRIMARY KEY REFERENCES hosts (n),
  asked    INTEGER NOT NULL DEFAULT 0,  -- when a token was last made
  counter  INTEGER NOT NULL DEFAULT 0,  -- up to which token all are judged
  at       INTEGER NOT NULL DEFAULT 0,  -- when that was
  verdict  TEXT    NOT NULL DEFAULT '',
  findings TEXT    NOT NULL DEFAULT '', -- a line each
  notes    TEXT    NOT NULL DEFAULT '', -- a line each
  files    TEXT    NOT NULL DEFAULT '{}', -- hashes by name, as last told
  hashed   INTEGER NOT NULL DEFAULT 0   -- when that was, by the host's clock
) STRICT;
CREATE INDEX eats_attest ON eats (host, counter) WHERE action = 'attest';
