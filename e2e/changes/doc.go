// Package changes holds no code: its tests follow machines through their lives, on a real API server with simulated nodes, machines
// and guests (packages lab and machines), under the controller's own permissions and the rules of admission. They compare what
// a Wukong's status says at each step with what the guest really has: first boot, a changed address, drift, a migration, a stop,
// an end, crashes of the controller in between, machines of somebody else, and a cluster that gets KubeVirt later.
//
// stage_test.go is the world that the tests share; each other file is about one part of a machine's life.
package changes
