package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	cdx "github.com/CycloneDX/cyclonedx-go"
	classifier "github.com/google/licenseclassifier/v2"
	"github.com/google/licenseclassifier/v2/assets"
)

// licenses tells the licenses of modules by the texts in their folders.
type licenses struct{ classifier *classifier.Classifier }

func newLicenses() (*licenses, error) {
	c, err := assets.DefaultClassifier()
	return &licenses{c}, err
}

// licenseFile is how files with a license are called.
var licenseFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)([-.].*)?$`)

// of gives the licenses of a folder's license files by their SPDX names, sorted. None found is an error.
func (l *licenses) of(folder string) (cdx.Licenses, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() || !licenseFile.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		for _, match := range l.classifier.Match(l.classifier.Normalize(text)).Matches {
			if match.MatchType == "License" {
				names = append(names, match.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no known license in %s", folder)
	}
	slices.Sort(names)
	var out cdx.Licenses
	for _, name := range slices.Compact(names) {
		out = append(out, cdx.LicenseChoice{License: &cdx.License{ID: name}})
	}
	return out, nil
}
