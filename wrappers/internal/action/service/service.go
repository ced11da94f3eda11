// Package service stops a unit of systemd and starts it again.
//
// It speaks with systemd on its private socket, which is root's and needs no
// bus. Where there is no systemd the action is refused. A unit that is stopped
// may be started by another, by a timer or by a connection: name those too.
//
// It must never touch a unit of Picket, and never change what is started at boot.
package service

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"picket.internal/wrappers/internal/action"
)

// patience is more than systemd waits for a unit by default before it kills it.
const patience = 100 * time.Second

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]{1,240}\.(service|socket|timer|path)$`)

// Record is what doing and undoing need.
type Record struct {
	Unit   string `json:"unit"`   // its own name, not an alias
	Before string `json:"before"` // ActiveState
}

// Prepare asks how a unit is, which is named with its kind, as in "cron.service".
// protected reports whether one must be left alone: it is asked about the name
// that the unit has itself, since that may be an alias. Codes: eat.bad_param, policy.protected_target, service.unsupported,
// service.not_found.
func Prepare(root action.Root, unit string, protected func(unit string) bool) (*Record, error) {
	if err := allowed(unit); err != nil {
		return nil, err
	}
	c, err := systemd(root)
	if err != nil {
		return nil, err
	}
	defer c.close()
	id, err := c.property(unit, "Id")
	if err != nil {
		return nil, err
	}
	if err := allowed(id); err != nil {
		return nil, err
	}
	if protected(id) {
		return nil, action.Refuse("policy.protected_target", "stop_service of %q, which is %q", unit, id)
	}
	if loaded, err := c.property(id, "LoadState"); err != nil || loaded != "loaded" && loaded != "masked" {
		return nil, errors.Join(action.Refuse("service.not_found", "systemd says that %s is %q", id, loaded), err)
	}
	r := &Record{Unit: id}
	r.Before, err = c.property(id, "ActiveState")
	return r, err
}

func allowed(unit string) error {
	if !unitName.MatchString(unit) {
		return action.Refuse("eat.bad_param", "%.60q is no name of a service, socket, timer or path", unit)
	}
	if strings.HasPrefix(unit, "picket") {
		return action.Refuse("eat.bad_param", "%s is a unit of Picket", unit)
	}
	return nil
}

// systemd connects to it. Source: systemctl, which does the same as root.
func systemd(root action.Root) (*conn, error) {
	c, err := dial(filepath.Join(root.Dir, "run/systemd/private"), patience)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, action.Refuse("service.unsupported", "there is no systemd to ask: %v", err)
	}
	return c, err
}

// Do stops the unit and waits until it is. Effect: unit, state.
func (r *Record) Do(root action.Root) (action.Effect, error) {
	return r.set(root, "StopUnit", "inactive", "failed")
}

// Undo starts the unit if it ran before. Effect: unit, state.
func (r *Record) Undo(root action.Root) (action.Effect, error) {
	if !slices.Contains([]string{"active", "activating", "reloading"}, r.Before) {
		return action.Effect{"unit": r.Unit, "state": "left as it is: it was " + r.Before}, nil
	}
	return r.set(root, "StartUnit", "active")
}

// set asks for a job, waits for its end, which systemd tells all who are on its
// private socket, and looks at the state that it left.
func (r *Record) set(root action.Root, method string, want ...string) (action.Effect, error) {
	c, err := systemd(root)
	if err != nil {
		return nil, err
	}
	defer c.close()
	job, err := c.call(manager, "org.freedesktop.systemd1.Manager", method, r.Unit, "replace")
	if err != nil {
		return nil, err
	}
	path, err := text(job)
	if err != nil {
		return nil, err
	}
	result, err := c.wait(path)
	if err != nil {
		return nil, err
	}
	state, err := c.property(r.Unit, "ActiveState")
	if err == nil && !slices.Contains(want, state) {
		err = fmt.Errorf("%s of %s ended with %q and left it %q", method, r.Unit, result, state)
	}
	return action.Effect{"unit": r.Unit, "state": state}, err
}

// property asks for a text that systemd knows of a unit.
func (c *conn) property(unit, name string) (string, error) {
	body, err := c.call(manager, "org.freedesktop.systemd1.Manager", "LoadUnit", unit)
	if err != nil {
		return "", err
	}
	path, err := text(body)
	if err != nil {
		return "", err
	}
	body, err = c.call(path, "org.freedesktop.DBus.Properties", "Get", "org.freedesktop.systemd1.Unit", name)
	if err != nil {
		return "", err
	}
	if len(body) < 4 || string(body[:3]) != "\x01s\x00" {
		return "", fmt.Errorf("malformed answer %.40q: no text", body)
	}
	return text(body[4:])
}
