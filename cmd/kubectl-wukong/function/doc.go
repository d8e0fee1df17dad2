// Package function renders as a KRM function: it takes a ResourceList, adds policies to its items and tells findings as results.
//
// It reads through package manifests, as the command render does, so that both accept and refuse the same.
package function
