// Package nmstatectl asks the real nmstatectl what a desired state would change on a node, from what the node reports. It is
// run on files in a folder of its own and reads and changes nothing of the machine that it runs on.
//
// Start with nmstatectl.go, which runs it; changes.go reads what it answers and is pure.
package nmstatectl
