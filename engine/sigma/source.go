package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"picket.internal/fact"
)

// field is a field of a log source: its name in Sigma, and which of a fact's
// fields it is.
type field struct {
	name string // Sigma's
	path string // ours
	kind fieldKind
	list bool // it has many values, of which one must fit
	// decimal texts hold a number and may be compared as one.
	decimal bool
	// address texts hold an IP address.
	address bool
}

type fieldKind int

const (
	kindText fieldKind = iota
	kindInt
	kindUint
	kindDouble
	kindBool
	kindTime
	kindObject
)

// source is a log source that facts can stand for.
type source struct {
	name   string // product and category, for messages
	on     fact.Kind
	guard  string         // the condition that makes a fact an event of this source, "" where every one is
	sample map[string]any // what of a fact meets the guard
	fields map[string]*field
	absent map[string]string // fields of Sigma's that facts do not have, and why
	detail string            // the end of a message: the fields that tell most
}

// processFields are Sigma's names, as Sysmon for Linux writes them.
var processFields = map[string]string{
	"Image": "process.executable", "CommandLine": "process.command_line", "CurrentDirectory": "process.working_directory",
	"ProcessId": "process.pid", "ParentImage": "process.parent.executable", "ParentProcessId": "process.parent.pid",
	"User": "user.name", "UtcTime": "time", "sha256": "process.hash.sha256",
	"Computer": "host.name", "ComputerName": "host.name",
}

var processAbsent = map[string]string{
	"ParentCommandLine": "a fact carries the parent's executable and name, not its arguments",
	"ParentUser":        "a fact carries no account of the parent",
	"LogonId":           "no field of a fact is known to be the same number; user.audit.id is the account that logged in",
	"LogonGuid":         "it is an identifier of Sysmon's own", "ProcessGuid": "it is an identifier of Sysmon's own", "ParentProcessGuid": "it is an identifier of Sysmon's own",
	"TerminalSessionId": "a fact carries no terminal session",
	"Hashes":            "a fact carries only SHA-256, in a field of its own: write sha256",
	"md5":               "a fact carries only SHA-256", "sha1": "a fact carries only SHA-256", "Imphash": "a fact carries only SHA-256",
	"IntegrityLevel": "Linux has none", "OriginalFileName": "Linux programs have no version resource", "Product": "Linux programs have no version resource",
	"Company": "Linux programs have no version resource", "Description": "Linux programs have no version resource", "FileVersion": "Linux programs have no version resource",
}

var fileFields = map[string]string{"TargetFilename": "file.path", "UtcTime": "time", "sha256": "file.hash.sha256",
	"Computer": "host.name", "ComputerName": "host.name"}

var fileAbsent = map[string]string{
	"Image":   "a file fact does not know which process did it",
	"User":    "a file fact does not know who did it",
	"Hashes":  "a fact carries only SHA-256, in a field of its own: write sha256",
	"Details": "a file fact carries no content", "Contents": "a file fact carries no content", "ProcessId": "a file fact does not know which process did it",
}

// sources are Sigma's own log sources that facts can stand for.
var sources = []source{
	{
		name: "process_creation", on: fact.KindProcess, fields: taxonomy(processFields), absent: processAbsent,
		guard:  `process.action in ["start", "exec"]`,
		sample: map[string]any{"process.action": fact.ProcessStart},
		detail: "{{process.command_line}}",
	},
	{
		name: "file_event", on: fact.KindFile, fields: taxonomy(fileFields), absent: fileAbsent,
		guard:  `(file.action == "added" || file.action == "changed" && (has(file.before.hash) || has(file.before.size)))`,
		sample: map[string]any{"file.action": "added"},
		detail: "{{file.path}}",
	},
	{
		name: "file_delete", on: fact.KindFile, fields: taxonomy(fileFields), absent: fileAbsent,
		guard:  `file.action == "removed"`,
		sample: map[string]any{"file.action": "removed"},
		detail: "{{file.path}}",
	},
}

// refusedSources are those that a Linux rule may ask for and facts cannot stand
// for, with the reason.
var refusedSources = map[string]string{
	"network_connection": "a sensor sees sockets that wait for peers, not connections",
	"dns_query":          "a sensor does not see name lookups",
	"file_access":        "a sensor does not see files being read, but for canaries",
	"file_change":        "a file fact does not tell a changed time stamp from a changed content in Sigma's way",
	"file_rename":        "a rename reaches a file fact as a removal and an addition",
	"process_access":     "a sensor does not see processes opening one another",
	"image_load":         "a sensor does not see libraries being loaded",
	"auditd":             "records of auditd are lines that one action makes several of; no fact is one",
	"syslog":             "a rule of syslog searches a line of a log; facts carry none",
	"auth":               "a rule of auth searches a line of a log; facts carry none",
	"sshd":               "a rule of sshd searches a line of a log; facts carry none",
	"sudo":               "a rule of sudo searches a line of a log; facts carry none",
	"cron":               "a rule of cron searches a line of a log; facts carry none",
	"clamav":             "a rule of clamav searches a line of a log; facts carry none",
	"vsftpd":             "a rule of vsftpd searches a line of a log; facts carry none",
	"guacamole":          "a rule of guacamole searches a line of a log; facts carry none",
}

// logsource is the part of a rule of that name.
type logsource struct{ category, product, service string }

// find looks a log source up. Product picket, which is ours, has facts of every
// kind by their own names.
func (l logsource) find() (*source, error) {
	switch l.product {
	case "linux", "":
	case "picket":
		return l.own()
	default:
		return nil, fmt.Errorf("log source: there are no facts of product %q", l.product)
	}
	for _, part := range []string{l.service, l.category} {
		if why, ok := refusedSources[part]; ok {
			return nil, fmt.Errorf("log source %q: %s", part, why)
		}
	}
	if l.service != "" {
		return nil, fmt.Errorf("log source: there are no facts of service %q", l.service)
	}
	for i := range sources {
		if sources[i].name == l.category {
			return &sources[i], nil
		}
	}
	if l.category == "" {
		return nil, errors.New("log source: it names no category, and a rule about all logs of Linux is about none that facts stand for")
	}
	return nil, fmt.Errorf("log source: there are no facts of category %q", l.category)
}

func (l logsource) own() (*source, error) {
	if l.service != "" {
		return nil, fmt.Errorf("log source: product picket has no service %q", l.service)
	}
	for _, k := range fact.Kinds() {
		if string(k.Kind) == l.category {
			return &source{name: l.category, on: k.Kind, fields: ownFields(k.Kind), sample: map[string]any{l.category + ".action": k.Actions[0]}}, nil
		}
	}
	return nil, fmt.Errorf("log source: there is no kind of fact %q", l.category)
}

// field finds a field of the source.
func (s *source) field(name string) (*field, error) {
	if f, ok := s.fields[name]; ok {
		return f, nil
	}
	if why, ok := s.absent[name]; ok {
		return nil, fmt.Errorf("field %s: %s", name, why)
	}
	return nil, fmt.Errorf("field %s: no fact of %s has it", name, s.name)
}

func taxonomy(names map[string]string) map[string]*field {
	out := map[string]*field{}
	for name, path := range names {
		f := *known()[path]
		f.name = name
		out[name] = &f
	}
	return out
}

// ownFields are those that facts of a kind carry: its own block, those that
// every fact may have, and what each fact has.
func ownFields(kind fact.Kind) map[string]*field {
	out := map[string]*field{}
	for path, f := range known() {
		block, _, _ := strings.Cut(path, ".")
		if block == string(kind) || slices.Contains([]string{"process", "file", "user", "service", "host", "time"}, block) {
			out[path] = f
		}
	}
	return out
}

// known are all fields that a condition can name, by their paths.
var known = sync.OnceValue(func() map[string]*field {
	out := map[string]*field{}
	within := map[string]bool{} // lists of objects: what is in them has no single value
	for _, f := range fact.Fields() {
		parent := f.Path[:max(strings.LastIndexByte(f.Path, '.'), 0)]
		if within[parent] || strings.HasPrefix(f.Path, "prevalence") {
			within[f.Path] = true
			continue
		}
		typ, list := f.Type, false
		if inner, ok := strings.CutPrefix(typ, "list("); ok {
			typ, list = strings.TrimSuffix(inner, ")"), true
		}
		if within[f.Path] = list && typ == "object"; within[f.Path] {
			continue
		}
		kind, ok := map[string]fieldKind{"string": kindText, "int": kindInt, "uint": kindUint, "double": kindDouble,
			"bool": kindBool, "timestamp": kindTime, "object": kindObject}[typ]
		if ok {
			out[f.Path] = &field{name: f.Path, path: f.Path, kind: kind, list: list,
				decimal: strings.Contains(f.Doc, "in decimal"), address: strings.HasSuffix(f.Path, "_ip") || strings.HasSuffix(f.Path, ".address")}
		}
	}
	return out
})
