package fact

// Prevalence is what the hub knows of a process's hash beyond the fact that
// carries it. It is never part of a fact: the hub hands it to rules beside the
// fact, under the name "prevalence".
type Prevalence struct {
	// Hosts is how many hosts have ever run this hash, this one included.
	Hosts int64 `json:"hosts,omitempty"`
	// FirstInFleet is true the first time that any host runs this hash.
	FirstInFleet bool `json:"first_in_fleet,omitempty"`
	// FirstOnHost is true the first time that this host runs this hash.
	FirstOnHost bool `json:"first_on_host,omitempty"`
	// Learned is true once the hub has known the host for its learning time, so that a first time means something.
	Learned bool `json:"learned,omitempty"`
	// PreviousSHA256 is the last other hash that this host ran from the same path.
	PreviousSHA256 string `json:"previous_sha256,omitempty"`
}
