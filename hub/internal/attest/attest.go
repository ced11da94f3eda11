// Package attest judges what a host's wrapper has signed about its sensor: the
// wrapper is root's and hashes the sensor itself, so a sensor that lies about its
// own hash is found out.
//
// The judgement is pure: receipt and what is known in, findings out. It must
// never believe the sensor where the wrapper says otherwise, and never take a
// missing word for a good one.
package attest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
)

// What can be found. Each is the beginning of a finding's words.
const (
	WrongNonce   = "attest.wrong_nonce"   // the answer is not to what was asked
	SensorHash   = "attest.sensor_hash"   // the sensor says another hash of its file than the wrapper finds
	SensorSilent = "attest.sensor_silent" // the sensor says no hash of its file
	Running      = "attest.running"       // a process runs another sensor than ever lay there
	NotRunning   = "attest.not_running"   // facts come, and nothing runs the sensor
	Changed      = "attest.changed"       // a file is not as it was, and no package explains it
	Refused      = "attest.refused"       // the wrapper refused, or failed
)

// The names under which the wrapper tells what it hashed.
const (
	filePrefix    = "file."
	runningPrefix = "running."
	sensorFile    = filePrefix + "sensor"
)

// Input is what there is to judge by.
type Input struct {
	// Nonce is what was asked.
	Nonce string
	// Receipt is the answer.
	Receipt *eat.Receipt
	// Said are the hashes of its own file that the sensor has told around the
	// time of the answer; empty means that it told none.
	Said []string
	// Pinned is the sensor's hash that the hub holds it to; empty where it holds none.
	Pinned string
	// Before are the files as the last answer told them; nil where there was none.
	Before map[string]string
	// Upgraded is true where the host told of a change of Picket's packages since then.
	Upgraded bool
}

// Finding is one thing that is not as it should be.
type Finding struct {
	// ID is one of those above.
	ID string
	// Expected and Observed are hashes; empty where it is not about any.
	Expected, Observed string
	// Detail says it in words. Host-made text.
	Detail string
}

// String is the finding in one line.
func (f Finding) String() string { return f.ID + ": " + f.Detail }

// Fact is the finding as the hub tells it.
func (f Finding) Fact() *fact.Integrity {
	i := &fact.Integrity{Action: fact.IntegrityMismatch, Subject: fact.SubjectAttestation, Detail: f.String()}
	if f.ID == Changed || f.ID == Refused {
		i.Subject = fact.SubjectAttestedFile
	}
	if eat.ValidSHA256(f.Expected) {
		i.Expected = &fact.Hash{SHA256: f.Expected}
	}
	if eat.ValidSHA256(f.Observed) {
		i.Observed = &fact.Hash{SHA256: f.Observed}
	}
	return i
}

// Result is the judgement.
type Result struct {
	// Verdict is one of api's.
	Verdict string
	// Findings are what leads to it; Notes say what was different and is explained.
	Findings []Finding
	Notes    []string
	// Files are what the wrapper has hashed, for the next time; nil where it has not.
	Files map[string]string
}

// Judge judges an answer.
func Judge(in Input) Result {
	r := in.Receipt
	if r.Outcome != eat.OutcomeDone {
		return Result{Verdict: api.AttestRefused, Findings: []Finding{{ID: Refused, Detail: strings.TrimSpace(r.Outcome + " " + r.Refusal + " " + r.Detail)}}}
	}
	j := judging{in: in, files: map[string]string{}}
	for name, value := range r.Effect {
		if strings.HasPrefix(name, filePrefix) {
			j.files[name] = value
		}
	}
	if r.Effect["nonce"] != in.Nonce {
		j.find(WrongNonce, "", "", "it answers another question than was asked")
	}
	j.disk()
	j.running()
	j.changed()
	out := Result{Verdict: api.AttestAgrees, Findings: j.findings, Notes: j.notes, Files: j.files}
	if j.restart {
		out.Verdict = api.AttestRestart
	}
	if len(j.findings) > 0 {
		out.Verdict = api.AttestChanged
	}
	if slices.ContainsFunc(j.findings, func(f Finding) bool { return f.ID != Changed }) {
		out.Verdict = api.AttestDisagrees
	}
	return out
}

type judging struct {
	in       Input
	files    map[string]string
	findings []Finding
	notes    []string
	restart  bool
}

func (j *judging) find(id, expected, observed, format string, args ...any) {
	j.findings = append(j.findings, Finding{ID: id, Expected: expected, Observed: observed, Detail: fmt.Sprintf(format, args...)})
}

// disk compares what the sensor says of its file with what the wrapper finds.
func (j *judging) disk() {
	found := j.files[sensorFile]
	switch {
	case !eat.ValidSHA256(found):
		j.find(SensorHash, "", "", "the wrapper finds no sensor to hash: %q", found)
	case len(j.in.Said) == 0:
		j.find(SensorSilent, "", found, "the sensor says nothing of its own hash")
	case !slices.Contains(j.in.Said, found):
		said := j.in.Said[0]
		j.find(SensorHash, said, found, "the sensor says that it is %.12s, and the wrapper finds %.12s", said, found)
	}
}

// running compares what runs with what lies there. After an upgrade a process
// may go on for a while with the file that was there before, which is known.
func (j *judging) running() {
	disk, some := j.files[sensorFile], false
	for _, name := range slices.Sorted(maps.Keys(j.in.Receipt.Effect)) {
		pid, ok := strings.CutPrefix(name, runningPrefix)
		image := j.in.Receipt.Effect[name]
		if !ok || image == "absent" { // it has ended meanwhile
			continue
		}
		some = true
		switch {
		case image == disk:
		case eat.ValidSHA256(image) && (image == j.in.Before[sensorFile] || image == j.in.Pinned):
			j.restart = true
			j.notes = append(j.notes, "process "+pid+" still runs the sensor that lay there before")
		default:
			j.find(Running, disk, image, "process %s runs a sensor that is not the one on the disk: %.64s", pid, image)
		}
	}
	if !some {
		j.find(NotRunning, "", "", "no process runs the sensor that is installed, and yet the host sends facts")
	}
}

// changed compares the files with those of the last answer.
func (j *judging) changed() {
	for _, name := range slices.Sorted(maps.Keys(j.files)) {
		before, known := j.in.Before[name]
		now := j.files[name]
		switch what := strings.TrimPrefix(name, filePrefix); {
		case !known || before == now:
		case j.in.Upgraded:
			j.notes = append(j.notes, what+" changed with a package")
		default:
			j.find(Changed, before, now, "%s was %.12s and is %.12s, and no package explains it", what, before, now)
		}
	}
}
