package eat

import (
	"maps"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// The effects that say which checkpoint of the hub's log the host saw last:
// all that it needs to be written again, so that two receipts of a forked log
// are the hub's own word against itself. An older wrapper tells the size alone.
const (
	// EffectLogSize is how many records the log had, as a decimal: from there the
	// hub must prove the next token.
	EffectLogSize = "log_size"
	// EffectLogHash is the root hash, in base64.
	EffectLogHash = "log_hash"
	// EffectLogSignature is the log's own signature of the note, in base64 as it
	// stands there.
	EffectLogSignature = "log_signature"
)

// Saw writes into the effects which checkpoint the host saw last, with how many
// records. Of one that the log's key has not signed, as where the trust store
// has another since, it tells the size alone.
func (r *Receipt) Saw(records int64, checkpoint, vkey string) {
	if records <= 0 {
		return
	}
	seen := map[string]string{EffectLogSize: strconv.FormatInt(records, 10)}
	if tree, signature, err := openNote([]byte(checkpoint), vkey); err == nil && tree.N == records {
		seen[EffectLogHash], seen[EffectLogSignature] = tree.Hash.String(), signature
	}
	if len(r.Effect)+len(seen) > maxEffect {
		return
	}
	if r.Effect == nil {
		r.Effect = map[string]string{}
	}
	maps.Copy(r.Effect, seen)
}

// Seen is the checkpoint that the host saw last, by the receipt: written again
// as the log signed it, without what others signed beside it, and verified by
// one of the keys that the log has or had. A receipt of an older wrapper gives the size and no checkpoint,
// one that says nothing of the log no size either. Its error is ErrReceipt where
// the effects have not their form, and ErrBadCheckpoint where the log has not
// signed that.
func (r *Receipt) Seen(vkeys ...string) (tree tlog.Tree, checkpoint []byte, err error) {
	size, sized := r.Effect[EffectLogSize]
	hash, hashed := r.Effect[EffectLogHash]
	signature, signed := r.Effect[EffectLogSignature]
	if hashed != signed || hashed && !sized {
		return tlog.Tree{}, nil, refuse(ErrReceipt, "effect: of %s, %s and %s some are missing", EffectLogSize, EffectLogHash, EffectLogSignature)
	}
	if !sized {
		return tlog.Tree{}, nil, nil
	}
	records, err := strconv.ParseInt(size, 10, 64)
	if err != nil || records <= 0 || strconv.FormatInt(records, 10) != size {
		return tlog.Tree{}, nil, refuse(ErrReceipt, "effect: malformed %s %.80q", EffectLogSize, size)
	}
	if !signed {
		return tlog.Tree{N: records}, nil, nil
	}
	root, err := tlog.ParseHash(hash)
	if err != nil {
		return tlog.Tree{}, nil, refuse(ErrReceipt, "effect: malformed %s %.80q", EffectLogHash, hash)
	}
	tree, err = tlog.Tree{N: records, Hash: root}, refuse(ErrBadCheckpoint, "there is no key of the log")
	for _, vkey := range vkeys {
		if checkpoint, err = signedNote(tree, signature, vkey); err == nil {
			return tree, checkpoint, nil
		}
	}
	return tlog.Tree{}, nil, err
}

// signedNote writes a checkpoint again as a key has signed it.
func signedNote(tree tlog.Tree, signature, vkey string) ([]byte, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, refuse(ErrBadCheckpoint, "%v", err)
	}
	checkpoint := []byte(checkpointText(tree, verifier.Name()) + "\n\u2014 " + verifier.Name() + " " + signature + "\n")
	if opened, own, err := openNote(checkpoint, vkey); err != nil || opened != tree || own != signature {
		return nil, refuse(ErrBadCheckpoint, "the log of %d records that the host saw: %v", tree.N, err)
	}
	return checkpoint, nil
}

// UnverifiedReceipt reads a receipt whose wrapper's key is not at hand. Nothing
// in it is to be believed but what Seen verifies, by the log's key.
func UnverifiedReceipt(data []byte) (*Receipt, error) {
	var outer struct {
		Payload     []byte         `json:"payload"`
		PayloadType string         `json:"payloadType"`
		Signatures  jsontext.Value `json:"signatures"`
	}
	limits := strictjson.Limits{Bytes: 128 << 10, String: 128 << 10}
	if err := strictjson.Decode(data, limits, &outer, nil); err != nil {
		return nil, refuse(ErrReceipt, "%v", err)
	}
	if outer.PayloadType != envelope.Receipt.Name {
		return nil, refuse(ErrReceipt, "a statement of type %.80q", outer.PayloadType)
	}
	r := new(Receipt)
	if err := strictjson.Decode(outer.Payload, limits, r, nil); err != nil {
		return nil, refuse(ErrReceipt, "%v", err)
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return r, nil
}
