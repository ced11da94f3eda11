package grammar

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// origin is the first line of each script.
const origin = "made from the command line itself; see Golden files in CONTRIBUTING.md."

// function is a program's name as a shell may call a function.
func function(program string) string { return "_" + strings.ReplaceAll(program, "-", "_") }

// quoted is a word that no shell looks into: bash, zsh and fish alike.
func quoted(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// patterns are quoted words as a case takes them; sep parts them.
func patterns(words []string, sep string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = quoted(word)
	}
	return strings.Join(list, sep)
}

// places are the commands below the program as scripts follow them: a space and
// a word each.
func places(root command) (list []string) {
	for _, c := range root.all()[1:] {
		list = append(list, c.place())
	}
	return list
}

func (c command) place() string {
	if c.words == "" {
		return ""
	}
	return " " + c.words
}

// options are how the flags are written, --help too.
func (c command) options() (list []string) {
	for _, f := range c.flags() {
		list = append(list, "--"+f.Name)
	}
	return append(list, "--help")
}

// takes are the names of flags that take a value: "--output" and "-o".
func takes(f *kong.Flag) (names []string) {
	if f.IsBool() {
		return nil
	}
	if f.Short != 0 {
		names = append(names, "-"+string(f.Short))
	}
	return append(names, "--"+f.Name)
}

// short is the first sentence of a help.
func short(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(strings.ReplaceAll(first, "\n", " "), ".")
}

// script is a text that is written line by line.
type script struct{ strings.Builder }

func (s *script) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }
