//go:build linux

package describe

var (
	Clip      = clip
	Arguments = arguments
	HideLine  = hideOption
)
