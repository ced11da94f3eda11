package eat

import "math"

// Process names one process of one boot. A pid alone may be another's by the
// time it is acted on: all three must match.
type Process struct {
	// PID is the process id in the initial pid namespace, 2 or more.
	PID int64 `json:"pid"`
	// StartTicks is when it started, in clock ticks since boot: field 22 of
	// /proc/PID/stat.
	StartTicks uint64 `json:"start_ticks,string"`
	// SHA256 is the hash of its executable.
	SHA256 string `json:"sha256"`
}

func (c *checks) process(p Process) {
	c.number("process.pid", p.PID, 2, math.MaxInt32)
	c.that(p.StartTicks > 0, "process.start_ticks: 0, which only the kernel's own threads have")
	c.hash("process.sha256", p.SHA256)
}

// KillProcess ends a process with SIGKILL. It has no undo.
type KillProcess struct {
	// Process is the process.
	Process Process `json:"process"`
	// Tree is true where its descendants end with it.
	Tree bool `json:"tree"`
}

// Action is the name of the action.
func (KillProcess) Action() string { return ActionKillProcess }

// Validate checks every member.
func (a KillProcess) Validate() error {
	c := checks{kind: ErrBadParam}
	c.process(a.Process)
	return c.err
}

func (KillProcess) lease() int64 { return 0 }

// SuspendProcess stops a process where it stands, with SIGSTOP.
type SuspendProcess struct {
	// Process is the process.
	Process Process `json:"process"`
	// Tree is true where its descendants stop with it.
	Tree bool `json:"tree"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (SuspendProcess) Action() string { return ActionSuspendProcess }

// Validate checks every member.
func (a SuspendProcess) Validate() error {
	c := checks{kind: ErrBadParam}
	c.process(a.Process)
	c.lifetime(a.Lifetime)
	return c.err
}

func (a SuspendProcess) lease() int64 { return a.Lifetime }

// ResumeProcess lets a process go on that was suspended.
type ResumeProcess struct {
	// Process is the process.
	Process Process `json:"process"`
	// Tree is true where its descendants go on with it.
	Tree bool `json:"tree"`
}

// Action is the name of the action.
func (ResumeProcess) Action() string { return ActionResumeProcess }

// Validate checks every member.
func (a ResumeProcess) Validate() error {
	c := checks{kind: ErrBadParam}
	c.process(a.Process)
	return c.err
}

func (ResumeProcess) lease() int64 { return 0 }
