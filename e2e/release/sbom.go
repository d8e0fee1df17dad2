package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/rs/zerolog"
)

// writeBillOfMaterials writes which modules a program consists of, in CycloneDX's JSON, with the license of each. It says
// nothing of time or place: the same program gives the same bytes. root is the repository, where the modules can be looked up.
func writeBillOfMaterials(program, root, to string) error {
	bom, err := billOfMaterials(program, root)
	if err != nil {
		return fmt.Errorf("bill of materials of %s: %w", program, err)
	}
	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

func billOfMaterials(program, root string) (*cdx.BOM, error) {
	generator, err := bin.NewGenerator(program, bin.WithIncludeStdlib(true), bin.WithLogger(zerolog.New(os.Stderr).Level(zerolog.WarnLevel)))
	if err != nil {
		return nil, err
	}
	bom, err := generator.Generate()
	if err != nil {
		return nil, err
	}
	folders, err := moduleFolders(program, root)
	if err != nil {
		return nil, err
	}
	classify, err := newLicenses()
	if err != nil {
		return nil, err
	}
	for i := range *bom.Components {
		component := &(*bom.Components)[i]
		found, err := classify.of(folders[component.Name])
		if err != nil {
			return nil, fmt.Errorf("%s@%s: %w", component.Name, component.Version, err)
		}
		component.Licenses = &found
	}
	own, err := classify.of(root)
	if err != nil {
		return nil, err
	}
	bom.Metadata.Component.Licenses = &own
	return bom, nil
}

// moduleFolders says where the sources of the modules of a program are. They were downloaded when it was built.
func moduleFolders(program, root string) (map[string]string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	args := []string{"mod", "download", "-json"}
	for _, m := range info.Deps {
		args = append(args, m.Path+"@"+m.Version)
	}
	goroot, err := goCommand(root, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders := map[string]string{"std": string(bytes.TrimSpace(goroot))}
	listed, err := goCommand(root, args...)
	if err != nil {
		return nil, err
	}
	for decoder := json.NewDecoder(bytes.NewReader(listed)); decoder.More(); {
		var m struct{ Path, Dir string }
		if err := decoder.Decode(&m); err != nil {
			return nil, err
		}
		folders[m.Path] = filepath.Clean(m.Dir)
	}
	return folders, nil
}

func goCommand(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	return out, nil
}
