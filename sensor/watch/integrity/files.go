//go:build linux

package integrity

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/patience"
)

const (
	// maxFiles bounds the files of a heartbeat; fact.Binary.Files says so too.
	maxFiles = 64
	// maxNames bounds how many names of a folder are looked at.
	maxNames = 8192
	// maxPath bounds a path as it is told, so that a full list fits a fact.
	maxPath = 512
)

// File is a file of Picket's own, or several.
type File struct {
	// Role is one of fact's Own constants.
	Role string
	// Path is absolute. A star in one of its parts stands for any characters
	// but a slash.
	Path string
}

// packaged is what Picket's packages install, and every place from which the
// service manager would take a unit, or a part of one, instead: systemd.unit(5).
var packaged = []File{
	{fact.OwnWrapper, "/usr/libexec/picket/picket-emergency-action"},
	{fact.OwnWrapper, "/usr/libexec/picket/picket-self-update"},
	{fact.OwnSudoers, "/etc/sudoers.d/picket"},
	{fact.OwnTrust, "/etc/picket/trust/*"},
	{fact.OwnTrust, "/etc/picket/host-policy.json"},
	{fact.OwnConfig, "/etc/picket/*.json"}, // but what has another role already
	{fact.OwnUnit, "/usr/lib/systemd/system/picket-*.*"},
	{fact.OwnUnit, "/usr/lib/systemd/system/picket-*.d/*"},
	{fact.OwnUnit, "/etc/systemd/system/picket-*.*"},
	{fact.OwnUnit, "/etc/systemd/system/picket-*.d/*"},
	{fact.OwnUnit, "/run/systemd/system/picket-*.*"},
	{fact.OwnUnit, "/run/systemd/system/picket-*.d/*"},
}

// files hashes Picket's other files, sorted by path. An error says how many
// were left out.
func (c *Collector) files() (list []fact.OwnFile, err error) {
	now := make(map[string]*hashed)
	omitted := 0
	for _, f := range c.cfg.Files {
		paths, listErr := c.expand(f.Path)
		if listErr != nil {
			list = append(list, fact.OwnFile{Role: f.Role, Path: f.Path, Error: word(listErr)})
		}
		for _, p := range paths {
			if _, twice := now[p]; twice {
				continue
			}
			now[p] = nil
			if len(list) >= maxFiles {
				omitted++
				continue
			}
			h, err := c.hash(p, c.known[p])
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			list = append(list, own(f.Role, p, h, err))
			if h != nil && h.settled {
				now[p] = h
			}
		}
	}
	c.known = now
	sort.Sort(byPath(list))
	if omitted > 0 {
		err = fmt.Errorf("%d files of Picket's own over the bound of %d are left out", omitted, maxFiles)
	}
	return list, err
}

type byPath []fact.OwnFile

func (l byPath) Len() int           { return len(l) }
func (l byPath) Less(i, j int) bool { return l[i].Path < l[j].Path }
func (l byPath) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }

func own(role, p string, h *hashed, err error) fact.OwnFile {
	f := fact.OwnFile{Role: role}
	f.Path, _ = describe.Text(p, maxPath)
	if err != nil {
		f.Error = word(err)
		return f
	}
	f.Hash = &fact.Hash{SHA256: h.sha256}
	f.Mode = fmt.Sprintf("%04o", h.mode&0o7777)
	f.UID, f.GID = strconv.FormatUint(uint64(h.uid), 10), strconv.FormatUint(uint64(h.gid), 10)
	return f
}

// word is an error in a word where the kernel has one, and else in a few.
func word(err error) string {
	text, _, _ := strings.Cut(cause(err).Error(), ":")
	if i := strings.LastIndex(err.Error(), "not a regular file"); i >= 0 {
		text = "not a regular file" // without its path, which is told elsewhere
	}
	text, _ = describe.Text(text, 128)
	return text
}

// expand lists the paths that a pattern stands for. Nothing is there is no
// error.
func (c *Collector) expand(pattern string) ([]string, error) {
	if !strings.Contains(pattern, "*") {
		return []string{pattern}, nil
	}
	type answer struct {
		paths []string
		err   error
	}
	a, ok := patience.Do(c.gate, hashPatience, func() answer {
		paths, err := matches("/", strings.Split(strings.TrimPrefix(pattern, "/"), "/"))
		return answer{paths, err}
	})
	if !ok {
		return nil, errNoAnswer
	}
	return a.paths, a.err
}

// matches lists what the parts of a pattern stand for below a folder.
func matches(folder string, parts []string) ([]string, error) {
	if len(parts) == 0 {
		return []string{folder}, nil
	}
	if !strings.Contains(parts[0], "*") {
		return matches(path.Join(folder, parts[0]), parts[1:])
	}
	names, err := list(folder)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		if ok, _ := path.Match(parts[0], name); !ok {
			continue
		}
		below := path.Join(folder, name)
		st, err := os.Stat(below)
		if folder := err == nil && st.IsDir(); folder != (len(parts) > 1) {
			continue // what a folder holds has a pattern of its own
		}
		more, err := matches(below, parts[1:])
		if err != nil {
			return all, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// list returns the names in a folder, sorted; none where there is no folder.
func list(folder string) ([]string, error) {
	d, err := os.Open(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(maxNames)
	if len(names) == maxNames {
		return nil, fmt.Errorf("folder of more than %d files", maxNames)
	}
	if len(names) == 0 && err != nil && err != io.EOF {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}
