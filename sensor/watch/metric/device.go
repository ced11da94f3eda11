//go:build linux

package metric

import (
	"bytes"

	"picket.internal/sensor/watch/internal/proc"
)

// maxDevices bounds how many disks and how many networks are looked at.
const maxDevices = 100_000

// diskCounters are the fields of a disk in Documentation/admin-guide/iostats.rst
// that matter here: operations, sectors of 512 bytes, milliseconds.
type diskCounters struct {
	readOps, readSectors, readTime    uint64
	writeOps, writeSectors, writeTime uint64
	busyTime                          uint64
}

// diskFields is how many counters stand behind a disk's name.
const diskFields = 11

// parseDiskstats reads proc_diskstats(5): major, minor, name and counters, of
// disks and of their parts, by name. A line of fewer counters, as kernels of
// old have them for parts, is left out.
func parseDiskstats(data []byte) map[string]diskCounters {
	disks := make(map[string]diskCounters)
	for line := range bytes.Lines(data) {
		major, rest := field(line)
		minor, rest := field(rest)
		name, rest := field(rest)
		_, ok1 := proc.ParseUint(major)
		_, ok2 := proc.ParseUint(minor)
		var d diskCounters
		var merged, inFlight, weighted uint64
		n := numbers(rest, &d.readOps, &merged, &d.readSectors, &d.readTime,
			&d.writeOps, &merged, &d.writeSectors, &d.writeTime, &inFlight, &d.busyTime, &weighted)
		if ok1 && ok2 && n == diskFields && len(disks) < maxDevices {
			disks[string(name)] = d
		}
	}
	return disks
}

// netCounters are the columns of a network in proc_net(5) that matter here.
type netCounters struct {
	rxBytes, rxErrors, rxDropped uint64
	txBytes, txErrors, txDropped uint64
}

// netFields is how many counters stand behind a network's name.
const netFields = 16

// parseNetDev reads /proc/net/dev of proc_net(5): two lines of headings, then
// name, colon and counters, by name. A name may hold colons of its own.
func parseNetDev(data []byte) map[string]netCounters {
	networks := make(map[string]netCounters)
	headings := 2
	for line := range bytes.Lines(data) {
		if headings > 0 {
			headings--
			continue
		}
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			continue
		}
		name := bytes.Trim(line[:colon], " ")
		var n netCounters
		var other uint64
		got := numbers(line[colon+1:], &n.rxBytes, &other, &n.rxErrors, &n.rxDropped, &other, &other, &other, &other,
			&n.txBytes, &other, &n.txErrors, &n.txDropped, &other, &other, &other, &other)
		if got == netFields && len(name) > 0 && len(networks) < maxDevices {
			networks[string(name)] = n
		}
	}
	return networks
}

// field is what stands before the next space, and the rest.
func field(b []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(bytes.TrimLeft(b, " "), []byte(" "))
	return first, rest
}
