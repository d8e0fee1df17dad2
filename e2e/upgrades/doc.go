// Package upgrades holds no code: its tests replace a running controller by one of another release, in a world with something of
// everything (package estate), and look in the API server's audit log and at every object for what that wrote. The other release
// is built from this tree with its renderers changed.
package upgrades
