// Package monitoring judges config/monitoring with Prometheus' own libraries: that rules and the dashboard can be read, that they
// read metrics which exist with labels that these have, and that each alert fires when it should and not a moment earlier.
//
// It is a module of its own, because Prometheus brings hundreds of packages that the product must not depend on.
package monitoring
