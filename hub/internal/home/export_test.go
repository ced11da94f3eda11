package home

// OnStep has a change of a key call f at each of its steps.
func (h *Home) OnStep(f func(step string)) { h.step = f }
