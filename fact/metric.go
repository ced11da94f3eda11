package fact

// What a metric fact says.
const MetricSample = "sample"

// Metric is a sample of the host's load over the interval since the last one.
type Metric struct {
	// Action is always sample.
	Action string `json:"action,omitempty"`
	// Interval is what the rates are taken over. Unit: seconds.
	Interval float64 `json:"interval,omitempty"`
	// CPU is the processors' time by mode.
	CPU *CPU `json:"cpu,omitempty"`
	// Memory is main memory and swap.
	Memory *Memory `json:"memory,omitempty"`
	// Load is the run queue.
	Load *Load `json:"load,omitempty"`
	// Disks are the block devices, at most 32.
	Disks []Disk `json:"disks,omitempty"`
	// Filesystems are the mounted filesystems with storage of their own, at most 32.
	Filesystems []Filesystem `json:"filesystems,omitempty"`
	// Networks are the interfaces but loopback, at most 32.
	Networks []Network `json:"networks,omitempty"`
	// Pressure is how much work waited for a resource.
	Pressure []Pressure `json:"pressure,omitempty"`
	// Processes is how many processes there are.
	Processes int64 `json:"processes,omitempty"`
	// Omitted counts the disks, filesystems and interfaces over their bound.
	Omitted int64 `json:"omitted,omitempty"`
}

// CPU is the share of all processors' time by mode, each 0 to 1. Source: proc_stat(5).
type CPU struct {
	// Count is how many processors are online.
	Count int64 `json:"count,omitempty"`
	// Busy is all but idle and iowait.
	Busy float64 `json:"busy"`
	// User is normal processes in user mode, niced ones included.
	User float64 `json:"user"`
	// Nice is niced processes in user mode, which user includes.
	Nice float64 `json:"nice"`
	// System is processes in kernel mode.
	System float64 `json:"system"`
	// IOWait is idle while waiting for a disk.
	IOWait float64 `json:"iowait"`
	// IRQ is serving interrupts, hard and soft.
	IRQ float64 `json:"irq"`
	// SoftIRQ is serving soft interrupts, which irq includes.
	SoftIRQ float64 `json:"softirq"`
	// Steal is taken by other guests of the hypervisor.
	Steal float64 `json:"steal"`
}

// Memory is main memory and swap. Source: proc_meminfo(5).
type Memory struct {
	// Total is the usable memory. Unit: bytes.
	Total uint64 `json:"total,string"`
	// Available is what new work can have without swapping. Unit: bytes.
	Available uint64 `json:"available,string"`
	// Free is used for nothing at all. Unit: bytes.
	Free uint64 `json:"free,string"`
	// Cached is file content and buffers that can be dropped. Unit: bytes.
	Cached uint64 `json:"cached,string"`
	// Dirty waits to be written to a disk. Unit: bytes.
	Dirty uint64 `json:"dirty,string"`
	// SwapTotal is the swap space. Unit: bytes.
	SwapTotal uint64 `json:"swap_total,string"`
	// SwapFree is the unused swap space. Unit: bytes.
	SwapFree uint64 `json:"swap_free,string"`
}

// Load is the average length of the run queue. Source: proc_loadavg(5).
type Load struct {
	// One is over 1 minute.
	One float64 `json:"one"`
	// Five is over 5 minutes.
	Five float64 `json:"five"`
	// Fifteen is over 15 minutes.
	Fifteen float64 `json:"fifteen"`
}

// Disk is the traffic of a block device. Source: kernel Documentation/admin-guide/iostats.rst.
type Disk struct {
	// Name is the device's name, as in "sda".
	Name string `json:"name"`
	// ReadBytes is read since the last sample. Unit: bytes.
	ReadBytes uint64 `json:"read_bytes,string"`
	// WriteBytes is written since the last sample. Unit: bytes.
	WriteBytes uint64 `json:"write_bytes,string"`
	// ReadOps are reads completed since the last sample.
	ReadOps int64 `json:"read_ops"`
	// WriteOps are writes completed since the last sample.
	WriteOps int64 `json:"write_ops"`
	// ReadLatency is the mean time of a read since the last sample. Unit: seconds.
	ReadLatency float64 `json:"read_latency"`
	// WriteLatency is the mean time of a write since the last sample. Unit: seconds.
	WriteLatency float64 `json:"write_latency"`
	// Busy is the share of the interval in which it had work, 0 to 1.
	Busy float64 `json:"busy"`
}

// Filesystem is how full a mounted filesystem is. Source: statfs(2).
type Filesystem struct {
	// Path is the mount point.
	Path string `json:"path"`
	// Type is the filesystem's type.
	Type string `json:"type,omitempty"`
	// Size is its size. Unit: bytes.
	Size uint64 `json:"size,string"`
	// Available is free to ordinary users. Unit: bytes.
	Available uint64 `json:"available,string"`
	// Files is how many files it can hold; 0 where it does not say.
	Files uint64 `json:"files,string,omitempty"`
	// FilesFree is how many more it can hold.
	FilesFree uint64 `json:"files_free,string,omitempty"`
	// ReadOnly is true where nothing can be written to it.
	ReadOnly bool `json:"read_only,omitempty"`
}

// Network is the traffic of an interface. Source: proc_net(5) dev.
type Network struct {
	// Name is the interface's name.
	Name string `json:"name"`
	// RxBytes is received since the last sample. Unit: bytes.
	RxBytes uint64 `json:"rx_bytes,string"`
	// TxBytes is sent since the last sample. Unit: bytes.
	TxBytes uint64 `json:"tx_bytes,string"`
	// RxErrors are bad packets received since the last sample.
	RxErrors int64 `json:"rx_errors,omitempty"`
	// TxErrors are packets that could not be sent since the last sample.
	TxErrors int64 `json:"tx_errors,omitempty"`
	// RxDropped are good packets received and thrown away since the last sample.
	RxDropped int64 `json:"rx_dropped,omitempty"`
	// TxDropped are packets thrown away before sending since the last sample.
	TxDropped int64 `json:"tx_dropped,omitempty"`
}

// Pressure is how much work waited for a resource. Source: kernel Documentation/accounting/psi.rst.
type Pressure struct {
	// Resource is cpu, memory or io.
	Resource string `json:"resource"`
	// Some is the share of the last 60 s in which some task waited, 0 to 1.
	Some float64 `json:"some"`
	// Full is the share of the last 60 s in which all tasks waited, 0 to 1.
	Full float64 `json:"full"`
}
