package alert_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"picket.internal/api"
	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub/internal/alert"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// log is a store with one host, to which a test adds facts.
type log struct {
	*store.Store
	t    *testing.T
	host string
	opts store.Options
	path string
}

func newLog(t *testing.T) *log {
	t.Helper()
	l := &log{t: t, path: filepath.Join(t.TempDir(), "hub.db"), opts: store.Options{Hub: wire.NewHubID(), Key: newKey(t), Log: newKey(t)}}
	if err := store.Create(t.Context(), l.path, l.opts); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.Store, err = store.Open(t.Context(), l.path, l.opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.host = l.enroll("web1")
	return l
}

func newKey(t *testing.T) envelope.PrivateKey {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (l *log) enroll(name string) string {
	l.t.Helper()
	tok := store.NewToken{ID: wire.NewTokenID(), Secret: wire.NewSecret(), TTL: time.Hour, Uses: 1}
	if _, err := l.AddEnrollToken(l.t.Context(), tok); err != nil {
		l.t.Fatal(err)
	}
	out, err := l.Enroll(l.t.Context(), &wire.EnrollRequest{Token: tok.ID, Secret: tok.Secret, Key: newKey(l.t).Public(), Machine: name, Name: name})
	if err != nil {
		l.t.Fatal(err)
	}
	return out.Host
}

// add puts a fact about the host into the log; the hub itself signs it.
func (l *log) add(f fact.Fact) {
	l.t.Helper()
	if f.Host.ID == "" {
		f.Host.ID = l.host
	}
	if err := l.Notice(l.t.Context(), &f); err != nil {
		l.t.Fatal(err)
	}
}

func touch(path string) fact.Fact {
	return fact.Fact{Kind: fact.KindCanary, Canary: &fact.Canary{Action: fact.CanaryRead, Path: path}}
}

func run(hash, path string) fact.Fact {
	return fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Action: fact.ProcessStart, Executable: path, Hash: &fact.Hash{SHA256: strings.Repeat(hash, 64)}}}
}

// ruleText is a rule with a condition and more lines.
func ruleText(id string, kind fact.Kind, where, more string) string {
	return fmt.Sprintf(`id: %[1]s
title: T
status: stable
severity: high
author: t
description: d
on: [%[2]s]
where: %[3]s
message: "{{host.name}}"
%[4]s
tests: # loaded, not run: these rules are for what happens around them
  - {name: one, facts: [{kind: %[2]s, %[2]s: {action: read}}], alerts: 1}
  - {name: none, facts: [{kind: %[2]s, %[2]s: {action: read}}], alerts: 0}
`, id, kind, where, more)
}

func newEngine(t *testing.T, cfg engine.Config, texts ...string) *engine.Engine {
	t.Helper()
	files := fstest.MapFS{}
	for i, text := range texts {
		files[fmt.Sprintf("r%d.yaml", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	set, findings := rule.LoadFS(files)
	if set == nil {
		t.Fatalf("rules: %s", findings)
	}
	e := engine.New(cfg)
	e.Load(set)
	return e
}

// consume runs a consumer over a store until until holds, or it fails.
func consume(t *testing.T, s alert.Store, e *engine.Engine, learnFor time.Duration, until func() bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := alert.New(alert.Config{Store: s, Engine: e, Stats: stats.New(), LearnFor: learnFor})
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if ctx.Err() != nil {
				t.Fatal("what was waited for did not come")
			}
			return err
		case <-tick.C:
			if until() {
				cancel()
				return <-done
			}
		case <-ctx.Done():
			<-done
			t.Fatal("what was waited for did not come")
		}
	}
}

func (l *log) alerts() []api.Alert {
	l.t.Helper()
	alerts, err := l.AlertsAfter(l.t.Context(), api.FirstCursor, 10000)
	if err != nil {
		l.t.Fatal(err)
	}
	return alerts
}

// caughtUp tells whether everything in the log is behind the cursor.
func (l *log) caughtUp() bool {
	l.t.Helper()
	at, err := l.Cursor(l.t.Context(), store.EngineCursor)
	if err != nil {
		l.t.Fatal(err)
	}
	rest, err := l.Next(l.t.Context(), at, 1)
	if err != nil {
		l.t.Fatal(err)
	}
	return len(rest) == 0
}
