package api

import "time"

// Bounds of a dossier.
const (
	// MaxDossier is the length of the largest dossier in bytes.
	MaxDossier = 32 << 20
	// MaxDossierBatches is how many batches one holds.
	MaxDossierBatches = 256
	// MaxDossierBatchBytes is how long their envelopes are together, in bytes.
	MaxDossierBatchBytes = 12 << 20
	// MaxDossierRecords is how many records of the log one holds.
	MaxDossierRecords = 1000
)

// DossierFormat is what a dossier says of itself.
const DossierFormat = "picket.dossier.v1"

// Dossier is an alert with all that shows it to somebody who has only public
// keys: package dossier checks one. The hub's own word is in it too, and is not
// signed: what is not shown by a signature, a proof or the rule is only said.
type Dossier struct {
	// Format is DossierFormat.
	Format string `json:"format"`
	// Hub is the hub's id.
	Hub string `json:"hub"`
	// Made is when it was made, by the hub's clock, UTC.
	Made time.Time `json:"made"`
	// Alert is the alert with its responses, tokens and receipts.
	Alert Alert `json:"alert"`
	// Signers are who signed the batches and the receipts; a wrapper has a key for
	// each time that it was installed.
	Signers []DossierSigner `json:"signers"`
	// Facts say where each linked fact lies, in the order of the alert.
	Facts []DossierFact `json:"facts"`
	// Batches are the signed statements that hold the facts, and those between
	// two of them, in the order of receipt.
	Batches []DossierBatch `json:"batches"`
	// Gaps are stretches of a session between two batches that are left out
	// because they would be too many.
	Gaps []DossierGap `json:"gaps,omitempty"`
	// Rules are the files of the set of rules that ran, lists and filters with
	// them; none where the hub no longer has them.
	Rules []RuleFile `json:"rules,omitempty"`
	// Records are records of the log with the proofs that it holds them.
	Records []DossierRecord `json:"records"`
	// Checkpoint is the signed note that the proofs lead to.
	Checkpoint string `json:"checkpoint"`
	// Consistency are the proofs that the log extends what the receipts' hosts had
	// seen of it, one for each size.
	Consistency []DossierConsistency `json:"consistency,omitempty"`
}

// Roles of a DossierSigner.
const (
	DossierHost    = "host"    // the sensor of a host
	DossierHub     = "hub"     // the hub, which signs what it notices itself
	DossierWrapper = "wrapper" // the wrapper of a host, which signs receipts
)

// DossierSigner is a key, as the hub says.
type DossierSigner struct {
	// Role is host, hub or wrapper.
	Role string `json:"role"`
	// Host is the host's id; the hub has one of that form too.
	Host string `json:"host"`
	// Key is the public key, in base64.
	Key string `json:"key"`
}

// DossierFact says where a fact lies.
type DossierFact struct {
	// Host, Session and Seq name the batch.
	Host    string `json:"host"`
	Session string `json:"session"`
	Seq     uint64 `json:"seq"`
	// Pos is its place in the batch, from 0.
	Pos int `json:"pos"`
	// Raised is true for a fact that raised the alert, false for one of a duplicate.
	Raised bool `json:"raised"`
}

// DossierBatch is a batch as its sensor signed it.
type DossierBatch struct {
	// Host is who signed it.
	Host string `json:"host"`
	// Received is when the hub accepted it, by the hub's clock.
	Received time.Time `json:"received"`
	// Envelope is the DSSE envelope, in base64.
	Envelope []byte `json:"envelope"`
}

// DossierGap is a stretch of batches that are left out.
type DossierGap struct {
	// Session is the session.
	Session string `json:"session"`
	// After and Before are the numbers of the batches on either side.
	After  uint64 `json:"after"`
	Before uint64 `json:"before"`
}

// DossierRecord is a record of the log with its proof.
type DossierRecord struct {
	// Index, Record and Document are as in AuditRecord.
	Index    int64  `json:"index"`
	Record   string `json:"record"`
	Document []byte `json:"document"`
	// Proof are the hashes that lead from the record to the checkpoint's root
	// (RFC 6962 section 2.1.1), each 32 bytes in base64.
	Proof [][]byte `json:"proof"`
}

// DossierConsistency is the proof that the log of the checkpoint extends a
// smaller one.
type DossierConsistency struct {
	// Records is the size of the smaller one.
	Records int64 `json:"records"`
	// Proof are the hashes (RFC 6962 section 2.1.2), each 32 bytes in base64.
	Proof [][]byte `json:"proof"`
}
