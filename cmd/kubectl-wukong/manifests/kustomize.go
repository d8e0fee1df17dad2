package manifests

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Kustomize builds a folder with a kustomization, as kubectl kustomize does: without plugins, and with no file from outside but
// those of its bases.
func Kustomize(dir string) (Source, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", dir, err)
	}
	text, err := built.AsYaml()
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", dir, err)
	}
	return Source{Name: dir, Text: text, Found: true}, nil
}

// HasNamespace says whether the manifests make a namespace.
func (s *Set) HasNamespace(name string) bool {
	for i := range s.Input.Namespaces {
		if s.Input.Namespaces[i].Name == name {
			return true
		}
	}
	return false
}
