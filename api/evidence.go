package api

import "time"

// What has become of a bundle of evidence.
const (
	EvidenceComing   = "coming"   // not all chunks are here
	EvidenceArrived  = "arrived"  // all are, and it is being compared with the receipt
	EvidenceWhole    = "whole"    // it is what the receipt says
	EvidenceMismatch = "mismatch" // it was not, and nothing of it was kept
	EvidenceKept     = "kept"     // it stays on the host; Why says why
	EvidencePruned   = "pruned"   // it was here, and newer ones took its room
)

// EvidenceStates lists every state.
var EvidenceStates = []string{EvidenceComing, EvidenceArrived, EvidenceWhole, EvidenceMismatch, EvidenceKept, EvidencePruned}

// MaxBundle is the length of the longest bundle, in bytes.
const MaxBundle = 64 << 20

// Evidence is a bundle that a host has gathered, as its receipt and the hub tell.
type Evidence struct {
	// Token is the token that gathered it.
	Token string `json:"token"`
	// SHA256 is the digest of the whole, as the host's wrapper has signed it.
	SHA256 string `json:"sha256"`
	// Bytes is how long the whole is.
	Bytes int64 `json:"bytes"`
	// Chunks is how many chunks it travels in, and Have how many of them are here.
	Chunks int64 `json:"chunks"`
	Have   int64 `json:"have"`
	// State is one of EvidenceStates.
	State string `json:"state"`
	// Why says more where the state does not say it all. Host-made text.
	Why string `json:"why,omitempty"`
	// Changed is when it last changed, by the hub's clock, UTC.
	Changed time.Time `json:"changed"`
}
