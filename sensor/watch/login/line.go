package login

import (
	"strconv"
	"strings"
	"time"
)

// Line is a line of a log that syslogd keeps.
type Line struct {
	// Program is what the message says that it comes from.
	Program string
	// PID is the number behind that; 0 where there is none.
	PID int64
	// Message is the rest.
	Message string
}

// ParseLine reads "TIME HOST PROGRAM[PID]: MESSAGE", where TIME is "Jan _2
// 15:04:05" or that of RFC 3339, and BusyBox puts facility and level behind
// the host. ok is false for lines of another form.
func ParseLine(s string) (l Line, ok bool) {
	const old = "Jan _2 15:04:05"
	first, rest, _ := strings.Cut(s, " ")
	if len(s) > len(old) && s[len(old)] == ' ' {
		if _, err := time.Parse(old, s[:len(old)]); err == nil {
			first, rest = "", s[len(old)+1:]
		}
	}
	if first != "" {
		if _, err := time.Parse(time.RFC3339Nano, first); err != nil {
			return Line{}, false
		}
	}
	host, rest, ok := strings.Cut(rest, " ")
	if !ok || host == "" {
		return Line{}, false
	}
	tag, message, ok := strings.Cut(rest, " ")
	if strings.Contains(tag, ".") && !strings.HasSuffix(tag, ":") {
		tag, message, ok = strings.Cut(message, " ")
	}
	tag, colon := strings.CutSuffix(tag, ":")
	if !ok || !colon || tag == "" {
		return Line{}, false
	}
	l = Line{Program: tag, Message: message}
	if name, number, found := strings.Cut(tag, "["); found {
		number, closed := strings.CutSuffix(number, "]")
		pid, err := strconv.ParseInt(number, 10, 32)
		if !closed || err != nil || pid <= 0 {
			return Line{}, false
		}
		l.Program, l.PID = name, pid
	}
	return l, true
}
