package main

import (
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// manifest is how krew, the plugin manager of kubectl, knows a plugin (krew.googlecontainertools.github.com/v1alpha2). Its own
// types would bring a Kubernetes of their time.
type manifest struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Metadata   manifestMetadata `json:"metadata"`
	Spec       manifestSpec     `json:"spec"`
}

type manifestMetadata struct {
	Name string `json:"name"`
}

type manifestSpec struct {
	Version          string             `json:"version"`
	Homepage         string             `json:"homepage"`
	ShortDescription string             `json:"shortDescription"`
	Description      string             `json:"description"`
	Platforms        []manifestPlatform `json:"platforms"`
}

type manifestPlatform struct {
	Selector manifestSelector `json:"selector"`
	URI      string           `json:"uri"`
	SHA256   string           `json:"sha256"`
	Bin      string           `json:"bin"`
}

type manifestSelector struct {
	MatchLabels manifestLabels `json:"matchLabels"`
}

type manifestLabels struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

// plugin is an archive of the plugin for a platform (GOOS/GOARCH).
type plugin struct{ platform, archive string }

// writeManifest writes wukong.yaml. krew wants the file to have the plugin's name.
func (r *release) writeManifest(plugins []plugin) error {
	m := manifest{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2",
		Kind:       "Plugin",
		Metadata:   manifestMetadata{Name: "wukong"},
		Spec: manifestSpec{
			Version:          r.version,
			Homepage:         "https://novasphere.dev/wukong-network",
			ShortDescription: "Static addresses and host networks of KubeVirt machines",
			Description: `Shows what wukong-network makes of the manifests that people keep, who has an address, how full
a pool is, where every node stands, and what a guest is told about its network.
`,
		},
	}
	for _, p := range plugins {
		sum, err := checksum(filepath.Join(r.out, p.archive))
		if err != nil {
			return err
		}
		goos, goarch, _ := strings.Cut(p.platform, "/")
		bin := "kubectl-wukong"
		if goos == "windows" {
			bin += ".exe"
		}
		m.Spec.Platforms = append(m.Spec.Platforms, manifestPlatform{
			Selector: manifestSelector{manifestLabels{OS: goos, Arch: goarch}},
			URI:      strings.TrimSuffix(r.url, "/") + "/" + p.archive, SHA256: sum, Bin: bin,
		})
	}
	text, err := yaml.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "wukong.yaml"), text, 0o644)
}
