// Command kubectl-wukong is what engineers and pipelines use beside kubectl. On the PATH it is kubectl's plugin "wukong".
//
// It only reads, calls and prints. Beside it, package manifests reads files and package cluster reads a cluster; package
// render decides what would be written, package answer makes answers about addresses of what was read, package inspect says
// where objects stand and why, package changes what manifests would change, package checks what is wrong with an installation, and
// package adoption plans what an import makes. Package bundle is what a report is packed into, package function renders as a KRM
// function, and package style is how answers look. Each command has a file of its own; asking.go has what commands that ask a
// cluster share, and showing.go what those share whose answers people look at.
//
// Exit codes: 0 for success, 1 for findings, not ready, nothing found or less than was asked for, 2 for wrong usage or input that
// cannot be read, 3 for a cluster that cannot be reached or refuses the rights, 124 for what did not come in the time given.
package main
