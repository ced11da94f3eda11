package eat

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// What a hub writes into its log.
const (
	EntryToken    = "eat"
	EntryApproval = "approval"
	EntryReceipt  = "receipt"
	EntryLogin    = "login"
	EntryConfig   = "config"
)

// Entry is one record of the log. It holds a digest of what it is about, so the
// log can be shown to those who may not see that.
type Entry struct {
	// Type says what it is about: eat, approval, receipt, login, config.
	Type string `json:"type"`
	// ID names it: a token's id; for others what the hub calls it.
	ID string `json:"id"`
	// SHA256 is the digest of it; of a token or a receipt, of the payload.
	SHA256 string `json:"sha256"`
}

// Encode returns the record: canonical JSON. Its tlog.RecordHash is the leaf of
// the tree (RFC 6962 section 2.1).
func (e Entry) Encode() ([]byte, error) {
	c := checks{kind: ErrBadField}
	known := e.Type == EntryToken || e.Type == EntryApproval || e.Type == EntryReceipt || e.Type == EntryLogin || e.Type == EntryConfig
	c.field(known, "type", e.Type)
	c.field(validName(e.ID, alnum+"_.:/=@-", 128), "id", e.ID)
	c.that(e.Type != EntryToken || ValidTokenID(e.ID), "id: malformed %.80q", e.ID)
	c.hash("sha256", e.SHA256)
	if c.err != nil {
		return nil, c.err
	}
	record, err := strictjson.Encode(e)
	if err != nil {
		return nil, refuse(ErrBadField, "%v", err)
	}
	return record, nil
}

// ParseEntry reads a record of the log.
func ParseEntry(record []byte) (Entry, error) {
	var e Entry
	if err := strictjson.Decode(record, strictjson.Limits{Bytes: 1024, Canonical: true}, &e, nil); err != nil {
		return Entry{}, refuse(ErrBadField, "malformed log record: %v", err)
	}
	if _, err := e.Encode(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

const maxCheckpoint = 4 << 10

// LogVerifier is the key of a log as trust stores have it. Name is the log's
// name, as in "picket.internal/log/" and the hub's id.
func LogVerifier(name string, key envelope.PublicKey) (string, error) {
	vkey, err := note.NewEd25519VerifierKey(name, key.Bytes())
	if err == nil {
		_, err = note.NewVerifier(vkey)
	}
	if err != nil {
		return "", fmt.Errorf("writing the key of the log %q: %w", name, err)
	}
	return vkey, nil
}

// SignCheckpoint is the hub's word on its log: a signed note of the log's name,
// its size and its root hash (https://c2sp.org/tlog-checkpoint). Each of the keys
// signs it, for those who believe one of them.
func SignCheckpoint(tree tlog.Tree, name string, keys ...envelope.PrivateKey) ([]byte, error) {
	var signers []note.Signer
	for _, key := range keys {
		vkey, err := LogVerifier(name, key.Public())
		if err != nil {
			return nil, err
		}
		// The signer's spelling of a key is the verifier's with the secret in it.
		parts := strings.SplitN(vkey, "+", 3)
		secret := base64.StdEncoding.EncodeToString(append([]byte{1}, key.Std().Seed()...))
		signer, err := note.NewSigner("PRIVATE+KEY+" + parts[0] + "+" + parts[1] + "+" + secret)
		if err != nil {
			return nil, fmt.Errorf("signing a checkpoint of %q: %w", name, err)
		}
		signers = append(signers, signer)
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(tree, name)}, signers...)
	if err != nil {
		return nil, fmt.Errorf("signing a checkpoint of %q: %w", name, err)
	}
	return signed, nil
}

func checkpointText(tree tlog.Tree, name string) string {
	return name + "\n" + strconv.FormatInt(tree.N, 10) + "\n" + tree.Hash.String() + "\n"
}

// OpenCheckpoint verifies a checkpoint by the log's key, and returns size and
// root hash. Signatures of others beside the log's are passed over. Its error
// is ErrBadCheckpoint.
func OpenCheckpoint(data []byte, vkey string) (tlog.Tree, error) {
	tree, _, err := openNote(data, vkey)
	return tree, err
}

// openNote is OpenCheckpoint, with the log's own signature as it stands there.
func openNote(data []byte, vkey string) (tree tlog.Tree, signature string, err error) {
	if len(data) > maxCheckpoint {
		return tlog.Tree{}, "", refuse(ErrBadCheckpoint, "%d bytes where %d are allowed", len(data), maxCheckpoint)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, "", refuse(ErrBadCheckpoint, "%v", err)
	}
	n, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, "", refuse(ErrBadCheckpoint, "%q", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 {
		return tlog.Tree{}, "", refuse(ErrBadCheckpoint, "%d lines where 3 belong", len(lines)-1)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	hash, hashErr := tlog.ParseHash(lines[2])
	tree = tlog.Tree{N: size, Hash: hash}
	// Written again it must be the same text: one checkpoint, one spelling.
	if err != nil || hashErr != nil || size < 0 || checkpointText(tree, verifier.Name()) != n.Text {
		return tlog.Tree{}, "", refuse(ErrBadCheckpoint, "malformed checkpoint %.200q", n.Text)
	}
	return tree, n.Sigs[0].Base64, nil
}

// Extends checks that the log with the tree newer holds all that the one with
// the tree older held, in its place. An older tree of size 0 is none, and every
// log extends it.
func Extends(newer, older tlog.Tree, proof tlog.TreeProof) error {
	switch {
	case newer.N < older.N:
		return refuse(ErrLogRollback, "the log had %d records and has %d", older.N, newer.N)
	case older.N == 0:
		return nil
	case newer.N == older.N && newer.Hash != older.Hash:
		return refuse(ErrLogFork, "two logs of %d records", newer.N)
	case newer.N == older.N:
		return nil
	}
	if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return refuse(ErrLogFork, "the log of %d records is not shown to extend that of %d", newer.N, older.N)
	}
	return nil
}

// Contains checks that the log has the entry as record number index, from 0.
func Contains(tree tlog.Tree, e Entry, index int64, proof tlog.RecordProof) error {
	record, err := e.Encode()
	if err != nil {
		return err
	}
	if index < 0 || index >= tree.N {
		return refuse(ErrNotLogged, "record %d of a log of %d", index, tree.N)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(record)); err != nil {
		return refuse(ErrNotLogged, "record %d of the log is another", index)
	}
	return nil
}
