// Package metrics is what the manager says in Prometheus format: counters that controllers write to (counters.go), gauges that
// are read from the cache at each scrape and so never drift (state.go), and how long a request takes to become Ready
// (stopwatch.go). definitions.go is the list of all of them, which docs/metrics.md is generated from.
//
// Labels are names of objects of the platform team and words of fixed lists. No address, no MAC address and nothing that a
// tenant writes is a label, except for the opt-in of [ObjectCondition]. Series of an object go with the object.
package metrics
