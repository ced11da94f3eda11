package local

import (
	"context"
	"os/exec"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

// Opened for tests.
var (
	Program  = program
	QuoteArg = quoteArg
	Complete = complete
)

func (d Dir) Prepare() (Dir, error)                 { return d.prepare() }
func (d Dir) Acquire() (func(), error)              { return d.acquire() }
func (d Dir) Plant(now time.Time) ([]Canary, error) { return d.plant(now) }

type (
	Spawner      = spawner
	ChildProcess = child
)

var (
	NewSpawner = newSpawner
	StartChild = startChild
)

func (s *spawner) Start(cmd *exec.Cmd) error { return s.start(cmd) }
func (s *spawner) Close()                    { s.close() }

func (c *child) Done() <-chan struct{} { return c.done }
func (c *child) Lines() <-chan string  { return c.lines }
func (c *child) Died() *ProgramError   { return c.died() }
func (c *child) Stop()                 { c.stop() }
func (c *child) Kill()                 { c.kill() }

// Outcome is what a test sees of a scene.
type Outcome struct {
	Rule, Skipped string
	Seen          bool
}

// Part is a scene as a test writes it.
type Part struct {
	Rule  string
	Skip  string
	Path  string       // of the program that the alert's fact must name
	Comes []*api.Alert // what the hub tells once it is played
}

// Perform plays parts, and returns what was told of each in order and what is
// missing.
func Perform(ctx context.Context, patience time.Duration, parts ...Part) (told []Outcome, missing []string, err error) {
	alerts := make(chan followed, 16)
	p := &play{stage: &stage{}, alerts: alerts, patience: patience}
	p.seen = func(r *result) error {
		told = append(told, Outcome{r.scene.rule, r.skipped, r.alert != nil})
		return nil
	}
	var scenes []scene
	for _, part := range parts {
		scenes = append(scenes, scene{rule: part.Rule, play: func(s *stage) (sign, error) {
			if part.Skip != "" {
				return nil, skip(part.Skip)
			}
			s.touch()
			for _, a := range part.Comes {
				alerts <- followed{alert: a}
			}
			return onProgram(part.Path), nil
		}})
	}
	err = p.run(ctx, scenes)
	return told, p.missing(), err
}

// Heard is what a sensor has said, for a machine with so many processes.
func Heard(running int64, facts ...*fact.Fact) (ready bool, processes int64, limits map[string]string) {
	w := &watching{running: func() int64 { return running }, limits: plainLimits(false)}
	for _, f := range facts {
		ready = w.note(f, 3)
	}
	return ready, w.processes, w.limits
}
