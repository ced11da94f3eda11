package api

// AuditRecord is a record of the hub's append-only log with its document.
type AuditRecord struct {
	// Index is its number, from 0.
	Index int64 `json:"index"`
	// Record is the record as the tree has it: canonical JSON with type, id and the SHA-256 of the document.
	Record string `json:"record"`
	// Document is what the record is about, in base64: the exact bytes that the digest is of.
	Document []byte `json:"document"`
}

// Checkpoint is the hub's signed word on its log.
type Checkpoint struct {
	// Name is the log's name.
	Name string `json:"name"`
	// Size is how many records it has.
	Size int64 `json:"size"`
	// Note is the signed note (https://c2sp.org/tlog-checkpoint); empty while the log is.
	Note string `json:"note"`
	// Verifier is the log's key as the hub says; take it from a trust store instead where there is one.
	Verifier string `json:"verifier"`
}
