//go:build linux

package metric

import (
	"bytes"
	"strconv"

	"picket.internal/sensor/watch/internal/proc"
)

// A line of another form than the kernel's is left out, and the others are
// read all the same.

// cpuTicks is the time that all processors spent in each mode since boot, in
// ticks of a hundredth of a second.
type cpuTicks struct {
	user, nice, system, idle, iowait, irq, softIRQ, steal uint64
}

// parseStat reads the lines of processors of proc_stat(5): their sum, and how
// many there are. A kernel of old ends the sum before the last modes.
func parseStat(data []byte) (sum *cpuTicks, cpus int64) {
	for line := range bytes.Lines(data) {
		name, rest, more := bytes.Cut(line, []byte(" "))
		number, ok := bytes.CutPrefix(name, []byte("cpu"))
		if !ok || !more {
			continue
		}
		if len(number) > 0 {
			if _, ok := proc.ParseUint(number); ok {
				cpus++
			}
			continue
		}
		var t cpuTicks
		modes := []*uint64{&t.user, &t.nice, &t.system, &t.idle, &t.iowait, &t.irq, &t.softIRQ, &t.steal}
		if n := numbers(rest, modes...); n >= 4 {
			sum = &t
		}
	}
	return sum, cpus
}

// memoryBytes are the lines of proc_meminfo(5) that matter here, in bytes.
type memoryBytes struct {
	total, free, available, buffers, cached, shmem, dirty, swapTotal, swapFree uint64
}

// parseMeminfo reads proc_meminfo(5). What a kernel does not tell is 0; it is
// nil where it does not even tell how much memory there is.
func parseMeminfo(data []byte) *memoryBytes {
	var m memoryBytes
	told := false
	for line := range bytes.Lines(data) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		var into *uint64
		switch string(name) {
		case "MemTotal":
			into = &m.total
		case "MemFree":
			into = &m.free
		case "MemAvailable":
			into = &m.available
		case "Buffers":
			into = &m.buffers
		case "Cached":
			into = &m.cached
		case "Shmem":
			into = &m.shmem
		case "Dirty":
			into = &m.dirty
		case "SwapTotal":
			into = &m.swapTotal
		case "SwapFree":
			into = &m.swapFree
		default:
			continue
		}
		value, kilo := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(" kB"))
		n, ok := proc.ParseUint(bytes.TrimSpace(value))
		if !ok || (kilo && n >= 1<<54) {
			continue
		}
		if kilo {
			n *= 1024
		}
		*into = n
		told = told || into == &m.total
	}
	if !told {
		return nil
	}
	return &m
}

// parseLoadavg reads the first three fields of proc_loadavg(5): the load over
// one, five and fifteen minutes.
func parseLoadavg(data []byte) (load [3]float64, ok bool) {
	fields := bytes.Fields(data)
	if len(fields) < len(load) {
		return load, false
	}
	for i := range load {
		if load[i], ok = parseDecimal(fields[i]); !ok {
			return [3]float64{}, false
		}
	}
	return load, true
}

// parsePressure reads a file of Documentation/accounting/psi.rst: the share of
// the last minute, in per cent, in which some and in which all tasks waited. A
// kernel of old has no full line for the processor; ok is false where neither
// line is there.
func parsePressure(data []byte) (some, full float64, ok bool) {
	for line := range bytes.Lines(data) {
		kind, rest, _ := bytes.Cut(line, []byte(" "))
		var into *float64
		switch string(kind) {
		case "some":
			into = &some
		case "full":
			into = &full
		default:
			continue
		}
		for field := range bytes.FieldsSeq(rest) {
			value, of := bytes.CutPrefix(field, []byte("avg60="))
			if n, number := parseDecimal(value); of && number {
				*into, ok = n, true
			}
		}
	}
	return some, full, ok
}

// parseDecimal reads digits with at most one point between them, as the kernel
// writes fractions: no sign, no exponent, no word.
func parseDecimal(b []byte) (float64, bool) {
	whole, part, point := bytes.Cut(b, []byte("."))
	_, ok := proc.ParseUint(whole)
	if ok && point {
		_, ok = proc.ParseUint(part)
	}
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil
}

// numbers reads as many fields as there are places for, stops at one that is
// no number, and returns how many it read.
func numbers(b []byte, into ...*uint64) int {
	n := 0
	for field := range bytes.FieldsSeq(b) {
		if n == len(into) {
			break
		}
		v, ok := proc.ParseUint(field)
		if !ok {
			break
		}
		*into[n] = v
		n++
	}
	return n
}
