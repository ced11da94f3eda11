-- +goose Up

-- The log: what hosts and the hub signed, as they signed it, in the order of
-- receipt. Everything else in this database can be computed from it, but
-- identities, tokens and what people decided.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A row a host that ever enrolled, and one, with state 'hub', for the hub,
-- which signs what it notices itself. Times are Unix milliseconds.
CREATE TABLE hosts (
  n              INTEGER PRIMARY KEY,
  id             TEXT    NOT NULL UNIQUE,
  key            BLOB    NOT NULL UNIQUE,
  state          TEXT    NOT NULL CHECK (state IN ('hub', 'enrolled', 'pending', 'disabled', 'suspect')),
  machine        TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  os             TEXT    NOT NULL DEFAULT '',
  kernel         TEXT    NOT NULL DEFAULT '',
  architecture   TEXT    NOT NULL DEFAULT '',
  token          TEXT    NOT NULL DEFAULT '',
  enrolled       INTEGER NOT NULL,
  last_seen      INTEGER NOT NULL DEFAULT 0,
  silent         INTEGER NOT NULL DEFAULT 0,
  session        INTEGER NOT NULL DEFAULT 0,
  sensor_version TEXT    NOT NULL DEFAULT '',
  sensor_sha256  TEXT    NOT NULL DEFAULT '',
  pinned         TEXT    NOT NULL DEFAULT '',
  seen_disk      TEXT    NOT NULL DEFAULT '',
  seen_running   TEXT    NOT NULL DEFAULT '',
  facts          INTEGER NOT NULL DEFAULT 0,
  alerts         INTEGER NOT NULL DEFAULT 0,
  dropped        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX hosts_machine ON hosts (machine);

-- A sensor numbers its batches from 1 at each start: a session.
CREATE TABLE sessions (
  n           INTEGER PRIMARY KEY,
  host        INTEGER NOT NULL REFERENCES hosts (n),
  id          BLOB    NOT NULL,
  first_sent  INTEGER NOT NULL,
  last_seq    INTEGER NOT NULL,
  last_digest BLOB    NOT NULL,
  dropped     INTEGER NOT NULL DEFAULT 0,
  cloned      INTEGER NOT NULL DEFAULT 0,
  forked      INTEGER NOT NULL DEFAULT 0,
  UNIQUE (host, id)
) STRICT;

-- The exact signed bytes, packed as codec says, lie in the parts from
-- first_part on; refused lists the positions of facts that do not count.
CREATE TABLE batches (
  n          INTEGER PRIMARY KEY,
  session    INTEGER NOT NULL REFERENCES sessions (n),
  seq        INTEGER NOT NULL,
  received   INTEGER NOT NULL,
  digest     BLOB    NOT NULL,
  sig        BLOB    NOT NULL,
  codec      INTEGER NOT NULL,
  first_part INTEGER NOT NULL,
  parts      INTEGER NOT NULL,
  refused    BLOB,
  UNIQUE (session, seq)
) STRICT;

-- Payloads are cut into small parts, because a row of half a page leaves the
-- other half empty: cut, they take little more than their own length.
CREATE TABLE parts (
  n    INTEGER PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;

CREATE TABLE kinds (
  n    INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- The index of facts. A segment says: this batch holds facts of this kind about
-- this host, the newest at last and none of them more than a minute before.
-- Facts of a batch that lie further apart make several segments, so that a
-- search by time never has to look far beyond its bounds.
CREATE TABLE segments (
  host  INTEGER NOT NULL REFERENCES hosts (n),
  kind  INTEGER NOT NULL REFERENCES kinds (n),
  last  INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  PRIMARY KEY (host, kind, last, batch)
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_kind ON segments (kind, last, batch, host);

-- Secrets are kept as SHA-256 only.
CREATE TABLE enroll_tokens (
  id        TEXT    PRIMARY KEY,
  secret    BLOB    NOT NULL,
  name      TEXT    NOT NULL DEFAULT '',
  created   INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  uses      INTEGER NOT NULL,
  uses_left INTEGER NOT NULL CHECK (uses_left >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_tokens (
  id      TEXT    PRIMARY KEY,
  secret  BLOB    NOT NULL,
  name    TEXT    NOT NULL DEFAULT '',
  created INTEGER NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What follows is the engine's. It is written in the same transaction as the
-- cursor, which says up to which batch the engine has read.
CREATE TABLE cursors (
  name  TEXT    PRIMARY KEY,
  batch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
  n              INTEGER PRIMARY KEY,
  id             TEXT    NOT NULL UNIQUE,
  rule           TEXT    NOT NULL,
  host           INTEGER NOT NULL REFERENCES hosts (n),
  severity       TEXT    NOT NULL,
  shadow         INTEGER NOT NULL,
  time           INTEGER NOT NULL,
  key            TEXT    NOT NULL,
  suppress_since INTEGER NOT NULL,
  suppress_until INTEGER NOT NULL,
  count          INTEGER NOT NULL,
  last           INTEGER NOT NULL,
  state          TEXT    NOT NULL,
  doc            BLOB    NOT NULL
) STRICT;
CREATE INDEX alerts_host ON alerts (host, id);
CREATE INDEX alerts_rule ON alerts (rule, id);
CREATE INDEX alerts_severity ON alerts (severity, id);
CREATE INDEX alerts_suppress ON alerts (suppress_until);
CREATE INDEX alerts_key ON alerts (key, id) WHERE key <> '';

-- The facts of an alert: those that raised it, then its duplicates as far as
-- the bound allows.
CREATE TABLE alert_facts (
  alert INTEGER NOT NULL REFERENCES alerts (n),
  place INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  pos   INTEGER NOT NULL,
  PRIMARY KEY (alert, place)
) STRICT, WITHOUT ROWID;

-- Which hash ran from which path on which host.
CREATE TABLE executables (
  host   INTEGER NOT NULL REFERENCES hosts (n),
  path   TEXT    NOT NULL,
  sha256 BLOB    NOT NULL,
  first  INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  PRIMARY KEY (host, path, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX executables_sha256 ON executables (sha256, host);
