package rule_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/engine/rule"
)

// manyRules is a folder of n rules of the shapes that packs have: conditions of
// a few parts, lists, macros, messages, exceptions and tests.
func manyRules(n int) fstest.MapFS {
	out := fstest.MapFS{"lists.yaml": file("list: shells\nvalues: [sh, bash, dash, zsh]\n---\nmacro: is_shell\nwhere: process.executable.base() in lists.shells\n")}
	conditions := []string{
		`process.executable.endsWith("/tool%[1]d") && process.command_line.contains("--flag-%[1]d")`,
		`process.name == "tool%[1]d" && (process.args.exists(a, a == "-%[1]d") || process.parent.name in lists.shells)`,
		`macros.is_shell && process.command_line.containsFold("download-%[1]d") && !(user.id in lists.own)`,
		`process.command_line.matches("curl .*/x%[1]d[a-z]+") || process.command_line.contains("wget x%[1]d")`,
	}
	const form = `id: bench.rule_%[1]d
title: a rule of the benchmark
status: stable
severity: medium
author: nobody
description: Something that looks like what is shipped, as long as what is shipped.
tags: [attack.t1059.004, attack.execution]
on: [process]
where: |
  %[2]s
message: "{{process.name}} (pid {{process.pid}}) ran {{process.command_line}} as {{user.name}}"
lists: {own: ["%[1]d", "0"]}
exceptions:
  - {name: the build, where: 'process.working_directory.under("/srv/build-%[1]d")', owner: build team}
suppress: {by: [process.executable, user.id], for: 1h}
false_positives: [Somebody who knows what they do.]
tests:
  - name: fires
    facts: [{kind: process, process: {name: tool, executable: /usr/bin/tool%[1]d, command_line: tool --flag-%[1]d, pid: 7}, user: {id: "33"}}]
    alerts: 1
  - name: silent
    facts: [{kind: process, process: {name: other, executable: /usr/bin/other, command_line: other, pid: 7}, user: {id: "33"}}]
    alerts: 0
`
	for i := range n {
		out[fmt.Sprintf("family%d/rule%d.yaml", i%20, i)] = file(fmt.Sprintf(form, i, fmt.Sprintf(conditions[i%len(conditions)], i)))
	}
	return out
}

// The budget: 3,000 rules in less than a second of one core, less than 20 kB a
// rule.
func BenchmarkLoad3000(b *testing.B) {
	const n = 3000
	fsys := manyRules(n)
	var before, after runtime.MemStats
	var spent time.Duration
	var set *rule.Set
	for b.Loop() {
		set = nil
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := processTime(b)
		var findings rule.Findings
		if set, findings = rule.LoadFS(fsys); set == nil {
			b.Fatal(findings)
		}
		spent += processTime(b) - start
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/rule")
	b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
	runtime.KeepAlive(set)
}

// processTime is the processor time of all threads: what else the machine does
// must not count.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}
