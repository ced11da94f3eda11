package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub/internal/attest"
	"picket.internal/strictjson"
)

// attested is a host's row, which it may not have.
type attested struct {
	asked, at                sql.NullInt64
	verdict, findings, notes sql.NullString
}

func (a attested) attestation() *api.Attestation {
	if !a.asked.Valid {
		return nil
	}
	return &api.Attestation{Asked: fromMillis(a.asked.Int64), At: fromMillis(a.at.Int64), Verdict: a.verdict.String,
		Findings: linesOf(a.findings.String), Notes: linesOf(a.notes.String)}
}

func linesOf(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// Attestable is a host that can be asked.
type Attestable struct {
	Host string
	// Asked is when it last was; zero where it never was.
	Asked time.Time
}

// Attestable lists the hosts whose wrapper's key is known, and when each was last
// asked, the longest ago first.
func (s *Store) Attestable(ctx context.Context) ([]Attestable, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.id, coalesce(a.asked, 0) FROM hosts h JOIN wrappers w ON w.host = h.n LEFT JOIN attestations a ON a.host = h.n
		WHERE h.state IN ('enrolled', 'suspect') AND length(w.key) > 0 ORDER BY 2, 1`)
	if err != nil {
		return nil, fmt.Errorf("looking for hosts to attest: %w", err)
	}
	defer rows.Close()
	var out []Attestable
	for rows.Next() {
		var one Attestable
		var asked int64
		if err := rows.Scan(&one.Host, &asked); err != nil {
			return nil, fmt.Errorf("looking for hosts to attest: %w", err)
		}
		one.Asked = fromMillis(asked)
		out = append(out, one)
	}
	return out, rows.Err()
}

// AskedToAttest keeps that a host was asked.
func (s *Store) AskedToAttest(ctx context.Context, host string) error {
	return s.update(ctx, 256, func(tx *Tx) error {
		n, err := tx.host(host)
		if err != nil {
			return err
		}
		return tx.exec(`INSERT INTO attestations (host, asked) VALUES (?, ?) ON CONFLICT (host) DO UPDATE SET asked = excluded.asked`, n, millis(tx.now))
	})
}

// Answer is an attestation that is to be judged.
type Answer struct {
	Host    fact.Host
	Counter int64
	// Nonce is what was asked.
	Nonce string
	// Receipt is the answer, nil where none came in time; Received is when it came.
	Receipt  *eat.Receipt
	Received time.Time
	// Pinned is the sensor's hash that the hub holds it to.
	Pinned string
	// Before are the files of the answer before, nil where there was none, and
	// Hashed when that was, by the host's clock.
	Before map[string]string
	Hashed time.Time
	// Findings are those of the answer before.
	Findings []string
}

// Answers are the attestations that were answered or missed and are not judged,
// of each host the oldest.
func (s *Store) Answers(ctx context.Context) ([]Answer, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.id, h.name, h.pinned, min(e.counter), r.args, e.answered, c.payload, c.received, a.files, a.hashed, a.findings
		FROM eats e JOIN hosts h ON h.n = e.host JOIN responses r ON r.n = e.response LEFT JOIN attestations a ON a.host = e.host
		LEFT JOIN receipts c ON c.host = e.host AND c.token = e.id AND c.seq = (SELECT max(seq) FROM receipts WHERE host = e.host AND token = e.id)
		WHERE e.action = 'attest' AND (e.answered = 1 OR e.missed = 1) AND e.counter > coalesce(a.counter, 0) GROUP BY e.host LIMIT 100`)
	if err != nil {
		return nil, fmt.Errorf("looking for attestations: %w", err)
	}
	defer rows.Close()
	var out []Answer
	for rows.Next() {
		a, err := scanAnswer(rows)
		if err != nil {
			return nil, fmt.Errorf("looking for attestations: %w", err)
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

func scanAnswer(row scanner) (Answer, error) {
	var a Answer
	var raw, payload []byte
	var answered bool
	var received, hashed sql.NullInt64
	var files, findings sql.NullString
	err := row.Scan(&a.Host.ID, &a.Host.Name, &a.Pinned, &a.Counter, &raw, &answered, &payload, &received, &files, &hashed, &findings)
	if err != nil {
		return a, err
	}
	args, err := eat.ParseArgs(eat.ActionAttest, raw)
	if err != nil {
		return a, err
	}
	a.Nonce, a.Received, a.Findings = args.(eat.Attest).Nonce, fromMillis(received.Int64), linesOf(findings.String)
	if hashed.Int64 > 0 {
		a.Hashed, a.Before = fromMillis(hashed.Int64), map[string]string{}
		if err := strictjson.Decode([]byte(files.String), strictjson.Limits{}, &a.Before, nil); err != nil {
			return a, err
		}
	}
	if answered && payload != nil {
		a.Receipt, err = storedReceipt(payload)
	}
	return a, err
}

// maxFindingText bounds what the hub keeps of one finding.
const maxFindingText = 300

// StoreAttestation keeps the judgement of an answer. What was not found the time
// before is told, and that all is well again.
func (s *Store) StoreAttestation(ctx context.Context, a *Answer, r attest.Result) error {
	files := []byte("{}")
	if r.Files != nil {
		var err error
		if files, err = strictjson.Encode(r.Files); err != nil {
			return err
		}
	}
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, oneLine(f.String()))
	}
	return s.update(ctx, 4096, func(tx *Tx) error {
		n, err := tx.host(a.Host.ID)
		if err != nil {
			return err
		}
		changed, err := tx.change(`INSERT INTO attestations (host, counter, at, verdict, findings, notes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
			ON CONFLICT (host) DO UPDATE SET counter = ?2, at = ?3, verdict = ?4, findings = ?5, notes = ?6 WHERE counter < ?2`,
			n, a.Counter, millis(tx.now), r.Verdict, strings.Join(lines, "\n"), oneLines(r.Notes))
		if err != nil || changed == 0 {
			return err
		}
		if r.Files != nil {
			if err := tx.exec(`UPDATE attestations SET files = ?, hashed = ? WHERE host = ?`, string(files), millis(a.Receipt.Time), n); err != nil {
				return err
			}
		}
		if r.Verdict == api.AttestAgrees {
			err := tx.exec(`UPDATE eats SET agreed = 1 WHERE host = ? AND counter = ? AND response IN (SELECT n FROM responses WHERE mode = ?)`, n, a.Counter, api.ModeSchedule)
			if err != nil {
				return err
			}
		}
		tx.tellAttestation(a, r, lines)
		return nil
	})
}

// maxAttestFacts bounds the facts of one answer.
const maxAttestFacts = 16

func (tx *Tx) tellAttestation(a *Answer, r attest.Result, lines []string) {
	known := map[string]bool{}
	for _, l := range a.Findings {
		known[l] = true
	}
	told := 0
	for i, f := range r.Findings {
		if told < maxAttestFacts && !known[lines[i]] {
			told++
			tx.Emit(&fact.Fact{Kind: fact.KindIntegrity, Host: a.Host, Integrity: f.Fact()})
		}
	}
	if len(a.Findings) > 0 && len(r.Findings) == 0 && r.Files != nil {
		tx.Emit(&fact.Fact{Kind: fact.KindIntegrity, Host: a.Host, Integrity: &fact.Integrity{Action: fact.IntegrityRestored, Subject: fact.SubjectAttestation}})
	}
}

func oneLines(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = oneLine(s)
	}
	return strings.Join(out, "\n")
}

func oneLine(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\n", " "), "?")
	return strings.ToValidUTF8(s[:min(len(s), maxFindingText)], "")
}
