package grammar

import (
	"strings"

	"github.com/alecthomas/kong"
)

// Zsh is the completion for zsh, see zshcompsys(1).
func Zsh(app *kong.Application) string {
	root, s := commandsOf(app), new(script)
	s.line("#compdef %s", app.Name)
	s.line("# Completion of %s for zsh, %s", app.Name, origin)
	s.line("local at=")
	s.line("local -i n=1")
	s.line("local -a commands")
	s.line("while ((n + 1 < CURRENT)); do")
	s.line("\tcase \"$at $words[n+1]\" in")
	s.line("\t(%s) at+=\" $words[n+1]\" ;;", patterns(places(root), " | "))
	s.line("\t(*) break ;;")
	s.line("\tesac")
	s.line("\t((n++))")
	s.line("done")
	s.line("# From here on the command is the first word.")
	s.line("words=(\"${(@)words[n,-1]}\")")
	s.line("((CURRENT -= n - 1))")
	s.line("case $at in")
	for _, c := range root.all() {
		s.line("(%s)", quoted(c.place()))
		if len(c.subs) > 0 {
			s.line("\tcommands=(")
			for _, sub := range c.subs {
				s.line("\t\t%s", quoted(sub.Name+":"+short(sub.Help)))
			}
			s.line("\t)")
			s.line("\t_arguments '--help[say more]' '1: :{_describe command commands}'")
			s.line("\t;;")
			continue
		}
		specs := []string{}
		for _, f := range c.flags() {
			specs = append(specs, zshFlag(f)...)
		}
		specs = append(specs, quoted("--help[say more]"))
		for _, a := range c.Positional {
			many := ""
			if a.IsCumulative() {
				many = "*"
			}
			specs = append(specs, quoted(many+":"+a.Name+":"+zshAction(kindOf(a))))
		}
		s.line("\t_arguments \\")
		s.line("\t\t%s", strings.Join(specs, " \\\n\t\t"))
		s.line("\t;;")
	}
	s.line("esac")
	return s.String()
}

// zshFlag is a flag as _arguments takes it, once for each of its names.
func zshFlag(f *kong.Flag) (specs []string) {
	about := "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(short(f.Help)) + "]"
	if f.IsBool() {
		return []string{quoted("--" + f.Name + about)}
	}
	holder := strings.ReplaceAll(f.FormatPlaceHolder(), ":", `\:`)
	for _, name := range takes(f) {
		sign := "="
		if len(name) == 2 {
			sign = ""
		}
		specs = append(specs, quoted(name+sign+about+":"+holder+":"+zshAction(kindOf(f.Value))))
	}
	return specs
}

func zshAction(k kind, words []string) string {
	switch k {
	case oneOf:
		return "(" + strings.Join(words, " ") + ")"
	case file:
		return "_files"
	case folder:
		return "_files -/"
	}
	return " "
}
