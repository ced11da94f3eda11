-- +goose Up

-- The rules that ran, so that an alert can be shown with the text that raised
-- it. A row a set, whatever how often it ran; the log says when. files is JSON,
-- packed as codec says.
CREATE TABLE rule_sets (
  version TEXT    PRIMARY KEY,
  kept    INTEGER NOT NULL,
  codec   INTEGER NOT NULL,
  files   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
