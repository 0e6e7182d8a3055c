package buildinfo

import (
	"runtime"
	"runtime/debug"
)

// Info says what a program was built from, and with what.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`   // empty if the build does not know it
	Modified bool   `json:"modified,omitempty"` // the clone had changes beyond the commit
	Date     string `json:"date,omitempty"`     // of the commit, RFC 3339
	Go       string `json:"goVersion"`
	Platform string `json:"platform"` // linux/amd64
}

// Read is what the build knows of itself, under the version that it goes by.
func Read(version string) Info {
	info := Info{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if built, ok := debug.ReadBuildInfo(); ok {
		info.add(built.Settings)
	}
	return info
}

func (i *Info) add(settings []debug.BuildSetting) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value
		case "vcs.time":
			i.Date = s.Value
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
}
