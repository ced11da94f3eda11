//go:build linux

package schedules

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

const (
	maxFiles = 20_000 // of a folder
	maxFile  = 4 << 20
	maxTotal = 64 << 20 // of all crontabs in one reading
	maxText  = 8 << 10  // of a command, in bytes of JSON
	maxName  = 4 << 10
)

// form is how a crontab is written.
type form int

const (
	system form = iota // with an account on each line
	own                // of the account that the file is named after
	anacron
)

// table is a crontab, or a folder of them.
type table struct {
	path   string
	form   form
	folder bool
}

// crontabs are the files, and the folders of files, in which cron looks.
var crontabs = []table{
	{"/etc/crontab", system, false},
	{"/etc/anacrontab", anacron, false},
	{"/etc/cron.d", system, true},
	{"/var/spool/cron/crontabs", own, true}, // Debian; a link to /etc/crontabs on Alpine
	{"/var/spool/cron", own, true},          // RHEL
	{"/var/spool/cron/tabs", own, true},     // SUSE
}

// scripts are the folders whose every script cron runs.
var scripts = []struct{ path, when string }{
	{"/etc/cron.hourly", "@hourly"},
	{"/etc/cron.daily", "@daily"},
	{"/etc/cron.weekly", "@weekly"},
	{"/etc/cron.monthly", "@monthly"},
	{"/etc/cron.yearly", "@yearly"},
	{"/etc/periodic/15min", "*/15 * * * *"}, // Alpine
	{"/etc/periodic/hourly", "@hourly"},
	{"/etc/periodic/daily", "@daily"},
	{"/etc/periodic/weekly", "@weekly"},
	{"/etc/periodic/monthly", "@monthly"},
}

// jobs are the folders of at(1): on Debian and on RHEL.
var jobs = []string{"/var/spool/cron/atjobs", "/var/spool/at"}

// entries are those of a folder that cron would look at, in no order.
func (s *Source) entries(r *inventory.Reading, folder string) []os.DirEntry {
	entries, more, err := regular.List(s.root+folder, maxFiles)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Miss(fact.KindSchedule, fact.LossUnreadable, err.Error(), 1)
	}
	if more {
		r.Miss(fact.KindSchedule, fact.LossInventory, "too many entries in "+folder, 1)
	}
	kept := entries[:0]
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || name[0] == '.' || strings.HasSuffix(name, "~") || strings.Contains(name, ".dpkg-") || strings.Contains(name, ".rpm") {
			continue
		}
		if e.Type()&fs.ModeSymlink != 0 { // on Alpine, a folder of crontabs is one
			if st, err := os.Stat(s.root + folder + "/" + name); err == nil && st.IsDir() {
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// crontab reads a crontab, or each one in a folder.
func (s *Source) crontab(r *inventory.Reading, t table, left *int64) {
	if !t.folder {
		s.file(r, t.path, t.form, "", left)
		return
	}
	for _, e := range s.entries(r, t.path) {
		s.file(r, t.path+"/"+e.Name(), t.form, e.Name(), left)
	}
}

// file reads one crontab, within what all of them may have.
func (s *Source) file(r *inventory.Reading, path string, form form, name string, left *int64) {
	f, _, err := regular.Open(s.root + path)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, regular.ErrNotRegular):
			r.Miss(fact.KindSchedule, fact.LossMalformed, err.Error(), 1)
		default:
			r.Miss(fact.KindSchedule, fact.LossUnreadable, err.Error(), 1)
		}
		return
	}
	defer f.Close()
	bound := min(maxFile, *left)
	data, err := io.ReadAll(io.LimitReader(f, bound+1))
	if err != nil {
		r.Miss(fact.KindSchedule, fact.LossUnreadable, err.Error(), 1)
		return
	}
	*left -= int64(len(data))
	if int64(len(data)) > bound {
		r.Miss(fact.KindSchedule, fact.LossInventory, path+" is over the size that is read", 1)
		data = data[:max(bytes.LastIndexByte(data[:bound], '\n'), 0)]
	}
	var entries []Entry
	var bad int
	if form == anacron {
		entries, bad = ParseAnacrontab(data)
	} else {
		entries, bad = ParseCrontab(data, form == system)
	}
	if bad > 0 {
		r.Miss(fact.KindSchedule, fact.LossMalformed, "lines that are no entries in "+path, int64(bad))
	}
	if form == own {
		name = describe.Plain(name, maxName)
	}
	for _, e := range entries {
		if form != own {
			name = describe.Plain(e.Account, maxName)
		}
		add(r, fact.Schedule{
			Type: "cron", When: describe.Plain(e.When, maxText), Command: describe.Plain(e.Command, maxText),
			Path: describe.Plain(path, maxName), Account: name,
		})
	}
}

// scripts reads a folder of scripts, which run as root.
func (s *Source) scripts(r *inventory.Reading, folder, when string) {
	for _, e := range s.entries(r, folder) {
		path := describe.Plain(folder+"/"+e.Name(), maxName)
		add(r, fact.Schedule{
			Type: "cron", Name: describe.Plain(e.Name(), maxName), When: when, Command: path, Path: path, Account: "root",
		})
	}
}

// jobs reads a folder of at's jobs by their names: a letter for the queue, the
// job's number in 5 hexadecimal digits, the minute since 1970 in 8.
func (s *Source) jobs(r *inventory.Reading, folder string) {
	for _, e := range s.entries(r, folder) {
		name := e.Name()
		if len(name) != 14 { // as .SEQ or what is running just now
			continue
		}
		minute, err := strconv.ParseInt(name[6:], 16, 64)
		if err != nil {
			continue
		}
		path := folder + "/" + name
		one := fact.Schedule{
			Type: "at", Name: describe.Plain(name, maxName), Path: describe.Plain(path, maxName),
			When: time.Unix(minute*60, 0).UTC().Format(time.RFC3339),
		}
		f, st, err := regular.Open(s.root + path)
		if err != nil {
			r.Miss(fact.KindSchedule, fact.LossUnreadable, err.Error(), 1)
		} else {
			f.Close()
			if one.Account = s.names.User(st.Uid); one.Account == "" {
				one.Account = strconv.FormatUint(uint64(st.Uid), 10)
			}
		}
		add(r, one)
	}
}
