-- +goose Up

-- What hosts have installed and configured, as their facts tell it, and what
-- they say its digest is. A row an inventory; times are Unix milliseconds.
CREATE TABLE inventories (
  n       INTEGER PRIMARY KEY,
  host    INTEGER NOT NULL REFERENCES hosts (n),
  kind    TEXT    NOT NULL,
  session INTEGER NOT NULL DEFAULT 0,  -- that told the digest
  count   INTEGER NOT NULL DEFAULT 0,  -- of entities held
  bytes   INTEGER NOT NULL DEFAULT 0,  -- of their states
  changed INTEGER NOT NULL DEFAULT 0,  -- the last time that one changed
  told    INTEGER NOT NULL DEFAULT 0,  -- when the digest was told
  digest  TEXT    NOT NULL DEFAULT '',
  claimed INTEGER NOT NULL DEFAULT 0,  -- how many the host says there are
  omitted INTEGER NOT NULL DEFAULT 0,
  reason  TEXT    NOT NULL DEFAULT '',
  pending INTEGER NOT NULL DEFAULT 0,  -- 1 where the digest is yet to be compared
  judged  INTEGER NOT NULL DEFAULT 0,  -- when one was compared last
  agreed  INTEGER NOT NULL DEFAULT 0,  -- when the two last agreed; 0 never
  wanted  INTEGER NOT NULL DEFAULT 0,  -- since when they do not; 0 where they do
  asked   INTEGER NOT NULL DEFAULT 0,  -- when the host last fetched what is held
  asks    INTEGER NOT NULL DEFAULT 0,  -- how often since they last agreed
  UNIQUE (host, kind)
) STRICT;

-- key is the first 8 bytes of the SHA-256 of the entity's key; the state says
-- the key itself. A state that is too large is not kept, its sum is.
CREATE TABLE entities (
  inventory INTEGER NOT NULL REFERENCES inventories (n),
  key       BLOB    NOT NULL,
  sum       BLOB    NOT NULL,
  state     BLOB    NOT NULL,
  first     INTEGER NOT NULL,
  changed   INTEGER NOT NULL,
  PRIMARY KEY (inventory, key)
) STRICT, WITHOUT ROWID;

-- Only the newest session of a host changes its inventories.
ALTER TABLE hosts ADD COLUMN inventory_session INTEGER NOT NULL DEFAULT 0;
UPDATE hosts SET inventory_session = coalesce((SELECT max(s.n) FROM sessions s WHERE s.host = hosts.n), 0);

-- What lies before it in the log is not in these tables.
INSERT INTO meta (name, value) VALUES ('inventory_from', (SELECT coalesce(max(n), 0) + 1 FROM batches));
