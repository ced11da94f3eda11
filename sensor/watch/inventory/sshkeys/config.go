//go:build linux

package sshkeys

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"picket.internal/sensor/watch/internal/regular"
)

const (
	maxDepth   = 16  // of files that include each other, as in sshd itself
	maxConfigs = 256 // files
	maxFiles   = 64  // patterns of key files
)

var configBounds = regular.Bounds{Bytes: 1 << 20, Line: 8 << 10}

// config is what of sshd_config(5) says where keys are. What stands in a Match
// block counts for everybody: a key that lets in under some condition does let
// in.
type config struct {
	files      []string // AuthorizedKeysFile
	cas        []string // TrustedUserCAKeys
	hostKeys   []string // HostKey
	command    bool     // AuthorizedKeysCommand is set
	loose      bool     // StrictModes no
	unreadable []string // why a file of it could not be read
	cut        int64    // lines and files beyond the bounds

	set  bool // AuthorizedKeysFile before any Match
	read map[string]bool
}

// readConfig reads /etc/ssh/sshd_config below root and what it includes.
func readConfig(root string) *config {
	c := &config{read: make(map[string]bool)}
	c.file(root, "/etc/ssh/sshd_config", new(bool), 0)
	if !c.set {
		c.files = append(c.files, ".ssh/authorized_keys", ".ssh/authorized_keys2")
	}
	return c
}

// file reads one file. match says whether a Match block is open; an include
// inherits it, and closes what it opens.
func (c *config) file(root, path string, match *bool, depth int) {
	if depth > maxDepth || len(c.read) == maxConfigs {
		c.cut++
		return
	}
	if c.read[path] {
		return
	}
	c.read[path] = true
	lack, _, err := regular.Lines(filepath.Join(root, path), configBounds, func(line []byte) {
		word, args := parseDirective(string(line))
		switch word {
		case "match":
			*match = len(args) == 0 || !strings.EqualFold(args[0], "all")
		case "include":
			for _, pattern := range args {
				if !filepath.IsAbs(pattern) {
					pattern = filepath.Join("/etc/ssh", pattern)
				}
				names, _ := filepath.Glob(filepath.Join(root, pattern)) // a bad pattern matches nothing in sshd too
				for _, name := range names {
					inner := *match
					c.file(root, "/"+strings.TrimPrefix(strings.TrimPrefix(name, root), "/"), &inner, depth+1)
				}
			}
		default:
			c.directive(word, args, *match)
		}
	})
	c.cut += lack.Long
	if lack.Cut {
		c.cut++
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.unreadable = append(c.unreadable, fmt.Sprintf("read %s: %s", plain(path, costPath), why(err)))
	}
}

func (c *config) directive(word string, args []string, match bool) {
	if len(args) == 0 {
		return
	}
	none := strings.EqualFold(args[0], "none")
	switch word {
	case "authorizedkeysfile":
		if !match && c.set {
			return // in sshd the first value holds
		}
		c.set = c.set || !match
		if !none {
			c.files = add(c.files, args...)
		}
	case "trustedusercakeys":
		if !none {
			c.cas = add(c.cas, args[0])
		}
	case "hostkey":
		c.hostKeys = add(c.hostKeys, args[0])
	case "authorizedkeyscommand":
		c.command = c.command || !none
	case "strictmodes":
		c.loose = c.loose || strings.EqualFold(args[0], "no")
	}
}

func add(list []string, more ...string) []string {
	for _, m := range more {
		if len(list) < maxFiles && !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// parseDirective reads a line of sshd_config(5): a keyword, a blank or an
// equals sign, arguments of which some are quoted.
func parseDirective(line string) (word string, args []string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", nil
	}
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return strings.ToLower(line), nil
	}
	word, rest := strings.ToLower(line[:end]), strings.TrimLeft(line[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	for rest != "" && rest[0] != '#' {
		var arg string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			arg, rest, _ = strings.Cut(quoted, `"`)
		} else if end := strings.IndexAny(rest, " \t"); end >= 0 {
			arg, rest = rest[:end], rest[end:]
		} else {
			arg, rest = rest, ""
		}
		args = append(args, arg)
		rest = strings.TrimLeft(rest, " \t")
	}
	return word, args
}
