-- +goose Up

-- The files that Picket consists of on a host, as the hub holds them: the
-- first heartbeat that lists any is the baseline. A state is the hash, mode,
-- owner, group and error with newlines between; an empty one means that the
-- file is not there, or should not be.
CREATE TABLE own_files (
  host     INTEGER NOT NULL REFERENCES hosts (n),
  path     TEXT    NOT NULL,
  role     TEXT    NOT NULL,
  expected TEXT    NOT NULL,
  seen     TEXT    NOT NULL,
  PRIMARY KEY (host, path)
) STRICT, WITHOUT ROWID;
