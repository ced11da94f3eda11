//go:build linux

package proc

var (
	ParsePids     = parsePids
	ParseLeader   = parseLeader
	ParseLogin    = parseLogin
	ParseActivity = parseActivity
	SlowKind      = slowKind
)

// ParseMounts is parseMounts as id, device and kind.
func ParseMounts(data []byte) (ids, devs []uint64, kinds []string) {
	for _, m := range parseMounts(data) {
		ids, devs, kinds = append(ids, m.id), append(devs, m.dev), append(kinds, m.kind)
	}
	return ids, devs, kinds
}
