// Package plant makes canaries: files that look as if they were worth stealing,
// of random content that opens nothing, different on every host. It writes down
// what it planted, in a manifest for root alone, and takes away only that.
//
// It runs as root in folders of users who may be hostile, so it must never
// follow a symbolic link, overwrite a file, or change an owner or a mode by
// path: it works with open folders and files alone.
package plant

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors that a caller may match. Their ids are stable.
var (
	// ErrUnsafePath says that the way to a canary leads over a symbolic link.
	ErrUnsafePath = errors.New("a symbolic link is on the way [canary.unsafe_path]")
	// ErrTaken says that there is something already where a canary should go.
	ErrTaken = errors.New("there is something already, and no file is ever overwritten [canary.taken]")
	// ErrChanged says that what lies there is not what was planted.
	ErrChanged = errors.New("it is not what was planted, or has changed since; --force removes it all the same [canary.changed]")
	// ErrGone says that a planted canary is not there.
	ErrGone = errors.New("it is gone [canary.gone]")
)

// Kind is a sort of canary.
type Kind struct {
	// Type is what it pretends to be, as in "aws".
	Type string
	// Path is where it goes unless told otherwise; "~" is the home folder.
	Path string
	// Mode is its permissions.
	Mode uint32
	// Loose says that the mode of the files around it goes before Mode.
	Loose bool

	make func(*forger) ([]byte, error)
}

func sure(f func(*forger) []byte) func(*forger) ([]byte, error) {
	return func(g *forger) ([]byte, error) { return f(g), nil }
}

// Kinds are all of them, where a thief looks first.
var Kinds = []Kind{
	{"aws", "~/.aws/credentials", 0o600, false, sure((*forger).awsCredentials)},
	{"ssh", "~/.ssh/id_deploy", 0o600, false, sure((*forger).sshPrivateKey)},
	{"env", "~/.env.production", 0o640, true, sure((*forger).dotEnv)},
	{"dump", "/var/backups/customers.sql", 0o640, true, sure((*forger).customerDump)},
	{"browser", "~/.config/google-chrome/Default/Login Data", 0o600, false, sure((*forger).loginData)},
	{"kube", "~/.kube/config", 0o600, false, (*forger).kubeConfig},
	{"shadow", "/etc/shadow.bak", 0o600, false, sure((*forger).shadowBackup)},
}

// KindOf finds a kind by its type.
func KindOf(name string) (Kind, error) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Type == name })
	if i < 0 {
		var all []string
		for _, k := range Kinds {
			all = append(all, k.Type)
		}
		return Kind{}, fmt.Errorf("malformed canary type %q: want one of %s", name, strings.Join(all, ", "))
	}
	return Kinds[i], nil
}

// Make draws the content of a canary, and since when it is to look unchanged: a
// month to a year before now.
func (k Kind) Make(now time.Time) (content []byte, age time.Time, err error) {
	f, err := newForger(now)
	if err != nil {
		return nil, time.Time{}, err
	}
	content, err = k.make(f)
	return content, f.age, err
}
