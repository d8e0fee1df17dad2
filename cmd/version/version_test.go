package version

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestABuildIsKnownByWhatTheToolchainStamped(t *testing.T) {
	const platform = runtime.GOOS + "/" + runtime.GOARCH
	stamped := func(version, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "-trimpath", Value: "true"},
			{Key: "vcs", Value: "git"},
			{Key: "vcs.modified", Value: modified},
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
			{Key: "vcs.time", Value: "2026-11-19T08:12:00Z"},
		}}
	}
	known := func(version string, modified bool) Info {
		return Info{Version: version, Commit: "0123456789abcdef0123456789abcdef01234567", Date: "2026-11-19T08:12:00Z",
			Modified: modified, GoVersion: "go1.26.0", Platform: platform}
	}
	const long = ", commit 0123456789ab, 2026-11-19T08:12:00Z, go1.26.0, " + platform
	for name, test := range map[string]struct {
		build *debug.BuildInfo
		want  Info
		line  string
	}{
		"a tag is the version": {stamped("v1.2.3", "false"), known("v1.2.3", false), "v1.2.3" + long},
		"a tree with changes says so": {stamped("v1.2.4-0.20261119081200-0123456789ab+dirty", "true"),
			known("v1.2.4-0.20261119081200-0123456789ab+dirty", true), "v1.2.4-0.20261119081200-0123456789ab+dirty" + long},
		"a build without a repository is a development build": {&debug.BuildInfo{GoVersion: "go1.26.0"},
			Info{Version: Development, GoVersion: "go1.26.0", Platform: platform}, "(devel), go1.26.0, " + platform},
	} {
		t.Run(name, func(t *testing.T) {
			got := of(test.build)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.line, got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestATestIsNoRelease(t *testing.T) {
	got := Read()
	if got.Version == "" || got.GoVersion != runtime.Version() {
		t.Errorf("got %+v", got)
	}
}
