package guests

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Document is what one machine is handed.
type Document struct {
	// Name is the golden case, and the namespace and name of the Wukong: several-gateways/team-a.router.
	Name string
	// NetworkData is the content of the Secret or, where nothing is delivered, the netplan file that is shown.
	NetworkData []byte
	// UserData is empty where none is delivered.
	UserData []byte
}

const wukongLabel = "vm.novasphere.dev/wukong"

// Documents reads the documents of all golden cases below dir, in the order of their names.
func Documents(dir string) ([]Document, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "netplan", "*.yaml"))
	if err != nil {
		return nil, err
	}
	var documents []Document
	secrets := map[string]map[string]secret{}
	for _, path := range paths {
		golden := filepath.Dir(filepath.Dir(path))
		if secrets[golden] == nil {
			if secrets[golden], err = secretsIn(golden); err != nil {
				return nil, err
			}
		}
		wukong := strings.TrimSuffix(filepath.Base(path), ".yaml")
		d := Document{Name: filepath.Base(golden) + "/" + wukong}
		if d.NetworkData, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		if s, ok := secrets[golden][wukong]; ok {
			d.NetworkData, d.UserData = []byte(s.StringData["networkdata"]), []byte(s.StringData["userdata"])
		}
		documents = append(documents, d)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s holds no golden case with a netplan file: %w", dir, fs.ErrNotExist)
	}
	return documents, nil
}

// ByHand reads network data that was written by hand, for what no golden case has: the files of a folder.
func ByHand(dir string) ([]Document, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var documents []Document
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := filepath.Join(filepath.Base(dir), strings.TrimSuffix(filepath.Base(path), ".yaml"))
		documents = append(documents, Document{Name: name, NetworkData: text})
	}
	return documents, nil
}

type secret struct {
	Metadata struct {
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	StringData map[string]string `json:"stringData"`
}

// secretsIn reads the Secrets of a golden case that hold network data, by the namespace and name of their Wukong.
func secretsIn(golden string) (map[string]secret, error) {
	out := map[string]secret{}
	text, err := os.ReadFile(filepath.Join(golden, "secrets.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for i, manifest := range bytes.Split(text, []byte("\n---\n")) {
		var s secret
		if err := yaml.Unmarshal(manifest, &s); err != nil {
			return nil, fmt.Errorf("%s: manifest %d: %w", golden, i, err)
		}
		if s.StringData["networkdata"] != "" {
			out[s.Metadata.Namespace+"."+s.Metadata.Labels[wukongLabel]] = s
		}
	}
	return out, nil
}
