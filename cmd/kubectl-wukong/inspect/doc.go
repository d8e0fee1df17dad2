// Package inspect makes answers about what one Wukong, address, pool, network or node stands for: where it stands with all that
// it needs (Status), why it is not as asked for and what to do (Why), and what happened to it (Timeline). An answer is a value;
// it can write itself for people, and JSON and YAML come from the same value.
//
// It is pure: objects in, answers out. It knows no cluster, no clock and no terminal. What the caller may not read is missing
// from an answer, and the answer says so. Everything that it prints for people is stripped of what a terminal could take for a
// command.
//
// Where to start reading:
//
//   - facts.go: what was read, and what could not be.
//   - status.go, status_host.go: the items of a status; status_print.go: the tree that people see.
//   - why.go and its neighbours: one explanation.
//   - timeline.go: one list of what happened.
package inspect
