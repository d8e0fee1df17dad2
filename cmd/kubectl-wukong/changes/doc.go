// Package changes says what would change if manifests were applied: the objects that people declare, what the controller would write
// for them, which nodes would move, which machines would feel it, who would gain and lose addresses. It is pure: two worlds in, the
// differences out. Both are rendered by the function by which the controller renders.
//
// Where to start reading:
//
//   - compare.go: what is compared.
//   - declared.go, written.go: objects, and their texts without secrets.
//   - impact.go: nodes, machines, addresses, findings.
//   - print.go: how people read it.
package changes
