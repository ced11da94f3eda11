package local

import (
	"encoding/json"
	"fmt"
	"io"

	"picket.internal/api"
	"picket.internal/display"
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

// alertEvent is an alert on its way to a script.
type alertEvent struct {
	Event string     `json:"event"` // "alert"
	Alert *api.Alert `json:"alert"`
}

// ended describes a child that died and what becomes of it.
func ended(d *DiedError, next string) Child {
	return Child{Event: "child", Name: d.Name, State: childEnded, Detail: d.How + "; " + next, Log: d.Log, Tail: d.Tail}
}

// reporter shows what happens. An error says that nobody can be shown anything
// any more.
type reporter interface {
	ready(Ready) error
	alert(*api.Alert) error
	child(Child) error
}

// jsonWriter writes one document a line, in which nothing that a terminal
// would act upon stands raw.
type jsonWriter struct{ out io.Writer }

func (w jsonWriter) write(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	_, err = w.out.Write(append(display.JSONLine(data), '\n'))
	return err
}

func (w jsonWriter) ready(r Ready) error      { return w.write(r) }
func (w jsonWriter) child(c Child) error      { return w.write(c) }
func (w jsonWriter) alert(a *api.Alert) error { return w.write(alertEvent{"alert", a}) }
