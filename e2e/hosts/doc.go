// Package hosts holds tests of what happens to hosts: rollouts, refusals, failures, removals, and what people do to our
// objects, on the real API server with simulated nodes and the controller under its own permissions. It has no code of its
// own; start with stage_test.go.
package hosts
