// Package style is how answers look to people: colours, marks, columns and trees, cut to the width of a terminal, and plain text
// of the same words where no terminal shows them.
//
// It is pure: Detect is told what is known about the other end and reads nothing itself. Nothing is said by colour alone.
//
// Where to start reading:
//
//   - style.go: what the other end can show, tones and marks.
//   - table.go: columns.
//   - tree.go: trees with columns.
package style
