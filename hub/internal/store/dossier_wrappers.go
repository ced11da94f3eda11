package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// wrapperKeysRead is how many keys of one host are looked through.
const wrapperKeysRead = 100

// wrapperKeyDetail names the new key, and whole both it and the one whose place
// it takes: logs of before have no more of that one than its id.
func wrapperKeyDetail(key envelope.PublicKey, before []byte) map[string]string {
	detail := map[string]string{"key": key.ID(), "public": key.String()}
	if len(before) > 0 {
		detail["replaces"] = base64.StdEncoding.EncodeToString(before)
	}
	return detail
}

// dossierWrappers adds the keys of the wrappers that the receipts are signed
// with; of a host without receipts, the key that counts now.
func (s *Store) dossierWrappers(ctx context.Context, d *api.Dossier) error {
	for _, r := range d.Alert.Responses {
		keys, err := s.wrapperKeys(ctx, r.Host.ID)
		if err != nil {
			return err
		}
		signed := slices.DeleteFunc(slices.Clone(keys), func(k envelope.PublicKey) bool {
			return !slices.ContainsFunc(r.Receipts, func(c api.ResponseReceipt) bool {
				_, _, err := eat.OpenReceipt(c.Envelope, k)
				return err == nil
			})
		})
		if len(signed) == 0 {
			signed = keys[:min(1, len(keys))]
		}
		for _, k := range signed {
			signer := api.DossierSigner{Role: api.DossierWrapper, Host: r.Host.ID, Key: k.String()}
			if !slices.Contains(d.Signers, signer) {
				d.Signers = append(d.Signers, signer)
			}
		}
	}
	return nil
}

// wrapperKeys are the keys that a host's wrapper has had, the one that counts now
// first.
func (s *Store) wrapperKeys(ctx context.Context, host string) ([]envelope.PublicKey, error) {
	var keys []envelope.PublicKey
	add := func(key envelope.PublicKey) {
		if !key.IsZero() && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	t, err := s.Target(ctx, host)
	if err != nil {
		return nil, err
	}
	add(t.Wrapper)
	rows, err := s.read.QueryContext(ctx, `SELECT doc FROM audit WHERE type = ? AND id = ? ORDER BY n DESC LIMIT ?`, eat.EntryConfig, eat.EventWrapperKey+"/"+host, wrapperKeysRead)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of a wrapper: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		told, err := scanWrapperKeys(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the keys of a wrapper: %w", err)
		}
		for _, key := range told {
			add(key)
		}
	}
	return keys, rows.Err()
}

// scanWrapperKeys are the keys that a record has whole.
func scanWrapperKeys(rows *sql.Rows) (keys []envelope.PublicKey, err error) {
	var doc []byte
	var told eat.LogChange
	if err := rows.Scan(&doc); err != nil {
		return nil, err
	}
	if err := strictjson.Decode(doc, strictjson.Limits{Bytes: 64 << 10}, &told, nil); err != nil {
		return nil, err
	}
	for _, name := range []string{"public", "replaces"} {
		if text := told.Detail[name]; text != "" {
			var key envelope.PublicKey
			err = errors.Join(err, key.UnmarshalText([]byte(text)))
			keys = append(keys, key)
		}
	}
	return keys, err
}
