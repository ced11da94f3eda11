package sshkey

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/account"
)

// candidate is a file that sshd may look into for a user.
type candidate struct {
	user, path string
	uid        uint32
}

// files are those of one user, or of all.
func files(root action.Root, user string) ([]candidate, error) {
	logins, err := account.Logins(root)
	if err != nil {
		return nil, err
	}
	patterns, found, all := patterns(root), false, []candidate{}
	for _, l := range logins {
		if user != "" && l.User != user || !filepath.IsAbs(l.Home) {
			continue
		}
		found = true
		for _, p := range patterns {
			path := strings.NewReplacer("%%", "%", "%h", l.Home, "%u", l.User, "%U", strconv.FormatUint(uint64(l.UID), 10)).Replace(p)
			if !filepath.IsAbs(path) {
				path = filepath.Join(l.Home, path)
			}
			if c := (candidate{l.User, filepath.Clean(path), l.UID}); !slices.Contains(all[max(0, len(all)-len(patterns)):], c) {
				all = append(all, c)
			}
		}
	}
	if !found {
		return nil, action.Refuse("sshkey.no_user", "/etc/passwd has no user %.40q with a home", user)
	}
	return all, nil
}

// patterns are the usual names and those of sshd_config, for whomever they are
// meant there. Source: AuthorizedKeysFile of sshd_config(5).
func patterns(root action.Root) []string {
	list := []string{".ssh/authorized_keys", ".ssh/authorized_keys2"}
	configs, _ := filepath.Glob(filepath.Join(root.Dir, "etc/ssh/sshd_config.d/*.conf"))
	for _, path := range append(configs, filepath.Join(root.Dir, "etc/ssh/sshd_config")) {
		config, err := open(root, strings.TrimPrefix(path, strings.TrimSuffix(root.Dir, "/")), 0)
		if err != nil {
			continue
		}
		config.Close()
		for line := range strings.SplitSeq(string(config.data), "\n") {
			words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r=\"", r) })
			if len(words) > 1 && strings.EqualFold(words[0], "AuthorizedKeysFile") {
				for _, w := range words[1:] {
					if w != "none" && !slices.Contains(list, w) {
						list = append(list, w)
					}
				}
			}
		}
	}
	return list
}

// follow gives path without links, and whether the user's own lead there.
func follow(root action.Root, path string, uid uint32) (plain string, linked bool, err error) {
	top, err := os.Open(root.Dir)
	if err != nil {
		return "", false, err
	}
	defer top.Close()
	at, parts := ".", strings.Split(strings.Trim(path, "/"), "/")
	for links := 0; len(parts) > 0; {
		next := filepath.Join(at, parts[0])
		parts = parts[1:]
		seen, err := action.OpenAt(top, next, unix.O_PATH|unix.O_NOFOLLOW, 0)
		if err != nil {
			return "", false, err
		}
		var st unix.Stat_t
		target, n := make([]byte, unix.PathMax), 0
		if err = unix.Fstat(int(seen.Fd()), &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			n, err = unix.Readlinkat(int(seen.Fd()), "", target)
		}
		seen.Close()
		if err != nil {
			return "", false, err
		}
		if n == 0 {
			at = next
			continue
		}
		if links++; links > 16 || st.Uid != 0 && st.Uid != uid {
			return "", false, fmt.Errorf("/%s is a link of user %d, or one too many", next, st.Uid)
		}
		linked = linked || st.Uid != 0
		if filepath.IsAbs(string(target[:n])) {
			at = "."
		}
		parts, at = append(strings.Split(strings.Trim(filepath.Join(at, string(target[:n])), "/"), "/"), parts...), "."
	}
	return "/" + at, linked, nil
}
