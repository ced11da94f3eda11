//go:build linux

package metric

import (
	"bytes"
	"strconv"

	"picket.internal/fact"
)

// maxFile bounds a file of the kernel's: /proc/stat of a machine with thousands
// of interrupts is the largest, and what is needed of it stands first.
const maxFile = 1 << 20

// number reads one unsigned decimal; 0 where the kernel wrote something else.
func number(b []byte) uint64 {
	n, _ := strconv.ParseUint(string(b), 10, 64)
	return n
}

// field is the nth of the fields of a line, from 0; nil where there is none.
func field(fields [][]byte, n int) []byte {
	if n < len(fields) {
		return fields[n]
	}
	return nil
}

// lines calls f with the fields of each line, until it returns false.
func lines(data []byte, f func(fields [][]byte) bool) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if fields := bytes.Fields(line); len(fields) > 0 && !f(fields) {
			return
		}
	}
}

// cpuTimes are the first line of proc_stat(5), in ticks.
type cpuTimes struct{ user, nice, system, idle, iowait, irq, softIRQ, steal uint64 }

// parseStat reads proc_stat(5): the time of all processors, and how many there
// are. ok is false where there is no such line.
func parseStat(data []byte) (t cpuTimes, cpus int64, ok bool) {
	lines(data, func(f [][]byte) bool {
		switch {
		case string(f[0]) == "cpu" && len(f) >= 5:
			ok = true
			for i, into := range []*uint64{&t.user, &t.nice, &t.system, &t.idle, &t.iowait, &t.irq, &t.softIRQ, &t.steal} {
				*into = number(field(f, i+1))
			}
		case bytes.HasPrefix(f[0], []byte("cpu")):
			cpus++
		default:
			return false // what follows is not about processors
		}
		return true
	})
	return t, cpus, ok
}

// parseMeminfo reads proc_meminfo(5), whose kB are 1,024 bytes.
func parseMeminfo(data []byte) *fact.Memory {
	var m fact.Memory
	var cached, buffers, shared uint64
	lines(data, func(f [][]byte) bool {
		var into *uint64
		switch string(f[0]) {
		case "MemTotal:":
			into = &m.Total
		case "MemFree:":
			into = &m.Free
		case "MemAvailable:":
			into = &m.Available
		case "Buffers:":
			into = &buffers
		case "Cached:":
			into = &cached
		case "Shmem:":
			into = &shared
		case "Dirty:":
			into = &m.Dirty
		case "SwapTotal:":
			into = &m.SwapTotal
		case "SwapFree:":
			into = &m.SwapFree
		default:
			return true
		}
		if n := number(field(f, 1)); n < 1<<54 {
			*into = n * 1024
		}
		return true
	})
	// Shared memory counts as cached, and cannot be dropped.
	m.Cached = cached + buffers
	m.Cached -= min(m.Cached, shared)
	return &m
}

// parseLoad reads proc_loadavg(5); nil where it is of another form.
func parseLoad(data []byte) *fact.Load {
	f := bytes.Fields(data)
	if len(f) < 3 {
		return nil
	}
	var l fact.Load
	for i, into := range []*float64{&l.One, &l.Five, &l.Fifteen} {
		n, err := strconv.ParseFloat(string(f[i]), 64)
		if err != nil || !(n >= 0 && n < 1e9) {
			return nil
		}
		*into = n
	}
	return &l
}

// parsePressure reads a file of /proc/pressure, lines as in "some avg10=0.00
// avg60=0.00 avg300=0.00 total=0". Source: kernel Documentation/accounting/psi.rst.
func parsePressure(resource string, data []byte) (p fact.Pressure, ok bool) {
	p.Resource = resource
	lines(data, func(f [][]byte) bool {
		value, found := bytes.CutPrefix(field(f, 2), []byte("avg60="))
		n, err := strconv.ParseFloat(string(value), 64)
		if !found || err != nil {
			return true
		}
		switch string(f[0]) {
		case "some":
			p.Some, ok = ratio(n, 100), true
		case "full":
			p.Full, ok = ratio(n, 100), true
		}
		return true
	})
	return p, ok
}

// traffic are the counters of an interface.
type traffic struct {
	rxBytes, rxErrors, rxDropped, txBytes, txErrors, txDropped uint64
}

// parseNetDev reads proc_net(5) dev, a line an interface: the name, a colon,
// eight counters received and eight sent.
func parseNetDev(data []byte) map[string]traffic {
	all := make(map[string]traffic)
	for len(data) > 0 && len(all) < maxDevices {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		colon := bytes.LastIndexByte(line, ':') // a name may have one: an alias
		f := bytes.Fields(line[colon+1:])
		if colon < 0 || len(f) < 12 {
			continue
		}
		all[string(bytes.TrimSpace(line[:colon]))] = traffic{
			rxBytes: number(f[0]), rxErrors: number(f[2]), rxDropped: number(f[3]),
			txBytes: number(f[8]), txErrors: number(f[10]), txDropped: number(f[11]),
		}
	}
	return all
}

// io are the counters of a block device, times in milliseconds.
type io struct {
	reads, readSectors, readTime, writes, writeSectors, writeTime, busy uint64
}

const (
	// sector is what diskstats counts in, whatever the device has. Unit: bytes.
	sector = 512
	// maxDevices bounds what one file may name.
	maxDevices = 10_000
)

// parseDiskstats reads /proc/diskstats: major, minor, name, then the counters.
// Source: kernel Documentation/admin-guide/iostats.rst.
func parseDiskstats(data []byte) map[string]io {
	all := make(map[string]io)
	lines(data, func(f [][]byte) bool {
		if len(f) >= 14 {
			all[string(f[2])] = io{
				reads: number(f[3]), readSectors: number(f[5]), readTime: number(f[6]),
				writes: number(f[7]), writeSectors: number(f[9]), writeTime: number(f[10]), busy: number(f[12]),
			}
		}
		return len(all) < maxDevices
	})
	return all
}
