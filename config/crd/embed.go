// Package crd carries the CustomResourceDefinitions of this folder, so that programs can check manifests as an API server
// would, without one. The files are generated from the types of package api/v1alpha1; change those, never the files.
package crd

import "embed"

// Files holds one file per kind, named GROUP_PLURAL.yaml.
//
//go:embed vm.novasphere.dev_*.yaml
var Files embed.FS
