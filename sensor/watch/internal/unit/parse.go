package unit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

const (
	// maxFile is the longest line that systemd reads; a file over it would
	// have to be one of comments.
	maxFile = 1 << 20
	// maxValue is where a value is cut.
	maxValue = 4096
	// maxSettings is how many settings of a file are kept.
	maxSettings = 256
)

// errForm says that a file has more than is read.
var errForm = errors.New("malformed unit file")

// setting is a line of a unit file that matters here.
type setting struct{ section, key, value string }

// matters tells the settings that are kept.
func matters(section, key string) bool {
	switch section {
	case "Service":
		return key == "ExecStart" || key == "User"
	case "Timer":
		return key == "Unit" || strings.HasPrefix(key, "On")
	case "Install":
		switch key {
		case "WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also", "DefaultInstance":
			return true
		}
	}
	return false
}

// parse reads the syntax of systemd.syntax(7). Lines that are no setting are
// left out, as systemd does: nothing is missing then.
func parse(data []byte) ([]setting, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%w: over %d bytes", errForm, maxFile)
	}
	var settings []setting
	var section string
	var joined []byte // of a line that goes on
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) > 0 && (line[0] == '#' || line[0] == ';') {
			continue // also where it interrupts a line that goes on
		}
		if goesOn(line) {
			joined = append(append(joined, line[:len(line)-1]...), ' ')
			continue
		}
		if joined != nil {
			line = bytes.TrimSpace(append(joined, line...))
			joined = nil
		}
		if len(line) == 0 {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			section = string(line[1:min(len(line)-1, 64)])
			continue
		}
		s, ok := parseSetting(section, line)
		if !ok || !matters(section, s.key) {
			continue
		}
		if len(settings) == maxSettings {
			return settings, fmt.Errorf("%w: over %d settings", errForm, maxSettings)
		}
		settings = append(settings, s)
	}
	return settings, nil
}

// goesOn tells whether the next line belongs to this one: it ends in a
// backslash that is not itself escaped.
func goesOn(line []byte) bool {
	return (len(line)-len(bytes.TrimRight(line, `\`)))%2 == 1
}

func parseSetting(section string, line []byte) (setting, bool) {
	key, value, ok := bytes.Cut(line, []byte("="))
	key, value = bytes.TrimSpace(key), bytes.TrimSpace(value)
	if !ok || len(key) == 0 || len(key) > 64 {
		return setting{}, false
	}
	if len(value) > maxValue {
		value = bytes.TrimSpace(value[:maxValue])
	}
	return setting{section, string(key), string(value)}, true
}

// Program is the program of a command line of a unit: its first word without
// the prefixes of systemd.service(5). Specifiers and variables stay as written.
func Program(command string) string {
	s := strings.TrimLeft(strings.TrimLeft(command, "@-:+!|"), " \t")
	if s == "" {
		return ""
	}
	if q := s[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(s[1:], q); end >= 0 {
			return s[1 : 1+end]
		}
	}
	if end := strings.IndexAny(s, " \t"); end >= 0 {
		s = s[:end]
	}
	return s
}
