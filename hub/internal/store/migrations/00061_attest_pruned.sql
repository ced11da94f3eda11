-- +goose Up

-- agreed is 1 for a token that asked for an attestation on schedule, whose answer
-- agreed, until the envelopes of the two are pruned. What was judged before this
-- was kept is not known to have agreed, and stays.
ALTER TABLE eats ADD COLUMN agreed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX eats_agreed ON eats (expires) WHERE agreed = 1;
