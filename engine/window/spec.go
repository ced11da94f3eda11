package window

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"
)

// Type says what a spec computes.
type Type string

// The types: Sigma's seven, then ours.
const (
	EventCount      Type = "event_count"
	ValueCount      Type = "value_count"
	Temporal        Type = "temporal"
	TemporalOrdered Type = "temporal_ordered"
	ValueSum        Type = "value_sum"
	ValueAvg        Type = "value_avg"
	ValuePercentile Type = "value_percentile"
	NewTerms        Type = "new_terms"
	Absence         Type = "absence"
	Risk            Type = "risk"
)

// Limits on what a spec may ask for.
const (
	MaxEvents   = 100_000 // that a condition of event_count may need
	MaxValues   = 10_000  // that a condition of value_count may need
	MaxRules    = 256
	MaxSteps    = 32 // rules of temporal_ordered
	MaxTimespan = 366 * 24 * time.Hour

	defaultMaxGroups = 10_000
	limitMaxGroups   = 1_000_000
	defaultMaxBytes  = 64 << 20
	limitMaxBytes    = 4 << 30
)

// Spec is what a stateful rule asks for.
type Spec struct {
	ID   string
	Type Type
	// Rules are the rules whose events it reads; events of others are passed
	// over. Needed by Sigma's types, in order for temporal_ordered; empty means
	// every rule for the others.
	Rules []string
	// Timespan is the length of the window. Needed by Sigma's types.
	Timespan time.Duration
	// Lateness is how much older than the newest event of its group an event may
	// be; at most Timespan. Empty means that events come in order.
	Lateness time.Duration
	// Bounds are the condition; all must hold. Empty is for the temporal types
	// only and means all rules.
	Bounds []Bound
	// Percentile is for value_percentile: over 0, at most 100.
	Percentile float64
	// Within is for new_terms and absence: how far they look back.
	Within time.Duration
	// Learn is for new_terms: how long a group only learns, from its first event
	// on. Empty means not at all.
	Learn time.Duration
	// AtLeast and HalfLife are for risk.
	AtLeast  float64
	HalfLife time.Duration
	// Meaning is a digest of whatever else decides which events come and how
	// they are grouped: conditions, group-by, aliases. A spec whose Meaning
	// changes forgets its state.
	Meaning string
	// MaxGroups and MaxBytes bound the state. Empty means 10,000 and 64 MiB.
	// From 4,096 groups on they are split over 16 shards by the group's digest,
	// each with its own share, so that a few groups fewer than MaxGroups may
	// already evict one.
	MaxGroups int
	MaxBytes  int64
}

// Check says what is wrong with the spec.
func (s Spec) Check() error {
	switch {
	case s.ID == "" || len(s.ID) > 1<<10:
		return fmt.Errorf("malformed spec id %q: must have 1 to 1,024 bytes", clip(s.ID, 64))
	case s.MaxGroups < 0 || s.MaxGroups > limitMaxGroups:
		return fmt.Errorf("malformed max_groups %d: must be at most %d", s.MaxGroups, limitMaxGroups)
	case s.MaxBytes < 0 || s.MaxBytes > limitMaxBytes:
		return fmt.Errorf("malformed max_bytes %d: must be at most %d", s.MaxBytes, int64(limitMaxBytes))
	case s.Lateness < 0 || s.Lateness > MaxTimespan:
		return fmt.Errorf("malformed lateness %v: must be between 0 and %v", s.Lateness, MaxTimespan)
	case len(s.Rules) > MaxRules:
		return fmt.Errorf("malformed rules: %d rules, at most %d are possible", len(s.Rules), MaxRules)
	}
	for i, r := range s.Rules {
		if slices.Contains(s.Rules[:i], r) {
			return fmt.Errorf("malformed rules: %q is named twice", r)
		}
	}
	switch s.Type {
	case NewTerms:
		if s.Learn < 0 || s.Learn > MaxTimespan {
			return fmt.Errorf("malformed learn %v: must be between 0 and %v", s.Learn, MaxTimespan)
		}
		return checkSpan("within", s.Within)
	case Absence:
		return checkSpan("within", s.Within)
	case Risk:
		if !(s.AtLeast > 0) || math.IsInf(s.AtLeast, 0) {
			return fmt.Errorf("malformed at_least %v: must be over 0", s.AtLeast)
		}
		return checkSpan("half_life", s.HalfLife)
	}
	return s.checkCorrelation()
}

func (s Spec) checkCorrelation() error {
	if err := checkSpan("timespan", s.Timespan); err != nil {
		return err
	}
	if s.Lateness > s.Timespan {
		return fmt.Errorf("malformed lateness %v: must not be over the timespan, %v", s.Lateness, s.Timespan)
	}
	if len(s.Rules) == 0 {
		return fmt.Errorf("malformed rules: %s reads at least one rule", s.Type)
	}
	most := 0 // that a count may need to reach
	switch s.Type {
	case EventCount:
		most = MaxEvents
	case ValueCount:
		most = MaxValues
	case Temporal, TemporalOrdered:
		if len(s.Bounds) == 0 {
			break
		}
		most = len(s.Rules)
	case ValueSum, ValueAvg:
	case ValuePercentile:
		if !(s.Percentile > 0 && s.Percentile <= 100) {
			return fmt.Errorf("malformed percentile %v: must be over 0 and at most 100", s.Percentile)
		}
	default:
		return fmt.Errorf("malformed type %q", clip(string(s.Type), 64))
	}
	if len(s.Bounds) == 0 && s.Type != Temporal && s.Type != TemporalOrdered {
		return fmt.Errorf("malformed condition: %s needs one", s.Type)
	}
	if err := checkBounds(s.Bounds, most); err != nil {
		return err
	}
	if s.Type == TemporalOrdered {
		return s.checkOrdered()
	}
	return nil
}

// checkOrdered refuses conditions that Sigma gives no meaning to: which rules
// would have to be in order, if not all of them?
func (s Spec) checkOrdered() error {
	if len(s.Rules) > MaxSteps {
		return fmt.Errorf("malformed rules: %d rules, at most %d can be in order", len(s.Rules), MaxSteps)
	}
	if len(s.Bounds) > 0 && (!rising(s.Bounds) || least(s.Bounds) != len(s.Rules)) {
		return fmt.Errorf("malformed condition: temporal_ordered wants all of its %d rules; leave the condition out, or say gte: %[1]d", len(s.Rules))
	}
	return nil
}

func checkSpan(name string, d time.Duration) error {
	if d <= 0 || d > MaxTimespan {
		return fmt.Errorf("malformed %s %v: must be over 0 and at most %v", name, d, MaxTimespan)
	}
	return nil
}

// Version is the digest of all that the state of the spec depends on. State is
// kept over a reload, and restored, as long as it stays the same.
func (s Spec) Version() string {
	v := s.version()
	return hex.EncodeToString(v[:])
}

func (s Spec) version() digest {
	b := appendText(nil, "picket window spec 1")
	for _, text := range []string{s.ID, string(s.Type), s.Meaning} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Rules)))
	for _, r := range s.Rules {
		b = appendText(b, r)
	}
	for _, d := range []time.Duration{s.Timespan, s.Lateness, s.Within, s.Learn, s.HalfLife} {
		b = binary.AppendVarint(b, int64(d))
	}
	for _, f := range []float64{s.Percentile, s.AtLeast} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(f))
	}
	for _, bound := range s.Bounds {
		b = appendText(b, bound.Op)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(bound.Value))
	}
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

func (s Spec) maxGroups() int {
	if s.MaxGroups == 0 {
		return defaultMaxGroups
	}
	return s.MaxGroups
}

func (s Spec) maxBytes() int64 {
	if s.MaxBytes == 0 {
		return defaultMaxBytes
	}
	return s.MaxBytes
}
