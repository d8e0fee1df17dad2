// Package privilege compares what accounts may do with what they do. The controller plays everything that it is there for on a
// real API server, whose audit log is the witness: what its ServiceAccount asked for was allowed, and what it is allowed it asked
// for. People's roles are asked about by SubjectAccessReviews, against the table that docs/security.md shows.
//
// Start reading at Compare in grants.go; the tests begin with controller_test.go.
package privilege
