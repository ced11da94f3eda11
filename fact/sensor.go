package fact

// What a sensor fact says.
const (
	SensorStart     = "start"     // the sensor began
	SensorStop      = "stop"      // it ends on request
	SensorHeartbeat = "heartbeat" // it lives
	SensorLoss      = "loss"      // something was not seen, or was seen and lost
	SensorDegraded  = "degraded"  // something cannot be seen here, and why
	SensorResource  = "resource"  // what the sensor itself takes
)

// Why something was lost.
const (
	LossQueue        = "queue_evicted"    // the queue was full
	LossInotify      = "inotify_overflow" // IN_Q_OVERFLOW
	LossWatchLimit   = "watch_limit"      // no further inotify watch to be had
	LossConnector    = "connector_overrun"
	LossProcessGone  = "process_gone" // it ended before it could be read
	LossUnreadable   = "unreadable"
	LossClockStep    = "clock_step"    // the clock was set; times before and after do not compare
	LossBatchRefused = "batch_refused" // the hub refused the facts for good
	LossMalformed    = "malformed"     // the kernel gave what the sensor cannot parse
	LossUnwatched    = "unwatched"     // a canary is not watched
	LossHashBudget   = "hash_budget"   // hashing was put off, the budget is spent
	LossAudit        = "audit_lost"    // the kernel or the socket lost audit records
	LossSocket       = "socket_full"   // the sending process did not take facts in time
	LossInventory    = "inventory_cut" // more entities than the sensor keeps
	LossTimeout      = "timeout"       // a source did not answer in time
)

// Sensor is the sensor's own health.
type Sensor struct {
	// Action is start, stop, heartbeat, loss, degraded or resource.
	Action string `json:"action,omitempty"`
	// Version is the sensor's version.
	Version string `json:"version,omitempty"`
	// Boot is the host's boot id. Source: proc_sys_kernel(5) random/boot_id.
	Boot string `json:"boot,omitempty"`
	// OS is the operating system, as in "linux".
	OS string `json:"os,omitempty"`
	// Kernel is the kernel's release. Source: uname(2) release.
	Kernel string `json:"kernel,omitempty"`
	// Architecture is the machine's architecture, as in "amd64".
	Architecture string `json:"architecture,omitempty"`
	// Heartbeat is the time between heartbeats. Unit: seconds.
	Heartbeat float64 `json:"heartbeat,omitempty"`
	// Watching counts what each collector watches.
	Watching *Watching `json:"watching,omitempty"`
	// Cause is, in a loss, why: one of the Loss constants.
	Cause string `json:"cause,omitempty"`
	// Source is the collector that lost something or cannot see something, or the process, watch or send, that tells of itself.
	Source string `json:"source,omitempty"`
	// Class is, in a queue_evicted loss, what was evicted: critical, process, inventory or metric.
	Class string `json:"class,omitempty"`
	// Count is, in a loss, how many; 0 where the kernel does not say.
	Count int64 `json:"count,omitempty"`
	// First is when the first of them was lost, RFC 3339.
	First string `json:"first,omitempty"`
	// Last is when the last of them was lost, RFC 3339.
	Last string `json:"last,omitempty"`
	// Reason says in words what cannot be seen and why, or how the clock moved.
	Reason string `json:"reason,omitempty"`
	// Seen is, in a degraded coverage, how many entities were read whole.
	Seen int64 `json:"seen,omitempty"`
	// Unreadable is, in a degraded coverage, how many entities were not.
	Unreadable int64 `json:"unreadable,omitempty"`
	// Uptime is since the sensor's start. Unit: seconds.
	Uptime float64 `json:"uptime,omitempty"`
	// RSS is the sensor's resident memory. Unit: bytes. Source: proc_pid_stat(5) field 24.
	RSS uint64 `json:"rss,string,omitempty"`
	// CPU is the sensor's share of one processor since the last sample. Unit: 1 is one processor.
	CPU float64 `json:"cpu,omitempty"`
	// Goroutines is how many goroutines run.
	Goroutines int64 `json:"goroutines,omitempty"`
	// QueueDepth is how many facts wait to be sent.
	QueueDepth int64 `json:"queue_depth,omitempty"`
	// QueueBytes is how much the waiting facts take. Unit: bytes.
	QueueBytes int64 `json:"queue_bytes,omitempty"`
	// Dropped is how many facts this session has lost in the queue.
	Dropped int64 `json:"dropped,omitempty"`
}

// Watching counts what is watched.
type Watching struct {
	// Canaries is how many canaries are watched.
	Canaries int64 `json:"canaries,omitempty"`
	// Processes is how many processes are known.
	Processes int64 `json:"processes,omitempty"`
	// Files is how many files are watched for change.
	Files int64 `json:"files,omitempty"`
	// Sources are what facts come from now, as in "scan", "connector" and "audit".
	Sources []string `json:"sources,omitempty"`
}

// What a fleet fact says.
const (
	FleetEnrolled         = "enrolled"          // a host was enrolled
	FleetPending          = "pending"           // a host waits for approval
	FleetDuplicateMachine = "duplicate_machine" // a machine enrolled that is enrolled already
	FleetSilent           = "silent"            // nothing was heard for two heartbeats
	FleetReturned         = "returned"          // a silent host is heard again
	FleetGap              = "gap"               // batches are missing
	FleetFork             = "fork"              // two different batches have one number
	FleetCloned           = "cloned"            // two sessions of one key are alive at once
	FleetRefused          = "refused"           // a batch or a fact of the host was refused
	FleetBreakGlass       = "break_glass"       // a person went over the hub's own brakes on a response
	FleetLogFork          = "log_fork"          // the host has seen another log of the hub than this one
	FleetLogRollback      = "log_rollback"      // the host has seen more of the hub's log than there is
	FleetKeyEnds          = "key_ends"          // the hub's key for tokens comes to its end, or has
	FleetRuleFailing      = "rule_failing"      // a rule ended in an error
)

// Fleet is what the hub itself noticed about a host. Only the hub makes these.
type Fleet struct {
	// Action is what was noticed, as in "silent" or "gap".
	Action string `json:"action,omitempty"`
	// Reason is the error id and the words that go with it.
	Reason string `json:"reason,omitempty"`
	// LastSeen is when the hub last heard of the host, RFC 3339.
	LastSeen string `json:"last_seen,omitempty"`
	// SilentFor is how long ago that was. Unit: seconds.
	SilentFor float64 `json:"silent_for,omitempty"`
	// Session is the sensor's session that it concerns.
	Session string `json:"session,omitempty"`
	// FirstSeq is the first batch that it concerns.
	FirstSeq int64 `json:"first_seq,omitempty"`
	// LastSeq is the last batch that it concerns.
	LastSeq int64 `json:"last_seq,omitempty"`
	// Count is how many batches or facts it concerns.
	Count int64 `json:"count,omitempty"`
	// Rule is the id of the rule that it concerns.
	Rule string `json:"rule,omitempty"`
	// OtherHostID is the host that it also concerns.
	OtherHostID string `json:"other_host_id,omitempty"`
}
