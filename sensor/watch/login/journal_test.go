//go:build linux

package login_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"picket.internal/internal/testneed"
)

// TestJournalComesFirst has systemd's own code write the journal. A log beside
// it, where anybody can write, is left alone; so is who is not root.
func TestJournalComesFirst(t *testing.T) {
	tool := "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(tool); err != nil {
		testneed.Missing(t, "needs systemd-journal-remote: apt-get install systemd-journal-remote")
	}
	h := newHost(t)
	const id = "092be896fec64f3c8c85e147f9098817"
	h.write("etc/machine-id", id+"\n")
	must(t, os.MkdirAll(h.path("var/log/journal/"+id), 0o755))
	h.write("var/log/auth.log", "")
	cmd := exec.Command(tool, "-o", h.path("var/log/journal/"+id+"/system.journal"), "-")
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	entries := 0
	write := func(uid int, message string) {
		entries++
		_, err := fmt.Fprintf(in, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=f1a0d504de0146d085a017d952aa4dc1\n_UID=%d\n_COMM=sshd\nSYSLOG_IDENTIFIER=sshd\n_PID=77\nMESSAGE=%s\n\n",
			time.Now().UnixMicro(), entries, uid, message)
		must(t, err)
	}
	write(0, "Server listening on 0.0.0.0 port 22.")
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if st, err := os.Stat(h.path("var/log/journal/" + id + "/system.journal")); err == nil && st.Size() > 1<<20 {
			break
		}
	}
	h.write("run/utmp", h.own(user, 10, "tty1", "root", ""))
	s := h.start()
	s.wait(t, "utmp seen root")
	h.append("var/log/auth.log", line(2, "Accepted password for mallory from 10.1.1.1 port 1 ssh2"))
	write(1000, "Accepted password for mallory from 10.1.1.1 port 1 ssh2")
	write(0, "Accepted publickey for alice from 10.0.4.7 port 51234 ssh2: ED25519 "+print)
	s.first(t, "journal added alice success publickey sshd 10.0.4.7 "+print+" 77")
}
