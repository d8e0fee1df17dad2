// Package scale holds no code: its test fills a cluster with Wukongs, machines, nodes and networks, and measures what the controller
// costs there as a process: memory, how long it takes to start, and what dominates them. docs/performance.md is the record of a run.
package scale
