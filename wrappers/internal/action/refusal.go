package action

import "fmt"

// Refusal is why an action was not done: nothing has been changed by it.
type Refusal struct {
	// Code is stable, as in "kill.identity_mismatch".
	Code string
	// Detail says it in words.
	Detail string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Refuse makes a Refusal.
func Refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}
