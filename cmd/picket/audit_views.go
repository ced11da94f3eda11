package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/eat/merkle"
)

// logView is a checkpoint of the log as somebody has seen it.
type logView struct {
	// Of says who, as in "host web1, h_…".
	Of string `json:"of"`
	// Records is how many records there were.
	Records int64 `json:"records,omitempty"`
	// Error says in what way the log is another; empty where it extends that.
	Error string `json:"error,omitempty"`

	note string
}

// check holds the view to the log, which was verified.
func (v *logView) check(tree *merkle.Tree, vkeys []string) {
	if v.note == "" { // there is none that the log's key has signed
		return
	}
	var then tlog.Tree
	var err error
	for _, vkey := range vkeys {
		if then, err = eat.OpenCheckpoint([]byte(v.note), vkey); err == nil {
			break
		}
	}
	if err != nil {
		v.Error = fmt.Sprintf("it is no checkpoint of this log: %v", err)
		return
	}
	v.Records = then.N
	before, err := tree.At(then.N)
	switch {
	case err != nil:
		v.Error = fmt.Sprintf("eat.log_rollback: the log had %d records, and has %d", then.N, tree.Size())
	case before != then:
		v.Error = fmt.Sprintf("eat.log_fork: the first %d records are others than were signed before", then.N)
	}
}

// hostViews are what the hosts have seen of the log, by their receipts at the
// hub. untold counts those of an older wrapper, which tells no checkpoint.
func hostViews(ctx context.Context, hub *client.Client) (views []logView, untold int, err error) {
	for h, err := range hub.Hosts(ctx) {
		if err != nil {
			return nil, 0, err
		}
		if h.Log == nil {
			continue
		}
		v := logView{Of: fmt.Sprintf("host %s, %s", h.Name, h.ID), Records: h.Log.Records, note: h.Log.Checkpoint}
		switch {
		case v.note != "":
		case h.Log.Verdict == api.LogFork:
			v.Error = "eat.log_fork: what it has seen is signed with another key than the log's, says the hub"
		case h.Log.Verdict == api.LogRollback:
			v.Error = fmt.Sprintf("eat.log_rollback: it has seen %d records, says the hub", h.Log.Records)
		default:
			untold++
			continue
		}
		views = append(views, v)
	}
	return views, untold, nil
}

// fileViews reads a checkpoint as picket audit export writes it, receipts as a
// wrapper keeps them, a wrapper's state.json, or an exported alert.
func fileViews(path string, vkeys []string) ([]logView, error) {
	data, err := readAtMost(path, api.MaxDossier)
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	data = bytes.TrimSpace(data)
	if !bytes.HasPrefix(data, []byte("{")) {
		return []logView{{Of: path, note: string(data) + "\n"}}, nil
	}
	var kind struct {
		Format     string `json:"format"`
		Checkpoint string `json:"checkpoint"`
	}
	if err := json.Unmarshal(data, &kind); err == nil && kind.Format != "" {
		return dossierViews(path, data, vkeys)
	}
	if kind.Checkpoint != "" {
		return []logView{{Of: path, note: kind.Checkpoint}}, nil
	}
	views, err := receiptViews(path, bytes.Split(data, []byte("\n")), vkeys)
	if err == nil && len(views) == 0 {
		err = fmt.Errorf("%q does not say which log its host had seen: an older wrapper made it", path)
	}
	return views, err
}

func dossierViews(path string, data []byte, vkeys []string) ([]logView, error) {
	d, err := dossier.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %q: %w", path, err)
	}
	var receipts [][]byte
	for _, r := range d.Alert.Responses {
		for _, one := range r.Receipts {
			receipts = append(receipts, one.Envelope)
		}
	}
	views, err := receiptViews(path, receipts, vkeys)
	return append([]logView{{Of: path, note: d.Checkpoint}}, views...), err
}

// receiptViews are the checkpoints in receipts, of those that have one. One that
// the log has not signed is a view that does not hold.
func receiptViews(path string, receipts [][]byte, vkeys []string) ([]logView, error) {
	var views []logView
	for _, data := range receipts {
		r, err := eat.UnverifiedReceipt(bytes.TrimSpace(data))
		if err != nil {
			return nil, fmt.Errorf("%q holds neither a checkpoint, nor receipts, nor an exported alert: %w", path, err)
		}
		v := logView{Of: fmt.Sprintf("receipt %d of %s in %s", r.Seq, r.Host, path)}
		tree, note, err := r.Seen(vkeys...)
		if v.Records, v.note = tree.N, string(note); err != nil {
			v.Error = err.Error()
		}
		if v.note != "" || v.Error != "" {
			views = append(views, v)
		}
	}
	return views, nil
}
