package local

import (
	"fmt"

	"picket.internal/terminal"
)

// Ready says where everything is and what is watched.
type Ready struct {
	Event    string   `json:"event"` // "ready"
	Dir      string   `json:"dir"`
	Hub      string   `json:"hub"` // URL of the API and of the sensors
	UI       string   `json:"ui"`  // URL of the web page, with its key
	Canaries []string `json:"canaries"`

	// What the header tells besides.
	Host       string   `json:"host"`
	User       string   `json:"user"`
	Rules      int      `json:"rules"`
	RulesError string   `json:"rules_error,omitempty"` // why a rule set was refused
	Processes  int64    `json:"processes"`
	Limits     []string `json:"limits"` // what cannot be seen here, in the sensor's words
}

// Child says that the hub or the sensor ended or was started again.
type Child struct {
	Event  string   `json:"event"` // "child"
	Name   string   `json:"name"`
	State  string   `json:"state"` // "ended" or "started"
	Detail string   `json:"detail,omitempty"`
	Log    string   `json:"log,omitempty"`
	Tail   []string `json:"tail,omitempty"`
}

// What Child.State says.
const (
	childEnded   = "ended"
	childStarted = "started"
)

// ended describes a child that died and what becomes of it.
func ended(d *ProgramError, next string) Child {
	return Child{Event: "child", Name: d.Name, State: childEnded, Detail: d.What + "; " + next, Log: d.Log, Tail: d.Tail}
}

// reporter shows what happens. An error says that nobody can be shown anything
// any more.
type reporter struct {
	*terminal.Printer
	json bool
}

func newReporter(o terminal.Options) reporter { return reporter{terminal.New(o), o.JSON} }

func (r reporter) ready(ready Ready) error {
	if r.json {
		return r.Document(ready)
	}
	if ready.RulesError != "" {
		r.Note("the rules could not be loaded, others are in use: %s", ready.RulesError)
	}
	return r.Up(terminal.Header{
		Host: ready.Host,
		User: ready.User,
		Watching: []string{
			count(int64(len(ready.Canaries)), "canary", "canaries"),
			count(ready.Processes, "process", "processes"),
			"the sensor's own file", "load",
		},
		Rules:  ready.Rules,
		Limits: ready.Limits,
		UI:     ready.UI,
		Touch:  ready.Canaries[0],
	})
}

func (r reporter) child(c Child) error {
	if r.json {
		return r.Document(c)
	}
	switch {
	case c.State == childStarted && c.Detail != "":
		r.Note("%s was started again: %s", c.Name, c.Detail)
	case c.State == childStarted:
		r.Note("%s was started again", c.Name)
	default:
		r.Note("%s %s", c.Name, c.Detail)
		r.Note("  its log is %s and ends with", c.Log)
		for _, line := range c.Tail {
			r.Note("  %s", line)
		}
	}
	return nil
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
