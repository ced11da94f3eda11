package local

import "time"

// Opened for tests.
var (
	Program  = program
	QuoteArg = quoteArg
	Complete = complete
)

func (d Dir) Prepare() (Dir, error)                 { return d.prepare() }
func (d Dir) Acquire() (func(), error)              { return d.acquire() }
func (d Dir) Plant(now time.Time) ([]Canary, error) { return d.plant(now) }
