package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"picket.internal/api"
	"picket.internal/policies"
)

// errSame is returned where the policies are those that run.
var errSame = errors.New("nothing has changed")

// embedded is the source of the shipped policies.
const embedded = "embedded"

func (d *Desk) folder() (fs.FS, string) {
	if d.cfg.Policies == "" {
		return policies.FS(), embedded
	}
	return os.DirFS(d.cfg.Policies), d.cfg.Policies
}

// loadPolicies reads the policies, and writes into the log which they are.
func (d *Desk) loadPolicies(ctx context.Context) error {
	fsys, source := d.folder()
	digest, err := digestOf(fsys)
	if err != nil {
		return fmt.Errorf("reading policies: %w", err)
	}
	if now := d.running.Load(); now != nil && now.digest == digest {
		return errSame
	}
	list, err := policies.Load(fsys)
	if err != nil {
		return err
	}
	detail := map[string]string{"sha256": digest, "source": source, "policies": strconv.Itoa(len(list))}
	if err := d.cfg.Store.RecordOnce(ctx, "policies.loaded", "", "sha256", detail); err != nil {
		return fmt.Errorf("logging which policies run: %w", err)
	}
	d.running.Store(&loaded{list: list, source: source, digest: digest})
	d.cfg.Logger.Info("policies loaded", "source", source, "policies", len(list))
	return nil
}

// reloadPolicies looks whether the operator's folder has changed.
func (d *Desk) reloadPolicies(ctx context.Context) error {
	if d.cfg.Policies == "" {
		return errSame
	}
	err := d.loadPolicies(ctx)
	if err == nil || errors.Is(err, errSame) {
		return err
	}
	now := *d.running.Load()
	if now.err != nil && now.err.Error() == err.Error() {
		return errSame // told already
	}
	now.err = err
	d.running.Store(&now)
	return err
}

// digestOf names what a folder holds.
func digestOf(fsys fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintf(h, "%q\n", name)
		_, err = io.Copy(h, io.LimitReader(f, policies.MaxDocument+1))
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// Policies lists the policies that run.
func (d *Desk) Policies(ctx context.Context) ([]api.Policy, error) {
	counts, err := d.cfg.Store.ResponsesByPolicy(ctx)
	if err != nil {
		return nil, err
	}
	now := d.running.Load()
	out := make([]api.Policy, 0, len(now.list))
	for _, p := range now.list {
		one := api.Policy{Name: p.Name, Title: p.Title, Mode: p.Mode, File: p.File, Source: now.source, Actions: []string{}, Responses: counts[p.Name]}
		for _, a := range p.Actions {
			one.Actions = append(one.Actions, a.Name+" ("+a.Mode+")")
		}
		out = append(out, one)
	}
	return out, nil
}
