//go:build linux

package canary

import (
	"fmt"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// add adds a watch, within the limit of the kernel or of a test.
func (c *Collector) add(q *queue, p string, mask uint32) (int32, error) {
	if c.cfg.limit != nil {
		if err := c.cfg.limit(c.watches); err != nil {
			return 0, err
		}
	}
	wd, err := q.add(p, mask)
	if err != nil {
		return 0, err
	}
	known := c.dirs[wd] != nil
	if q == c.files {
		known = c.nodes[wd] != nil
	}
	if !known {
		c.watches++
	}
	return wd, nil
}

func isLimit(err error) bool { return err == unix.ENOSPC || err == unix.EMFILE || err == unix.ENOMEM }

// tellLimit tells, once, that the kernel gives no further watch.
func (c *Collector) tellLimit(err error) {
	if c.limited {
		return
	}
	c.limited = true
	c.emit(c.loss(fact.LossWatchLimit, 0, nil, fmt.Sprintf(
		"the kernel gives no further inotify watch (%v): raise fs.inotify.max_user_watches and fs.inotify.max_user_instances", err)))
}
