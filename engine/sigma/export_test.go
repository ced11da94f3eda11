package sigma

import "slices"

// Fields are Sigma's fields with the first of ours that each is, sorted.
func Fields() []string {
	var out []string
	for _, names := range []map[string]string{fileFields, processFields} {
		for name, path := range names {
			out = append(out, name+" "+path)
		}
	}
	out = slices.DeleteFunc(out, func(s string) bool { return s == "sha256 file.hash.sha256" })
	slices.Sort(out)
	return slices.Compact(out)
}
