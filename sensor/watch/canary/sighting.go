//go:build linux

package canary

import (
	"sync"
	"time"
)

// sighting is a process that held a canary when a lookout looked.
type sighting struct {
	key inodeKey
	fd  string // of the process, as in fd/3
	who *actor
	at  time.Time // when it was seen to hold it, or a little earlier
}

const (
	// sightingAge is how long a sighting may wait for its event.
	sightingAge = time.Second
	// maxSightings bounds how many wait.
	maxSightings = 64
)

// sightings are on their way from the lookouts to Run.
type sightings struct {
	wake chan struct{}

	mu  sync.Mutex
	all []sighting
}

func newSightings() *sightings { return &sightings{wake: make(chan struct{}, 1)} }

// add notes a sighting and takes its actor over. It reports false where the
// same is known already, or too much is: the actor is then let go of.
func (s *sightings) add(x sighting) bool {
	s.mu.Lock()
	s.age(time.Now())
	if len(s.all) >= maxSightings || s.has(x) {
		s.mu.Unlock()
		x.who.discard()
		return false
	}
	s.all = append(s.all, x)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

func (s *sightings) has(x sighting) bool {
	for _, y := range s.all {
		if y.key == x.key && y.fd == x.fd && y.who.same(x.who) {
			return true
		}
	}
	return false
}

// age lets go of sightings for which no event came.
func (s *sightings) age(now time.Time) {
	kept := s.all[:0]
	for _, x := range s.all {
		if now.Sub(x.at) > sightingAge {
			x.who.close()
			continue
		}
		kept = append(kept, x)
	}
	clear(s.all[len(kept):])
	s.all = kept
}

// take hands out the sightings of a file.
func (s *sightings) take(key inodeKey) []sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	var taken []sighting
	kept := s.all[:0]
	for _, x := range s.all {
		if x.key == key {
			taken = append(taken, x)
			continue
		}
		kept = append(kept, x)
	}
	clear(s.all[len(kept):])
	s.all = kept
	return taken
}
