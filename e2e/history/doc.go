// Package history says whether everything that was ever stored about addresses was right. A Recorder follows the store itself,
// below the API server and below every cache, from its first revision: etcd numbers all writes in one sequence, so "at no time"
// is a statement about a list. A Checker reads that list and reports each Violation with its revision, object and rule. The
// Checker is pure, knows none of the code that it judges, and is itself tested with histories that break each rule.
//
// Start with rules.go (what has to be true), then checker.go.
package history
