// Package version says which build this is. It owns one word, set by the
// linker (-X), and trusts nothing.
package version

import "runtime/debug"

// Version is the release, e.g. "0.1.0"; the build sets it with -ldflags -X.
var Version = "0.1.0-dev"

// Revision is the source revision the binary was built from, at most 12
// characters, or "" when the build did not record it.
func Revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return ""
}
