// Package rbac carries the roles of this folder that the controller has, so that the command line can tell whether a cluster gives
// them to it.
package rbac

import "embed"

// Files holds the ClusterRole, and what it is bound to, with the Role for the election of a leader.
//
//go:embed role.yaml role_binding.yaml
var Files embed.FS
