package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	types "picket.internal/api"
	"picket.internal/display"
)

//go:embed templates
var templateFiles embed.FS

// templates are parsed once; a template that does not parse fails every test.
var templates = template.Must(template.New("").ParseFS(templateFiles, "templates/*.html"))

// view is a page: its frame and, in Body, what its template shows.
type view struct {
	Template string
	Title    string
	Tab      Text   // what sets it apart from others of its title; may be empty
	Nav      string // the entry of the rail that it belongs to
	Live     string // where its news come from; empty means that it has none
	Health   *health
	Body     any

	Responses bool // there is a page of responses
}

// Content is the page's own part, between the frame. It is trusted because
// html/template has made it.
func (v *view) Content() (template.HTML, error) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, v.Template, v.Body); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}

// render writes a whole page or, where that fails, none of it.
func (u *ui) render(w http.ResponseWriter, status int, v *view) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "frame", v); err != nil {
		u.Logger.Error("rendering page failed", "template", v.Template, "error", err)
		http.Error(w, "The hub could not make this page. Its log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// A reader who has gone needs no page.
	_, _ = w.Write(b.Bytes())
}

// Text is text that a host may have made. Templates show it by {{template
// "text" .}}, which sets escapes apart, and in attributes by .Line.
type Text string

// Segments splits it into text and escapes.
func (t Text) Segments() []display.Segment { return display.Segments(string(t)) }

// Line is the text with its escapes.
func (t Text) Line() string { return display.Line(string(t)) }

func texts(ss []string) []Text {
	out := make([]Text, len(ss))
	for i, s := range ss {
		out[i] = Text(s)
	}
	return out
}

// Moment is a time as people want it: short to read, exact on hover.
type Moment struct {
	Clock string // 15:04:05, with the day where it is not today's
	Exact string
	ISO   string
}

func (u *ui) moment(t time.Time) *Moment {
	if t.IsZero() {
		return nil
	}
	local, now := t.In(u.Zone), u.Now().In(u.Zone)
	layout := "15:04:05"
	if day(local) != day(now) {
		layout = "2 Jan 15:04"
	}
	return &Moment{local.Format(layout), local.Format("Mon 2 Jan 2006 15:04:05.000 MST"), t.UTC().Format(time.RFC3339Nano)}
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

// dayName is what a day is called in a list.
func (u *ui) dayName(t time.Time) string {
	t = t.In(u.Zone)
	switch day(t) {
	case day(u.Now().In(u.Zone)):
		return "Today, " + t.Format("Mon 2 January")
	case day(u.Now().In(u.Zone).AddDate(0, 0, -1)):
		return "Yesterday, " + t.Format("Mon 2 January")
	default:
		return t.Format("Mon 2 January 2006")
	}
}

// ago is how long ago a time was.
func (u *ui) ago(t time.Time) string {
	d := u.Now().Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// number groups digits by three, with a space that does not break.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return number(int64(n)) + " " + word + "s"
}

// short is a hash as far as people compare it.
func short(sum string) string {
	if len(sum) <= 12 {
		return sum
	}
	return sum[:12]
}

// health is the hub's own state, in the bar of every page.
type health struct {
	OK    bool
	Words []string // what is fine, or what is not
}

// health looks at what would make the rest of the page a lie: rules that are
// not the newest, hosts that say nothing.
func (u *ui) health(ctx context.Context) *health {
	status, err := u.Reader.Status(ctx)
	if err != nil {
		return &health{Words: []string{"The hub cannot read its own state"}}
	}
	hosts, err := u.Reader.Hosts(ctx)
	if err != nil {
		return &health{Words: []string{"The hub cannot read its hosts"}}
	}
	var wrong []string
	if status.Rules.Error != "" {
		wrong = append(wrong, "Newer rules were refused")
	}
	if len(status.Rules.Warnings) > 0 {
		wrong = append(wrong, "Rules name unknown policies")
	}
	if status.Rules.Loaded == 0 {
		wrong = append(wrong, "No rules are loaded")
	}
	counts := tally(hosts)
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		wrong = append(wrong, plural(counts[state], "host")+" "+state)
	}
	if len(wrong) > 0 {
		return &health{Words: wrong}
	}
	return &health{OK: true, Words: []string{plural(status.Rules.Loaded, "rule"), plural(len(hosts), "host")}}
}

// tally counts the hosts that somebody should look at.
func tally(hosts []types.Host) map[string]int {
	counts := make(map[string]int)
	for _, h := range hosts {
		if state := hostState(&h); state.Tone == "bad" || state.Tone == "warn" {
			counts[strings.ToLower(state.Word)]++
		}
	}
	return counts
}
