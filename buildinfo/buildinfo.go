// Package buildinfo says of which version a program is.
package buildinfo

import "runtime/debug"

// Version is what the linker stamped or, where that is nothing, the version that go install was
// asked for. A build from a clone is "dev": nobody can get the same program by a name.
func Version(stamped string) string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Sum != "" {
		return info.Main.Version
	}
	return "dev"
}
