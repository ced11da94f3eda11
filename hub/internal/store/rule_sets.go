package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"picket.internal/api"
	"picket.internal/hub/internal/audit"
)

// ruleSets is how many sets of rules are kept, the newest: a folder that
// changes every minute must not fill the disk.
const ruleSets = 200

// KeepRules keeps the files of a set of rules, unless it is kept already. A set
// too large for a dossier is not kept: an alert of it is shown without its rule.
func (s *Store) KeepRules(ctx context.Context, version string, files []api.RuleFile) error {
	text, err := json.Marshal(files)
	if err != nil {
		return fmt.Errorf("keeping rules: %w", err)
	}
	if len(text) > maxPayload {
		s.opts.logger().Warn("the rules are too large to be kept for dossiers", "bytes", len(text), "allowed", maxPayload)
		return nil
	}
	var known int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM rule_sets WHERE version = ?`, version).Scan(&known); err != nil || known > 0 {
		return err
	}
	packed := s.packer.pack(text)
	return unavailable(s.update(ctx, len(packed), func(tx *Tx) error {
		err := tx.exec(`INSERT OR IGNORE INTO rule_sets (version, kept, codec, files) VALUES (?, ?, ?, ?)`, version, millis(tx.now), codecZstd, packed)
		if err != nil {
			return fmt.Errorf("keeping rules: %w", err)
		}
		return tx.exec(`DELETE FROM rule_sets WHERE version NOT IN (SELECT version FROM rule_sets ORDER BY kept DESC LIMIT ?)`, ruleSets)
	}))
}

// RulesAt is the set of rules that the log says ran at a time, with its files;
// no files where they are no longer kept.
func (s *Store) RulesAt(ctx context.Context, at time.Time) (version string, files []api.RuleFile, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT doc FROM audit WHERE type = 'config' AND id = 'rules.loaded' ORDER BY n DESC`)
	if err != nil {
		return "", nil, fmt.Errorf("reading which rules ran: %w", err)
	}
	defer rows.Close()
	for version == "" && rows.Next() {
		var doc []byte
		var c audit.Change
		if err := rows.Scan(&doc); err != nil {
			return "", nil, fmt.Errorf("reading which rules ran: %w", err)
		}
		if err := json.Unmarshal(doc, &c); err == nil && !c.At.After(at) {
			version = c.Detail["version"]
		}
	}
	if err := rows.Err(); err != nil || version == "" {
		return "", nil, err
	}
	rows.Close()
	var codec int
	var packed []byte
	err = s.read.QueryRowContext(ctx, `SELECT coalesce(max(codec), 0), coalesce(max(files), x'') FROM rule_sets WHERE version = ?`, version).Scan(&codec, &packed)
	if err != nil || codec == 0 {
		return version, nil, err
	}
	text, err := s.packer.unpack(codec, packed)
	if err == nil {
		err = json.Unmarshal(text, &files)
	}
	if err != nil {
		return "", nil, fmt.Errorf("reading the rules %s: %w", version, err)
	}
	return version, files, nil
}
