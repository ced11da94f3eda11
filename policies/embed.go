package policies

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml
var files embed.FS

// FS holds the policies that Picket ships, for Load.
func FS() fs.FS { return files }
