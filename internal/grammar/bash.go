package grammar

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Bash is the completion for bash, see bash(1), Programmable Completion.
func Bash(app *kong.Application) string {
	root, s := commandsOf(app), new(script)
	s.line("# Completion of %s for bash, %s", app.Name, origin)
	s.line("%s() {", function(app.Name))
	s.line("\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at= words= from= i")
	s.line("\tCOMPREPLY=()")
	s.line("\tfor ((i = 1; i < COMP_CWORD; i++)); do")
	s.line("\t\tcase \"$at ${COMP_WORDS[i]}\" in")
	s.line("\t\t%s) at+=\" ${COMP_WORDS[i]}\" ;;", patterns(places(root), " | "))
	s.line("\t\tesac")
	s.line("\tdone")
	s.line("\t# --flag=value is three words to bash.")
	s.line("\tif [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi")
	s.line("\tcase \"$at $before\" in")
	for _, v := range valuesOf(root) {
		s.line("\t%s)", patterns(v.after, " | "))
		s.bashValue(v.kind, v.words)
		s.line("\t\t;;")
	}
	s.line("\t*)")
	s.line("\t\tcase $at in")
	for _, c := range root.all() {
		words := c.options()
		for _, sub := range slices.Backward(c.subs) {
			words = slices.Insert(words, 0, sub.Name)
		}
		s.line("\t\t%s)", quoted(c.place()))
		s.line("\t\t\twords='%s'", strings.Join(words, " "))
		s.bashArguments(c)
		s.line("\t\t\t;;")
	}
	s.line("\t\tesac")
	s.line("\t\t;;")
	s.line("\tesac")
	s.line("\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\"; [[ -z $from ]] || compgen \"$from\" -- \"$word\")")
	s.line("\t[[ -z $from ]] || compopt -o filenames 2>/dev/null")
	s.line("}")
	s.line("complete -F %s %s", function(app.Name), app.Name)
	return s.String()
}

// bashArguments offers what may follow a command besides flags.
func (s *script) bashArguments(c command) {
	for _, a := range c.Positional {
		switch k, words := kindOf(a); k {
		case oneOf:
			s.line("\t\t\twords+=' %s'", strings.Join(words, " "))
		case file:
			s.line("\t\t\t[[ $word == -* ]] || from=-f")
		case folder:
			s.line("\t\t\t[[ $word == -* ]] || from=-d")
		}
	}
}

func (s *script) bashValue(k kind, words []string) {
	switch k {
	case oneOf:
		s.line("\t\twords='%s'", strings.Join(words, " "))
	case file:
		s.line("\t\tfrom=-f")
	case folder:
		s.line("\t\tfrom=-d")
	}
}

// value is what follows some flags of some commands.
type value struct {
	after []string // as in " verify --trust"
	kind  kind
	words []string // of oneOf
}

// valuesOf gathers which flags take the same.
func valuesOf(root command) (list []value) {
	for _, c := range root.all() {
		for _, f := range c.flags() {
			k, words := kindOf(f.Value)
			for _, name := range takes(f) {
				after := c.place() + " " + name
				i := slices.IndexFunc(list, func(v value) bool { return v.kind == k && slices.Equal(v.words, words) })
				if i < 0 {
					list, i = append(list, value{kind: k, words: words}), len(list)
				}
				list[i].after = append(list[i].after, after)
			}
		}
	}
	return list
}
