package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
)

// own is a file of Picket's own as a heartbeat tells it, of a line like
// "unit /etc/x a 0644 0 0", or "trust /etc/y !EACCES".
func own(line string) fact.OwnFile {
	w := strings.Fields(line)
	f := fact.OwnFile{Role: w[0], Path: w[1]}
	if e, ok := strings.CutPrefix(w[2], "!"); ok {
		f.Error = e
		return f
	}
	f.Hash, f.Mode, f.UID, f.GID = &fact.Hash{SHA256: strings.Repeat(w[2], 64)}, w[3], w[4], w[5]
	return f
}

func TestOwnFilesArePinned(t *testing.T) {
	const (
		wrapper = "wrapper /usr/libexec/picket/act a 0755 0 0"
		sudoers = "sudoers /etc/sudoers.d/picket b 0440 0 0"
		unit    = "unit /usr/lib/systemd/system/picket-send.service c 0644 0 0"
		dropIn  = "unit /etc/systemd/system/picket-send.service.d/x.conf d 0644 0 0"
		config  = "config /etc/picket/sensor.json e 0644 0 0"
		hidden  = "trust /etc/picket/trust/hub !EACCES"
		shown   = "trust /etc/picket/trust/hub f 0644 0 0"
	)
	b := newBench(t)
	h := b.enroll("web1")
	told := 0
	for _, step := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"an older sensor lists none", nil, nil},
		{"the first list is the baseline", []string{wrapper, sudoers, unit, config, hidden}, nil},
		{"nothing has changed", []string{wrapper, sudoers, unit, config, hidden}, nil},
		{"other content", []string{"wrapper /usr/libexec/picket/act 9 0755 0 0", sudoers, unit, config, hidden},
			[]string{"mismatch wrapper /usr/libexec/picket/act a>9"}},
		{"which is told once, while others change", []string{"wrapper /usr/libexec/picket/act 9 0755 0 0", "sudoers /etc/sudoers.d/picket b 0666 1000 0", unit, config, hidden},
			[]string{"mismatch sudoers /etc/sudoers.d/picket b>b mode 0666, was 0440; owner 1000, was 0"}},
		{"right again; a file that was not there", []string{wrapper, sudoers, unit, dropIn, config, hidden},
			[]string{"restored sudoers /etc/sudoers.d/picket b>b",
				"mismatch unit /etc/systemd/system/picket-send.service.d/x.conf >d the file was not there", "restored wrapper /usr/libexec/picket/act a>a"}},
		{"which goes again, with another; what was hidden is shown", []string{wrapper, sudoers, config, shown},
			[]string{"restored unit /etc/systemd/system/picket-send.service.d/x.conf >",
				"mismatch unit /usr/lib/systemd/system/picket-send.service c> the file is gone"}},
		{"none is listed", nil, []string{
			"mismatch config /etc/picket/sensor.json e> the file is gone", "mismatch trust /etc/picket/trust/hub f> the file is gone",
			"mismatch sudoers /etc/sudoers.d/picket b> the file is gone", "mismatch wrapper /usr/libexec/picket/act a> the file is gone"}},
		{"all are back, one unreadable", []string{wrapper, sudoers, unit, config, hidden}, []string{
			"restored config /etc/picket/sensor.json e>e", "mismatch trust /etc/picket/trust/hub f> EACCES",
			"restored sudoers /etc/sudoers.d/picket b>b", "restored unit /usr/lib/systemd/system/picket-send.service c>c",
			"restored wrapper /usr/libexec/picket/act a>a"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			var files []fact.OwnFile
			for _, line := range step.files {
				files = append(files, own(line))
			}
			h.beat(files)
			all := b.noticed(fact.KindIntegrity)
			var got []string
			for _, f := range all[told:] {
				got = append(got, line(f.Integrity))
			}
			told = len(all)
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
		b.reopen() // nothing of it lives in memory only
	}
}

func line(i *fact.Integrity) string {
	short := func(h *fact.Hash) string {
		if h == nil {
			return ""
		}
		return h.SHA256[:1]
	}
	s := fmt.Sprintf("%s %s %s %s>%s %s%s", i.Action, i.Subject, i.Path, short(i.Expected), short(i.Observed), i.Detail, i.Error)
	return strings.TrimSuffix(s, " ")
}

func (h *host) beat(files []fact.OwnFile) {
	f := h.facts.Fact()
	h.send(&fact.Fact{ID: f.ID, Time: f.Time, Kind: fact.KindBinary, Host: f.Host, Seq: f.Seq,
		Binary: &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/usr/bin/picket-sensor", Hash: &fact.Hash{SHA256: strings.Repeat("0", 64)}, Files: files}})
}

// TestHostCannotMakeTheHubKeepManyFiles: each heartbeat lists other files, and
// each of them is a finding; what is kept and what is said stay bounded.
func TestHostCannotMakeTheHubKeepManyFiles(t *testing.T) {
	b := newBench(t)
	h := b.enroll("loud")
	for round := range 8 {
		var files []fact.OwnFile
		for n := range 80 {
			files = append(files, own(fmt.Sprintf("trust /etc/picket/trust/%d-%d a 0644 0 0", round, n)))
		}
		h.beat(files)
	}
	if n := len(b.noticed(fact.KindIntegrity)); n == 0 || n > 8*64 {
		t.Errorf("%d findings of 8 heartbeats", n)
	}
	if report := check(t, b); len(report.Faults) != 0 {
		t.Errorf("faults: %+v", report.Faults)
	}
}
