-- +goose Up

-- What the hub knows of the wrapper on a host: the key that its receipts are
-- verified with, the boot and the log that the host last named, the counter of
-- its last token, and the end of its chain of receipts. Times are Unix
-- milliseconds.
CREATE TABLE wrappers (
  host    INTEGER PRIMARY KEY REFERENCES hosts (n),
  key     BLOB    NOT NULL DEFAULT x'',
  boot    TEXT    NOT NULL DEFAULT '',
  seen    INTEGER NOT NULL DEFAULT 0,
  known   INTEGER NOT NULL DEFAULT 0,  -- the size of the log that its wrapper has signed to have seen
  polled  INTEGER NOT NULL DEFAULT 0,
  counter INTEGER NOT NULL DEFAULT 0,
  handed  INTEGER NOT NULL DEFAULT 0,  -- the highest counter that was delivered
  seq     INTEGER NOT NULL DEFAULT 0,
  digest  TEXT    NOT NULL DEFAULT ''
) STRICT;

ALTER TABLE hosts ADD COLUMN labels TEXT NOT NULL DEFAULT '';  -- with spaces between

-- What an alert led to, or a person asked for. spot is what makes two of them
-- one: host, action and what it is aimed at. hosts counts for the budget are
-- read from here.
CREATE TABLE responses (
  n          INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,
  host       INTEGER NOT NULL REFERENCES hosts (n),
  policy     TEXT    NOT NULL DEFAULT '',
  title      TEXT    NOT NULL DEFAULT '',
  alert      TEXT    NOT NULL DEFAULT '',
  action     TEXT    NOT NULL,
  args       BLOB    NOT NULL,
  mode       TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  why        TEXT    NOT NULL DEFAULT '',
  reason     TEXT    NOT NULL,
  spot       TEXT    NOT NULL DEFAULT '',
  signatures INTEGER NOT NULL DEFAULT 0,
  valid      INTEGER NOT NULL DEFAULT 0,  -- of its tokens, in milliseconds
  undoes     TEXT    NOT NULL DEFAULT '', -- the response that it takes back
  decided_by TEXT    NOT NULL DEFAULT '',
  token      TEXT    NOT NULL DEFAULT '', -- its newest one
  automatic  INTEGER NOT NULL DEFAULT 0,  -- when it was issued without a person
  created    INTEGER NOT NULL,
  changed    INTEGER NOT NULL
) STRICT;
CREATE INDEX responses_spot ON responses (spot, created) WHERE spot <> '';
CREATE INDEX responses_state ON responses (state, id);
CREATE INDEX responses_host ON responses (host, id);
CREATE INDEX responses_automatic ON responses (automatic) WHERE automatic > 0;

-- Alerts that belong to a response: the one that led to it, and those that
-- would have led to the same.
CREATE TABLE response_alerts (
  alert    TEXT    NOT NULL,
  response INTEGER NOT NULL REFERENCES responses (n),
  PRIMARY KEY (alert, response)
) STRICT, WITHOUT ROWID;

-- Every token that was ever signed with the hub's key, with the signatures that
-- it has. entry is its record in the audit log.
CREATE TABLE eats (
  id         TEXT    PRIMARY KEY,
  response   INTEGER NOT NULL REFERENCES responses (n),
  host       INTEGER NOT NULL REFERENCES hosts (n),
  action     TEXT    NOT NULL,
  counter    INTEGER NOT NULL,
  sha256     TEXT    NOT NULL,
  envelope   BLOB    NOT NULL,
  entry      INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  ready      INTEGER NOT NULL DEFAULT 0,  -- 1 once all who must have signed
  delivered  INTEGER NOT NULL DEFAULT 0,  -- when it was handed out last
  checkpoint INTEGER NOT NULL DEFAULT 0,  -- the size of the log that it was first handed out with
  answered   INTEGER NOT NULL DEFAULT 0,  -- 1 once a receipt came
  missed     INTEGER NOT NULL DEFAULT 0,  -- 1 once it was noticed that none did
  UNIQUE (host, counter)
) STRICT;
CREATE INDEX eats_open ON eats (host, counter) WHERE ready = 1 AND answered = 0 AND missed = 0;

CREATE TABLE approvals (
  token    TEXT    NOT NULL REFERENCES eats (id),
  operator TEXT    NOT NULL,
  key      BLOB    NOT NULL,
  sig      BLOB    NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (token, operator)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
  host     INTEGER NOT NULL REFERENCES hosts (n),
  seq      INTEGER NOT NULL,
  digest   TEXT    NOT NULL,
  token    TEXT    NOT NULL,
  outcome  TEXT    NOT NULL,
  envelope BLOB    NOT NULL,
  payload  BLOB    NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY (host, seq, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_token ON receipts (token);

-- The people whose signatures count, as this hub tells new hosts.
CREATE TABLE operators (
  name  TEXT    PRIMARY KEY,
  key   BLOB    NOT NULL UNIQUE,
  added INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Alerts that were stored before this hub could respond lead to nothing.
INSERT INTO meta (name, value) VALUES ('responded', (SELECT coalesce(max(id), '') FROM alerts));
