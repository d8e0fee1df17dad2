package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program is one of the two commands of the repository.
type program struct {
	name      string
	platforms []string // GOOS/GOARCH
}

func programs() []program {
	return []program{
		{"kubectl-wukong", []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}},
		{"wukong-network", []string{"linux/amd64", "linux/arm64"}},
	}
}

// release is what is built from one commit.
type release struct {
	root, out    string
	version, url string
	flags        []string // of go build
	programs     []program
}

// choose takes from all platforms those that are named, or all.
func (r *release) choose(platforms string) error {
	r.programs = programs()
	if platforms == "" {
		return nil
	}
	wanted := strings.Split(platforms, ",")
	for _, p := range wanted {
		if !slices.Contains(r.programs[0].platforms, p) {
			return fmt.Errorf("platform %q is not one of %s", p, strings.Join(r.programs[0].platforms, ", "))
		}
	}
	for i := range r.programs {
		r.programs[i].platforms = slices.DeleteFunc(r.programs[i].platforms, func(p string) bool { return !slices.Contains(wanted, p) })
	}
	return nil
}

// write builds everything and writes it into the folder of the release.
func (r *release) write(ctx context.Context) error {
	if err := r.checkTag(ctx); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(r.out), os.MkdirAll(r.out, 0o755)); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var plugins []plugin
	for _, program := range r.programs {
		for _, platform := range program.platforms {
			archive, err := r.one(ctx, work, program.name, platform)
			if err != nil {
				return fmt.Errorf("%s for %s: %w", program.name, platform, err)
			}
			fmt.Println(archive)
			if program.name == "kubectl-wukong" {
				plugins = append(plugins, plugin{platform: platform, archive: archive})
			}
		}
	}
	if r.url == "" {
		fmt.Println("no manifest for krew: give URL, where the archives will be downloaded from")
	} else if err := r.writeManifest(plugins); err != nil {
		return err
	}
	return writeChecksums(r.out)
}

// checkTag makes sure that the programs will say the version: Go takes it from the tag of a commit without changes.
func (r *release) checkTag(ctx context.Context) error {
	if r.version == "" {
		return errors.New("which version? write VERSION=v1.2.3, the tag of this commit")
	}
	changes, err := r.git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changes != "" {
		return fmt.Errorf("the tree has changes that are not committed, so the programs would not be those of %s: commit them or take them back\n%s", r.version, changes)
	}
	tags, err := r.git(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(tags), r.version) {
		return fmt.Errorf("this commit does not have the tag %s: git tag %s", r.version, r.version)
	}
	return nil
}

func (r *release) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", r.root}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// one builds a program for a platform and gives the name of its archive. The bill of materials goes beside it.
func (r *release) one(ctx context.Context, work, name, platform string) (string, error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	binary := filepath.Join(work, goos+"_"+goarch, name)
	format := ".tar.gz"
	if goos == "windows" {
		binary, format = binary+".exe", ".zip"
	}
	args := append(append([]string{"build"}, r.flags...), "-o", binary, "./cmd/"+name)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOWORK=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go build: %w", err)
	}
	stem := strings.Join([]string{name, r.version, goos, goarch}, "_")
	if err := writeBillOfMaterials(binary, r.root, filepath.Join(r.out, stem+".cdx.json")); err != nil {
		return "", err
	}
	var licenses bytes.Buffer
	if err := writeThirdPartyLicenses(ctx, &licenses, r.root, name, platform); err != nil {
		return "", err
	}
	texts := filepath.Join(filepath.Dir(binary), thirdPartyLicenses)
	if err := os.WriteFile(texts, licenses.Bytes(), 0o644); err != nil {
		return "", err
	}
	return stem + format, pack(filepath.Join(r.out, stem+format), filepath.Join(r.root, "LICENSE"), texts, binary)
}

// checksums is the name of the file that sha256sum --check reads.
const checksums = "checksums.txt"

// writeChecksums lists all files of a folder in the form of sha256sum.
func writeChecksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, entry := range entries {
		sum, err := checksum(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(dir, checksums), []byte(lines.String()), 0o644)
}

// checksum is the SHA-256 of a file, in hexadecimal digits.
func checksum(path string) (string, error) {
	text, err := os.ReadFile(path)
	return fmt.Sprintf("%x", sha256.Sum256(text)), err
}
