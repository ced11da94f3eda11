package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
)

// maxBetween is how many batches a session may have between the first and the
// last of an alert for all of them to go into its dossier.
const maxBetween = 64

// Dossier is an alert with what shows it, but for the rules' files: rules is the
// version of the set whose record goes with it.
func (s *Store) Dossier(ctx context.Context, id, rules string) (api.Dossier, error) {
	d := api.Dossier{Format: api.DossierFormat, Hub: s.opts.Hub, Made: s.opts.now().UTC(), Signers: []api.DossierSigner{}, Facts: []api.DossierFact{},
		Batches: []api.DossierBatch{}, Records: []api.DossierRecord{}}
	var n int64
	var err error
	if d.Alert, err = scanAlert(s.read.QueryRowContext(ctx, `SELECT doc, count, last, state, n FROM alerts WHERE id = ?`, id), &n); errors.Is(err, sql.ErrNoRows) {
		return d, notFound("alert", id)
	} else if err != nil {
		return d, fmt.Errorf("reading alert: %w", err)
	}
	if d.Alert.Responses, err = s.AlertResponses(ctx, id); err != nil {
		return d, err
	}
	if err := s.dossierFacts(ctx, &d, n); err != nil {
		return d, err
	}
	if err := s.dossierWrappers(ctx, &d); err != nil {
		return d, err
	}
	return d, s.dossierRecords(ctx, &d, rules)
}

// dossierFacts adds where the facts lie, and the batches.
func (s *Store) dossierFacts(ctx context.Context, d *api.Dossier, alert int64) error {
	links, err := s.linksBefore(ctx, alert, math.MaxInt64, maxLinks)
	if err != nil {
		return err
	}
	slices.Reverse(links)
	raised := int64(len(d.Alert.Facts))
	if d.Alert.Window != nil { // what a rule counted raised it, too
		raised = max(raised, d.Alert.Window.Count)
	}
	batches, gaps, err := s.dossierBatches(ctx, links)
	if err != nil {
		return err
	}
	d.Gaps = gaps
	byN := map[int64]storedBatch{}
	size := 0
	for _, b := range batches {
		opened, err := s.verifyStored(ctx, b)
		if err != nil {
			return fmt.Errorf("batch %d of the alert does not verify, run picket-hub check: %w", b.n, err)
		}
		key, err := envelope.ParsePublicKey(b.key)
		if err != nil {
			return err
		}
		sealed := envelope.Join(envelope.Batch, opened.Payload, key, b.sig)
		if size += len(sealed); size > api.MaxDossierBatchBytes || len(d.Batches) == api.MaxDossierBatches {
			break // the facts of the others are left out with them
		}
		byN[b.n] = b
		d.Batches = append(d.Batches, api.DossierBatch{Host: b.host, Received: b.received, Envelope: sealed})
		signer := api.DossierSigner{Role: api.DossierHost, Host: b.host, Key: key.String()}
		if b.host == HubHost(s.opts.Hub) {
			signer.Role = api.DossierHub
		}
		if !slices.Contains(d.Signers, signer) {
			d.Signers = append(d.Signers, signer)
		}
	}
	for _, l := range links {
		if b, ok := byN[l.Batch]; ok {
			d.Facts = append(d.Facts, api.DossierFact{Host: b.host, Session: b.session, Seq: b.seq, Pos: l.Pos, Raised: l.place < raised})
		}
	}
	return nil
}

// dossierBatches are the batches of facts, and those between them where they
// are not too many, in the order of receipt.
func (s *Store) dossierBatches(ctx context.Context, links []placed) (all []storedBatch, gaps []api.DossierGap, err error) {
	type session struct{ host, id string }
	found := map[session][]storedBatch{}
	seen := map[int64]bool{}
	for _, l := range links {
		if seen[l.Batch] {
			continue
		}
		seen[l.Batch] = true
		b, err := scanBatch(s.read.QueryRowContext(ctx, selectBatch+`WHERE b.n = ?`, l.Batch))
		if err != nil {
			return nil, nil, fmt.Errorf("reading batch %d: %w", l.Batch, err)
		}
		at := session{b.host, b.session}
		found[at] = append(found[at], b)
	}
	for at, list := range found {
		slices.SortFunc(list, func(a, b storedBatch) int { return int(a.n - b.n) })
		first, last := list[0], list[len(list)-1]
		if last.seq-first.seq < maxBetween {
			rows, err := s.read.QueryContext(ctx, selectBatch+`WHERE b.session = (SELECT session FROM batches WHERE n = ?) AND b.seq BETWEEN ? AND ? ORDER BY b.seq`,
				first.n, int64(first.seq), int64(last.seq))
			if err != nil {
				return nil, nil, fmt.Errorf("reading a chain of batches: %w", err)
			}
			if list, err = collectBatches(rows); err != nil {
				return nil, nil, fmt.Errorf("reading a chain of batches: %w", err)
			}
		} else {
			for i := 1; i < len(list); i++ {
				if list[i].seq != list[i-1].seq+1 {
					gaps = append(gaps, api.DossierGap{Session: at.id, After: list[i-1].seq, Before: list[i].seq})
				}
			}
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b storedBatch) int { return int(a.n - b.n) })
	slices.SortFunc(gaps, func(a, b api.DossierGap) int {
		return strings.Compare(fmt.Sprintf("%s %20d", a.Session, a.After), fmt.Sprintf("%s %20d", b.Session, b.After))
	})
	return all, gaps, nil
}

// dossierRecords adds the records of the log that belong to the dossier, each
// with its proof, and the checkpoint that the proofs lead to.
func (s *Store) dossierRecords(ctx context.Context, d *api.Dossier, rules string) error {
	point, err := s.Checkpoint(ctx)
	if err != nil || point.Size == 0 {
		return err
	}
	d.Checkpoint = point.Note
	if err := s.dossierConsistency(ctx, d, point.Size); err != nil {
		return err
	}
	// want is a type with an id, or with the range of ids from it up to to.
	type want struct{ kind, id, to string }
	var wants []want
	for _, k := range d.Signers {
		switch k.Role {
		case api.DossierHost:
			wants = append(wants, want{eat.EntryConfig, "host.enrolling/" + k.Host, ""})
		case api.DossierWrapper:
			wants = append(wants, want{eat.EntryConfig, eat.EventWrapperKey + "/" + k.Host, ""})
		}
	}
	for _, key := range s.auditLog.Others() { // receipts may tell of checkpoints that those have signed
		wants = append(wants, want{eat.EntryConfig, eat.EventKey + "/" + key.ID(), ""})
	}
	if rules != "" {
		wants = append(wants, want{eat.EntryConfig, "rules.loaded", ""})
	}
	for _, r := range d.Alert.Responses {
		if r.Token != nil {
			wants = append(wants, want{eat.EntryToken, r.Token.ID, ""})
		}
		wants = append(wants, want{eat.EntryApproval, r.ID, ""}, want{eat.EntryApproval, r.ID + "/", r.ID + "0"}) // 0 follows /
		if r.BreakGlass != "" {
			wants = append(wants, want{eat.EntryConfig, "response.break_glass/" + r.ID, ""})
		}
		for _, c := range r.Receipts {
			wants = append(wants, want{eat.EntryReceipt, r.Host.ID + "/" + strconv.FormatUint(c.Seq, 10), ""})
		}
	}
	seen := map[int64]bool{}
	for _, w := range wants {
		query, args := `id = ?`, []any{w.kind, point.Size, w.id}
		if w.to != "" {
			query, args = `id >= ? AND id < ?`, append(args, w.to)
		}
		rows, err := s.read.QueryContext(ctx, `SELECT n, record, doc FROM audit WHERE type = ? AND n < ? AND `+query+` ORDER BY n DESC LIMIT 100`, args...)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		found, err := scanRecords(rows)
		if err != nil {
			return err
		}
		for _, r := range found {
			if w.id == "rules.loaded" && !strings.Contains(string(r.Document), `"version":"`+rules+`"`) || seen[r.Index] || len(d.Records) == api.MaxDossierRecords {
				continue
			}
			seen[r.Index] = true
			proof, err := tlog.ProveRecord(point.Size, r.Index, hashReader(ctx, s.read))
			if err != nil {
				return fmt.Errorf("proving record %d: %w", r.Index, err)
			}
			d.Records = append(d.Records, api.DossierRecord{Index: r.Index, Record: r.Record, Document: r.Document, Proof: hashes(proof)})
			if w.id == "rules.loaded" {
				break // the newest says enough
			}
		}
	}
	slices.SortFunc(d.Records, func(a, b api.DossierRecord) int { return int(a.Index - b.Index) })
	return nil
}

// dossierConsistency adds the proofs that the log of size records extends each
// that a receipt tells of. Of one that is larger there is none: it shows by that.
func (s *Store) dossierConsistency(ctx context.Context, d *api.Dossier, size int64) error {
	vkeys, err := s.auditLog.Verifiers()
	if err != nil {
		return err
	}
	done := map[int64]bool{}
	for _, r := range d.Alert.Responses {
		for _, c := range r.Receipts {
			seen, _, err := (&eat.Receipt{Effect: c.Effect}).Seen(vkeys...)
			if err != nil || seen.N <= 0 || seen.N >= size || done[seen.N] || len(done) == api.MaxDossierRecords {
				continue
			}
			done[seen.N] = true
			proof, err := tlog.ProveTree(size, seen.N, hashReader(ctx, s.read))
			if err != nil {
				return fmt.Errorf("proving that the log extends one of %d records: %w", seen.N, err)
			}
			d.Consistency = append(d.Consistency, api.DossierConsistency{Records: seen.N, Proof: hashes(proof)})
		}
	}
	return nil
}

func hashes(proof []tlog.Hash) [][]byte {
	out := make([][]byte, 0, len(proof))
	for _, h := range proof {
		out = append(out, h[:])
	}
	return out
}

func scanRecords(rows *sql.Rows) ([]api.AuditRecord, error) {
	defer rows.Close()
	var out []api.AuditRecord
	for rows.Next() {
		var r api.AuditRecord
		var record, doc []byte
		if err := rows.Scan(&r.Index, &record, &doc); err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		r.Record, r.Document = string(record), doc
		out = append(out, r)
	}
	return out, rows.Err()
}
