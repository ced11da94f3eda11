// Package account locks an account of this host, and gives it back as it was.
//
// Locked means that the password in /etc/shadow matches nothing and that the
// account has expired, which sshd and PAM refuse for keys too. Whoever is in
// already stays in, unless sessions are ended as well, which has no undo.
// Another name with the same number is another account.
//
// It must never change another line of /etc/shadow, never take away the last
// way into the host without the host policy's word, and never end root's
// processes.
package account

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

const (
	mostBytes = 16 << 20
	passwd    = "/etc/passwd"
	shadow    = "/etc/shadow"
	// expired is 2 January 1970: 0 has a meaning of its own to some programs. Source: shadow(5).
	expired = "1"
)

// Args say which account.
type Args struct {
	User     string `json:"user"`
	Sessions bool   `json:"sessions,omitempty"` // end its processes too
}

// Record is what doing and undoing need. It holds a password's hash and is
// for root's eyes only.
type Record struct {
	Args   Args   `json:"args"`
	UID    uint32 `json:"uid"`
	Before []byte `json:"before"` // the line in /etc/shadow, without its end
	After  []byte `json:"after"`
}

// Prepare looks at the account. anyway is the host policy's word that root and
// the last that can log in may be locked. Codes: eat.bad_param,
// account.not_local, account.no_shadow, account.last_login, account.root.
func Prepare(root action.Root, args Args, anyway bool) (*Record, error) {
	if args.User == "" || len(args.User) > 256 || strings.ContainsAny(args.User, ":\n\x00") {
		return nil, action.Refuse("eat.bad_param", "%.40q is no name of a user", args.User)
	}
	logins, err := Logins(root)
	if err != nil {
		return nil, err
	}
	its := slices.DeleteFunc(slices.Clone(logins), func(l Login) bool { return l.User != args.User })
	switch {
	case len(its) != 1: // which of two counts is not the same everywhere
		return nil, action.Refuse("account.not_local", "/etc/passwd has %d lines of %q", len(its), args.User)
	case !its[0].Shadowed:
		return nil, action.Refuse("account.no_shadow", "the password of %q is not kept in /etc/shadow", args.User)
	}
	if its[0].UID == 0 && (!anyway || args.Sessions) {
		return nil, action.Refuse("account.root", "%q is root: the host policy must allow it, and its processes are never ended", args.User)
	}
	secrets, err := root.Read(shadow, mostBytes)
	if err != nil {
		return nil, err
	}
	from, to, err := Line(secrets, args.User)
	if err != nil {
		return nil, action.Refuse("account.no_shadow", "/etc/shadow: %v", err)
	}
	r := &Record{Args: args, UID: its[0].UID, Before: bytes.Clone(secrets[from:to])}
	if r.After, err = Locked(r.Before); err != nil {
		return nil, action.Refuse("account.no_shadow", "%v", err)
	}
	if !anyway && !otherLogin(root, logins, args.User) {
		return nil, action.Refuse("account.last_login", "nobody but %q could log in then", args.User)
	}
	return r, nil
}

// Do locks the account. Effect: password, expires, and sessions where they
// were to be ended. Codes: account.changed_since.
func (r *Record) Do(root action.Root) (action.Effect, error) {
	if err := swap(root, r.Args.User, r.Before, r.After); err != nil {
		return nil, err
	}
	effect := action.Effect{"password": "locked", "expires": "1970-01-02"}
	if r.Args.Sessions && r.UID != 0 {
		n, err := end(r.UID)
		if err != nil {
			return nil, err
		}
		effect["sessions"] = fmt.Sprintf("none left, %d processes ended, which has no undo", n)
	}
	return effect, nil
}

// Undo gives the account back. Effect: password. Codes: account.changed_since
// where somebody else changed its line meanwhile: then it is left as it is.
func (r *Record) Undo(root action.Root) (action.Effect, error) {
	if err := swap(root, r.Args.User, r.After, r.Before); err != nil {
		return nil, err
	}
	return action.Effect{"password": "as before"}, nil
}

// swap changes the line of a user under the lock that passwd and useradd take,
// and looks at it again.
func swap(root action.Root, user string, before, after []byte) error {
	unlock, err := lock(root)
	if err != nil {
		return err
	}
	defer unlock()
	o, err := root.Open(shadow)
	if err != nil {
		return err
	}
	defer o.Close()
	was, err := action.Read(o.File, mostBytes)
	if err != nil {
		return err
	}
	is, changed := Swap(was, user, before, after)
	if changed != nil {
		return action.Refuse("account.changed_since", "/etc/shadow: %v", changed)
	}
	if bytes.Equal(is, was) {
		return nil
	}
	if err := action.Replace(o.Dir, o.Name, o.File, was, is); err != nil {
		return fmt.Errorf("changing /etc/shadow: %w", err)
	}
	seen, err := root.Read(shadow, mostBytes)
	if err == nil && !bytes.Equal(seen, is) {
		err = errors.New("/etc/shadow is not what was written: something else writes it without its lock")
	}
	return err
}

// lock takes the lock of lckpwdf(3) within 15 s, as that does.
func lock(root action.Root) (func(), error) {
	dir, name, err := root.Parent("/etc/.pwd.lock")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := action.OpenAt(dir, name, unix.O_WRONLY|unix.O_CREAT, 0o600)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		if err == nil {
			return func() { f.Close() }, nil
		}
		if time.Now().After(end) {
			f.Close()
			return nil, fmt.Errorf("locking the password files, which another program holds: %w", err)
		}
	}
}

// end kills all processes of a user, until a look at all finds none. They are
// stopped first, so that none starts others meanwhile.
func end(uid uint32) (n int, err error) {
	stopped := map[[3]uint64]*action.Process{}
	for found := true; found; {
		found = false
		pids, err := action.PIDs()
		if err != nil {
			return 0, err
		}
		for _, pid := range pids {
			p, err := action.OpenProcess(pid)
			if errors.Is(err, action.ErrGone) {
				continue
			}
			if err != nil {
				return 0, err
			}
			key := [3]uint64{uint64(pid), p.Start, p.Inode}
			if stopped[key] != nil || !owned(pid, uid) {
				p.Close()
				continue
			}
			if len(stopped) > 1<<16 {
				return 0, fmt.Errorf("ending the processes of user %d: over %d", uid, len(stopped))
			}
			stopped[key], found = p, true
			if err := p.Signal(unix.SIGSTOP); err != nil && !errors.Is(err, action.ErrGone) {
				return 0, err
			}
		}
	}
	for _, p := range stopped {
		if err := p.Kill(); err != nil && !errors.Is(err, action.ErrGone) {
			return 0, err
		}
		p.Close()
	}
	return len(stopped), nil
}

// owned reports whether a process runs as uid, in any of the ways but that of
// files, and is not root's in one.
func owned(pid int, uid uint32) bool {
	line, _ := action.Status(pid, "Uid") // none where it has ended
	ids, is := strings.Fields(line), false
	for _, id := range ids[:min(3, len(ids))] {
		if id == "0" {
			return false
		}
		is = is || id == strconv.FormatUint(uint64(uid), 10)
	}
	return is
}
