package link

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxPasswd bounds how much of a passwd file is searched.
const maxPasswd = 8 << 20

// UserID is the number of a user that is given by name or by number. Names are
// those of the file passwd, see passwd(5); the first line of a name counts. A
// name service is never asked: its answer may come from the network.
func UserID(name, passwd string) (uint32, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(id), nil
	}
	f, err := os.Open(passwd)
	if err != nil {
		return 0, fmt.Errorf("looking for user %q: %w", name, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxPasswd))
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4)
		if len(fields) < 4 || fields[0] != name {
			continue
		}
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("looking for user %q: malformed user id %q", name, fields[2])
		}
		return uint32(id), nil
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("looking for user %q: %w", name, err)
	}
	return 0, fmt.Errorf("there is no user %q in %s: make it, or name another", name, passwd)
}
