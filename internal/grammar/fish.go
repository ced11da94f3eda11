package grammar

import (
	"strings"

	"github.com/alecthomas/kong"
)

// Fish is the completion for fish, see complete(1).
func Fish(app *kong.Application) string {
	root, s := commandsOf(app), new(script)
	at := "_" + function(app.Name) + "_at"
	s.line("# Completion of %s for fish, %s", app.Name, origin)
	s.line("function %s", at)
	s.line("    set -l at ''")
	s.line("    for word in (commandline -opc)[2..]")
	s.line("        switch \"$at $word\"")
	s.line("            case %s", patterns(places(root), " "))
	s.line("                set at \"$at $word\"")
	s.line("        end")
	s.line("    end")
	s.line("    test \"$at\" = \"$argv[1]\"")
	s.line("end")
	s.line("complete -c %s -f", app.Name)
	s.line("complete -c %s -l help -s h -d 'Say more'", app.Name)
	for _, c := range root.all() {
		here := "complete -c " + app.Name + " -n " + quoted(at+" "+fishQuoted(c.place()))
		for _, sub := range c.subs {
			s.line("%s -a %s -d %s", here, sub.Name, quoted(short(sub.Help)))
		}
		for _, f := range c.flags() {
			flag := "-l " + f.Name
			if f.Short != 0 {
				flag += " -s " + string(f.Short)
			}
			if !f.IsBool() {
				flag += " " + fishValue(kindOf(f.Value))
			}
			s.line("%s %s -d %s", here, flag, quoted(short(f.Help)))
		}
		for _, a := range c.Positional {
			switch k, words := kindOf(a); k {
			case file, folder:
				s.line("%s -F", here)
			case oneOf:
				s.line("%s -a %s", here, quoted(strings.Join(words, " ")))
			}
		}
	}
	return s.String()
}

// fishQuoted is a word within one that is quoted already.
func fishQuoted(word string) string { return `"` + word + `"` }

func fishValue(k kind, words []string) string {
	switch k {
	case oneOf:
		return "-x -a " + quoted(strings.Join(words, " "))
	case file:
		return "-r -F"
	case folder:
		return "-x -a '(__fish_complete_directories)'"
	}
	return "-x"
}
