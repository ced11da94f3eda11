package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

// page is a page of docs while it is run. What it calls a host, an id, a hash
// or a key is bound to the real one where an output first shows it.
type page struct {
	t       *testing.T
	played  *played
	dir     string
	bound   map[string]string
	ran     int
	matched int
}

// TestDocsRespond runs docs/respond.md.
func TestDocsRespond(t *testing.T) { runPage(t, "docs/respond.md", 15, 30) }

// TestDocsKeys runs docs/keys.md.
func TestDocsKeys(t *testing.T) { runPage(t, "docs/keys.md", 20, 15) }

// runPage runs a page: its files are written, its commands run, and each line of
// output that it shows must come, in that order. Lines that it leaves out may
// come too. It must have so many commands, and lines of output.
func runPage(t *testing.T, name string, commands, outputs int) {
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, dir: t.TempDir(), bound: map[string]string{}}
	if err := os.Mkdir(filepath.Join(p.dir, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		step := fmt.Sprintf("%s:%d", name, i+1)
		info, fence := strings.CutPrefix(lines[i], "```")
		if hidden, ok := strings.CutPrefix(lines[i], "<!-- "); ok {
			p.hidden(step, strings.Fields(strings.TrimSuffix(hidden, " -->")))
		}
		if !fence {
			continue
		}
		end := i + 1
		for lines[end] != "```" {
			end++
		}
		block := lines[i+1 : end]
		switch name, isFile := strings.CutPrefix(info, "yaml file "); {
		case isFile:
			p.write(name, strings.Join(block, "\n")+"\n")
		case info == "console":
			p.console(step, block)
		default:
			t.Errorf("%s: a block of %q, which nothing runs", step, info)
		}
		i = end
	}
	if p.ran < commands || p.matched < outputs {
		t.Errorf("%d commands run, %d lines of output found: the page was not read", p.ran, p.matched)
	}
}

func (p *page) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if p.played == nil {
		p.start()
	}
}

// start makes the hub, with the policies that are written by then, and the host.
func (p *page) start() {
	p.t.Helper()
	p.played = &played{hub: hubtest.New(p.t, func(c *hub.Config) { c.Policies = filepath.Join(p.dir, "policies") })}
	p.played.host = p.played.hub.Enroll()
	p.played.wrapper = p.played.host.Wrapper()
	p.played.wrapper.Evidence = evidence
	p.played.wrapper.Policy.Actions[eat.ActionNoop] = eat.ActionRule{}
	p.bound["web1"] = p.played.hub.Hosts()[p.played.host.ID].Name
	p.bound["h_gkq7xv6bq2v4d7ukm3h5zq3x2e"] = p.played.host.ID
	p.bound["/var/lib/picket-hub"] = p.played.hub.Dir
}

// hidden does what people and hosts do between two commands.
func (p *page) hidden(step string, words []string) {
	p.t.Helper()
	if words[0] == "hub" {
		p.start()
		return
	}
	h := p.played.hub
	switch words[0] {
	case "restart": // the hub is started again
		h.Restart()
	case "learn": // root puts the trust store that is published on the host
		p.played.wrapper.Trust = h.Trust()
	case "attest":
		if r, err := p.played.wrapper.Next(); err != nil || r.Action != eat.ActionAttest || r.Outcome != eat.OutcomeDone {
			p.t.Fatalf("%s: %+v, %v", step, r, err)
		}
		if err := h.Sweep(p.t.Context()); err != nil {
			p.t.Fatalf("%s: %v", step, err)
		}
	case "touch":
		pid, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			p.t.Fatalf("%s: %v", step, err)
		}
		f := p.played.host.Canary("/root/.aws/credentials")
		f.Process.Executable, f.Process.PID, f.Process.StartTicks = words[1], pid, 918273
		f.Process.Hash = &fact.Hash{SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
		p.played.host.MustSend(f)
	case "wait":
		want, err := strconv.Atoi(words[1])
		if err != nil {
			p.t.Fatalf("%s: %v", step, err)
		}
		h.Wait(words[1]+" responses", func() bool { return len(hubtest.Get[api.Response](h, api.PathResponses)) == want })
	case "reload":
		if err := h.Sweep(p.t.Context()); err != nil {
			p.t.Fatalf("%s: %v", step, err)
		}
	case "orders":
		r, err := p.played.wrapper.Next()
		if err != nil || r.Outcome != eat.OutcomeDone {
			p.t.Fatalf("%s: %+v, %v", step, r, err)
		}
		p.played.last = r
	case "gather": // the host takes its orders up to the one to gather evidence, and sends that
		for gathered := false; !gathered; {
			r, err := p.played.wrapper.Next()
			if err != nil {
				p.t.Fatalf("%s: %+v, %v", step, r, err)
			}
			p.played.last = r
			gathered = r.Action == eat.ActionCollectEvidence && r.Outcome == eat.OutcomeDone
		}
	case "saw": // the host's newest receipt and its memory are copied from it
		if err := p.played.saw(filepath.Join(p.dir, words[1]), filepath.Join(p.dir, words[2])); err != nil {
			p.t.Fatalf("%s: %v", step, err)
		}
	default:
		p.t.Fatalf("%s: %q is nothing to do", step, words[0])
	}
}

func (p *page) console(step string, lines []string) {
	p.t.Helper()
	for len(lines) > 0 {
		command, ok := strings.CutPrefix(lines[0], "$ ")
		if !ok {
			p.t.Fatalf("%s: %q is no command", step, lines[0])
		}
		n := 1
		for n < len(lines) && !strings.HasPrefix(lines[n], "$ ") {
			n++
		}
		p.command(step, command, lines[1:n])
		lines = lines[n:]
	}
}

func (p *page) command(step, command string, want []string) {
	p.t.Helper()
	for name, real := range p.bound {
		command = strings.ReplaceAll(command, name, real)
	}
	cmd := exec.CommandContext(p.t.Context(), "sh", "-c", command)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"), "PICKET_DIR="+p.played.hub.Dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %s: %v\n%s", step, command, err, out)
	}
	p.ran++
	got := strings.Split(string(out), "\n")
	for _, line := range want {
		at := p.find(got, line)
		if at < 0 {
			p.t.Fatalf("%s: %s does not say\n%s\nin what is left of its output:\n%s", step, command, line, strings.Join(got, "\n"))
		}
		got = got[at+1:]
		p.matched++
	}
}

// names are the words of the page that stand for others.
var names = regexp.MustCompile(`01K3Z[0-9A-Z]{21}|\b[0-9a-f]{60,64}\b|\b[0-9a-f]{32}\b|\b\d{4}-\d\d-\d\d\b|[A-Za-z0-9+/]{43}=|\d\d:\d\d:\d\d|\bh_[a-z2-7]{26}|\bweb1\b|\b\d+ records\b| +`)

// find is the first line that is as the page says, -1 where there is none.
func (p *page) find(got []string, line string) int {
	var pattern strings.Builder
	var fresh []string
	last := 0
	for _, at := range names.FindAllStringIndex(line, -1) {
		pattern.WriteString(regexp.QuoteMeta(line[last:at[0]]))
		word := line[at[0]:at[1]]
		last = at[1]
		switch real, known := p.bound[word]; {
		case known:
			pattern.WriteString(regexp.QuoteMeta(real))
		case strings.TrimSpace(word) == "":
			pattern.WriteString(" +")
		case strings.HasSuffix(word, " records"):
			pattern.WriteString(`\d+ records`)
		case strings.Count(word, "-") == 2:
			pattern.WriteString(`\d{4}-\d\d-\d\d`)
		case strings.Count(word, ":") == 2:
			pattern.WriteString(`\d\d:\d\d:\d\d`)
		default:
			fresh = append(fresh, word)
			pattern.WriteString(`(\S+)`)
		}
	}
	pattern.WriteString(regexp.QuoteMeta(line[last:]))
	re := regexp.MustCompile("^" + pattern.String() + "$")
	for i, l := range got {
		m := re.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		for j, word := range fresh {
			p.bound[word] = m[j+1]
		}
		return i
	}
	return -1
}
