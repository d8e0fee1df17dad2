// Package query answers questions about addresses, pools and hosts. It gathers what an answer needs from a Source and has the
// pure packages below it make the answer, so that whoever asks gets the same one: the command line, which reads a cluster with
// the rights of its user, and the manager, which serves answers over HTTP from its caches.
//
// A part of an answer that cannot be read is left out, and the Source is told; an answer whose main part cannot be read is an
// error.
//
// Where to start reading:
//
//   - source.go: what is read.
//   - questions.go: one question each, and world.go: what is read about hosts.
//   - answer and hosts: pure packages with the answers.
//   - server: the same over HTTP.
package query
