// Package cluster is the command line's access to a cluster, with the rights of whoever runs it: paged reads that select on
// the server, a few writes, and errors that say what a person can do about them.
//
// It decides nothing and formats nothing: that is package answer's. Reading needs get, list and watch of the kinds of
// vm.novasphere.dev and nothing else; what else is readable adds to an answer.
//
// Where to start reading:
//
//   - connect.go: from kubectl's flags to a Cluster.
//   - reads.go: what can be asked.
//   - failure.go: why there is no answer.
//   - progress.go: the line that a terminal shows while an answer takes long.
package cluster
