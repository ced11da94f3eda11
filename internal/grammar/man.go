package grammar

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// Page is what a man page says that no grammar knows.
type Page struct {
	// Section of the manual, 1 or 8.
	Section int
	// About is more than the program's own description, as that is written.
	About string
	// Environment and Files are told in this order.
	Environment, Files []Entry
	// SeeAlso are other pages, as in "picket-hub(8)".
	SeeAlso []string
}

// Entry is a name and what there is to say about it.
type Entry struct{ Name, Text string }

// common is how many commands must have the same flag for it to be told once for
// all of them.
const common = 10

// Man is the man page of a program, in the macros of man(7). The description of
// the program is parted: its first sentence is the name's, what is set in are
// examples, and what begins with "Exit codes:" is the exit status.
func Man(app *kong.Application, p Page) string {
	r := new(roff)
	title := "User Commands"
	if p.Section == 8 {
		title = "System administration"
	}
	r.line(`.\" Made from the command line itself; see Golden files in CONTRIBUTING.md.`)
	r.line(`.TH %s %d "" Picket "%s"`, strings.ToUpper(app.Name), p.Section, title)
	var about, examples []block
	var codes string
	for _, b := range blocksOf(app.Help + "\n\n" + app.Detail + "\n\n" + p.About) {
		text, exits := strings.CutPrefix(b.text, "Exit codes: ")
		switch {
		case exits:
			codes = strings.Join(strings.Fields(text), " ")
		case b.literal:
			examples = append(examples, b)
		default:
			about = append(about, b)
		}
	}
	r.line(".SH NAME")
	r.text(app.Name + " - " + nameLine(about[0].text))
	r.line(".SH SYNOPSIS")
	r.line(`%s %s [%s \&.\|.\|.] [%s \&.\|.\|.]`, bold(app.Name), italic("command"), italic("argument"), italic("flag"))
	r.section("DESCRIPTION", about)
	root := commandsOf(app)
	shared := sharedFlags(root)
	r.line(".SH COMMANDS")
	for _, c := range root.leaves() {
		r.command(app.Name, c, shared)
	}
	r.line(".SH FLAGS")
	r.line(".TP")
	r.line(`%s, %s`, bold("-h"), bold("--help"))
	r.text("What the program, or the command before it, does, and its flags.")
	for _, f := range shared {
		r.value(flagName(f), f.Help)
	}
	r.exits(codes)
	r.entries("ENVIRONMENT", p.Environment, bold)
	r.entries("FILES", p.Files, italic)
	r.section("EXAMPLES", examples)
	r.seeAlso(p.SeeAlso)
	return r.String()
}

// nameLine is the first sentence of a description, as part of a line.
func nameLine(text string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ". ")
	r, n := utf8.DecodeRuneInString(first)
	return string(unicode.ToLower(r)) + strings.TrimSuffix(first[n:], ".")
}

func (r *roff) section(name string, blocks []block) {
	if len(blocks) == 0 {
		return
	}
	r.line(".SH %s", name)
	for i, b := range blocks {
		if i > 0 {
			r.line(".P")
		}
		r.block(b)
	}
}

// command tells of one command that does something.
func (r *roff) command(program string, c command, shared []*kong.Flag) {
	r.line(".SS %s", escaped(program+" "+c.words))
	usage := []string{bold(program + " " + c.words)}
	for _, f := range c.flags() {
		if f.Required {
			usage = append(usage, flagName(f))
		}
	}
	for _, a := range c.Positional {
		usage = append(usage, argumentName(a))
	}
	if slices.ContainsFunc(c.flags(), func(f *kong.Flag) bool { return !f.Required }) {
		usage = append(usage, "["+italic("flag")+` \&.\|.\|.]`)
	}
	r.line("%s", strings.Join(usage, "\n"))
	r.line(".P")
	r.text(c.Help)
	r.prose(c.Detail)
	for _, a := range c.Positional {
		r.value(argumentName(a), a.Help)
	}
	var also []string
	for _, f := range c.flags() {
		if slices.ContainsFunc(shared, func(s *kong.Flag) bool { return sameFlag(s, f) }) {
			also = append(also, "--"+f.Name)
			continue
		}
		name := flagName(f)
		for _, alias := range f.Aliases {
			name += ", " + bold("--"+alias)
		}
		r.value(name, f.Help)
	}
	if len(also) > 0 {
		r.line(".P")
		r.text("Also " + strings.Join(also, ", ") + "; see FLAGS below.")
	}
}

func (r *roff) value(name, help string) {
	r.line(".TP")
	r.line("%s", name)
	r.text(help)
}

// exits tells what each code of "0 done, 1 no, 2 broken" means.
func (r *roff) exits(codes string) {
	r.line(".SH EXIT STATUS")
	starts := exitCode.FindAllStringSubmatchIndex(codes, -1)
	for i, at := range starts {
		end := len(codes)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		r.value(bold(codes[at[2]:at[3]]), strings.TrimSuffix(codes[at[1]:end], "."))
	}
}

var exitCode = regexp.MustCompile(`(?:^|, )(\d) `)

func (r *roff) entries(name string, entries []Entry, font func(string) string) {
	if len(entries) == 0 {
		return
	}
	r.line(".SH %s", name)
	for _, e := range entries {
		r.value(font(e.Name), e.Text)
	}
}

func (r *roff) seeAlso(pages []string) {
	r.line(".SH SEE ALSO")
	for i, page := range pages {
		name, section, _ := strings.Cut(page, "(")
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		r.line(".BR %s (%s%s", escaped(name), section, comma)
	}
}

// flagName is a flag as it is written, in the fonts of a page.
func flagName(f *kong.Flag) string {
	name := bold("--" + f.Name)
	if f.Short != 0 {
		name = bold("-"+string(f.Short)) + ", " + name
	}
	if !f.IsBool() {
		name += "=" + italic(f.FormatPlaceHolder())
	}
	return name
}

func argumentName(a *kong.Positional) string {
	name := italic(a.Name)
	if a.IsCumulative() {
		name += ` \&.\|.\|.`
	}
	if !a.Required {
		name = "[" + name + "]"
	}
	return name
}

// sharedFlags are those that many commands have, and all in the same words.
func sharedFlags(root command) (shared []*kong.Flag) {
	var all []*kong.Flag
	for _, c := range root.leaves() {
		all = append(all, c.flags()...)
	}
	for _, f := range all {
		n := 0
		for _, other := range all {
			if sameFlag(f, other) {
				n++
			}
		}
		if n >= common && !slices.ContainsFunc(shared, func(s *kong.Flag) bool { return sameFlag(s, f) }) {
			shared = append(shared, f)
		}
	}
	return shared
}

func sameFlag(a, b *kong.Flag) bool {
	return a.Name == b.Name && a.Help == b.Help && fmt.Sprint(a.Summary()) == fmt.Sprint(b.Summary())
}
