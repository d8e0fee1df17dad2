// Package rollouts holds tests of what must hold on hosts whatever happens: crashes at every write, random sequences of edits
// and failures, tenants that never rest, and thousands of nodes. It has no code of its own; start with main_test.go.
package rollouts
