package terminal

import (
	"fmt"
	"strings"
)

// Header is what picket up tells before the first alert.
type Header struct {
	Host     string   // what the machine calls itself
	User     string   // who runs it
	Watching []string // what is watched, as in "212 processes" or "3 canaries"
	Rules    int      // how many rules look at it
	Limits   []string // what cannot be seen here, in words; empty means nothing is known to be hidden
	UI       string   // URL of the web page, with its key
	Touch    string   // the file to touch
}

// Up prints the header: four lines.
func (p *Printer) Up(h Header) error {
	watching := h.Host
	if h.User != "" {
		watching += " as " + h.User
	}
	watching += ": " + strings.Join(append(h.Watching, fmt.Sprintf("%d rules", h.Rules)), ", ")
	limits := "none known"
	if len(h.Limits) > 0 {
		limits = strings.Join(h.Limits, "; ")
	}
	label := func(name, text string, whole bool) string {
		return p.row(
			cell{text: name, width: labelWidth, style: strong},
			cell{text: text, width: p.columns() - labelWidth - gap, whole: whole})
	}
	return p.write(label("Watching", watching, false) +
		label("Limits", limits, false) +
		label("Browser", h.UI, true) +
		label("Try", "cat "+quoteArg(p.short(h.Touch))+"      (Ctrl-C stops everything)", true))
}

// quoteArg makes a path fit to be pasted into a shell.
func quoteArg(path string) string {
	safe := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || r == '~' || r == '+' || r == ':' || r == '@' || r == ',' ||
			'0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !safe(r) }) < 0 {
		return path
	}
	tilde, rest := "", path
	if strings.HasPrefix(path, "~/") {
		tilde, rest = "~/", path[2:] // the shell expands it only where it is not quoted
	}
	return tilde + "'" + strings.ReplaceAll(rest, "'", `'\''`) + "'"
}
