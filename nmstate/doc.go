// Package nmstate knows what kubernetes-nmstate needs to be told and what it reports: the desired state of a host in types,
// the state that a node reports, the outcome of one policy on one node, whether a node may get a revision, and which node
// moves next.
//
// Everything here is a pure function of its arguments. The package has no client, clock, logger or global state, and imports
// no sibling: callers gather the objects, ask, and write. It never trusts what nodes report: one bad entry is skipped and
// named, sizes are bounded, and nothing panics.
//
// Where to start reading:
//
//   - desired.go and removal.go: what a revision says, and how to take things back without leaving rests behind.
//   - node.go and nodestate.go: a NodeNetworkState reduced to what decisions need; cursor.go reads its JSON in one pass.
//   - outcome.go: one NodeNetworkConfigurationEnactment to one word, and headline.go: its message to one line.
//   - checks.go: may this node get this revision? foreign.go: or does a policy of somebody else configure the same?
//   - rollout.go and planner.go: which node moves to which revision now?
//   - differences.go: what does a node show otherwise than its revision asked for?
//   - observed.go and segment.go: which addresses nodes hold, and on which broadcast domain.
package nmstate
