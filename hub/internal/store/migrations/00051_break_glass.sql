-- +goose Up

-- Why a person went over the brakes that the hub itself puts on a response;
-- empty where nobody did.
ALTER TABLE responses ADD COLUMN break_glass TEXT NOT NULL DEFAULT '';
