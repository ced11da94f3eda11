// Package script finds out of an interpreter's arguments which script it runs.
// It looks at nothing but the arguments, so what it says is what the
// interpreter was asked for; it must never be taken for what it did.
package script

import (
	"bytes"
	"strings"
)

// How a script is given.
const (
	File    = iota + 1 // the file that is returned with it
	Inline             // among the arguments
	Unknown            // from standard input, a module, or not to be told
)

// interpreter is how one family of interpreters takes its arguments.
type interpreter struct {
	names  string // between spaces, without versions
	inline string // letters of options that carry the script
	values string // letters of options that take a value, in the rest of the argument or the next one
	file   string // letters of options whose value is the script
	other  string // letters of options after which there is no script to be told
	long   string // long options that carry the script, between spaces
	with   string // long options that take the next argument, between spaces
}

var interpreters = []interpreter{
	{names: " sh bash dash ash ksh mksh zsh yash fish busybox rbash ", inline: "c", values: "oO", other: "s", long: " --command ", with: " --rcfile --init-file "},
	{names: " python pypy ", inline: "c", values: "WX", other: "m", with: " --check-hash-based-pycs "},
	{names: " perl ", inline: "eE", values: "IMm"},
	{names: " ruby jruby ", inline: "e", values: "IrCE"},
	{names: " node nodejs bun deno ", inline: "ep", values: "rC", long: " --eval --print ", with: " --require --import --loader --experimental-loader --conditions --env-file "},
	{names: " php php-cgi ", inline: "rBRE", values: "dcz", file: "fF", other: "S", long: " --run ", with: " --define --php-ini "},
	{names: " lua luajit texlua ", inline: "e", values: "l"},
	{names: " Rscript ", inline: "e"},
	{names: " tclsh wish expect ", inline: "c", file: "f"},
	{names: " pwsh ", inline: "c", long: " -Command -EncodedCommand ", file: "f"},
}

// find is the interpreter of an executable's path; nil for other programs.
func find(path, arg0 string) *interpreter {
	name := path[strings.LastIndexByte(path, '/')+1:]
	name = strings.TrimRight(name, "0123456789.")
	name = strings.TrimRight(strings.TrimSuffix(name, "-"), "0123456789.")
	if name == "" || strings.Contains(name, " ") {
		return nil
	}
	if name == "busybox" { // only where it is called as a shell
		name = strings.TrimPrefix(arg0[strings.LastIndexByte(arg0, '/')+1:], "-")
	}
	for i := range interpreters {
		if strings.Contains(interpreters[i].names, " "+name+" ") {
			return &interpreters[i]
		}
	}
	return nil
}

// Of tells what the interpreter at path runs, by its arguments, the program's
// name first: one of the constants with the file as it was given, or 0 where
// path is no interpreter.
func Of(path string, args [][]byte) (how int, file []byte) {
	if len(args) == 0 {
		return 0, nil
	}
	in := find(path, string(args[0]))
	if in == nil {
		return 0, nil
	}
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case len(arg) == 1 && arg[0] == '-', len(arg) == 0: // standard input
			return Unknown, nil
		case string(arg) == "--":
			if i+1 < len(args) {
				return File, args[i+1]
			}
			return Unknown, nil
		case arg[0] != '-' && arg[0] != '+':
			return File, arg
		}
		var skip bool
		if how, file, skip = in.option(arg, args[i+1:]); how != 0 {
			return how, file
		}
		if skip {
			i++
		}
	}
	return Unknown, nil
}

// option looks at one option; skip says that the next argument is its value.
func (in *interpreter) option(arg []byte, rest [][]byte) (how int, file []byte, skip bool) {
	name, _, joined := bytes.Cut(arg, []byte("="))
	word := " " + string(name) + " "
	if strings.Contains(in.long, word) {
		return Inline, nil, false
	}
	if bytes.HasPrefix(arg, []byte("--")) {
		return 0, nil, !joined && strings.Contains(in.with, word)
	}
	for i := 1; i < len(arg); i++ {
		c := arg[i]
		last := i == len(arg)-1
		switch {
		case strings.IndexByte(in.inline, c) >= 0:
			return Inline, nil, false
		case strings.IndexByte(in.other, c) >= 0:
			return Unknown, nil, false
		case strings.IndexByte(in.file, c) >= 0 && !last:
			return File, arg[i+1:], false
		case strings.IndexByte(in.file, c) >= 0 && len(rest) > 0:
			return File, rest[0], false
		case strings.IndexByte(in.values, c) >= 0:
			return 0, nil, last
		}
	}
	return 0, nil, false
}
