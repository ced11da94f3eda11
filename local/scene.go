package local

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"picket.internal/fact"
)

// scene is one step of the intrusion and the alert that must come of it.
type scene struct {
	rule string                     // the rule that must alert
	says string                     // what is done, for people
	play func(*stage) (sign, error) // does it; a skip says why not
}

// sign tells the alert that a scene raised from others of the same rule,
// which whatever else happens on the machine may raise at any time.
type sign func(*fact.Fact) bool

// scenes is the whole intrusion, in order. It ends with the sensor: first its
// file is replaced, then it is killed.
var scenes = []scene{
	{rule: "canary.open", says: "opens the canary SSH key", play: openCanary},
	{rule: "canary.read", says: "reads the canary with AWS keys", play: readCanary},
	{rule: "canary.modify", says: "writes to the canary with AWS keys", play: modifyCanary},
	{rule: "canary.attrib", says: "opens up the mode of the canary SSH key", play: chmodCanary},
	{rule: "canary.move", says: "moves the canary SSH key away", play: moveCanary},
	{rule: "canary.delete", says: "deletes the canary database dump", play: deleteCanary},
	{rule: "process.shm", says: "runs a program from /dev/shm", play: runIn("/dev/shm")},
	{rule: "process.tmp", says: "runs a program from /tmp", play: runIn("/tmp")},
	{rule: "process.deleted", says: "runs a program and deletes its file", play: runDeleted},
	{rule: "process.memfd", says: "runs a program from anonymous memory", play: runFromMemory},
	{rule: "process.server_shell", says: "starts a shell from a program called nginx", play: runServerShell},
	{rule: "process.new_root_binary", says: "runs a program as root that nobody has seen before", play: runUnseen},
	{rule: "integrity.sensor", says: "replaces the sensor's file by one with a changed bit", play: replaceSensor},
	{rule: "sensor.silent", says: "kills the sensor", play: killSensor},
}

func onCanary(id, action string) sign {
	return func(f *fact.Fact) bool { return f.Canary != nil && f.Canary.ID == id && f.Canary.Action == action }
}

func onProgram(path string) sign {
	return func(f *fact.Fact) bool { return f.Process != nil && f.Process.Executable == path }
}

func openCanary(s *stage) (sign, error) {
	s.touch()
	f, err := os.Open(s.canaries[canarySSH])
	if err != nil {
		return nil, err
	}
	return onCanary(canarySSH, fact.CanaryOpen), f.Close()
}

func readCanary(s *stage) (sign, error) {
	cmd := exec.Command("cat", s.canaries[canaryAWS])
	cmd.Stdout = io.Discard
	s.touch()
	if err := s.spawn.start(cmd); err != nil {
		return nil, err
	}
	return onCanary(canaryAWS, fact.CanaryRead), cmd.Wait()
}

func modifyCanary(s *stage) (sign, error) {
	f, err := os.OpenFile(s.canaries[canaryAWS], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	s.touch()
	_, err = f.WriteString("\n")
	return onCanary(canaryAWS, fact.CanaryModify), errors.Join(err, f.Close())
}

func chmodCanary(s *stage) (sign, error) {
	s.touch()
	return onCanary(canarySSH, fact.CanaryAttrib), os.Chmod(s.canaries[canarySSH], 0o644)
}

func moveCanary(s *stage) (sign, error) {
	s.touch()
	return onCanary(canarySSH, fact.CanaryMove), os.Rename(s.canaries[canarySSH], filepath.Join(s.temp, "id"))
}

func deleteCanary(s *stage) (sign, error) {
	s.touch()
	return onCanary(canaryDump, fact.CanaryDelete), os.Remove(s.canaries[canaryDump])
}

func runIn(folder string) func(*stage) (sign, error) {
	return func(s *stage) (sign, error) {
		path, err := s.intrude(folder, "kworker")
		return onProgram(path), err
	}
}

func runDeleted(s *stage) (sign, error) {
	path, err := s.intrude(s.temp, "updater")
	if err != nil {
		return nil, err
	}
	return func(f *fact.Fact) bool { return onProgram(path)(f) && f.Process.Deleted }, os.Remove(path)
}

func runFromMemory(s *stage) (sign, error) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return nil, err
	}
	pid, err := s.run(s.self, "picket", "demo-step", "memfd", sleep, "sleep", "60")
	return func(f *fact.Fact) bool { return f.Process != nil && f.Process.PID == int64(pid) }, err
}

// runServerShell runs a shell as the child of a program called nginx, which
// is a shell as well.
func runServerShell(s *stage) (sign, error) {
	dir, err := s.folder(s.temp)
	if err != nil {
		return nil, err
	}
	server := filepath.Join(dir, "nginx")
	if err := plantProgram("/bin/sh", server); err != nil {
		return nil, err
	}
	// The second command keeps either shell from giving its place to the first.
	pid, err := s.run(server, "sh", "-c", "/bin/sh -c 'sleep 60; :'; :")
	return func(f *fact.Fact) bool {
		return f.Process != nil && f.Process.Parent != nil && f.Process.Parent.PID == int64(pid)
	}, err
}

func runUnseen(s *stage) (sign, error) {
	if os.Geteuid() != 0 {
		return nil, skip("not root")
	}
	path, err := s.intrude(s.temp, "agent")
	return onProgram(path), err
}

func replaceSensor(s *stage) (sign, error) {
	image, err := os.ReadFile(s.binary)
	if err != nil {
		return nil, err
	}
	before := sum(image)
	image[len(image)/2] ^= 1
	beside := s.binary + newSuffix
	if err := os.WriteFile(beside, image, 0o755); err != nil {
		return nil, err
	}
	after := sum(image)
	s.touch()
	return func(f *fact.Fact) bool {
		i := f.Integrity
		return i != nil && i.Expected != nil && i.Observed != nil && i.Expected.SHA256 == before && i.Observed.SHA256 == after
	}, os.Rename(beside, s.binary)
}

func killSensor(s *stage) (sign, error) {
	s.touch()
	s.sensor.kill()
	return func(f *fact.Fact) bool { return f.Fleet != nil && f.Fleet.Action == fact.FleetSilent }, nil
}
