package sentence

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"picket.internal/fact"
)

// Subject is, in a few words, the thing that a fact is about: a path, a name.
func Subject(f *fact.Fact) string {
	switch {
	case f.Kind == fact.KindCanary && f.Canary != nil:
		return exact(f.Canary.Path, f.Canary.PathB64)
	case f.Kind == fact.KindProcess && f.Process != nil:
		return Executable(f.Process)
	case f.Kind == fact.KindIntegrity && f.Integrity != nil:
		return f.Integrity.Path
	case f.Kind == fact.KindSensor && f.Sensor != nil:
		return first(f.Sensor.Cause, f.Sensor.Source)
	case f.Kind == fact.KindFleet && f.Fleet != nil:
		return subjectOfFleet(f.Fleet)
	case f.Kind == fact.KindBinary && f.Binary != nil:
		return f.Binary.Path
	default:
		return inventory(f).what
	}
}

func subjectOfFleet(f *fact.Fleet) string {
	if f.Action == fact.FleetSilent && f.SilentFor > 0 {
		return "nothing heard for " + seconds(f.SilentFor)
	}
	return first(f.Rule, f.OtherHostID, f.Reason)
}

// Fact is the fact on one line: what happened to what, and by whom.
func Fact(f *fact.Fact) string {
	var words string
	switch {
	case f.Kind == fact.KindProcess && f.Process != nil:
		return join(f.Process.Action, Process(f))
	case f.Kind == fact.KindCanary && f.Canary != nil:
		words = f.Canary.Action + " " + exact(f.Canary.Path, f.Canary.PathB64)
		if f.Process == nil {
			return words + " by a process that is not known"
		}
		return words + " by " + Process(f)
	case f.Kind == fact.KindIntegrity && f.Integrity != nil:
		i := f.Integrity
		if i.Subject == fact.SubjectAttestation || i.Subject == fact.SubjectAttestedFile {
			return join(i.Action, i.Subject, i.Detail)
		}
		return join(i.Action, i.Path, i.Subject, "expected", digest(i.Expected), "observed", first(digest(i.Observed), i.Error))
	case f.Kind == fact.KindBinary && f.Binary != nil:
		b := f.Binary
		return join(b.Path, b.Version, first(digest(b.Hash), b.Error))
	case f.Kind == fact.KindMetric && f.Metric != nil:
		return metric(f.Metric)
	case f.Kind == fact.KindSensor && f.Sensor != nil:
		return sensor(f.Sensor)
	case f.Kind == fact.KindFleet && f.Fleet != nil:
		return join(f.Fleet.Action, subjectOfFleet(f.Fleet))
	case f.Kind == fact.KindReceipt && f.Receipt != nil:
		r := f.Receipt
		return join(r.Action, r.TokenAction, r.ErrorID, r.Detail)
	}
	e := inventory(f)
	words = join(e.action, e.what, e.now)
	if e.before != "" {
		words += " (was " + e.before + ")"
	}
	if words == "" {
		return "a kind of fact that this program does not know"
	}
	return words
}

// Process is the process of a fact with what tells it apart, and its parents.
func Process(f *fact.Fact) string {
	p := f.Process
	if p == nil {
		return ""
	}
	words := first(Executable(p), "a process")
	if id := Identity(f); id != "" {
		words += " (" + id + ")"
	}
	if chain := Chain(p); len(chain) > 0 {
		words += " ← " + strings.Join(chain, " ← ")
	}
	return words
}

// Identity is the process's id and the user it runs as.
func Identity(f *fact.Fact) string {
	var parts []string
	if f.Process != nil && f.Process.PID != 0 {
		parts = append(parts, "pid "+strconv.FormatInt(f.Process.PID, 10))
	}
	if f.User != nil {
		if user := User(f.User); user != "" {
			parts = append(parts, user)
		}
	}
	return strings.Join(parts, ", ")
}

// User is an account by its name, else by its number.
func User(u *fact.User) string {
	if u == nil || u.Name == "" && u.ID == "" {
		return ""
	}
	return first(u.Name, "uid "+u.ID)
}

func metric(m *fact.Metric) string {
	var parts []string
	if m.CPU != nil {
		parts = append(parts, fmt.Sprintf("cpu %.0f %%", 100*m.CPU.Busy))
	}
	if m.Memory != nil && m.Memory.Total > 0 {
		used := 1 - float64(m.Memory.Available)/float64(m.Memory.Total)
		parts = append(parts, fmt.Sprintf("memory %.0f %%", 100*used))
	}
	if m.Load != nil {
		parts = append(parts, fmt.Sprintf("load %.2f", m.Load.One))
	}
	if m.Processes > 0 {
		parts = append(parts, fmt.Sprintf("%d processes", m.Processes))
	}
	return strings.Join(parts, ", ")
}

func sensor(s *fact.Sensor) string {
	words := join(s.Action, s.Source, s.Cause, s.Class)
	if s.Count > 0 {
		words += " ×" + strconv.FormatInt(s.Count, 10)
	}
	if s.Reason != "" {
		words += ": " + s.Reason
	}
	if s.Action == fact.SensorResource && s.RSS > 0 {
		words += fmt.Sprintf(", %.1f MB, cpu %.2f %%", float64(s.RSS)/1e6, 100*s.CPU)
	}
	return words
}

func digest(h *fact.Hash) string {
	if h == nil {
		return ""
	}
	return short(h.SHA256)
}

func short(sha256 string) string {
	if len(sha256) <= 12 {
		return sha256
	}
	return sha256[:12] + "…"
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// first is the first of the texts that says anything.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func join(words ...string) string {
	kept := words[:0:0]
	for _, w := range words {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
