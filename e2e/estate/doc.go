// Package estate is a world in which there is something of everything that the controller looks after: plain, bonded, preserved
// and pipeline-managed uplinks, networks of several kinds, a pool, machines that were made here and one that was not. Tests that
// ask about all of the controller's work at once start with it.
//
// Start reading at Build in estate.go; acts.go changes it and takes it down.
package estate
