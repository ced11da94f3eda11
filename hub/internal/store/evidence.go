package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// evidenceRoom is how many bytes of evidence are kept where nothing else is
// said. Past that the oldest bundle makes room, which the log says.
const evidenceRoom = 2 << 30

// announced is what a receipt says of a bundle.
type announced struct {
	token, sha256 string
	bytes, chunks int64
	state, why    string
}

// announceEvidence keeps what a receipt of collect_evidence says of the bundle:
// from then on its chunks are taken, and held to that.
func (tx *Tx) announceEvidence(w *wrapperRow, r Receipt) error {
	if r.Action != eat.ActionCollectEvidence || r.Outcome != eat.OutcomeDone {
		return nil
	}
	var response int64
	a, err := tx.readAnnouncement(w, r, &response)
	if errors.Is(err, fault.EvidenceMismatch) {
		tx.disbelieve(w.subject(), r.Receipt, fault.EvidenceMismatch.ID, strings.TrimPrefix(err.Error(), fault.EvidenceMismatch.ID+": "))
		return nil
	}
	if err != nil {
		return err
	}
	var sum, state string
	var size int64
	known, err := tx.get(`SELECT sha256, bytes, state FROM evidence WHERE token = ?`, []any{a.token}, &sum, &size, &state)
	switch {
	case err != nil:
		return err
	case !known:
		err = tx.exec(`INSERT INTO evidence (token, sha256, bytes, chunks, state, why, created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			a.token, a.sha256, a.bytes, a.chunks, a.state, a.why, millis(tx.now), millis(tx.now))
	case sum != a.sha256 || size != a.bytes:
		tx.disbelieve(w.subject(), r.Receipt, fault.EvidenceMismatch.ID, "a second receipt tells of another bundle of the same token")
		return nil
	case state != api.EvidenceWhole && state != api.EvidenceArrived && state != a.state:
		err = tx.exec(`UPDATE evidence SET state = ?, why = ?, changed = ? WHERE token = ?`, a.state, a.why, millis(tx.now), a.token)
	}
	if err != nil {
		return err
	}
	return tx.exec(`INSERT OR IGNORE INTO evidence_responses (response, token) VALUES (?, ?)`, response, a.token)
}

// readAnnouncement reads what the receipt says, and holds it to the token that
// gathered the bundle.
func (tx *Tx) readAnnouncement(w *wrapperRow, r Receipt, response *int64) (announced, error) {
	asked, err := tx.collecting(w, r.Token, response)
	if err != nil {
		return announced{}, err
	}
	a := announced{token: r.Token, sha256: r.Effect["sha256"], state: api.EvidenceComing}
	if asked.Again != "" {
		a.token = asked.Again
		var first int64
		if asked, err = tx.collecting(w, a.token, &first); err != nil {
			return announced{}, err
		}
	}
	a.bytes, err = strconv.ParseInt(r.Effect["bytes"], 10, 64)
	switch {
	case err != nil || a.bytes < 1 || !eat.ValidSHA256(a.sha256) || r.Effect["id"] != a.token:
		return announced{}, fault.EvidenceMismatch.With("the receipt does not tell of the bundle that it is about")
	case a.bytes > asked.MaxBytes:
		return announced{}, fault.EvidenceMismatch.With("%d bytes where the token allowed %d", a.bytes, asked.MaxBytes)
	}
	a.chunks = eat.Chunks(a.bytes)
	if r.Effect["chunks"] != strconv.FormatInt(a.chunks, 10) {
		a.state, a.why = api.EvidenceKept, cmp.Or(r.Effect["kept_here"], "the host's wrapper does not say that it sends it")
	}
	return a, nil
}

// collecting is what a token of the host asked to collect.
func (tx *Tx) collecting(w *wrapperRow, token string, response *int64) (eat.CollectEvidence, error) {
	var raw []byte
	found, err := tx.get(`SELECT r.n, r.args FROM eats e JOIN responses r ON r.n = e.response WHERE e.id = ? AND e.host = ? AND e.action = ?`,
		[]any{token, w.n, eat.ActionCollectEvidence}, response, &raw)
	if err != nil {
		return eat.CollectEvidence{}, err
	}
	if !found {
		return eat.CollectEvidence{}, fault.EvidenceMismatch.With("no token of this hub has gathered %s there", token)
	}
	args, err := eat.ParseArgs(eat.ActionCollectEvidence, raw)
	if err != nil {
		return eat.CollectEvidence{}, fmt.Errorf("reading a stored token: %w", err)
	}
	return args.(eat.CollectEvidence), nil
}

// PutChunk keeps a chunk that opened, of a host. arrived is true where it is the
// last one missing. One that is here already is passed over.
func (s *Store) PutChunk(ctx context.Context, host string, c *eat.Chunk) (arrived bool, err error) {
	err = s.update(ctx, len(c.Sealed)+512, func(tx *Tx) (err error) {
		arrived, err = tx.putChunk(host, c)
		return err
	})
	return arrived, err
}

func (tx *Tx) putChunk(host string, c *eat.Chunk) (arrived bool, err error) {
	var size, chunks, have int64
	var state string
	found, err := tx.get(`SELECT v.bytes, v.chunks, v.have, v.state FROM evidence v JOIN eats e ON e.id = v.token JOIN hosts h ON h.n = e.host WHERE v.token = ? AND h.id = ?`,
		[]any{c.Token, host}, &size, &chunks, &have, &state)
	if err != nil {
		return false, err
	}
	if !found {
		return false, tx.noEvidence(host, c.Token)
	}
	want := min(eat.ChunkBytes, size-c.Number*eat.ChunkBytes)
	switch {
	case c.Number >= chunks || c.Last != (c.Number == chunks-1) || int64(len(c.Sealed)) != want+eat.ChunkOverhead:
		return false, fault.EvidenceMismatch.With("chunk %d of %d bytes is none of a bundle of %d bytes", c.Number, len(c.Sealed), size)
	case state == api.EvidenceArrived || state == api.EvidenceWhole:
		return false, nil // it is here, and its answer was lost
	case state != api.EvidenceComing:
		return false, fault.EvidenceUnwanted.With("the bundle is %s; ask for it again", state)
	}
	n, err := tx.change(`INSERT OR IGNORE INTO evidence_chunks (token, number, last, sealed) VALUES (?, ?, ?, ?)`, c.Token, c.Number, c.Last, c.Sealed)
	if err != nil || n == 0 {
		return false, err
	}
	if have+1 == chunks {
		state = api.EvidenceArrived
	}
	if err := tx.exec(`UPDATE evidence SET have = have + 1, stored = stored + ?, state = ?, changed = ? WHERE token = ?`, len(c.Sealed), state, millis(tx.now), c.Token); err != nil {
		return false, err
	}
	return state == api.EvidenceArrived, tx.pruneEvidence(c.Token)
}

// noEvidence says why there is none of a token: it is not known here, or its
// receipt is not there yet, or it says that nothing was gathered.
func (tx *Tx) noEvidence(host, token string) error {
	var answered bool
	found, err := tx.get(`SELECT e.answered FROM eats e JOIN hosts h ON h.n = e.host WHERE e.id = ? AND h.id = ? AND e.action = ?`,
		[]any{token, host, eat.ActionCollectEvidence}, &answered)
	switch {
	case err != nil:
		return err
	case !found:
		return fault.EvidenceUnknown.With("this hub has asked this host for nothing under %q", token)
	case answered:
		return fault.EvidenceUnwanted.With("the receipt of %s tells of no evidence", token)
	}
	return fault.EvidenceNoReceipt.With("the receipt of %s is not here yet", token)
}

// pruneEvidence makes room, the oldest first, and never of the bundle that is
// coming in.
func (tx *Tx) pruneEvidence(coming string) error {
	room := tx.w.store.opts.EvidenceBytes
	if room == 0 {
		room = evidenceRoom
	}
	for {
		var stored int64
		if _, err := tx.get(`SELECT coalesce(sum(stored), 0) FROM evidence`, nil, &stored); err != nil || stored <= room {
			return err
		}
		var oldest string
		found, err := tx.get(`SELECT token FROM evidence WHERE stored > 0 AND token <> ? ORDER BY created, token LIMIT 1`, []any{coming}, &oldest)
		if err != nil {
			return err
		}
		if !found {
			return nil // one alone may be longer: it is bounded by its token
		}
		if err := tx.dropEvidence(oldest, api.EvidencePruned, "newer evidence took its room"); err != nil {
			return err
		}
		if err := tx.changed(audit.Hub, "evidence.pruned", oldest, nil); err != nil {
			return err
		}
	}
}

func (tx *Tx) dropEvidence(token, state, why string) error {
	if err := tx.exec(`DELETE FROM evidence_chunks WHERE token = ?`, token); err != nil {
		return err
	}
	return tx.exec(`UPDATE evidence SET have = 0, stored = 0, state = ?, why = ?, changed = ? WHERE token = ?`, state, why, millis(tx.now), token)
}

// JudgeEvidence keeps what came of comparing a bundle that has arrived with its
// receipt: why is empty where it is what the receipt says. What is not is
// dropped, and told.
func (s *Store) JudgeEvidence(ctx context.Context, token, why string) error {
	return s.update(ctx, 512, func(tx *Tx) error {
		if why == "" {
			return tx.exec(`UPDATE evidence SET state = ?, changed = ? WHERE token = ? AND state = ?`, api.EvidenceWhole, millis(tx.now), token, api.EvidenceArrived)
		}
		var host fact.Host
		found, err := tx.get(`SELECT h.id, h.name FROM evidence v JOIN eats e ON e.id = v.token JOIN hosts h ON h.n = e.host WHERE v.token = ? AND v.state = ?`,
			[]any{token, api.EvidenceArrived}, &host.ID, &host.Name)
		if err != nil || !found {
			return err
		}
		tx.Emit(&fact.Fact{Kind: fact.KindReceipt, Host: host, Receipt: &fact.Receipt{Action: fact.ReceiptRejected, TokenID: token,
			TokenAction: eat.ActionCollectEvidence, ErrorID: fault.EvidenceMismatch.ID, Detail: why}})
		return tx.dropEvidence(token, api.EvidenceMismatch, why)
	})
}

// ArrivedEvidence are the bundles that were not compared with their receipts
// yet, by their tokens.
func (s *Store) ArrivedEvidence(ctx context.Context) (tokens []string, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT token FROM evidence WHERE state = ? ORDER BY created LIMIT 16`, api.EvidenceArrived)
	if err != nil {
		return nil, fmt.Errorf("looking for evidence: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var token string
		if err := rows.Scan(&token); err != nil {
			return nil, fmt.Errorf("looking for evidence: %w", err)
		}
		tokens = append(tokens, token)
	}
	return tokens, rows.Err()
}

const selectEvidence = `SELECT v.token, v.sha256, v.bytes, v.chunks, v.have, v.state, v.why, v.changed, h.id FROM evidence v JOIN eats e ON e.id = v.token JOIN hosts h ON h.n = e.host `

// Evidence is a bundle with the host that it is of, by its token.
func (s *Store) Evidence(ctx context.Context, token string) (*api.Evidence, string, error) {
	e, host, err := scanEvidence(s.read.QueryRowContext(ctx, selectEvidence+`WHERE v.token = ?`, token))
	if err == nil && e == nil {
		err = notFound("evidence", token)
	}
	return e, host, err
}

func (s *Store) evidenceOf(ctx context.Context, response int64) (*api.Evidence, error) {
	e, _, err := scanEvidence(s.read.QueryRowContext(ctx, selectEvidence+`JOIN evidence_responses x ON x.token = v.token WHERE x.response = ?`, response))
	return e, err
}

func scanEvidence(row scanner) (*api.Evidence, string, error) {
	e := new(api.Evidence)
	var host string
	var changed int64
	err := row.Scan(&e.Token, &e.SHA256, &e.Bytes, &e.Chunks, &e.Have, &e.State, &e.Why, &changed, &host)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading evidence: %w", err)
	}
	e.Changed = fromMillis(changed)
	return e, host, nil
}

// Chunk is a chunk of a bundle, as it came.
func (s *Store) Chunk(ctx context.Context, host, token string, number int64) (*eat.Chunk, error) {
	c := &eat.Chunk{Host: host, Token: token, Number: number}
	err := s.read.QueryRowContext(ctx, `SELECT last, sealed FROM evidence_chunks WHERE token = ? AND number = ?`, token, number).Scan(&c.Last, &c.Sealed)
	if err != nil {
		return nil, fmt.Errorf("reading chunk %d of %s: %w", number, token, err)
	}
	return c, nil
}

// FirstMissing is the number of the first chunk of a bundle that is not here.
func (s *Store) FirstMissing(ctx context.Context, token string) (number int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT coalesce((SELECT min(number) + 1 FROM evidence_chunks c WHERE token = ?1
		AND NOT EXISTS (SELECT 1 FROM evidence_chunks WHERE token = ?1 AND number = c.number + 1)), 0)
		* EXISTS (SELECT 1 FROM evidence_chunks WHERE token = ?1 AND number = 0)`, token).Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("looking for missing chunks: %w", err)
	}
	return number, nil
}
