// Package commands tests the commands of kubectl-wukong that ask a cluster: the program as users run it, on a real API server,
// as an engineer with the rights that config/rbac ships for readers, as somebody with fewer, and with none.
//
// Objects are those of testdata/objects, with fixed times; each script of testdata/script tells one story. What the controller
// has to do with is tested in release_test.go, where it runs.
package commands
