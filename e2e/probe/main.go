//go:build linux

// Command probe stands in for picket-sensor or picket-hub in a unit of packaging/
// and tells what the unit's sandbox lets it do: one JSON object on standard output, from
// what was tried to "ok" or the kernel's word. Then it waits to be stopped.
//
// It is for tests only and tries nothing that would change the host, were it
// let.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	told := map[string]string{}
	status(told)
	for name, try := range map[string]func() error{
		"socket inet":          socket(unix.AF_INET),
		"socket inet6":         socket(unix.AF_INET6),
		"socket packet":        socket(unix.AF_PACKET),
		"socket unix":          socket(unix.AF_UNIX),
		"socket netlink":       socket(unix.AF_NETLINK),
		"readlink /proc/1/exe": func() error { _, err := os.Readlink("/proc/1/exe"); return err },
		"read /proc/1/exe":     open("/proc/1/exe", os.O_RDONLY),
		"read /proc/1/environ": open("/proc/1/environ", os.O_RDONLY),
		"write /proc/1/mem":    open("/proc/1/mem", os.O_RDWR),
		"read /etc/shadow":     open("/etc/shadow", os.O_RDONLY),
		"list /root":           func() error { _, err := os.ReadDir("/root"); return err },
		"read /root/secret":    open("/root/secret", os.O_RDONLY),
		"read the host's key":  open("/var/lib/picket/host.key", os.O_RDONLY),
		"write /root/secret":   open("/root/secret", os.O_WRONLY),
		"write /etc/passwd":    open("/etc/passwd", os.O_WRONLY),
		"make /tmp/probe":      make1("/tmp/probe"),
		"make /etc/probe":      make1("/etc/probe"),
		"make the socket":      make1("/run/picket-watch/probe"),
		"make hub state":       make1("/var/lib/picket-hub/probe"),
		"write hub flags":      open("/etc/picket-hub/flags", os.O_WRONLY),
		"list /home":           func() error { _, err := os.ReadDir("/home"); return err },
		"memory to run":        runnable,
		"run true":             func() error { return exec.Command("/bin/true").Run() },
		"run sudo":             sudo,
		"dial the hub":         dial,
		"reach the watcher":    reach,
		"unshare user":         func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"pidfd_getfd":          call(unix.SYS_PIDFD_GETFD, ^uintptr(0)),
		"ptrace":               call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, 1),
		"process_vm_readv":     call(unix.SYS_PROCESS_VM_READV, 1),
		"process_vm_writev":    call(unix.SYS_PROCESS_VM_WRITEV, 1),
		"io_uring_setup":       uring,
		"bpf":                  call(unix.SYS_BPF, ^uintptr(0)),
	} {
		told[name] = word(try())
	}
	told["root's processes"] = fmt.Sprint(listed(0))
	out, err := json.Marshal(told)
	if err != nil {
		panic(err)
	}
	fmt.Printf("probe %s\n", out)
	ready()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

// word is the kernel's name of an error.
func word(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// status tells of the process what proc_pid_status(5) does.
func status(told map[string]string) {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if strings.HasPrefix(name, "Cap") || name == "NoNewPrivs" || name == "Seccomp" || name == "Uid" {
			told[name] = strings.Join(strings.Fields(value), " ")
		}
	}
}

func socket(family int) func() error {
	return func() error {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

func open(path string, flag int) func() error {
	return func() error {
		f, err := os.OpenFile(path, flag, 0)
		if err == nil {
			f.Close()
		}
		return err
	}
}

func make1(path string) func() error {
	return func() error {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			f.Close()
			os.Remove(path)
		}
		return err
	}
}

// call makes a system call whose arguments can do nothing.
func call(nr uintptr, args ...uintptr) func() error {
	return func() error {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno != 0 {
			return errno
		}
		return nil
	}
}

func uring() error {
	var params [120]byte
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// sudo tells how far sudo gets: without a right to anything, to the password.
func sudo() error {
	out, err := exec.Command("/usr/bin/sudo", "-n", "/bin/true").CombinedOutput()
	if text := strings.TrimSpace(string(out)); text != "" {
		return errors.New(text)
	}
	return err
}

// dial reaches the address that the test left.
func dial() error {
	address, err := os.ReadFile("/etc/picket/probe")
	if err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", strings.TrimSpace(string(address)), 5*time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

// runnable asks for memory that can be written and run.
func runnable() error {
	m, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err == nil {
		unix.Munmap(m)
	}
	return err
}

// reach connects to where the watcher would listen.
func reach() error {
	c, err := net.Dial("unix", "/run/picket-watch/facts.sock")
	if err == nil {
		c.Close()
	}
	return err
}

// listed counts the processes of a user that proc lists.
func listed(uid uint32) (n int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return -1
	}
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Stat("/proc/"+e.Name()+"/status", &st) == nil && st.Uid == uid && e.Name()[0] <= '9' {
			n++
		}
	}
	return n
}

// ready tells the service manager. Source: sd_notify(3).
func ready() {
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return
	}
	defer c.Close()
	c.Write([]byte("READY=1"))
}
