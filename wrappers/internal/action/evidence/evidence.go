// Package evidence writes down how the host is: its processes with the hashes
// of their images, its sockets, the last logins, and chosen files.
//
// A bundle is one line of JSON an item, in State()/evidence, for root alone. It
// is bounded in bytes and in time; what was cut is its last line. Collecting
// changes nothing else, so there is nothing to undo. Old bundles make room for
// new ones, and how many did is told.
//
// It must never follow a symbolic link, never open what is no regular file, and
// never read without a bound.
package evidence

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
)

const (
	mostBytes   = 64 << 20
	mostSeconds = 120
	mostFiles   = 100
	mostHashed  = 1 << 30
	mostBundles = 16
	mostKept    = 256 << 20 // bytes of all bundles
	reserve     = 4096      // for the last line
	part        = 9 << 10   // of a file's content in a line: 12 KiB of base64
)

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Args say what to collect.
type Args struct {
	What    []string // of processes, sockets and logins
	Again   string   // the bundle that is there already; nothing else is said then
	Files   []string // absolute and clean
	Bytes   int64    // of the whole bundle; empty means 16 MiB, at most 64 MiB
	Seconds int      // empty means 30, at most 120
}

// Record is what doing needs.
type Record struct {
	ID      string   `json:"id"`
	What    []string `json:"what,omitempty"`
	Files   [][]byte `json:"files"`
	Bytes   int64    `json:"bytes"`
	Seconds int      `json:"seconds"`
}

// Prepare checks the bounds. id names the bundle. Codes: eat.bad_param,
// evidence.gone.
func Prepare(root action.Root, id string, args Args) (*Record, error) {
	if args.Again != "" {
		f, err := Open(root, args.Again)
		if err != nil {
			return nil, action.Refuse("evidence.gone", "the evidence of %.70q is not kept here: %v", args.Again, err)
		}
		return &Record{ID: args.Again, Files: [][]byte{}}, f.Close()
	}
	r := &Record{ID: id, What: args.What, Files: [][]byte{}, Bytes: args.Bytes, Seconds: args.Seconds}
	if r.Bytes == 0 {
		r.Bytes = 16 << 20
	}
	if r.Seconds == 0 {
		r.Seconds = 30
	}
	if !idForm.MatchString(id) || len(args.Files) > mostFiles || r.Bytes < 4*reserve || r.Bytes > mostBytes || r.Seconds < 1 || r.Seconds > mostSeconds {
		return nil, action.Refuse("eat.bad_param", "evidence %.70q of %d bytes in %d s with %d files: over the bounds", id, r.Bytes, r.Seconds, len(args.Files))
	}
	for _, path := range args.Files {
		r.Files = append(r.Files, []byte(path))
	}
	return r, nil
}

// item is a line of a bundle. Text that may be no UTF-8 is in base64.
type item struct {
	Kind   string   `json:"kind"` // process, socket, login, file, content, cut
	PID    int      `json:"pid,omitempty"`
	Parent int      `json:"parent,omitempty"`
	Start  uint64   `json:"start_ticks,omitempty,string"`
	UID    []byte   `json:"uid,omitempty"` // real, effective, saved and of files, as in /proc/PID/status
	Path   []byte   `json:"path,omitempty"`
	Args   []byte   `json:"args,omitempty"` // with NUL between them
	SHA256 string   `json:"sha256,omitempty"`
	Socket []string `json:"sockets,omitempty"` // inodes, as in the lines of kind socket
	Table  string   `json:"table,omitempty"`   // tcp, tcp6, udp, udp6, utmp, wtmp
	Line   []byte   `json:"line,omitempty"`    // as in /proc/net, or the record of utmp(5)
	Size   int64    `json:"size,omitempty"`
	Mode   uint32   `json:"mode,omitempty"`
	Owner  uint32   `json:"owner,omitempty"`
	Mtime  int64    `json:"mtime,omitempty"`
	Offset int64    `json:"offset,omitempty"`
	Data   []byte   `json:"data,omitempty"`
	Why    string   `json:"why,omitempty"`
}

// bundle is a file that is being written.
type bundle struct {
	out    *bufio.Writer
	left   int64
	end    time.Time
	cut    map[string]int // reasons, and how many items each cost
	hashes map[[4]int64]string
}

// add writes a line if there is room and time for it, and says whether.
func (b *bundle) add(i item) bool {
	line, err := strictjson.Encode(i)
	switch {
	case err != nil:
		b.cut[i.Kind+": cannot be written as JSON"]++
	case int64(len(line))+1 > b.left:
		b.cut[i.Kind+": no room"]++
	case time.Now().After(b.end):
		b.cut[i.Kind+": no time"]++
	default:
		b.left -= int64(len(line)) + 1
		b.out.Write(append(line, '\n'))
		return true
	}
	return false
}

// Do collects. Doing it again after it was done gives the same bundle. Effect:
// id, bytes, sha256 (of the whole), cut, pruned (where older bundles went for it).
func (r *Record) Do(root action.Root) (action.Effect, error) {
	dir, err := root.Folder("evidence")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	pruned := 0
	f, _, err := action.Regular(dir, r.ID)
	if errors.Is(err, unix.ENOENT) && r.Bytes > 0 {
		if pruned, err = prune(dir, r.Bytes); err == nil {
			err = r.write(root, dir)
		}
		if err != nil {
			return nil, fmt.Errorf("writing evidence: %w", err)
		}
		f, _, err = action.Regular(dir, r.ID)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return nil, err
	}
	last := make([]byte, min(n, reserve))
	if _, err := f.ReadAt(last, n-int64(len(last))); err != nil {
		return nil, err
	}
	var end item
	line := last[bytes.LastIndexByte(last[:len(last)-1], '\n')+1:]
	if err := strictjson.Decode(line, strictjson.Limits{}, &end, nil); err != nil {
		return nil, err
	}
	effect := action.Effect{"id": r.ID, "bytes": strconv.FormatInt(n, 10), "sha256": hex.EncodeToString(h.Sum(nil)), "cut": end.Why}
	if pruned > 0 {
		effect["pruned"] = strconv.Itoa(pruned)
	}
	return effect, nil
}

// Undo does nothing: evidence changed nothing, and is kept.
func (r *Record) Undo(action.Root) (action.Effect, error) {
	return action.Effect{"undo": "none: nothing was changed, and the evidence is kept"}, nil
}

func (r *Record) write(root action.Root, dir *os.File) error {
	name := r.ID + ".part"
	if err := unix.Unlinkat(int(dir.Fd()), name, 0); err != nil && err != unix.ENOENT {
		return err
	}
	f, err := action.OpenAt(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	b := &bundle{out: bufio.NewWriter(f), cut: map[string]int{}, hashes: map[[4]int64]string{}}
	// Half is for what an attacker can make many of, half for what was chosen.
	room, span := (r.Bytes-reserve)/2, time.Duration(r.Seconds)*time.Second/2
	b.left, b.end = room, time.Now().Add(span)
	if slices.Contains(r.What, "sockets") {
		b.sockets()
	}
	if slices.Contains(r.What, "processes") {
		b.processes()
	}
	b.left, b.end = b.left+room, time.Now().Add(span)
	if slices.Contains(r.What, "logins") {
		b.logins(root)
	}
	for _, path := range r.Files {
		b.file(root, string(path))
	}
	why := "nothing"
	if len(b.cut) > 0 {
		why = strings.TrimPrefix(fmt.Sprint(b.cut), "map")
		why = why[:min(len(why), 700)]
	}
	b.left, b.end = reserve, time.Now().Add(time.Minute)
	b.add(item{Kind: "cut", Why: why})
	if err := errors.Join(b.out.Flush(), f.Sync()); err != nil {
		return err
	}
	if err := unix.Renameat2(int(dir.Fd()), name, int(dir.Fd()), r.ID, unix.RENAME_NOREPLACE); err != nil {
		return err
	}
	return dir.Sync()
}

// prune makes room for a bundle of so many bytes: the oldest go first, and what
// a wrapper that was killed left half written.
func prune(dir *os.File, room int64) (pruned int, err error) {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	slices.Sort(names) // ids are ULIDs, whose order is that of their time
	kept := 0
	for _, name := range slices.Backward(names) {
		var st unix.Stat_t
		if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return pruned, err
		}
		if idForm.MatchString(name) { // else half of one
			if kept, room = kept+1, room+st.Size; kept < mostBundles && room <= mostKept {
				continue
			}
		}
		if err := unix.Unlinkat(int(dir.Fd()), name, 0); err != nil {
			return pruned, err
		}
		pruned++
	}
	return pruned, nil
}

// Open opens a bundle for reading.
func Open(root action.Root, id string) (*os.File, error) {
	if !idForm.MatchString(id) {
		return nil, action.Refuse("eat.bad_param", "malformed evidence %.70q", id)
	}
	dir, err := root.Folder("evidence")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, _, err := action.Regular(dir, id)
	return f, err
}
