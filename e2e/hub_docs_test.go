package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"picket.internal/e2e/booted"
)

// docsHub runs docs/hub.md on a booted host that has nothing of Picket's: its
// files are written, its commands run, and each line of output that it shows must
// come, in that order, with anything where it has "…". Lines that it leaves out
// may come too.
func docsHub(t *testing.T, host *booted.Host) {
	text, err := os.ReadFile("../docs/hub.md")
	if err != nil {
		t.Fatal(err)
	}
	const folder = "/root/page"
	hub, _ := hubPackagesOf(t, "0.0.1")
	sensor, _ := packagesOf(t, "0.0.1")
	for _, path := range []string{hub, filepath.Join(filepath.Dir(hub), "picket.deb"), sensor} {
		host.Push(t, path, filepath.Join(folder, filepath.Base(path)))
	}
	host.Write(t, "/etc/hosts", "127.0.0.1 localhost web1 hub.example.org\n", 0o644)
	host.Run(t, "hostname", "web1")
	began := time.Now()
	p := &hubPage{t: t, host: host, folder: folder}
	ran := 0
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		info, fence := strings.CutPrefix(lines[i], "```")
		if !fence {
			continue
		}
		step, end := fmt.Sprintf("docs/hub.md:%d", i+1), i+1
		for lines[end] != "```" {
			end++
		}
		block := lines[i+1 : end]
		switch path, isFile := strings.CutPrefix(info, "file "); {
		case isFile:
			host.Write(t, path, strings.Join(block, "\n")+"\n", 0o644)
		case info == "console":
			ran += p.console(step, block)
		default:
			t.Errorf("%s: a block of %q, which nothing runs", step, info)
		}
		i = end
	}
	t.Logf("%d commands took %v", ran, time.Since(began).Round(100*time.Millisecond))
	if ran < 25 {
		t.Errorf("%d commands run: the page was not read", ran)
	}
}

// hubPage is docs/hub.md while it is run.
type hubPage struct {
	t      *testing.T
	host   *booted.Host
	folder string
	before string // what the hub was before a step
}

// prompt is who runs a command of the page: root at the hub, root on a host, or a
// person.
var prompt = regexp.MustCompile(`^(hub#|host#|\$) `)

// console runs the commands of a block and returns how many there are.
func (p *hubPage) console(step string, block []string) (ran int) {
	p.t.Helper()
	for len(block) > 0 {
		who := prompt.FindString(block[0])
		if who == "" {
			p.t.Fatalf("%s: %q is no command", step, block[0])
		}
		n := 1
		for n < len(block) && !prompt.MatchString(block[n]) {
			n++
		}
		command := strings.TrimPrefix(block[0], who)
		if who == "hub# " {
			p.look(command)
			shown(p.t, step, command, p.run(step, "export PICKET_DIR="+hubDir+"; "+command), block[1:n]) // as the page says once
			p.judge(command)
		} else {
			shown(p.t, step, command, p.run(step, command), block[1:n])
		}
		block, ran = block[n:], ran+1
	}
	return ran
}

func (p *hubPage) run(step, command string) string {
	p.t.Helper()
	out, err := p.host.Command("sh", "-ec", "cd "+p.folder+"; "+command).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %s: %v\n%s", step, command, err, out)
	}
	return string(out)
}

// look remembers what a command of dpkg must keep or change.
func (p *hubPage) look(command string) {
	p.t.Helper()
	switch command {
	case "dpkg --install picket-hub.deb":
		p.before = hubPID(p.t, p.host)
	case "dpkg --remove picket-hub":
		p.before = hubIdentity(p.t, p.host)
		if hubProcesses(p.t, p.host) == "" {
			p.t.Error("no process of the hub's user is seen while it runs: the look for what is left would find none either")
		}
		if out, err := p.host.Try("dpkg", "--verify", "picket-hub", "picket"); strings.TrimSpace(out) != "??5?????? c /etc/picket-hub/flags" {
			p.t.Errorf("dpkg --verify: %v\n%s", err, out)
		}
		p.t.Logf("the hub at rest, with one host: %s", p.host.Run(p.t, "sh", "-c", "grep ^Pss: /proc/$(systemctl show -P MainPID picket-hub)/smaps_rollup"))
	}
}

// judge holds what the command left to what it was.
func (p *hubPage) judge(command string) {
	p.t.Helper()
	switch command {
	case "dpkg --install picket-hub.deb":
		p.host.Run(p.t, "systemctl", "is-active", "picket-hub")
		if hubPID(p.t, p.host) == p.before {
			p.t.Error("the upgrade has not restarted the hub that ran")
		}
	case "dpkg --remove picket-hub":
		hubIsAway(p.t, p.host)
		if after := hubIdentity(p.t, p.host); after != p.before {
			p.t.Errorf("the removal made\n%s of\n%s", after, p.before)
		}
		p.host.Run(p.t, "test", "-e", "/etc/picket-hub/flags")
	case "dpkg --purge picket-hub":
		out, _ := p.host.Try("sh", "-c", "ls -d "+hubDir+" /etc/picket-hub /usr/share/picket-hub /usr/lib/sysusers.d/picket-hub.conf 2>/dev/null; getent passwd picket-hub; getent group picket-hub")
		if out != "" {
			p.t.Errorf("the purge left:\n%s", out)
		}
	}
}

// shown wants each line in the output, in that order.
func shown(t *testing.T, step, command, output string, want []string) {
	t.Helper()
	got := strings.Split(output, "\n")
	for _, line := range want {
		var parts []string
		for _, part := range strings.Split(line, "…") {
			parts = append(parts, regexp.QuoteMeta(strings.TrimSpace(part)))
		}
		like := regexp.MustCompile(`^\s*` + strings.Join(parts, ".*") + `\s*$`)
		at := 0
		for at < len(got) && !like.MatchString(got[at]) {
			at++
		}
		if at == len(got) {
			t.Fatalf("%s: %s: no line %q in\n%s", step, command, line, output)
		}
		got = got[at+1:]
	}
}
