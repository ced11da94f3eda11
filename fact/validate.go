package fact

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of Validate, for callers that count by cause.
var (
	ErrID    = errors.New("fact.bad_id")
	ErrTime  = errors.New("fact.bad_time")
	ErrKind  = errors.New("fact.bad_kind")
	ErrHost  = errors.New("fact.bad_host")
	ErrBlock = errors.New("fact.missing_block")
	ErrHash  = errors.New("fact.bad_hash")
)

// Validate checks what the types cannot say: the form of ids, time and hashes,
// and that a known kind has its block. It does not judge actions, which a newer
// sensor may add to.
func (f *Fact) Validate() error {
	switch {
	case !isULID(f.ID):
		return fmt.Errorf("%w: malformed fact id %q", ErrID, f.ID)
	case f.Time.Year() < 1970 || f.Time.Year() > 9999:
		return fmt.Errorf("%w: malformed fact time %q", ErrTime, f.Time)
	case !isName(string(f.Kind)):
		return fmt.Errorf("%w: malformed fact kind %q", ErrKind, f.Kind)
	case f.Host.ID == "" || len(f.Host.ID) > 64:
		return fmt.Errorf("%w: malformed host id %q", ErrHost, f.Host.ID)
	case f.known() && f.action() == nil:
		return fmt.Errorf("%w: %s fact without its %s block", ErrBlock, f.Kind, f.Kind)
	}
	for _, h := range f.hashes() {
		if h != nil && h.SHA256 != "" && !isSHA256(h.SHA256) {
			return fmt.Errorf("%w: malformed sha256 %q", ErrHash, h.SHA256)
		}
	}
	return nil
}

func (f *Fact) known() bool {
	for _, k := range kinds {
		if k.Kind == f.Kind {
			return true
		}
	}
	return false
}

// Action is what happened, by the block that the kind is named after; empty
// where there is no such block or the kind is unknown.
func (f *Fact) Action() string {
	if a := f.action(); a != nil {
		return *a
	}
	return ""
}

// action points at the action of the block that the kind is named after.
func (f *Fact) action() *string {
	switch f.Kind {
	case KindProcess:
		if f.Process != nil {
			return &f.Process.Action
		}
	case KindCanary:
		if f.Canary != nil {
			return &f.Canary.Action
		}
	case KindBinary:
		if f.Binary != nil {
			return &f.Binary.Action
		}
	case KindIntegrity:
		if f.Integrity != nil {
			return &f.Integrity.Action
		}
	case KindPackage:
		if f.Package != nil {
			return &f.Package.Action
		}
	case KindService:
		if f.Service != nil {
			return &f.Service.Action
		}
	case KindListener:
		if f.Listener != nil {
			return &f.Listener.Action
		}
	case KindUser:
		if f.User != nil {
			return &f.User.Action
		}
	case KindGroup:
		if f.Group != nil {
			return &f.Group.Action
		}
	case KindSSHKey:
		if f.SSHKey != nil {
			return &f.SSHKey.Action
		}
	case KindMount:
		if f.Mount != nil {
			return &f.Mount.Action
		}
	case KindModule:
		if f.Module != nil {
			return &f.Module.Action
		}
	case KindSchedule:
		if f.Schedule != nil {
			return &f.Schedule.Action
		}
	case KindSudoers:
		if f.Sudoers != nil {
			return &f.Sudoers.Action
		}
	case KindFile:
		if f.File != nil {
			return &f.File.Action
		}
	case KindLogin:
		if f.Login != nil {
			return &f.Login.Action
		}
	case KindSnapshot:
		if f.Snapshot != nil {
			return &f.Snapshot.Action
		}
	case KindMetric:
		if f.Metric != nil {
			return &f.Metric.Action
		}
	case KindSensor:
		if f.Sensor != nil {
			return &f.Sensor.Action
		}
	case KindReceipt:
		if f.Receipt != nil {
			return &f.Receipt.Action
		}
	case KindFleet:
		if f.Fleet != nil {
			return &f.Fleet.Action
		}
	}
	return nil
}

func (f *Fact) hashes() []*Hash {
	var out []*Hash
	if f.Process != nil {
		out = append(out, f.Process.Hash)
		if s := f.Process.Script; s != nil {
			out = append(out, s.Hash)
		}
	}
	if f.File != nil {
		out = append(out, f.File.Hash)
		if b := f.File.Before; b != nil {
			out = append(out, b.Hash)
		}
	}
	if b := f.Binary; b != nil {
		out = append(out, b.Hash)
		if b.Running != nil {
			out = append(out, b.Running.Hash)
		}
		for i := range b.Files {
			out = append(out, b.Files[i].Hash)
		}
	}
	if i := f.Integrity; i != nil {
		out = append(out, i.Expected, i.Observed)
	}
	return out
}

// isULID reports whether s is a ULID in its canonical upper-case form; its
// first character holds only 3 bits.
func isULID(s string) bool {
	if len(s) != 26 || s[0] > '7' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", s[i]) < 0 {
			return false
		}
	}
	return true
}

func isName(s string) bool {
	if s == "" || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func isSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
