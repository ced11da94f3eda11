package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/report"
)

type coverageCommand struct {
	Pack      string        `arg:"" optional:"" name:"rules" help:"Folder of rules, or one file; the shipped rules if left out."`
	Navigator string        `placeholder:"FILE" help:"Also write a layer for the ATT&CK Navigator (format 4.5)."`
	Window    time.Duration `default:"168h" placeholder:"TIME" help:"A host provides the facts that it has sent within this time."`
	hubFlags
}

// Help is shown below the one line of help.
func (*coverageCommand) Help() string {
	return `With --dir, --hub or a token the hub is asked which hosts provide the facts that
each rule needs: those that they have sent lately, those of which the hub holds an
inventory, canaries where the sensor says that it watches some, and what the hub
notices itself. A rule that no host provides anything for is BLIND. Without a hub
nobody is asked.

Exits 1 where a rule is blind, 0 otherwise.

    $ picket rules coverage ./rules
    TECHNIQUE  RULE            TESTED  FACTS    HOSTS
    T1059.004  process.shm     yes     process  not asked
    T1552.001  canary.read     yes     canary   not asked
    2 techniques, 2 rules, 0 not tested; hosts: not asked

    $ picket rules coverage --dir ~/.picket --navigator layer.json`
}

// coverageCount is the last document of rules coverage --json.
type coverageCount struct {
	Event      string   `json:"event"` // "summary"
	OK         bool     `json:"ok"`
	Techniques int      `json:"techniques"`
	Rules      int      `json:"rules"`
	Untested   int      `json:"untested"`
	Asked      bool     `json:"asked"` // whether hosts were
	Hosts      int      `json:"hosts"`
	Blind      []string `json:"blind"` // rules that no host provides anything for
}

// Run prints the coverage.
func (c *coverageCommand) Run(ctx context.Context, e *env) error {
	pack := packFlags{Pack: c.Pack}
	set, err := pack.loadOrFail(e)
	if err != nil {
		return err
	}
	var hosts []report.HostKinds
	asked := c.Dir != "" || c.Hub != "" || c.TokenFile != "" || e.getenv("PICKET_TOKEN") != "" || e.getenv("PICKET_DIR") != ""
	if asked {
		if hosts, err = c.ask(ctx, e); err != nil {
			return err
		}
	}
	techniques := report.Techniques(set, rule.TestWith(set, engine.Player{}), hosts)
	if c.Navigator != "" {
		layer, err := report.Navigator(techniques, "Picket rules")
		if err == nil {
			err = os.WriteFile(c.Navigator, layer, 0o644)
		}
		if err != nil {
			return fmt.Errorf("writing the layer: %w", err)
		}
	}
	p := e.printer(c.JSON)
	if err := p.Techniques(techniques, asked); err != nil {
		return err
	}
	s := countCoverage(techniques, asked, len(hosts))
	if c.JSON {
		err = p.Document(s)
	} else {
		err = s.print(e)
	}
	return verdict(s.OK, err)
}

func countCoverage(techniques []report.Technique, asked bool, hosts int) coverageCount {
	s := coverageCount{Event: "summary", Asked: asked, Hosts: hosts, Blind: []string{}}
	seen := map[string]bool{}
	for _, t := range techniques {
		if t.ID != report.Untagged {
			s.Techniques++
		}
		for _, r := range t.Rules {
			if seen[r.ID] {
				continue
			}
			seen[r.ID] = true
			s.Rules++
			if !r.Tested {
				s.Untested++
			}
			if r.Blind {
				s.Blind = append(s.Blind, r.ID)
			}
		}
	}
	slices.Sort(s.Blind)
	s.OK = len(s.Blind) == 0
	return s
}

func (s *coverageCount) print(e *env) error {
	hosts := "hosts: not asked"
	if s.Asked {
		hosts = fmt.Sprintf("%s, %s blind", count(s.Hosts, "host"), count(len(s.Blind), "rule"))
	}
	_, err := fmt.Fprintf(e.options.Out, "%s, %s, %d not tested; %s\n", count(s.Techniques, "technique"), count(s.Rules, "rule"), s.Untested, hosts)
	return err
}

// ask tells what each host that may send provides.
func (c *coverageCommand) ask(ctx context.Context, e *env) ([]report.HostKinds, error) {
	hub, _, err := c.connect(e)
	if err != nil {
		return nil, err
	}
	defer hub.Close()
	since := time.Now().Add(-c.Window)
	sent := map[string][]string{}
	for k, err := range hub.HostKinds(ctx) {
		if err != nil {
			return nil, err
		}
		if !k.Last.Before(since) {
			sent[k.HostID] = append(sent[k.HostID], k.Kind)
		}
	}
	out := []report.HostKinds{}
	for h, err := range hub.Hosts(ctx) {
		if err != nil {
			return nil, err
		}
		if h.State != api.HostEnrolled && h.State != api.HostSuspect {
			continue
		}
		kinds, err := provided(ctx, hub, h.ID, sent[h.ID], since)
		if err != nil {
			return nil, err
		}
		out = append(out, report.HostKinds{Name: h.Name, Kinds: kinds})
	}
	return out, nil
}

// provided adds what a host provides without having sent it lately: nothing has
// changed, or nothing has happened yet.
func provided(ctx context.Context, hub *client.Client, id string, kinds []string, since time.Time) ([]string, error) {
	kinds = append(kinds, string(fact.KindFleet)) // the hub notices these itself
	for i, err := range hub.Inventories(ctx, id) {
		if err != nil {
			return nil, err
		}
		if !i.Told.Before(since) {
			kinds = append(kinds, i.Kind)
		}
	}
	if slices.Contains(kinds, string(fact.KindBinary)) {
		kinds = append(kinds, string(fact.KindIntegrity)) // the hub compares what it is told
	}
	for s, err := range hub.Facts(ctx, api.FactQuery{HostID: id, Kind: string(fact.KindSensor), Since: since, Limit: heartbeats}) {
		if err != nil {
			return nil, err
		}
		f, _, err := fact.Parse(s.Fact)
		if err == nil && f.Sensor != nil && f.Sensor.Watching != nil && f.Sensor.Watching.Canaries > 0 {
			kinds = append(kinds, string(fact.KindCanary))
			break
		}
	}
	return kinds, nil
}

// heartbeats is how many facts of a sensor are looked at for one that says what
// it watches.
const heartbeats = 50
