package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/eat/merkle"
)

type auditCommands struct {
	Verify auditVerifyCommand `cmd:"" help:"Verify the hub's log, and that it holds all that an earlier checkpoint says."`
	Export auditExportCommand `cmd:"" help:"Print the hub's log with its checkpoint, one JSON document a line."`
}

type auditExportCommand struct {
	Checkpoint bool `help:"Print the signed checkpoint alone. Keep it where the hub cannot change it."`
	hubFlags
}

// Help is shown below the one line of help.
func (*auditExportCommand) Help() string {
	return `A line a record, and the signed checkpoint in the last. picket audit verify --log
verifies such a file without the hub.

    $ picket audit export > log.jsonl
    $ picket audit export --checkpoint > checkpoint-2026-05-01`
}

// checkpointLine is the last line of an export.
type checkpointLine struct {
	Event string `json:"event"`
	api.Checkpoint
}

// Run exports the log.
func (c *auditExportCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	point, err := hub.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if c.Checkpoint {
		if c.JSON {
			return p.Document(checkpointLine{"checkpoint", point})
		}
		_, err := io.WriteString(e.options.Out, point.Note)
		return err
	}
	for r, err := range hub.AuditRecords(ctx, point.Size) {
		if err != nil {
			return err
		}
		if err := p.Document(r); err != nil {
			return err
		}
	}
	return p.Document(checkpointLine{"checkpoint", point})
}

type auditVerifyCommand struct {
	Checkpoint string `type:"existingfile" placeholder:"FILE" help:"A checkpoint that was exported before, or what a host has seen: a receipt, its wrapper's state.json, an exported alert. The log must extend it."`
	Log        string `type:"existingfile" placeholder:"FILE" help:"An export to verify, instead of the hub's log as it is now."`
	Trust      string `type:"existingfile" placeholder:"FILE" help:"Trust store with the log's key, instead of the hub's own word."`
	hubFlags
}

// Help is shown below the one line of help.
func (*auditVerifyCommand) Help() string {
	return `Computes the whole tree anew on this machine: each document by its digest, the
root by the hub's signature. With --checkpoint it also shows that nothing which was
in the log then has been changed or taken away since. The same is shown of the newest
checkpoint that each host has signed to have seen, and a host that saw another log is
named. The hub hands those out; whoever does not trust it takes from the host itself,
as root, the newest file in /var/lib/picket-wrapper/receipts, or state.json beside it,
and gives that as --checkpoint. Exits 1 where something does not hold, and says from
which record on.

    $ picket audit verify --checkpoint checkpoint-2026-05-01 --trust trust.json
    812 records, signed; the log extends the one of 790 records
    it is the log that 12 hosts have seen`
}

// logVerdict is what came out.
type logVerdict struct {
	OK      bool   `json:"ok"`
	Records int64  `json:"records"`
	Extends int64  `json:"extends,omitempty"`
	Error   string `json:"error,omitempty"`
	// Hosts are those that have signed which log they saw, Untold counts those
	// whose wrapper is an older one.
	Hosts  []logView `json:"hosts,omitempty"`
	Untold int       `json:"untold,omitempty"`
}

// Run verifies the log.
func (c *auditVerifyCommand) Run(ctx context.Context, e *env) error {
	log, err := c.source(ctx, e)
	if err != nil {
		return err
	}
	defer log.done()
	vkey := log.point.Verifier
	if c.Trust != "" {
		trust, err := loadTrust(c.Trust)
		if err != nil {
			return err
		}
		vkey = trust.Log
	}
	v, err := log.verify(vkey, c.Checkpoint)
	if err != nil {
		return err
	}
	if c.JSON {
		err = log.printer.Document(v)
	} else {
		err = v.print(log.printer)
	}
	if err == nil && !v.OK {
		return errNo
	}
	return err
}

func (v *logVerdict) print(p printer) error {
	if v.Error != "" {
		p.Note("%s", v.Error)
	}
	same := 0
	for _, h := range v.Hosts {
		if h.Error != "" {
			p.Note("%s: %s", h.Of, h.Error)
		} else {
			same++
		}
	}
	var lines []string
	switch {
	case v.Error != "":
		return nil
	case v.Extends > 0:
		lines = append(lines, fmt.Sprintf("%s, signed; the log extends the one of %s", count(int(v.Records), "record"), count(int(v.Extends), "record")))
	default:
		lines = append(lines, count(int(v.Records), "record")+", signed")
	}
	if same > 0 {
		lines = append(lines, fmt.Sprintf("it is the log that %s %s seen", count(same, "host"), have(same)))
	}
	if v.Untold > 0 {
		lines = append(lines, fmt.Sprintf("of %s it is not shown: an older wrapper tells no checkpoint", count(v.Untold, "host")))
	}
	return p.Lines(lines...)
}

func have(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

type printer interface {
	Document(v any) error
	Note(format string, args ...any)
	Lines(lines ...string) error
}

// logSource is a log that is to be verified: an export, or the hub's.
type logSource struct {
	point   api.Checkpoint
	records iter.Seq2[api.AuditRecord, error]
	hosts   []logView
	untold  int
	printer printer
	done    func()
}

func (c *auditVerifyCommand) source(ctx context.Context, e *env) (*logSource, error) {
	if c.Log != "" {
		all, point, err := loadExport(c.Log)
		if err != nil {
			return nil, fmt.Errorf("reading an export: %w", err)
		}
		records := func(yield func(api.AuditRecord, error) bool) {
			for _, r := range all {
				if !yield(r, nil) {
					return
				}
			}
		}
		return &logSource{point: point, records: records, printer: e.printer(c.JSON), done: func() {}}, nil
	}
	hub, printer, err := c.connect(e)
	if err != nil {
		return nil, err
	}
	log := &logSource{printer: printer, done: hub.Close}
	// The hosts first: what they have seen by now is in a checkpoint of later.
	if log.hosts, log.untold, err = hostViews(ctx, hub); err == nil {
		log.point, err = hub.Checkpoint(ctx)
	}
	if err != nil {
		hub.Close()
		return nil, err
	}
	log.records = hub.AuditRecords(ctx, log.point.Size)
	return log, nil
}

func loadExport(path string) (records []api.AuditRecord, point api.Checkpoint, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, point, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for n := 1; lines.Scan(); n++ {
		var line struct {
			checkpointLine
			api.AuditRecord
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, point, fmt.Errorf("line %d of %q: %w", n, path, err)
		}
		if line.Event == "checkpoint" {
			return records, line.Checkpoint, nil
		}
		records = append(records, line.AuditRecord)
	}
	if err := lines.Err(); err != nil {
		return nil, point, err
	}
	return nil, point, fmt.Errorf("%q has no checkpoint at its end: it is not whole", path)
}

// verify computes the tree and holds it to what was signed. An error means that
// it could not be done.
func (log *logSource) verify(vkey, earlier string) (logVerdict, error) {
	no := func(format string, args ...any) (logVerdict, error) {
		return logVerdict{Error: fmt.Sprintf(format, args...)}, nil
	}
	signed, err := eat.OpenCheckpoint([]byte(log.point.Note), vkey)
	if err != nil {
		return no("the checkpoint is not the log's: %v", err)
	}
	var tree merkle.Tree
	vkeys := []string{vkey} // and those that the log says it has or had
	name, _, _ := strings.Cut(vkey, "+")
	for r, err := range log.records {
		if err != nil {
			return logVerdict{}, err
		}
		entry, err := eat.ParseEntry([]byte(r.Record))
		sum := sha256.Sum256(r.Document)
		switch {
		case r.Index != tree.Size():
			return no("audit.broken at %d: the record is missing", tree.Size())
		case err != nil:
			return no("audit.broken at %d: %v", r.Index, err)
		case entry.SHA256 != hex.EncodeToString(sum[:]):
			return no("audit.broken at %d: the document of %s %s is another than was logged", r.Index, entry.Type, entry.ID)
		}
		if _, err := tree.Append([]byte(r.Record)); err != nil {
			return logVerdict{}, err
		}
		var change eat.LogChange
		if strings.HasPrefix(entry.ID, eat.EventKey+"/") && json.Unmarshal(r.Document, &change) == nil && change.LogKey(name) != "" {
			vkeys = append(vkeys, change.LogKey(name))
		}
	}
	now, err := tree.At(signed.N)
	if err != nil || tree.Size() != signed.N {
		return no("the log has %d records, and %d were signed", tree.Size(), signed.N)
	}
	if now != signed {
		return no("the records are others than were signed: run picket-hub check at the hub")
	}
	v := logVerdict{OK: true, Records: signed.N, Hosts: log.hosts, Untold: log.untold}
	for i := range v.Hosts {
		v.Hosts[i].check(&tree, vkeys)
		v.OK = v.OK && v.Hosts[i].Error == ""
	}
	if earlier == "" {
		return v, nil
	}
	views, err := fileViews(earlier, vkeys)
	if err != nil {
		return logVerdict{}, err
	}
	for _, one := range views {
		if one.check(&tree, vkeys); one.Error != "" && v.Error == "" {
			v.OK, v.Error = false, one.Of+": "+one.Error
		}
		v.Extends = max(v.Extends, one.Records)
	}
	return v, nil
}
