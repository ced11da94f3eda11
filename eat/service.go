package eat

// StopService stops a unit and keeps it from being started.
type StopService struct {
	// Unit is its name with its kind, as in "cron.service".
	Unit string `json:"unit"`
	// Lifetime is the lease in seconds.
	Lifetime int64 `json:"lifetime"`
}

// Action is the name of the action.
func (StopService) Action() string { return ActionStopService }

// Validate checks every member.
func (a StopService) Validate() error {
	c := checks{kind: ErrBadParam}
	c.field(validUnit(a.Unit), "unit", a.Unit)
	c.lifetime(a.Lifetime)
	return c.err
}

func (a StopService) lease() int64 { return a.Lifetime }

// StartService puts a unit back that was stopped.
type StartService struct {
	// Unit is its name with its kind.
	Unit string `json:"unit"`
}

// Action is the name of the action.
func (StartService) Action() string { return ActionStartService }

// Validate checks every member.
func (a StartService) Validate() error {
	c := checks{kind: ErrBadParam}
	c.field(validUnit(a.Unit), "unit", a.Unit)
	return c.err
}

func (StartService) lease() int64 { return 0 }
