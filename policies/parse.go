package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"picket.internal/api"
	"picket.internal/eat"
)

// Bounds of a document and of a folder.
const (
	MaxDocument = 64 << 10
	maxPolicies = 200
	maxActions  = 8
	maxListed   = 200
	maxText     = 4 << 10
)

var (
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
	typeName = regexp.MustCompile(` (in|into) (type )?(policies\.)?\w+$`)
)

// document is a policy as it is written.
type document struct {
	Name        string        `yaml:"name"`
	Title       string        `yaml:"title"`
	Description string        `yaml:"description"`
	On          *onDocument   `yaml:"on"`
	Mode        string        `yaml:"mode"`
	Group       string        `yaml:"group"`
	Limits      limitDocument `yaml:"limits"`
	Actions     []actionDoc   `yaml:"actions"`
}

type onDocument struct {
	Rules    []string `yaml:"rules"`
	Tags     []string `yaml:"tags"`
	Severity string   `yaml:"severity"`
}

type limitDocument struct {
	HostsPerHour *int     `yaml:"hosts_per_hour"`
	Share        int      `yaml:"share"`
	Never        never    `yaml:"never"`
	Keep         []string `yaml:"keep"`
	// Hours is a time of day, as in "22:00-06:00".
	Hours string `yaml:"hours"`
}

type never struct {
	Hosts  []string `yaml:"hosts"`
	Labels []string `yaml:"labels"`
}

type actionDoc struct {
	Action      string   `yaml:"action"`
	Mode        string   `yaml:"mode"`
	Target      string   `yaml:"target"`
	Lifetime    string   `yaml:"lifetime"`
	Signatures  int      `yaml:"signatures"`
	Valid       string   `yaml:"valid"`
	Tree        bool     `yaml:"tree"`
	EndSessions bool     `yaml:"end_sessions"`
	AllUsers    bool     `yaml:"all_users"`
	Allow       []string `yaml:"allow"`
	What        []string `yaml:"what"`
}

// Parse reads one policy, strictly: an unknown key, a second document, an
// anchor or a value of the wrong type is an error that names the line.
func Parse(name string, data []byte) (*Policy, error) {
	p, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("malformed policy %q: %w", name, err)
	}
	p.File = name
	return p, nil
}

func parse(data []byte) (*Policy, error) {
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("%d bytes where %d are allowed", len(data), MaxDocument)
	}
	if err := plainYAML(data); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var d document
	if err := dec.Decode(&d); errors.Is(err, io.EOF) {
		return nil, errors.New("the document is empty")
	} else if err != nil {
		return nil, explained(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("a second document: write one policy a file")
	}
	return d.policy()
}

// explained makes what the decoder says fit for people.
func explained(err error) error {
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		text := typeName.ReplaceAllString(typed.Errors[0], "")
		text = strings.Replace(strings.Replace(text, "field ", "unknown key ", 1), " not found", "", 1)
		return errors.New(text)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// plainYAML refuses anchors, aliases and tags: what a document says is what
// stands there.
func plainYAML(data []byte) error {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return explained(err)
	}
	var walk func(n *yaml.Node) error
	walk = func(n *yaml.Node) error {
		if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 {
			return fmt.Errorf("line %d: no anchors, aliases or tags here", n.Line)
		}
		for _, c := range n.Content {
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(&root)
}

// problems keeps the first thing that is wrong.
type problems struct{ err error }

func (p *problems) that(ok bool, format string, args ...any) {
	if !ok && p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *problems) choice(name, value string, from []string) {
	p.that(slices.Contains(from, value), "%s: %.80q is none of %s", name, value, strings.Join(from, ", "))
}

func (p *problems) text(name, value string, most int) {
	p.that(len(value) <= most, "%s: %d bytes where %d are allowed", name, len(value), most)
}

func (p *problems) list(name string, values []string) {
	p.that(len(values) <= maxListed, "%s: %d entries where %d are allowed", name, len(values), maxListed)
	for i, v := range values {
		p.that(v != "" && len(v) <= 256, "%s: malformed entry %.80q", name, v)
		p.that(!slices.Contains(values[:i], v), "%s: %.80q twice", name, v)
	}
}

// duration reads a time in whole seconds; empty means the default.
func (p *problems) duration(name, value string, least, most, empty time.Duration) time.Duration {
	if value == "" {
		return empty
	}
	d, err := time.ParseDuration(value)
	p.that(err == nil && d >= least && d <= most && d%time.Second == 0, "%s: malformed time %.40q; write it as 30m or 2h, %v to %v", name, value, least, most)
	return d
}

func (d document) policy() (*Policy, error) {
	var c problems
	c.that(nameForm.MatchString(d.Name), "name: malformed %.80q; write words in lower case with - between them", d.Name)
	c.that(d.Title != "", "title: none")
	c.text("title", d.Title, 200)
	c.text("description", d.Description, maxText)
	c.choice("mode", d.Mode, modes)
	var on On
	if d.On != nil {
		on = On(*d.On)
		c.that(!on.empty(), "on: say rules, tags or severity: a policy for every alert is a mistake; one without on is for rules that name it")
	}
	c.list("on.rules", on.Rules)
	c.list("on.tags", on.Tags)
	if on.Severity != "" {
		c.choice("on.severity", on.Severity, api.Severities)
	}
	p := &Policy{Name: d.Name, Title: d.Title, Description: d.Description, On: on, Mode: d.Mode,
		Group: c.duration("group", d.Group, time.Second, 24*time.Hour, DefaultGroup), Limits: d.Limits.limits(&c)}
	c.that(len(d.Actions) > 0, "actions: none")
	c.that(len(d.Actions) <= maxActions, "actions: %d where %d are allowed", len(d.Actions), maxActions)
	for i, a := range d.Actions {
		p.Actions = append(p.Actions, a.action(&c, fmt.Sprintf("actions[%d]", i), d.Mode))
	}
	if c.err != nil {
		return nil, c.err
	}
	return p, nil
}

func (d limitDocument) limits(c *problems) Limits {
	l := Limits{HostsPerHour: DefaultHostsPerHour, Share: d.Share, NeverHosts: d.Never.Hosts, NeverLabels: d.Never.Labels, Keep: d.Keep}
	if d.HostsPerHour != nil {
		l.HostsPerHour = *d.HostsPerHour
	}
	c.that(l.HostsPerHour >= 0 && l.HostsPerHour <= 10_000, "limits.hosts_per_hour: %d is not within 0 and 10000", l.HostsPerHour)
	c.that(l.Share >= 0 && l.Share <= 100, "limits.share: %d is no percentage", l.Share)
	c.list("limits.never.hosts", l.NeverHosts)
	c.list("limits.never.labels", l.NeverLabels)
	c.list("limits.keep", l.Keep)
	if d.Hours != "" {
		from, to, _ := strings.Cut(d.Hours, "-")
		a, errA := time.Parse("15:04", from)
		b, errB := time.Parse("15:04", to)
		c.that(errA == nil && errB == nil && !a.Equal(b), "limits.hours: malformed %.40q; write it as 08:00-18:00, UTC", d.Hours)
		midnight := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
		l.From, l.To = a.Sub(midnight), b.Sub(midnight)
	}
	return l
}

func (d actionDoc) action(c *problems, at, most string) Action {
	a := Action{Name: d.Action, Mode: d.Mode, Target: d.Target, Signatures: d.Signatures, Tree: d.Tree, EndSessions: d.EndSessions,
		AllUsers: d.AllUsers, What: d.What}
	if a.Mode == "" {
		a.Mode = most
	}
	c.choice(at+".mode", a.Mode, modes)
	if slices.Index(modes, a.Mode) > slices.Index(modes, most) {
		a.Mode = most // the policy's is the ceiling: one word makes all of it a dry run
	}
	form, ok := forms[d.Action]
	c.that(ok, "%s.action: %.80q is none of %s", at, d.Action, strings.Join(actionNames(), ", "))
	if !ok {
		return a
	}
	if a.Target == "" && len(form.targets) > 0 {
		a.Target = form.targets[0]
	}
	c.that(a.Target == "" && len(form.targets) == 0 || slices.Contains(form.targets, a.Target),
		"%s.target: %.80q is none of %s", at, a.Target, strings.Join(form.targets, ", "))
	c.that(!d.Tree || form.tree, "%s.tree: %s has no tree", at, d.Action)
	c.that(!d.EndSessions || d.Action == eat.ActionDisableUser, "%s.end_sessions: only disable_user ends sessions", at)
	c.that(!d.AllUsers || d.Action == eat.ActionRevokeSSHKey, "%s.all_users: only revoke_ssh_key is for users", at)
	c.that(len(d.Allow) == 0 || d.Action == eat.ActionIsolateNetwork, "%s.allow: only isolate_network keeps ranges reachable", at)
	c.that(len(d.What) == 0 || d.Action == eat.ActionCollectEvidence, "%s.what: only collect_evidence collects", at)
	c.that(d.Lifetime == "" || a.contains(), "%s.lifetime: %s does not end by itself", at, d.Action)
	c.that(d.Signatures >= 0 && d.Signatures <= 15, "%s.signatures: %d is not within 0 and 15", at, d.Signatures)
	c.that(d.Signatures == 0 || d.Mode != Auto, "%s.signatures: nobody signs what is done at once; take mode ask", at)
	if a.contains() {
		a.Lifetime = c.duration(at+".lifetime", d.Lifetime, time.Second, eat.MaxLifetime, DefaultLifetime)
	}
	a.Valid = c.duration(at+".valid", d.Valid, time.Minute, 24*time.Hour, DefaultValid)
	for _, text := range d.Allow {
		prefix, err := netip.ParsePrefix(text)
		c.that(err == nil, "%s.allow: malformed range %.80q", at, text)
		a.Allow = append(a.Allow, prefix)
	}
	if err := a.check(); err != nil {
		c.that(false, "%s: %v", at, err)
	}
	return a
}

// Load reads every document of a folder and below, in the order of their
// names. With one that is wrong there is none: half of what somebody wrote is
// not what they meant.
func Load(fsys fs.FS) ([]*Policy, error) {
	var out []*Policy
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("reading policies: %w", err)
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), ".") || path.Ext(name) != ".yaml" && path.Ext(name) != ".yml":
			return nil
		case len(out) == maxPolicies:
			return fmt.Errorf("reading policies: more than %d", maxPolicies)
		}
		data, err := readBounded(fsys, name)
		if err != nil {
			return fmt.Errorf("reading policies: %w", err)
		}
		p, err := Parse(name, data)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(out, func(o *Policy) bool { return o.Name == p.Name }); i >= 0 {
			return fmt.Errorf("malformed policy %q: %q is the name of %q already", name, p.Name, out[i].File)
		}
		out = append(out, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxDocument+1))
}
