package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"time"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/engine/replay"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/terminal"
)

// pastFlags say which past is meant: the hub's, or a file of facts.
type pastFlags struct {
	To    when          `placeholder:"TIME" help:"Only facts received before then; the end of the log if left out."`
	Facts string        `placeholder:"FILE" help:"Facts to replay instead of the hub's: one a line, as picket facts query --json prints them, or bare."`
	Learn time.Duration `default:"24h" placeholder:"DURATION" help:"How long after a host's first fact its first times mean nothing (${default})."`
}

type replayCommand struct {
	Rules   string `placeholder:"DIR" help:"Folder of rules, or one file; the shipped rules if left out."`
	From    when   `placeholder:"TIME" help:"Since when: RFC 3339, or how long ago, as in 24h. It goes by when the hub received a fact."`
	Against string `placeholder:"DIR" help:"Rules to compare with, instead of those that the hub runs."`
	Top     int    `default:"5" placeholder:"N" help:"How many hosts and values to name (${default})."`
	pastFlags
	hubFlags
}

// Help is shown below the one line of help.
func (*replayCommand) Help() string {
	return `Tells what the rules would have raised over the facts that the hub has stored: alerts a
rule and a day, about which hosts and values, how that differs from the rules that the hub
runs, and what each rule costs. Nothing is stored and nobody is told. A file is replayed
without a hub.

    $ picket rules replay --rules ./rules --from 24h
    $ picket rules replay --rules ./new --against ./old --facts facts.jsonl --json`
}

// Run replays.
func (c *replayCommand) Run(ctx context.Context, e *env) error {
	if c.From.IsZero() && c.Facts == "" {
		return usageError{errors.New("say since when, with --from TIME, or which facts, with --facts FILE")}
	}
	set, err := loadSet(e, c.Rules)
	if err != nil {
		return err
	}
	p := e.printer(c.JSON)
	past, err := c.open(ctx, e, c.From.Time, &c.hubFlags)
	if err != nil {
		return err
	}
	defer past.close()
	cfg := replay.Config{Set: set, Top: c.Top}
	if !c.JSON {
		cfg.Zone = time.Local
	}
	switch {
	case c.Against != "":
		if cfg.Against, err = loadSet(e, c.Against); err != nil {
			return err
		}
	case past.hub != nil:
		if cfg.Against, err = running(ctx, past.hub, p); err != nil {
			return err
		}
	}
	report, err := past.run(ctx, p, cfg)
	if err != nil {
		return err
	}
	return p.Replay(report, past.missing)
}

// loadSet loads rules that must be whole.
func loadSet(e *env, dir string) (*rule.Set, error) {
	pack := packFlags{Pack: dir}
	set, findings, err := pack.load()
	if err != nil {
		return nil, err
	}
	if set == nil {
		fmt.Fprint(e.options.Err, findings)
		return nil, errors.New("the rules do not load; picket rules lint checks them")
	}
	return set, nil
}

// running loads the rules that the hub runs. Those of another version of Picket
// may not load here: then there is nothing to compare with, which is said.
func running(ctx context.Context, hub *client.Client, p *terminal.Printer) (*rule.Set, error) {
	files := map[string][]byte{}
	for f, err := range hub.RuleFiles(ctx) {
		if err != nil {
			return nil, err
		}
		files[f.Name] = []byte(f.Text)
	}
	folder, err := memoryFolder(files)
	if err != nil {
		return nil, err
	}
	set, findings := rule.LoadFS(folder)
	if set == nil {
		p.Note("the rules that the hub runs do not load here, so there is no comparison: %v", findings.Err())
	}
	return set, nil
}

// memoryFolder is a folder that is nowhere: an archive, packed and opened again.
func memoryFolder(files map[string][]byte) (fs.FS, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = entry.Write(files[name])
		}
		if err != nil {
			return nil, fmt.Errorf("copying rules: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("copying rules: %w", err)
	}
	folder, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		return nil, fmt.Errorf("copying rules: %w", err)
	}
	return folder, nil
}

// past is where facts come from.
type past struct {
	flags   *pastFlags
	since   time.Time
	file    *replay.File
	hub     *client.Client
	names   map[string]string
	missing terminal.Missing
}

// open finds the facts; a file needs no hub.
func (f *pastFlags) open(ctx context.Context, e *env, since time.Time, hub *hubFlags) (*past, error) {
	if !since.IsZero() && !f.To.IsZero() && !since.Before(f.To.Time) {
		return nil, usageError{errors.New("--to is not after --from")}
	}
	if f.Learn < 0 {
		return nil, usageError{fmt.Errorf("malformed --learn %v: less than nothing", f.Learn)}
	}
	p := &past{flags: f, since: since}
	var err error
	if f.Facts != "" {
		p.file, err = replay.OpenFile(f.Facts)
		return p, err
	}
	if p.hub, _, err = hub.connect(e); err != nil {
		return nil, err
	}
	p.names = map[string]string{}
	for h, err := range p.hub.Hosts(ctx) {
		if err != nil {
			p.close()
			return nil, err
		}
		p.names[h.ID] = h.Name
	}
	return p, nil
}

func (p *past) close() {
	if p.file != nil {
		p.file.Close()
	}
	if p.hub != nil {
		p.hub.Close()
	}
}

// run replays what cfg says over the facts, with a bar of how far it has come.
func (p *past) run(ctx context.Context, out *terminal.Printer, cfg replay.Config) (*replay.Report, error) {
	cfg.Names, cfg.LearnFor, cfg.Until = p.names, p.flags.Learn, p.flags.To.Time
	bar := out.Progress("replaying", "facts", 0)
	defer bar.End()
	if p.file != nil {
		return replay.Run(ctx, cfg, p.fromFile(bar))
	}
	log, err := p.hub.Replay(ctx, api.ReplayQuery{Since: p.since, Until: p.flags.To.Time, Kinds: kindsOf(cfg.Set, cfg.Against)})
	if err != nil {
		return nil, err
	}
	defer log.Close()
	report, err := replay.Run(ctx, cfg, p.fromHub(log, bar))
	p.missing.Batches = log.End.Unreadable
	return report, err
}

func (p *past) fromFile(bar *terminal.Progress) iter.Seq2[[]replay.Item, error] {
	return func(yield func([]replay.Item, error) bool) {
		done := 0
		for items, err := range p.file.Pages(p.since, p.flags.To.Time) {
			if !yield(items, err) {
				return
			}
			done += len(items)
			bar.AddTo(int64(len(items)), float64(done)/float64(p.file.Len()))
		}
	}
}

// fromHub reads the hub's log. A fact that this program cannot read is counted.
func (p *past) fromHub(log *client.Replay, bar *terminal.Progress) iter.Seq2[[]replay.Item, error] {
	return func(yield func([]replay.Item, error) bool) {
		done := 0
		for b, err := range log.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			items := make([]replay.Item, 0, len(b.Facts))
			for _, raw := range b.Facts {
				f, _, err := fact.Parse(raw)
				if err != nil {
					p.missing.Facts++
					continue
				}
				items = append(items, replay.Item{Received: b.Received, Fact: f})
			}
			n := int64(len(items))
			if n == 0 { // facts of no rule's kind: time has passed all the same
				items = append(items, replay.Item{Received: b.Received})
			}
			if !yield(items, nil) {
				return
			}
			done++
			bar.AddTo(n, float64(done)/float64(max(log.Batches, 1)))
		}
	}
}

// kindsOf are the kinds that rules are about, so that the others need not be
// sent; none where that cannot be told.
func kindsOf(sets ...*rule.Set) []string {
	var kinds []string
	for _, set := range sets {
		if set == nil {
			continue
		}
		for _, r := range set.Rules() {
			for _, kind := range r.On {
				if !slices.Contains(kinds, string(kind)) {
					kinds = append(kinds, string(kind))
				}
			}
		}
	}
	slices.Sort(kinds)
	if len(kinds) > api.MaxKinds {
		return nil
	}
	return kinds
}
