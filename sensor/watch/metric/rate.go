//go:build linux

package metric

import (
	"math"
	"sort"
	"time"

	"picket.internal/fact"
)

const (
	// maxList bounds each list of a sample.
	maxList = 32
	// sector is the unit of diskstats, whatever the disk's own is.
	sector = 512
)

// since fills in what was added since an earlier reading, and tells how many
// devices were left out.
func (r *reading) since(old *reading, m *fact.Metric) (omitted int64) {
	interval := (r.at - old.at).Round(time.Millisecond)
	if interval <= 0 {
		return 0
	}
	m.Interval = interval.Seconds()
	if r.cpu != nil && old.cpu != nil {
		m.CPU = cpu(old.cpu, r.cpu, r.cpus)
	}
	for name, now := range r.disks {
		if before, ok := old.disks[name]; ok {
			m.Disks = append(m.Disks, disk(name, before, now, interval))
		}
	}
	for name, now := range r.networks {
		if before, ok := old.networks[name]; ok {
			m.Networks = append(m.Networks, network(name, before, now))
		}
	}
	var more [2]int
	m.Disks, more[0] = busiest(m.Disks,
		func(d fact.Disk) uint64 { return d.ReadBytes + d.WriteBytes }, func(d fact.Disk) string { return d.Name })
	m.Networks, more[1] = busiest(m.Networks,
		func(n fact.Network) uint64 { return n.RxBytes + n.TxBytes }, func(n fact.Network) string { return n.Name })
	return int64(more[0] + more[1])
}

// busiest keeps those with the most traffic, by name, and tells how many it
// left out.
func busiest[T any](all []T, traffic func(T) uint64, name func(T) string) (kept []T, omitted int) {
	sort.Sort(&devices[T]{all, func(x, y T) bool {
		a, b := traffic(x), traffic(y)
		return a > b || (a == b && name(x) < name(y))
	}})
	if len(all) > maxList {
		all, omitted = all[:maxList], len(all)-maxList
	}
	sort.Sort(&devices[T]{all, func(x, y T) bool { return name(x) < name(y) }})
	return all, omitted
}

// devices are in the order of less. Package slices would have its sort anew for
// each kind of them.
type devices[T any] struct {
	all  []T
	less func(a, b T) bool
}

func (d *devices[T]) Len() int           { return len(d.all) }
func (d *devices[T]) Less(i, j int) bool { return d.less(d.all[i], d.all[j]) }
func (d *devices[T]) Swap(i, j int)      { d.all[i], d.all[j] = d.all[j], d.all[i] }

// cpu is the share of each mode in the time that all processors had.
func cpu(old, now *cpuTicks, count int64) *fact.CPU {
	d := func(a, b uint64) float64 { return float64(b - min(a, b)) } // a processor that was taken off counts backwards
	nice, softIRQ := d(old.nice, now.nice), d(old.softIRQ, now.softIRQ)
	user := d(old.user, now.user) + nice
	system := d(old.system, now.system)
	irq := d(old.irq, now.irq) + softIRQ
	steal := d(old.steal, now.steal)
	iowait := d(old.iowait, now.iowait)
	idle := d(old.idle, now.idle)
	busy := user + system + irq + steal
	total := busy + iowait + idle
	return &fact.CPU{
		Count: count, Busy: ratio(busy, total), User: ratio(user, total), Nice: ratio(nice, total), System: ratio(system, total),
		IOWait: ratio(iowait, total), IRQ: ratio(irq, total), SoftIRQ: ratio(softIRQ, total), Steal: ratio(steal, total),
	}
}

func disk(name string, old, now diskCounters, interval time.Duration) fact.Disk {
	return fact.Disk{
		Name:         text(name),
		ReadBytes:    added(old.readSectors, now.readSectors) * sector,
		WriteBytes:   added(old.writeSectors, now.writeSectors) * sector,
		ReadOps:      count(old.readOps, now.readOps),
		WriteOps:     count(old.writeOps, now.writeOps),
		ReadLatency:  latency(added(old.readTime, now.readTime), added(old.readOps, now.readOps)),
		WriteLatency: latency(added(old.writeTime, now.writeTime), added(old.writeOps, now.writeOps)),
		Busy:         ratio(float64(added(old.busyTime, now.busyTime)), float64(interval.Milliseconds())),
	}
}

// latency is the mean time of an operation in seconds, to a microsecond, of
// milliseconds that all of them took.
func latency(ms, ops uint64) float64 {
	if ops == 0 {
		return 0
	}
	return math.Round(float64(ms)/float64(ops)*1e3) / 1e6
}

func network(name string, old, now netCounters) fact.Network {
	return fact.Network{
		Name:      text(name),
		RxBytes:   added(old.rxBytes, now.rxBytes),
		TxBytes:   added(old.txBytes, now.txBytes),
		RxErrors:  count(old.rxErrors, now.rxErrors),
		TxErrors:  count(old.txErrors, now.txErrors),
		RxDropped: count(old.rxDropped, now.rxDropped),
		TxDropped: count(old.txDropped, now.txDropped),
	}
}

// added is how much a counter grew. One that is smaller than before began
// again, with its device, and all that it shows is new.
func added(old, now uint64) uint64 {
	if now < old {
		return now
	}
	return now - old
}

// count is added where a fact has a plain number, which ends at 2^53.
func count(old, now uint64) int64 { return int64(min(added(old, now), 1<<53-1)) }

// ratio is a share from 0 to 1, to a hundredth of a per cent.
func ratio(part, whole float64) float64 {
	if whole <= 0 || math.IsNaN(part) || math.IsInf(part, 0) {
		return 0
	}
	return math.Round(min(1, max(0, part/whole))*1e4) / 1e4
}

// text is a device's name, which whoever made the device may have chosen.
func text(name string) string {
	plain, _ := fact.Text([]byte(name[:min(len(name), 64)]))
	return plain
}
