// Package checks decides what is wrong with an installation, from what was read of a cluster. It is pure: facts in, results out.
//
// Where to start reading:
//
//   - checks.go: the list of checks, in the order in which they are told.
//   - facts.go: what they decide from.
//   - result.go: what they say.
//   - print.go: how people read it.
//
// Each check has a section in docs/checks.md of the name of its ID.
package checks
