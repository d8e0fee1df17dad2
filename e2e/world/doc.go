// Package world puts the real parts together for tests and for the demo: the embedded control plane, the lab with its
// simulated nodes, and the controller, running as its own ServiceAccount with exactly the permissions that config/rbac
// ships, under the policies of config/policies, behind a recorder of its requests. Start with Start.
package world
