-- +goose Up

-- What the engine remembers between facts: correlations, new terms, absences
-- and risk, by rule and group. It moves in the transaction that moves the
-- engine's cursor, so that neither is ever ahead of the other. The bytes are
-- the engine's own.
CREATE TABLE windows (
  rule TEXT NOT NULL,
  key  BLOB NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (rule, key)
) STRICT, WITHOUT ROWID;

-- Which alerts a fact is part of: a risk alert names the alerts behind it.
CREATE INDEX alert_facts_place ON alert_facts (batch, pos);
