package api

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// StoredFact is a fact with the place where its signed bytes are kept.
type StoredFact struct {
	// Cursor is the fact's place in the order of storing; opaque, for FactQuery.After.
	Cursor string `json:"cursor"`
	// Received is when the hub accepted it, by the hub's clock.
	Received time.Time `json:"received"`
	// Batch is the signed statement that carries it.
	Batch Batch `json:"batch"`
	// Fact is the fact, byte for byte as the host signed it.
	Fact jsontext.Value `json:"fact"`
}

// Batch names a signed statement of a host.
type Batch struct {
	// Session is the sensor's session, 32 hexadecimal digits.
	Session string `json:"session"`
	// Seq is the statement's number in the session, from 1.
	Seq uint64 `json:"seq"`
	// Digest is the SHA-256 of its payload, 64 hexadecimal digits.
	Digest string `json:"digest"`
}
