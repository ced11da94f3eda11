//go:build linux

package files

import "time"

// Now is another wall clock.
func (c *Config) Now(now func() time.Time) { c.now = now }

// Opened is how many files were opened to be read so far.
func (s *Source) Opened() int { s.mu.Lock(); defer s.mu.Unlock(); return s.opened }
