// Package policies carries the rules of admission of this folder, so that the command line can tell whether a cluster has them.
package policies

import "embed"

// Files holds the policies with their bindings.
//
//go:embed controller_*.yaml tenant_*.yaml
var Files embed.FS
