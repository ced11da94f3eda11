-- +goose Up

-- What a host's wrapper last signed to have seen of the log: in which receipt,
-- how many records, the checkpoint as the log's key has signed it (none where an
-- older wrapper told the size alone), and how that stands to the log here.
ALTER TABLE wrappers ADD COLUMN log_receipt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wrappers ADD COLUMN log_records INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wrappers ADD COLUMN log_note    BLOB    NOT NULL DEFAULT x'';
ALTER TABLE wrappers ADD COLUMN log_verdict TEXT    NOT NULL DEFAULT '';
