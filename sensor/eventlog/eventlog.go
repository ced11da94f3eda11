// Package eventlog is how the sensor says what only its operator can use: an
// event a line, a message and what goes with it as name=value, in the form of
// log/slog's text handler.
//
// log/slog itself brings encoding/json along, reflection over every type
// included, which is 200 kB that the sensor has no other use for.
//
// What is logged may come from a host, a file or the network. The package must
// never write a byte of it that could forge a line or steer a terminal.
package eventlog

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Level says how much an event matters.
type Level int

// The levels, the least important first.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

// names are the levels as they are written.
var names = [...]string{"DEBUG", "INFO", "WARN", "ERROR"}

// Logger writes events. A nil Logger writes none. It is safe for concurrent use.
type Logger struct {
	mu    sync.Mutex
	out   io.Writer
	level Level
}

// New returns a Logger of the events that matter at least as much as level.
func New(out io.Writer, level Level) *Logger { return &Logger{out: out, level: level} }

// Debug logs what helps only a maintainer. args are names and values in turn.
func (l *Logger) Debug(message string, args ...any) { l.log(LevelDebug, message, args) }

// Info logs what is as it should be.
func (l *Logger) Info(message string, args ...any) { l.log(LevelInfo, message, args) }

// Warn logs what an operator should look at in time.
func (l *Logger) Warn(message string, args ...any) { l.log(LevelWarn, message, args) }

// Error logs what does not work.
func (l *Logger) Error(message string, args ...any) { l.log(LevelError, message, args) }

func (l *Logger) log(level Level, message string, args []any) {
	if l == nil || level < l.level {
		return
	}
	line := append([]byte("time="), time.Now().Format("2006-01-02T15:04:05.000Z07:00")...)
	line = append(line, " level="...)
	line = append(line, names[level]...)
	line = append(line, " msg="...)
	line = appendValue(line, message)
	for len(args) > 0 {
		name, value := "!BADKEY", args[0] // as log/slog marks a name that is missing
		if s, ok := args[0].(string); ok && len(args) > 1 {
			name, value, args = s, args[1], args[1:]
		}
		args = args[1:]
		line = append(line, ' ')
		line = appendValue(line, name)
		line = append(line, '=')
		line = appendValue(line, fmt.Sprint(value))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.Write(append(line, '\n')) // there is nobody to tell that it cannot be written
}

// appendValue writes text as it is where it is one plain word, else quoted, in
// ASCII alone.
func appendValue(line []byte, text string) []byte {
	plain := func(r rune) bool { return r > ' ' && r <= '~' && r != '"' && r != '=' && r != '\\' }
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return append(line, text...)
	}
	return strconv.AppendQuoteToASCII(line, text)
}
