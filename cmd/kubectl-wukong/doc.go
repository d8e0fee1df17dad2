// Command kubectl-wukong is what engineers and pipelines use beside kubectl. On the PATH it is kubectl's plugin "wukong".
//
// It only reads, calls and prints: package manifests beside it reads, package render decides.
//
// Exit codes: 0 for success, 1 for findings, 2 for wrong usage or input that cannot be read.
package main
