package walkthrough

// documentation says how each block of the documentation that has a command or a manifest is covered.
var documentation = covering{typed: typed, ranBy: elsewhere, exceptions: exceptions}

// typed are the pages that tests of this package type along, to their end.
var typed = []string{
	"CONTRIBUTING.md",
	"README.md",
	"docs/addresses-for-platform.md",
	"docs/addresses-for-teams.md",
	"docs/adoption.md",
	"docs/backup.md",
	"docs/checks.md",
	"docs/completion.md",
	"docs/diff.md",
	"docs/from-novasphere.md",
	"docs/gitops.md",
	"docs/guests.md",
	"docs/host-bond.md",
	"docs/host-external.md",
	"docs/host-macvlan.md",
	"docs/host-ovs.md",
	"docs/host-preserve.md",
	"docs/host-several.md",
	"docs/host-sriov.md",
	"docs/host-trunk.md",
	"docs/host-untagged.md",
	"docs/host-vlan.md",
	"docs/hosts-commands.md",
	"docs/install.md",
	"docs/limits.md",
	"docs/migration.md",
	"docs/observability.md",
	"docs/quickstart.md",
	"docs/render.md",
	"docs/report.md",
	"docs/rollout.md",
	"docs/security.md",
	"docs/status-commands.md",
	"docs/troubleshooting.md",
	"docs/uninstall.md",
	"docs/upgrade.md",
}

// elsewhere are blocks that are run, but not by typing a page along.
var elsewhere = []ranBy{
	{"README.zh-CN.md", "", "e2e/walkthrough/front_test.go:TestTheChineseREADMEHasTheBlocksOfTheOther"},
	{"README.md", `^\$ make demo ARGS=--once`, "e2e/walkthrough/front_test.go:TestTheREADMEShowsTheBeginningOfTheDemo"},
	{"docs/runbooks/*.md", `^kubectl (auth|describe|get|wukong|-n \S+ (describe|get|logs)) `, "e2e/walkthrough/runbooks_test.go:TestWhoIsOnCallFollowsThePageAboutObservingAndTheRunbooks"},
	{"docs/install.md", "^curl ", "e2e/install/pages_test.go:TestThePageScrapesTheMetricsOfAManager"},
	{"docs/observability.md", "^(groups|scrape_configs):", "e2e/monitoring/pages_test.go:TestTheConfigurationOnThePageIsWhatPrometheusTakes"},
	{"docs/release.md", "", "e2e/release/archives_test.go:TestAReleaseIsTheSameBytesWhereverItIsMade"},
	{"docs/query.md", `^\$ `, "e2e/commands/query_test.go:TestAManagerAnswersAsTheCommandLineDoes"},
	{"docs/query.md", "^(apiVersion: cert-manager|kubectl -n wukong-network port-forward )", "e2e/commands/query_docs_test.go:TestTheQueryPageNamesTheServicesAsTheyAre"},
	{"docs/status-commands.md", `^\$ kubectl wukong (events|status|why) `, "cmd/kubectl-wukong/why_test.go:TestTheExamplesOfTheStatusPageAreWhatTheCommandsPrint"},
	{"docs/guests-commands.md", `^\$ kubectl wukong guest `, "cmd/kubectl-wukong/guest_docs_test.go:TestTheExamplesAboutGuestsAreWhatTheCommandsPrint"},
	{"docs/host-*.md", "^apiVersion: nmstate.io", "cmd/kubectl-wukong/host_pages_test.go:TestThePagesAboutKindsOfNetworksShowWhatIsRendered"},
	{"docs/quickstart.md", "^make build", "e2e/walkthrough/front_test.go:TestTheProgramsAreBuiltAsTheQuickstartSays"},
	{"docs/commands.md", "", "e2e/walkthrough/reference_test.go:TestTheExamplesOfTheReferenceOfCommandsAreAnswered"},
}

// exceptions are not run, for want of what the control plane of tests has not, or because something else runs them as they are.
var exceptions = []exception{
	{"README.md", "^make demo", "the targets themselves: make test is what CI runs, and runs the demo at its end"},
	{"docs/demo.md", `^\$ make demo ARGS=--once`, "make test runs it at its end, and it looks at its scenarios itself"},
	{"docs/*.md", "^make image IMAGE=", "pushes to a registry; e2e/release pushes to one of its own with the same target"},
	{"docs/*.md", "^kubectl -n wukong-network port-forward ", "ends in a kubelet, which carries the connection into a Pod"},
	{"docs/runbooks/*.md", "^kubectl -n wukong-network port-forward ", "the same"},
	{"docs/upgrade.md", "rollout undo", "goes back to a ReplicaSet, which the Deployment controller makes; it is not among those of the tests' control plane"},
	{"docs/guest-boot.md", "^(make e2e-guest|updates:)", "boots a guest on an emulated processor for minutes, so it is run by hand, and the page is the record"},
}
