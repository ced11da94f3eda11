package hub_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"picket.internal/api"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/hub/internal/fault"
	"picket.internal/internal/testneed"
)

func TestThreat_H1_NotDurableIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	if _, err := hub.Init(t.Context(), hub.InitConfig{Dir: dir, Listen: "127.0.0.1:0", UIListen: hub.NoUI}); err != nil {
		t.Fatal(err)
	}
	for _, params := range []string{"_synchronous=NORMAL", "_sync=OFF", "_journal_mode=DELETE", "_journal=MEMORY", "_foreign_keys=0", "_fk=0", "_busy_timeout=0"} {
		h, err := hub.New(t.Context(), hub.Config{Dir: dir, StoreParams: params})
		if !errors.Is(err, fault.NotDurable) {
			t.Errorf("%s: %v, want %v", params, err, fault.NotDurable)
		}
		if h != nil {
			h.Close()
		}
	}
	h, err := hub.New(t.Context(), hub.Config{Dir: dir, StoreParams: "_cache_size=-8192"})
	if err != nil {
		t.Errorf("a harmless parameter: %v", err)
	} else if err := h.Close(); err != nil {
		t.Error(err)
	}
}

// smallDisk mounts a file system of its own with little room, and returns how
// to give it more.
func smallDisk(t *testing.T, size string) (dir string, grow func(size string)) {
	t.Helper()
	testneed.Root(t)
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		testneed.Missing(t, "needs to mount a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir, func(size string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThreat_H1_FullDisk(t *testing.T) {
	disk, grow := smallDisk(t, "1m")
	dir := filepath.Join(disk, "hub")
	h := hubtest.NewIn(t, dir, nil)
	host := h.Enroll()
	acked := 0
	var full []byte
	for range 2000 {
		canary := host.Canary("/root/" + strings.Repeat("x", 2000))
		sealed := host.Seal(host.Batch(canary))
		_, err := host.SendSealed(sealed)
		if err != nil {
			if problem(err) != "store.full" {
				t.Fatalf("a batch on a full disk: %v, want store.full", err)
			}
			full = sealed
			break
		}
		acked++
	}
	if full == nil {
		t.Fatal("the disk never filled up")
	}
	if status, body := h.Do("GET", "/healthz", ""); status != 200 {
		t.Errorf("the hub does not live: %d %s", status, body)
	}
	if got := len(canaries(h, host)); got != acked {
		t.Errorf("%d facts are stored, %d were acknowledged", got, acked)
	}
	grow("64m")
	if _, err := host.SendSealed(full); err != nil {
		t.Errorf("the same batch with room again: %v", err)
	}
	host.MustSend(host.Metric())
	acked++
	h.WaitAlerts("canary.read", min(acked, api.MaxLimit)) // the engine recovers as well
	if got := len(canaries(h, host)); got != acked {
		t.Errorf("%d facts are stored, %d were acknowledged", got, acked)
	}
	h.Stop()
	checkSound(t, dir)
}

func canaries(h *hubtest.Hub, host *hubtest.Host) []api.StoredFact {
	return h.Facts(api.FactQuery{HostID: host.ID, Kind: "canary", Limit: api.MaxLimit})
}

// checkSound verifies the whole store of a hub.
func checkSound(t *testing.T, dir string) *hub.CheckReport {
	t.Helper()
	report, err := hub.Check(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Faults {
		t.Errorf("%s: %s", f.Where, f.What)
	}
	return report
}

func TestFolderThatIsNoHub(t *testing.T) {
	dir := t.TempDir()
	if _, err := hub.New(t.Context(), hub.Config{Dir: dir}); !errors.Is(err, fault.NotInitialised) || !strings.Contains(err.Error(), "picket-hub init") {
		t.Errorf("an empty folder: %v, want %v and what to do", err, fault.NotInitialised)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("serving made %v in an empty folder", entries)
	}
	init := hub.InitConfig{Dir: dir, Listen: "127.0.0.1:0", UIListen: "127.0.0.1:0"}
	made, err := hub.Init(t.Context(), init)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hub.Init(t.Context(), init); !errors.Is(err, fault.AlreadyExists) {
		t.Errorf("a second init: %v, want %v", err, fault.AlreadyExists)
	}
	first, err := hub.New(t.Context(), hub.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if first.ID() != made.Hub {
		t.Errorf("hub is %s, want %s", first.ID(), made.Hub)
	}
	if _, err := hub.New(t.Context(), hub.Config{Dir: dir}); !errors.Is(err, fault.InUse) {
		t.Errorf("a second hub in the folder: %v, want %v", err, fault.InUse)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "hub.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := hub.New(t.Context(), hub.Config{Dir: dir}); !errors.Is(err, fault.NotInitialised) {
		t.Errorf("a folder without its database: %v, want %v", err, fault.NotInitialised)
	}
}

func TestInitThatFailsLeavesNothing(t *testing.T) {
	for _, size := range []string{"12k", "64k"} { // room for some keys, room for no database
		disk, _ := smallDisk(t, size)
		dir := filepath.Join(disk, "hub")
		if _, err := hub.Init(t.Context(), hub.InitConfig{Dir: dir}); err == nil {
			t.Errorf("a hub was made on %s", size)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("init on %s left %v behind", size, entries)
		}
	}
}
