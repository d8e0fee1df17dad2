package version

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Development is the version of a program that was built without a repository, such as a test.
const Development = "(devel)"

// Info is which build a program is.
type Info struct {
	// Version is that of the tag (v1.2.3), or one that Go derives from the commit (v0.0.0-20261119081200-0123456789ab).
	// It ends with +dirty if the tree had changes. Never empty.
	Version string `json:"version"`
	// Commit is the full hash of the commit; empty without a repository.
	Commit string `json:"commit,omitempty"`
	// Date is the time of the commit in RFC 3339, UTC; empty without a repository.
	Date string `json:"date,omitempty"`
	// Modified says that the tree had changes that were not committed.
	Modified bool `json:"modified,omitempty"`
	// GoVersion is that of the toolchain, such as go1.26.0.
	GoVersion string `json:"goVersion"`
	// Platform is operating system and architecture, such as linux/amd64.
	Platform string `json:"platform"`
}

// Read says which build this program is.
func Read() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return of(build)
}

// of reads what the toolchain stamped.
func of(build *debug.BuildInfo) Info {
	info := Info{Version: build.Main.Version, GoVersion: build.GoVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.time":
			info.Date = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	if info.Version == "" {
		info.Version = Development
	}
	return info
}

// String is one line for people: the version first, then what is known beside it.
func (i Info) String() string {
	words := []string{i.Version}
	if i.Commit != "" {
		words = append(words, "commit "+i.Commit[:min(12, len(i.Commit))])
	}
	if i.Date != "" {
		words = append(words, i.Date)
	}
	return strings.Join(append(words, i.GoVersion, i.Platform), ", ")
}
